//! Writing rows that are new.

use rusqlite::{CachedStatement, Connection, params};

use super::codes::ARRIVING;
use super::face::{Face, FaceWriter};
use crate::project::error::ProjectError;

/// What a new row has beside its content.
pub struct NewRow<'a> {
    pub presence: i64,
    pub split: i64,
    pub given_split: Option<i64>,
    /// Milliseconds since 1970.
    pub date: Option<i64>,
    pub position: i64,
    pub number: i64,
    pub label: Option<&'a str>,
    pub notes: Option<&'a str>,
}

/// Statements for any number of rows.
pub struct RowWriter<'a> {
    db: &'a Connection,
    examples: CachedStatement<'a>,
    faces: FaceWriter<'a>,
}

impl<'a> RowWriter<'a> {
    pub fn new(db: &'a Connection) -> Result<Self, ProjectError> {
        let examples = db.prepare_cached(
            "INSERT INTO examples (position, number, presence, split, given_split, marks, review, num_turns, roles,
             prompt_key, content_key, date, label, notes) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        Ok(Self { db, examples, faces: FaceWriter::inserting(db)? })
    }

    pub fn db(&self) -> &'a Connection {
        self.db
    }

    /// Writes a row, its content and what the search knows of it; gives its id.
    pub fn insert(&mut self, face: &Face, row: &NewRow) -> Result<i64, ProjectError> {
        self.examples.execute(params![
            row.position,
            row.number,
            row.presence,
            row.split,
            row.given_split,
            face.num_turns,
            face.roles,
            face.prompt_key,
            face.content_key,
            row.date,
            row.label,
            row.notes,
        ])?;
        let id = self.db.last_insert_rowid();
        self.faces.write(face, id)?;
        Ok(id)
    }
}

/// The number after the highest, of removed rows too: they may come back.
pub fn next_number(db: &Connection) -> Result<i64, ProjectError> {
    let sql = "SELECT coalesce(max(number), 0) + 1 FROM examples WHERE presence <> ?";
    Ok(db.prepare_cached(sql)?.query_row([ARRIVING], |row| row.get(0))?)
}
