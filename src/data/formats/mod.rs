//! From bytes to rows: each format reads one row at a time, keeps its line and its text, and goes on after a bad one.

mod bomb;
mod class_names;
mod delimited;
mod dialect;
mod encoding;
mod folder;
mod front_matter;
mod json_columns;
mod json_document;
mod json_lines;
pub(super) mod json_value;
mod notes;
mod parquet;
mod record;
mod sniff;
mod source;
mod watched;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

pub use self::class_names::ClassNames;
use self::dialect::Table;
use self::encoding::Found;
use self::source::{OpenedText, Stamp};
use self::watched::Watched;
use super::error::ImportError;
use super::import::{Note, TOO_LONG};
use super::json_words::{self, JsonFault};
use crate::task::Task;
use crate::words::{count, thousands};

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
    /// Where it ends.
    pub last_line: u64,
    /// In a folder, the row's own file.
    pub file: Option<String>,
    /// The row as it stands in the file.
    pub source: String,
    pub content: Result<Content, Problem>,
    /// Fields that are null because what the file has there couldn't be read.
    pub unread: Vec<Unread>,
}

/// A value that no JSON value stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// `messages[2].content`
    pub field: String,
    /// "NaN"
    pub what: &'static str,
    /// It says something, so that the row can't be used if the field is.
    pub is_refused: bool,
}

impl RawRow {
    fn new(line: u64, source: String, content: Result<Content, Problem>) -> Self {
        Self { line, last_line: line, file: None, source, content, unread: Vec::new() }
    }

    fn bad(line: u64, source: String, problem: Problem) -> Self {
        Self::new(line, source, Err(problem))
    }

    /// Of the text of a JSON object.
    fn object(line: u64, bytes: &[u8]) -> Self {
        let parsed = parse_object(bytes);
        let source = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        match parsed {
            Ok((content, unread)) => Self { unread, ..Self::new(line, source.into_owned(), Ok(content)) },
            Err(problem) => Self::bad(line, source.into_owned(), problem),
        }
    }
}

/// Reads one row after the other; a bad row is an `Ok` with a [`Problem`] in it, an error ends the reading.
pub trait Rows {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError>;

    /// What deserves a word about the rows so far.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }
}

/// A file that is about to be read.
pub struct Opened<'a> {
    pub rows: Watched<'a>,
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
    pub fn notes(&self) -> Vec<Note> {
        let converted = self.encoding.as_ref().and_then(|found| found.get());
        let converted = converted.map(|encoding| format!("the file was converted from {}", encoding.name()));
        let has_changed = self.stamp.as_ref().is_some_and(Stamp::has_changed);
        let changed = has_changed.then(|| "the file changed while it was read: import it again".to_owned());
        let of_file = converted.into_iter().chain(changed).map(|what| Note { what, count: 1, first: None });
        self.rows.notes().into_iter().chain(of_file).collect()
    }
}

/// Opens a file or a folder of texts and finds out what it is. Longer rows than `max_row_bytes` are bad ones, so that a
/// file without line breaks can't eat the memory.
pub fn open<'a>(path: &'a Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<Opened<'a>, ImportError> {
    if path.is_dir() {
        let (rows, header) = folder::Folder::open(path, max_row_bytes, task)?;
        let description = format!("folder with {}", count(rows.num_files(), "text", "texts"));
        let rows = Watched::new(Box::new(rows), None, ClassNames::default());
        return Ok(Opened { rows, header: Some(header), description, encoding: None, stamp: None });
    }
    let facts = source::check_is_file(path)?;
    if starts_with(path, parquet::MAGIC).map_err(|e| ImportError::read(path, e))? {
        let rows = parquet::Parquet::open(path, max_row_bytes, task)?;
        let description = format!("Parquet, {}", count(rows.num_rows(), "row", "rows"));
        let mut names = rows.class_names();
        names.add(&front_matter::class_names_beside(path));
        let rows = Watched::new(Box::new(rows), None, names);
        let stamp = Some(Stamp::of(path, &facts));
        return Ok(Opened { rows, header: None, description, encoding: None, stamp });
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
    let mut in_row = String::new();
    let (rows, kind): (Box<dyn Rows + 'a>, String) = match sniff::kind(path, &head) {
        sniff::Kind::JsonLines => (Box::new(json_lines::JsonLines::new(input, max_row_bytes)), "JSON Lines".to_owned()),
        sniff::Kind::JsonDocument(container) => {
            (Box::new(json_document::JsonDocument::new(input, container, max_row_bytes)), "JSON".to_owned())
        }
        sniff::Kind::Delimited { delimiter } => {
            let table = Table::of(&head, delimiter);
            let name = table.name();
            let (rows, names) = delimited::Delimited::new(input, table, max_row_bytes)?;
            header = Some(names);
            in_row = format!(", header in row {}", rows.header_row());
            (Box::new(rows), name)
        }
    };
    let packing = packing.name().map(|name| format!("{name}, ")).unwrap_or_default();
    let name = encoding.get().map_or("UTF-8", encoding_rs::Encoding::name);
    let description = format!("{packing}{kind}, {name}{in_row}");
    let rows = Watched::new(rows, header.clone(), front_matter::class_names_beside(path));
    Ok(Opened { rows, header, description, encoding: Some(encoding), stamp: Some(stamp) })
}

/// The JSON object in `bytes`, or why there is none.
fn parse_object(bytes: &[u8]) -> Result<(Content, Vec<Unread>), Problem> {
    let text = parse_text(bytes)?;
    match json_value::parse(text) {
        Ok((Value::Object(map), unread)) => Ok((Content::Object(map), unread)),
        Ok((Value::Null, unread)) if !unread.is_empty() => {
            Err(Problem::row(format!("the row is {}, but it must be a JSON object", unread[0].what)))
        }
        Ok((other, _)) => Err(Problem::row(format!("the row is {}, but it must be a JSON object", json_kind(&other)))),
        Err(e) if e.to_string().starts_with("recursion limit") => {
            Err(Problem::row("the row is nested too deeply (128 levels are read)"))
        }
        Err(e) if e.is_data() => Err(Problem::row(JsonFault::of(&e, text).what)),
        Err(e) if e.is_eof() => Err(Problem::row(format!("the row is cut off: {}", json_words::fault(&e, text)))),
        Err(_) if !text.trim_start().starts_with(['{', '[']) => Err(Problem::row(format!(
            "the row is not JSON: it doesn't begin with {{ (it begins with {})",
            excerpt_of(text)
        ))),
        Err(e) => Err(Problem::row(format!("the row is not JSON: {}", json_words::fault(&e, text)))),
    }
}

/// How a text begins, without brackets, which would end a reason's detail.
fn excerpt_of(text: &str) -> String {
    super::mapping::shorten(&excerpt(text.trim()), 24).replace(" (", "(")
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

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line = text.replace("\r\n", "⏎").replace(['\n', '\r'], "⏎").replace('\t', "⇥");
    super::mapping::shorten(&line, MAX_CHARS)
}

/// "16 MB"
fn size(num_bytes: usize) -> String {
    if num_bytes < 1 << 20 { count(num_bytes, "byte", "bytes") } else { format!("{} MB", thousands(num_bytes >> 20)) }
}
