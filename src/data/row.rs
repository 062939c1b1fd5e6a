//! A row as its file has it, before it is an example.

use std::fmt::Display;

use serde_json::{Map, Value};

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

    /// `reason` continues the field's name: `is missing`.
    pub fn field(field: impl Display, reason: &str) -> Self {
        let field = field.to_string();
        Self { reason: format!("{field} {reason}"), field: Some(field) }
    }
}

/// A row's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Object(Map<String, Value>),
    /// The cells of a table's row, as many as the header has.
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
    /// The row as it is in the file.
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
    /// Whether it says something, so that the row can't be used if the field is.
    pub is_refused: bool,
}

impl RawRow {
    pub fn new(line: u64, source: String, content: Result<Content, Problem>) -> Self {
        Self { line, last_line: line, file: None, source, content, unread: Vec::new() }
    }

    pub fn bad(line: u64, source: String, problem: Problem) -> Self {
        Self::new(line, source, Err(problem))
    }
}
