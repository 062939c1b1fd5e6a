//! What is said of rows: why one can't be an example, and what deserves a word though it came in.

/// A row that can't be an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which file, where the request has several; in a folder, the text's own.
    pub file: Option<String>,
    /// The line in the file where the row begins, from 1.
    pub line: u64,
    /// Where it ends.
    pub last_line: u64,
    /// `messages[2].content`, or a column's name.
    pub field: Option<String>,
    /// A sentence.
    pub reason: String,
    /// The row as it is in the file, so that it can be saved and mended.
    pub source: String,
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        match self.last_line > self.line {
            true => write!(f, "lines {} to {}: {}", self.line, self.last_line, self.reason),
            false => write!(f, "line {}: {}", self.line, self.reason),
        }
    }
}

/// Something that came in but deserves a word: "an answer is empty", "the file was converted from windows-1252".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub what: String,
    /// How many rows it is said of; for a file as a whole, how often.
    pub count: u64,
    /// The first of these rows; `None` for a file as a whole.
    pub first: Option<Place>,
}

/// Where a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which file, where the request has several; in a folder, the text's own.
    pub file: Option<String>,
    /// From 1; in formats without lines, the row's number.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {}", self.line)
    }
}

/// How the reason begins for which rows are refused that are longer than [`super::import::ImportRequest::max_row_bytes`].
pub const TOO_LONG: &str = "the row is longer than";
