//! From bytes to rows: each format reads one row at a time, keeps its line and its text, and goes on after a bad one.

mod delimited;
mod json_document;
mod json_lines;
mod sniff;
mod source;

use std::path::Path;

use serde_json::{Map, Value};

use super::error::ImportError;
use crate::task::Task;

/// Longer rows are rejected, so that a file without line breaks can't eat the memory.
pub const MAX_ROW_BYTES: usize = 16 << 20;

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
    pub fn field(field: impl Into<String>, reason: &str) -> Self {
        let field = field.into();
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
    /// Where it begins, from 1.
    pub line: u64,
    /// The row as it stands in the file.
    pub source: String,
    pub content: Result<Content, Problem>,
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
}

/// Opens a file and finds out what it is.
pub fn open<'a>(path: &'a Path, task: &'a dyn Task) -> Result<Opened<'a>, ImportError> {
    let (head, source) = source::open(path, task)?;
    match sniff::kind(path, &head) {
        sniff::Kind::JsonLines => Ok(Opened {
            rows: Box::new(json_lines::JsonLines::new(source)),
            header: None,
            description: "JSON Lines, UTF-8".to_owned(),
        }),
        sniff::Kind::JsonDocument(container) => Ok(Opened {
            rows: Box::new(json_document::JsonDocument::new(source, container)),
            header: None,
            description: "JSON, UTF-8".to_owned(),
        }),
        sniff::Kind::Delimited { delimiter, name } => {
            let (rows, header) = delimited::Delimited::new(source, delimiter)?;
            let description = format!("{name}, UTF-8, header in row 1");
            Ok(Opened { rows: Box::new(rows), header: Some(header), description })
        }
    }
}

/// The JSON object in `bytes`, or why there is none.
fn parse_object(bytes: &[u8]) -> Result<Content, Problem> {
    let text = parse_text(bytes)?;
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(Content::Object(map)),
        Ok(other) => Err(Problem::row(format!("the row is {}, but it must be a JSON object", json_kind(&other)))),
        Err(e) if e.to_string().starts_with("recursion limit") => {
            Err(Problem::row("the row is nested too deeply (128 levels are read)"))
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

/// A row that was longer than [`MAX_ROW_BYTES`]; `start` is its beginning.
fn too_long(line: u64, start: &[u8]) -> RawRow {
    let start = String::from_utf8_lossy(&start[..start.len().min(KEPT_OF_LONG_ROW)]);
    RawRow {
        line,
        source: format!("{start}…"),
        content: Err(Problem::row(format!("the row is longer than {} MB", MAX_ROW_BYTES >> 20))),
    }
}
