//! From bytes to rows: each format reads one row at a time, keeps its line and its text, and goes on after a bad one.

mod delimited;
mod encoding;
mod folder;
mod json_columns;
mod json_document;
mod json_lines;
pub(super) mod json_value;
mod parquet;
mod sniff;
mod source;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use self::encoding::Found;
use self::source::{OpenedText, Stamp};
use super::error::ImportError;
use super::import::TOO_LONG;
use crate::task::Task;

/// How much of a row that is too long is kept to show.
const KEPT_OF_LONG_ROW: usize = 10 << 10;

/// Why a row can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `messages[2].content`, or a column's name.
    pub field: Option<String>,
    /// A sentence that starts with the field, if there is one.
    pub reason: String,
}

impl Problem {
    /// A problem of the row as a whole.
    pub fn row(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into() }
    }

    /// `reason` goes on after the field's name: `is missing`.
    pub fn field(field: impl Display, reason: &str) -> Self {
        let field = field.to_string();
        Self { reason: format!("{field} {reason}"), field: Some(field) }
    }
}

/// A row's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Object(Map<String, Value>),
    /// As many as the header has.
    Cells(Vec<String>),
}

/// A row, or why it isn't one.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRow {
    /// Where it begins, from 1; in formats without lines, its number.
    pub line: u64,
    /// In a folder, the row's own file.
    pub file: Option<String>,
    /// The row as it stands in the file.
    pub source: String,
    pub content: Result<Content, Problem>,
}

impl RawRow {
    fn bad(line: u64, source: String, problem: Problem) -> Self {
        Self { line, file: None, source, content: Err(problem) }
    }

    /// Of the text of a JSON object.
    fn object(line: u64, bytes: &[u8]) -> Self {
        let content = parse_object(bytes);
        let source = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        Self { line, file: None, source: source.into_owned(), content }
    }
}

/// Reads one row after the other; a bad row is an `Ok` with a [`Problem`] in it, an error ends the reading.
pub trait Rows {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError>;
}

/// A file that is about to be read.
pub struct Opened<'a> {
    pub rows: Box<dyn Rows + 'a>,
    /// The header's names, where the format has one.
    pub header: Option<Vec<String>>,
    /// "comma, UTF-8, header in row 1"
    pub description: String,
    /// The encoding that a text was converted from, as far as it is known by now.
    encoding: Option<Found>,
    stamp: Option<Stamp>,
}

impl Opened<'_> {
    /// What deserves a word once the file is read.
    pub fn notes(&self) -> Vec<String> {
        let converted = self.encoding.as_ref().and_then(|found| found.get());
        let converted = converted.map(|encoding| format!("the file was converted from {}", encoding.name()));
        let has_changed = self.stamp.as_ref().is_some_and(Stamp::has_changed);
        let changed = has_changed.then(|| "the file changed while it was read: import it again".to_owned());
        converted.into_iter().chain(changed).collect()
    }
}

/// Opens a file or a folder of texts and finds out what it is. Longer rows than `max_row_bytes` are bad ones, so that a
/// file without line breaks can't eat the memory.
pub fn open<'a>(path: &'a Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<Opened<'a>, ImportError> {
    if path.is_dir() {
        let (rows, header) = folder::Folder::open(path, max_row_bytes, task)?;
        let description = format!("folder with {} texts", rows.num_files());
        return Ok(Opened { rows: Box::new(rows), header: Some(header), description, encoding: None, stamp: None });
    }
    let facts = source::check_is_file(path)?;
    if starts_with(path, parquet::MAGIC).map_err(|e| ImportError::read(path, e))? {
        let rows = parquet::Parquet::open(path, max_row_bytes, task)?;
        let description = format!("Parquet, {} rows", rows.num_rows());
        let stamp = Some(Stamp::of(path, &facts));
        return Ok(Opened { rows: Box::new(rows), header: None, description, encoding: None, stamp });
    }
    open_text(path, max_row_bytes, task)
}

fn starts_with(path: &Path, magic: &[u8]) -> std::io::Result<bool> {
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(magic.len() as u64).read_to_end(&mut start)?;
    Ok(start == magic)
}

