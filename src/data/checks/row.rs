//! What a check is given of an example.

use crate::data::{Example, Split};

/// An example to check.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: i64,
    /// From 1, as the table shows it.
    pub number: u64,
    pub split: Split,
    /// The file that it came from.
    pub source: Option<String>,
    pub label: Option<String>,
    pub example: Example,
}
