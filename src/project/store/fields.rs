//! The fields of an example that edits change: how each is read and written, whichever table it is in.

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::face::{Face, example_of, replace};
use super::{finding_marks, second_labels};
use crate::project::error::ProjectError;

/// The numbers are written in the journal.
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
    /// The source of the second labels, a field of the project and not of an example.
    SecondReviewer = 10,
    /// Checks whose finding is not a fault.
    NotFaults = 11,
    /// Checks that are off, a field of the project.
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

    /// Whether it only says what counts of the checks: what was checked or counted of the examples still holds.
    pub fn is_about_checks(self) -> bool {
        matches!(self, Self::NotFaults | Self::ChecksOff)
    }
}

/// An example's value as the store has it.
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
        Field::SecondLabel => return second_labels::read_label(db, id),
        Field::SecondReviewer => return second_labels::read_source(db),
        Field::NotFaults => return finding_marks::read_marks(db, id),
        Field::ChecksOff => return finding_marks::read_off(db),
    };
    Ok(db.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
}

/// Gives the examples from `first` to `last` a value.
pub fn write(db: &Connection, field: Field, first: i64, last: i64, value: &Value) -> Result<(), ProjectError> {
    let sql = match field {
        Field::Content => return write_content(db, first, value),
        Field::SecondLabel => return second_labels::write_label(db, first, value),
        Field::SecondReviewer => return second_labels::write_source(db, value),
        Field::NotFaults => return finding_marks::write_marks(db, first, value),
        Field::ChecksOff => return finding_marks::write_off(db, value),
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
