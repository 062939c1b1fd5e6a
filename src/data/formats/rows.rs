//! What all formats share: reading one row after the other, and rows of JSON.

use std::borrow::Cow;

use serde_json::Value;

use super::json_value;
use crate::data::error::ImportError;
use crate::data::json_words::{self, JsonFault, json_kind};
use crate::data::mapping::shorten;
use crate::data::note::{Note, TOO_LONG};
use crate::data::row::{Content, Problem, RawRow, Unread};
use crate::words::{count, thousands};

/// How much of a row that is too long is kept to show.
pub const KEPT_OF_LONG_ROW: usize = 10 << 10;

/// Reads one row after the other; a bad row is an `Ok` with a [`Problem`] in it, an error ends the reading.
pub trait Rows {
    /// The next row, or `None` at the end.
    ///
    /// # Errors
    /// Where the file can't be read any further, or the task was stopped.
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError>;

    /// What deserves a word about the rows so far.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }
}

/// A row of a JSON object's text.
pub fn object_row(line: u64, bytes: &[u8]) -> RawRow {
    let parsed = parse_object(bytes);
    let source = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    match parsed {
        Ok((content, unread)) => RawRow { unread, ..RawRow::new(line, source.into_owned(), Ok(content)) },
        Err(problem) => RawRow::bad(line, source.into_owned(), problem),
    }
}

/// The JSON object in `bytes`, or why there is none.
pub fn parse_object(bytes: &[u8]) -> Result<(Content, Vec<Unread>), Problem> {
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
    shorten(&excerpt(text.trim()), 24).replace(" (", "(")
}

pub fn parse_text(bytes: &[u8]) -> Result<&str, Problem> {
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

/// A row that was longer than the limit; `start` is its beginning.
pub fn too_long(line: u64, start: &[u8], max_row_bytes: usize) -> RawRow {
    let start = String::from_utf8_lossy(&start[..start.len().min(KEPT_OF_LONG_ROW)]);
    let reason = format!("{TOO_LONG} {}; the limit can be raised", size(max_row_bytes));
    RawRow::bad(line, format!("{start}…"), Problem::row(reason))
}

/// The beginning of a text, on one line.
pub fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let line = text.replace("\r\n", "⏎").replace(['\n', '\r'], "⏎").replace('\t', "⇥");
    shorten(&line, MAX_CHARS)
}

/// "16 MB"
pub fn size(num_bytes: usize) -> String {
    if num_bytes < 1 << 20 { count(num_bytes, "byte", "bytes") } else { format!("{} MB", thousands(num_bytes >> 20)) }
}
