//! What a file calls a row, and the group that it says the row belongs to. Both stay what they were at the import.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::codes::key;
use crate::data::mapping::Beside;
use crate::project::error::ProjectError;

/// Keeps the id and the group of a row that says either.
pub fn write(db: &Connection, example: i64, beside: &Beside) -> Result<(), ProjectError> {
    if beside.id.is_some() || beside.group.is_some() {
        db.prepare_cached("INSERT OR REPLACE INTO provenance (example, row_id, group_name) VALUES (?, ?, ?)")?
            .execute(params![example, beside.id, beside.group])?;
    }
    Ok(())
}

/// A row's id and group.
pub fn read(db: &Connection, example: i64) -> Result<(Option<String>, Option<String>), ProjectError> {
    let sql = "SELECT row_id, group_name FROM provenance WHERE example = ?";
    let found = db.prepare_cached(sql)?.query_row([example], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(found.unwrap_or_default())
}

/// The example whose place a row takes is that row from now on.
pub fn hand_over(db: &Connection, from: i64, to: i64) -> Result<(), ProjectError> {
    db.prepare_cached("UPDATE OR REPLACE provenance SET example = ? WHERE example = ?")?.execute([to, from])?;
    Ok(())
}

/// The group of each example that has one, as a number.
pub fn groups(db: &Connection) -> Result<HashMap<i64, u64>, ProjectError> {
    let mut select = db.prepare_cached("SELECT example, group_name FROM provenance WHERE group_name IS NOT NULL")?;
    let groups = select.query_map([], |row| Ok((row.get(0)?, key(row.get_ref(1)?.as_str()?))))?;
    Ok(groups.collect::<Result<_, _>>()?)
}
