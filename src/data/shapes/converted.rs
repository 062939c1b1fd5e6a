//! What a row is turned into.

use serde_json::{Map, Value};

use crate::data::mapping::Beside;
use crate::data::{Example, Split};

/// An example, and what about it deserves a word although it came in.
#[derive(Debug, Default, PartialEq)]
pub struct Converted {
    pub example: Example,
    /// Where the row itself says so.
    pub split: Option<Split>,
    /// Only of columns.
    pub beside: Beside,
    pub notes: Vec<String>,
}

pub type Row = Map<String, Value>;

/// Fields that hold a conversation.
pub const CONVERSATIONS: &[&str] =
    &["messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat"];