fn open_text<'a>(path: &'a Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<Opened<'a>, ImportError> {
    let OpenedText { head, input, packing, encoding, stamp } = source::open(path, task)?;
    let mut header = None;
    let (rows, kind): (Box<dyn Rows + 'a>, String) = match sniff::kind(path, &head) {
        sniff::Kind::JsonLines => (Box::new(json_lines::JsonLines::new(input, max_row_bytes)), "JSON Lines".to_owned()),
        sniff::Kind::JsonDocument(container) => {
            (Box::new(json_document::JsonDocument::new(input, container, max_row_bytes)), "JSON".to_owned())
        }
        sniff::Kind::Delimited { delimiter, name } => {
            let (rows, names) = delimited::Delimited::new(input, delimiter, max_row_bytes)?;
            header = Some(names);
            (Box::new(rows), name.to_owned())
        }
    };
    let packing = packing.name().map(|name| format!("{name}, ")).unwrap_or_default();
    let name = encoding.get().map_or("UTF-8", encoding_rs::Encoding::name);
    let in_row_1 = if header.is_some() { ", header in row 1" } else { "" };
    let description = format!("{packing}{kind}, {name}{in_row_1}");
    let rows = Box::new(UntilDamage { rows, last_line: 0, has_ended: false });
    Ok(Opened { rows, header, description, encoding: Some(encoding), stamp: Some(stamp) })
}

/// Where a packed file is cut off or damaged, the rows before that are kept, and a bad one tells of it.
struct UntilDamage<'a> {
    rows: Box<dyn Rows + 'a>,
    last_line: u64,
    has_ended: bool,
}

impl Rows for UntilDamage<'_> {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        if self.has_ended {
            return Ok(None);
        }
        match self.rows.next_row() {
            Err(ImportError::Unpack { packing, source, .. }) if self.last_line > 0 => {
                self.has_ended = true;
                let reason = format!(
                    "the {packing} file is cut off or damaged here, and nothing from here on could be read ({source})"
                );
                Ok(Some(RawRow::bad(self.last_line + 1, String::new(), Problem::row(reason))))
            }
            Ok(Some(row)) => {
                self.last_line = row.line;
                Ok(Some(row))
            }
            other => other,
        }
    }
}

/// The JSON object in `bytes`, or why there is none.
fn parse_object(bytes: &[u8]) -> Result<Content, Problem> {
    let text = parse_text(bytes)?;
    match json_value::parse(text) {
        Ok(Value::Object(map)) => Ok(Content::Object(map)),
        Ok(other) => Err(Problem::row(format!("the row is {}, but it must be a JSON object", json_kind(&other)))),
        Err(e) if e.to_string().starts_with("recursion limit") => {
            Err(Problem::row("the row is nested too deeply (128 levels are read)"))
        }
        Err(e) if e.is_data() => {
            let what = e.to_string();
            Err(Problem::row(what.split(" at line ").next().unwrap_or(&what)))
        }
        Err(e) if e.is_eof() => Err(Problem::row(format!("the row is cut off: its JSON is not complete ({e})"))),
        Err(e) => Err(Problem::row(format!("the row is not valid JSON ({e})"))),
    }
}

fn parse_text(bytes: &[u8]) -> Result<&str, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Problem::row(format!(
            "the row is not valid UTF-8; if its letters look wrong, save the file as UTF-8 (byte {} of the row)",
            e.valid_up_to() + 1
        ))
    })?;
    if text.contains('\0') {
        return Err(Problem::row("the row contains NUL bytes: the file is damaged here"));
    }
    Ok(text)
}

/// "a list", as a sentence says it.
pub(super) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A row that was longer than the limit; `start` is its beginning.
fn too_long(line: u64, start: &[u8], max_row_bytes: usize) -> RawRow {
    let start = String::from_utf8_lossy(&start[..start.len().min(KEPT_OF_LONG_ROW)]);
    let reason = format!("{TOO_LONG} {}; the limit can be raised", size(max_row_bytes));
    RawRow::bad(line, format!("{start}…"), Problem::row(reason))
}

/// "16 MB"
fn size(num_bytes: usize) -> String {
    if num_bytes < 1 << 20 { format!("{num_bytes} bytes") } else { format!("{} MB", num_bytes >> 20) }
}
