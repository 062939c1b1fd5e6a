//! What a person leaves out of the checks: whole checks that are off for this project, and single findings that are not
//! a fault. Findings stay in the store either way, so that nothing needs to be checked again when they count once more.

use std::collections::HashSet;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::ProjectError;
use super::fields::Field;
use super::journal::Recorder;
use super::store::Project;
use crate::data::checks::{Check, Finding};
use crate::words;

/// A mark counts while its example still has the text that was looked at.
pub const TABLES: &str = "CREATE TABLE IF NOT EXISTS not_faults (
    example INTEGER NOT NULL, check_name TEXT NOT NULL, content_key INTEGER NOT NULL, PRIMARY KEY (example, check_name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checks_off (check_name TEXT PRIMARY KEY) WITHOUT ROWID;";

/// Of a row of `findings`: a person marked it.
pub const IS_NOT_FAULT: &str = "EXISTS (SELECT 1 FROM not_faults WHERE not_faults.example = findings.example
    AND not_faults.check_name = findings.check_name AND not_faults.content_key = findings.content_key)";

/// Of a row of `findings`: its check is off.
pub const IS_OFF: &str = "findings.check_name IN (SELECT check_name FROM checks_off)";

impl Project {
    /// Checks that are switched off here.
    pub fn checks_off(&self) -> Result<Vec<Check>, ProjectError> {
        let names = off(&self.db)?;
        Ok(Check::ALL.into_iter().filter(|check| names.iter().any(|name| name == check.name())).collect())
    }

    /// What a check found, also what is marked as no fault: of copies, one can only be judged beside the other.
    pub fn all_findings_of(&self, check: Check) -> Result<Vec<(Finding, bool)>, ProjectError> {
        let marked: HashSet<i64> = self.marked("check_name = ?", params![check.name()])?.iter().map(|f| f.id).collect();
        let all = self.select_findings("TRUE", "check_name = ?", params![check.name()])?;
        Ok(all.into_iter().map(|finding| (marked.contains(&finding.id), finding)).map(|(is, of)| (of, is)).collect())
    }

    /// Findings that a person marked as no fault: at one example, or at all.
    pub fn not_faults(&self, example: Option<i64>) -> Result<Vec<Finding>, ProjectError> {
        match example {
            Some(id) => self.marked("example = ?", params![id]),
            None => self.marked("TRUE", params![]),
        }
    }

    fn marked(&self, which: &str, parameters: impl rusqlite::Params) -> Result<Vec<Finding>, ProjectError> {
        let has_any = "SELECT EXISTS (SELECT 1 FROM not_faults)";
        if !self.db.prepare_cached(has_any)?.query_row([], |row| row.get::<_, bool>(0))? {
            return Ok(Vec::new());
        }
        self.select_findings(&format!("{IS_NOT_FAULT} AND NOT {IS_OFF}"), which, parameters)
    }

    /// The example that the table shows with this number.
    pub fn id_of(&self, number: u64) -> Result<Option<i64>, ProjectError> {
        let sql = "SELECT id FROM examples WHERE number = ? AND presence = 1";
        Ok(self.db.prepare_cached(sql)?.query_row([number as i64], |row| row.get(0)).optional()?)
    }
}

fn off(db: &Connection) -> Result<Vec<String>, ProjectError> {
    let mut select = db.prepare_cached("SELECT check_name FROM checks_off ORDER BY check_name")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Marks what a check found at these examples, or lets it count again; gives what goes on after "Undo".
pub fn mark(recorder: &mut Recorder, check: Check, ids: &[i64], is_fault: bool) -> Result<String, ProjectError> {
    for id in ids {
        let sql = "SELECT content_key FROM examples WHERE id = ? AND presence = 1";
        let key: Option<i64> = recorder.db.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
        let Some(key) = key else { return Err(ProjectError::NoSuchExample { id: *id }) };
        let mut marks = marks_of(recorder.db, *id)?;
        marks.retain(|(name, _)| name != check.name());
        if !is_fault {
            marks.push((check.name().to_owned(), key));
            marks.sort();
        }
        recorder.set(Field::NotFaults, *id, list(&marks)?)?;
    }
    let examples = words::count(ids.len(), "example", "examples");
    let what = if is_fault { "counting as a fault again" } else { "not a fault" };
    Ok(format!("{what} ({}, {examples})", lower(check)))
}

/// Gives what goes on after "Undo".
pub fn switch(recorder: &mut Recorder, check: Check, is_on: bool) -> Result<String, ProjectError> {
    let mut names = off(recorder.db)?;
    names.retain(|name| name != check.name());
    if !is_on {
        names.push(check.name().to_owned());
        names.sort();
    }
    recorder.set(Field::ChecksOff, 0, list(&names)?)?;
    Ok(format!("switching {} a check ({})", if is_on { "on" } else { "off" }, lower(check)))
}

fn lower(check: Check) -> String {
    let mut title = check.title().to_owned();
    title[..1].make_ascii_lowercase();
    title
}

fn list<T: serde::Serialize>(values: &[T]) -> Result<Value, ProjectError> {
    if values.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::to_string(values).map(Value::Text).map_err(ProjectError::Content)
}

/// Names of checks, each with the content that it was marked for.
fn marks_of(db: &Connection, id: i64) -> Result<Vec<(String, i64)>, ProjectError> {
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
