//! A second reviewer's labels, as the store and the journal keep them.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::meta::{origin, set_origin};
use crate::project::error::ProjectError;

/// Examples with both labels.
pub const BOTH: &str = "examples JOIN second_labels ON example = examples.id
    AND second_labels.prompt_key = examples.prompt_key AND presence = 1 AND examples.label IS NOT NULL";

/// Where the second labels come from.
pub const SECOND_REVIEWER: &str = "second_reviewer";

/// What the second reviewer says of an example.
pub fn second_label(db: &Connection, id: i64) -> Result<Option<String>, ProjectError> {
    let sql = "SELECT second_labels.label FROM examples JOIN second_labels ON example = id
               AND second_labels.prompt_key = examples.prompt_key WHERE id = ?";
    Ok(db.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?)
}

/// The examples that have one.
pub fn labelled(db: &Connection) -> Result<Vec<i64>, ProjectError> {
    let mut select = db.prepare_cached("SELECT example FROM second_labels ORDER BY example")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The label as the journal keeps it, with the prompt that was labelled.
pub fn label_value(label: &str, prompt_key: i64) -> Result<Value, ProjectError> {
    serde_json::to_string(&(label, prompt_key)).map(Value::Text).map_err(ProjectError::Content)
}

/// The label in such a value.
pub fn label_in(value: &str) -> String {
    serde_json::from_str::<(String, i64)>(value).map(|(label, _)| label).unwrap_or_default()
}

pub fn read_label(db: &Connection, id: i64) -> Result<Value, ProjectError> {
    let mut select = db.prepare_cached("SELECT label, prompt_key FROM second_labels WHERE example = ?")?;
    let found: Option<(String, i64)> = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map_or(Ok(Value::Null), |(label, key)| label_value(&label, key))
}

pub fn write_label(db: &Connection, id: i64, value: &Value) -> Result<(), ProjectError> {
    let Value::Text(text) = value else {
        db.prepare_cached("DELETE FROM second_labels WHERE example = ?")?.execute([id])?;
        return Ok(());
    };
    let (label, key): (String, i64) = serde_json::from_str(text).map_err(ProjectError::Content)?;
    db.prepare_cached("INSERT OR REPLACE INTO second_labels (example, prompt_key, label) VALUES (?, ?, ?)")?
        .execute(params![id, key, label])?;
    Ok(())
}

pub fn read_source(db: &Connection) -> Result<Value, ProjectError> {
    Ok(origin(db, SECOND_REVIEWER)?.map_or(Value::Null, Value::Text))
}

pub fn write_source(db: &Connection, value: &Value) -> Result<(), ProjectError> {
    match value {
        Value::Text(source) => set_origin(db, SECOND_REVIEWER, source),
        _ => {
            db.execute("DELETE FROM meta WHERE key = ?", [SECOND_REVIEWER])?;
            Ok(())
        }
    }
}
