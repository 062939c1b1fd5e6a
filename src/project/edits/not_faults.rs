//! What a person leaves out of the checks: whole checks that are off for this project, and single findings that are not
//! a fault. Findings stay in the store either way, so that nothing needs to be checked again when they count once more.

use rusqlite::OptionalExtension;

use crate::data::checks::Check;
use crate::project::error::ProjectError;
use crate::project::store::fields::Field;
use crate::project::store::finding_marks::{list, marks_of, off};
use crate::project::store::journal::Recorder;
use crate::words;

/// Marks what a check found at these examples, or lets it count again; gives the words after "Undo".
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

/// Switches a check on or off; gives the words after "Undo".
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
