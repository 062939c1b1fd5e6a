//! What was done to the examples, as the journal has it.

use rusqlite::types::Value;

use crate::data::date;
use crate::project::error::ProjectError;
use crate::project::state::{ExampleStatus, Version, VersionChange};
use crate::project::store::codes::{date_of, review_of, split_of, status, tags_of};
use crate::project::store::face::example_of;
use crate::project::store::fields::Field;
use crate::project::store::project::Project;
use crate::project::store::{finding_marks, second_labels};

impl Project {
    /// Everything that was done and not undone, in the journal's words, the oldest first.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn steps(&self) -> Result<Vec<String>, ProjectError> {
        let mut select = self.db.prepare_cached("SELECT label FROM journal WHERE is_undone = 0 ORDER BY seq")?;
        Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// All changes of an example, the newest first.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn history(&self, id: i64) -> Result<Vec<Version>, ProjectError> {
        // Only presence is written down for several examples at once; each half of this has its index.
        let mut select = self.db.prepare_cached(
            "SELECT at, label, is_undone, field, before, after, seq FROM (
                 SELECT place, field, before, after FROM changes WHERE first = ?1 AND field <> 0
                 UNION ALL
                 SELECT place, field, before, after FROM changes WHERE field = 0 AND first <= ?1 AND last >= ?1
             ) JOIN journal ON seq = place >> 32 ORDER BY place DESC",
        )?;
        let mut rows = select.query([id])?;
        let mut versions = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(field) = Field::of(row.get(3)?) else { continue };
            versions.push(Version {
                entry: row.get(6)?,
                at: row.get(0)?,
                what: row.get(1)?,
                is_undone: row.get(2)?,
                change: change(field, row.get(4)?, row.get(5)?)?,
            });
        }
        Ok(versions)
    }
}

fn change(field: Field, before: Value, after: Value) -> Result<VersionChange, ProjectError> {
    let messages = |value: &Value| match value {
        Value::Text(text) => example_of(text).map(|example| example.messages),
        _ => Ok(Vec::new()),
    };
    Ok(match field {
        Field::Presence if after == Value::Integer(1) => VersionChange::Appeared,
        Field::Presence => VersionChange::Removed,
        Field::Content => VersionChange::Messages { before: messages(&before)?, after: messages(&after)? },
        field => VersionChange::Field { name: name(field), before: words(field, before), after: words(field, after) },
    })
}

fn name(field: Field) -> &'static str {
    match field {
        Field::Presence => "presence",
        Field::Split => "split",
        Field::Marks => "status",
        Field::Review => "review",
        Field::Label => "label",
        Field::Tags => "tags",
        Field::Notes => "notes",
        Field::Content => "messages",
        Field::Date => "date",
        Field::SecondLabel => "second reviewer's label",
        Field::SecondReviewer => "second reviewer",
        Field::NotFaults => "not a fault",
        Field::ChecksOff => "checks that are off",
    }
}

fn words(field: Field, value: Value) -> String {
    match (field, value) {
        (Field::Split, Value::Integer(code)) => split_of(code).as_str().to_owned(),
        (Field::Date, Value::Integer(code)) => date_of(Some(code)).map(date::words).unwrap_or_default(),
        (Field::Review, Value::Integer(code)) => review_of(code).as_str().to_owned(),
        (Field::Marks, Value::Integer(marks)) => match status(marks) {
            ExampleStatus::Ready => "ready".to_owned(),
            ExampleStatus::Edited => "edited".to_owned(),
            ExampleStatus::SetAside => "set aside".to_owned(),
        },
        (Field::Tags, Value::Text(text)) => tags_of(Some(&text)).join(", "),
        (Field::SecondLabel, Value::Text(text)) => second_labels::label_in(&text),
        (Field::NotFaults, Value::Text(text)) => finding_marks::in_words(&text),
        (_, Value::Text(text)) => text,
        _ => String::new(),
    }
}
