//! How single values are written in the store.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use jiff::Timestamp;
use rusqlite::types::Value;

use crate::data::{Example, Role, Split};
use crate::project::error::ProjectError;
use crate::project::state::{ExampleStatus, Review};

/// Bits of the column `marks`.
pub const EDITED: i64 = 1;
pub const SET_ASIDE: i64 = 2;

/// The presence of rows of an import that isn't done.
pub const ARRIVING: i64 = 2;

/// Whether a row of `examples` takes part, for the store: what [`crate::project::state::takes_part`] says.
pub const TAKES_PART: &str = "(examples.marks & 2 = 0 AND examples.review <> 2)";

pub fn status(marks: i64) -> ExampleStatus {
    match marks {
        _ if marks & SET_ASIDE != 0 => ExampleStatus::SetAside,
        _ if marks & EDITED != 0 => ExampleStatus::Edited,
        _ => ExampleStatus::Ready,
    }
}

pub fn split_code(split: Split) -> i64 {
    split as i64
}

pub fn split_of(code: i64) -> Split {
    match code {
        1 => Split::Validation,
        2 => Split::Test,
        _ => Split::Train,
    }
}

pub fn review_of(code: i64) -> Review {
    Review::ALL.into_iter().find(|review| *review as i64 == code).unwrap_or_default()
}

/// A bit for each role that occurs.
pub fn role_bit(role: Role) -> u8 {
    1 << role as u8
}

pub fn tags_of(text: Option<&str>) -> Vec<String> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Sorted, without empty ones and doubles; null for none.
pub fn tags_value(mut tags: Vec<String>) -> Result<Value, ProjectError> {
    tags.iter_mut().for_each(|tag| *tag = tag.trim().to_owned());
    tags.retain(|tag| !tag.is_empty());
    tags.sort();
    tags.dedup();
    if tags.is_empty() {
        return Ok(Value::Null);
    }
    Ok(Value::Text(serde_json::to_string(&tags).map_err(ProjectError::Content)?))
}

/// Null for a text without anything to read.
pub fn text_value(text: Option<&str>) -> Value {
    match text.map(str::trim) {
        None | Some("") => Value::Null,
        Some(text) => Value::Text(text.to_owned()),
    }
}

/// Milliseconds since 1970.
pub fn date_value(date: Timestamp) -> Value {
    Value::Integer(date.as_millisecond())
}

/// `None` also for a number that no calendar has.
pub fn date_of(code: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_millisecond(code?).ok()
}

pub fn content_value(example: &Example) -> Result<Value, ProjectError> {
    serde_json::to_string(example).map(Value::Text).map_err(ProjectError::Content)
}

/// A number that is the same for the same text.
pub fn key(text: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params};

    use super::*;
    use crate::project::state::takes_part;

    #[test]
    fn the_store_and_the_window_agree_on_who_takes_part() {
        let db = Connection::open_in_memory().unwrap();
        let sql = format!("SELECT {TAKES_PART} FROM (SELECT ? AS marks, ? AS review) AS examples");
        for (marks, review) in (0..=EDITED | SET_ASIDE).flat_map(|marks| Review::ALL.map(|review| (marks, review))) {
            let in_store: bool = db.query_row(&sql, params![marks, review as i64], |row| row.get(0)).unwrap();
            assert_eq!(in_store, takes_part(status(marks), review), "{marks} {review:?}");
            let is_out = marks & SET_ASIDE != 0 || review == Review::Rejected;
            assert_eq!(in_store, !is_out, "{marks} {review:?}");
        }
    }
}
