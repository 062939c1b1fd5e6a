//! What is known of the whole project, by name: the table `meta`.

use rusqlite::{Connection, OptionalExtension};

use crate::project::error::ProjectError;

/// The model that tokens were counted with.
pub const TOKENS_FROM: &str = "tokens_from";
/// The model or run that losses were computed under.
pub const LOSS_FROM: &str = "loss_from";

/// The model or run that numbers are from.
pub fn origin(db: &Connection, key: &str) -> Result<Option<String>, ProjectError> {
    Ok(db.prepare_cached("SELECT value FROM meta WHERE key = ?")?.query_row([key], |row| row.get(0)).optional()?)
}

pub fn set_origin(db: &Connection, key: &str, from: &str) -> Result<(), ProjectError> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")?.execute([key, from])?;
    Ok(())
}
