//! Checks that are off, and findings that a person marked as not a fault, as the store and the journal keep them.

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::data::checks::Check;
use crate::project::error::ProjectError;

/// Whether a person marked a row of `findings`.
pub const IS_NOT_FAULT: &str = "EXISTS (SELECT 1 FROM not_faults WHERE not_faults.example = findings.example
    AND not_faults.check_name = findings.check_name AND not_faults.content_key = findings.content_key)";

/// Whether the check of a row of `findings` is off.
pub const IS_OFF: &str = "findings.check_name IN (SELECT check_name FROM checks_off)";

pub fn off(db: &Connection) -> Result<Vec<String>, ProjectError> {
    let mut select = db.prepare_cached("SELECT check_name FROM checks_off ORDER BY check_name")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

pub fn list<T: serde::Serialize>(values: &[T]) -> Result<Value, ProjectError> {
    if values.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::to_string(values).map(Value::Text).map_err(ProjectError::Content)
}

/// Names of checks, each with the content that it was marked for.
pub fn marks_of(db: &Connection, id: i64) -> Result<Vec<(String, i64)>, ProjectError> {
    let sql = "SELECT check_name, content_key FROM not_faults WHERE example = ? ORDER BY check_name";
    let mut select = db.prepare_cached(sql)?;
    Ok(select.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
}

/// The checks' titles in the journal's value, for the history.
pub fn in_words(value: &str) -> String {
    let marks: Vec<(String, i64)> = serde_json::from_str(value).unwrap_or_default();
    let titles: Vec<_> = marks.iter().filter_map(|(name, _)| Check::from_name(name)).map(Check::title).collect();
    titles.join(", ")
}

pub fn read_marks(db: &Connection, id: i64) -> Result<Value, ProjectError> {
    list(&marks_of(db, id)?)
}

pub fn write_marks(db: &Connection, id: i64, value: &Value) -> Result<(), ProjectError> {
    db.prepare_cached("DELETE FROM not_faults WHERE example = ?")?.execute([id])?;
    let Value::Text(text) = value else { return Ok(()) };
    let marks: Vec<(String, i64)> = serde_json::from_str(text).map_err(ProjectError::Content)?;
    let mut insert = db.prepare_cached("INSERT INTO not_faults (example, check_name, content_key) VALUES (?, ?, ?)")?;
    for (name, key) in marks {
        insert.execute(params![id, name, key])?;
    }
    Ok(())
}

pub fn read_off(db: &Connection) -> Result<Value, ProjectError> {
    list(&off(db)?)
}

pub fn write_off(db: &Connection, value: &Value) -> Result<(), ProjectError> {
    db.execute("DELETE FROM checks_off", [])?;
    let Value::Text(text) = value else { return Ok(()) };
    let names: Vec<String> = serde_json::from_str(text).map_err(ProjectError::Content)?;
    for name in names {
        db.execute("INSERT INTO checks_off (check_name) VALUES (?)", [name])?;
    }
    Ok(())
}
