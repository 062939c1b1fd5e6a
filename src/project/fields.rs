//! The fields of an example that edits change, and how their values are written in the store.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::error::ProjectError;
use super::face::{Face, example_of, replace};
use super::state::{ExampleStatus, Review};
use super::{not_faults, reviewers};
use crate::data::{Example, Role, Split};

/// The numbers stand in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Presence = 0,
    Split = 1,
    Marks = 2,
    Review = 3,
    Label = 4,
    Tags = 5,
    Notes = 6,
    Content = 7,
    Date = 8,
    SecondLabel = 9,
    /// Of the project and not of an example: where the second labels come from.
    SecondReviewer = 10,
    /// Checks whose finding is not a fault.
    NotFaults = 11,
    /// Of the project: checks that are off.
    ChecksOff = 12,
}

impl Field {
    const ALL: [Self; 13] = [
        Self::Presence,
        Self::Split,
        Self::Marks,
        Self::Review,
        Self::Label,
        Self::Tags,
        Self::Notes,
        Self::Content,
        Self::Date,
        Self::SecondLabel,
        Self::SecondReviewer,
        Self::NotFaults,
        Self::ChecksOff,
    ];

    pub fn of(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|field| *field as i64 == code)
    }

    pub fn is_of_example(self) -> bool {
        !matches!(self, Self::SecondReviewer | Self::ChecksOff)
    }

    /// Says what counts of the checks, and nothing of the examples: what was checked or counted of them still holds.
    pub fn is_about_checks(self) -> bool {
        matches!(self, Self::NotFaults | Self::ChecksOff)
    }
}

/// Bits of the column `marks`.
pub const EDITED: i64 = 1;
pub const SET_ASIDE: i64 = 2;

/// The presence of rows of an import that isn't done.
pub const ARRIVING: i64 = 2;

/// Of a row of `examples`, for the store: what [`super::state::takes_part`] says.
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

/// An example's value as it stands in the store.
pub fn read(db: &Connection, field: Field, id: i64) -> Result<Value, ProjectError> {
    let sql = match field {
        Field::Presence => "SELECT presence FROM examples WHERE id = ?",
        Field::Split => "SELECT split FROM examples WHERE id = ?",
        Field::Marks => "SELECT marks FROM examples WHERE id = ?",
        Field::Review => "SELECT review FROM examples WHERE id = ?",
        Field::Label => "SELECT label FROM examples WHERE id = ?",
        Field::Tags => "SELECT tags FROM examples WHERE id = ?",
        Field::Notes => "SELECT notes FROM examples WHERE id = ?",
        Field::Date => "SELECT date FROM examples WHERE id = ?",
        Field::Content => "SELECT content FROM contents WHERE id = ?",
        Field::SecondLabel => return reviewers::read_label(db, id),
        Field::SecondReviewer => return reviewers::read_source(db),
        Field::NotFaults => return not_faults::read_marks(db, id),
        Field::ChecksOff => return not_faults::read_off(db),
    };
    Ok(db.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
}

/// Gives the examples from `first` to `last` a value.
pub fn write(db: &Connection, field: Field, first: i64, last: i64, value: &Value) -> Result<(), ProjectError> {
    let sql = match field {
        Field::Content => return write_content(db, first, value),
        Field::SecondLabel => return reviewers::write_label(db, first, value),
        Field::SecondReviewer => return reviewers::write_source(db, value),
        Field::NotFaults => return not_faults::write_marks(db, first, value),
        Field::ChecksOff => return not_faults::write_off(db, value),
        Field::Presence => "UPDATE examples SET presence = ? WHERE id BETWEEN ? AND ? AND presence <> 2",
        Field::Split => "UPDATE examples SET split = ? WHERE id BETWEEN ? AND ?",
        Field::Marks => "UPDATE examples SET marks = ? WHERE id BETWEEN ? AND ?",
        Field::Review => "UPDATE examples SET review = ? WHERE id BETWEEN ? AND ?",
        Field::Label => "UPDATE examples SET label = ? WHERE id BETWEEN ? AND ?",
        Field::Tags => "UPDATE examples SET tags = ? WHERE id BETWEEN ? AND ?",
        Field::Notes => "UPDATE examples SET notes = ? WHERE id BETWEEN ? AND ?",
        Field::Date => "UPDATE examples SET date = ? WHERE id BETWEEN ? AND ?",
    };
    db.prepare_cached(sql)?.execute(params![value, first, last])?;
    Ok(())
}

/// What was counted or computed of the old content is not true of the new one.
fn write_content(db: &Connection, id: i64, value: &Value) -> Result<(), ProjectError> {
    let Value::Text(text) = value else { return Ok(()) };
    let face = Face::of(&example_of(text)?).map_err(ProjectError::Content)?;
    db.prepare_cached(
        "UPDATE examples SET prompt_key = ?, content_key = ?, num_turns = ?, roles = ?, num_tokens = NULL, loss = NULL
         WHERE id = ?",
    )?
    .execute(params![face.prompt_key, face.content_key, face.num_turns, face.roles, id])?;
    replace(db, &face, id)
}

#[cfg(test)]
mod tests {
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
