//! Brings a store that an older Tunewright wrote up to the present tables, in one transaction.

use rusqlite::{Connection, params};
use serde::Deserialize;

use super::codes::content_value;
use super::face::{Face, FaceWriter, example_of};
use super::fields::Field;
use super::journal::place;
use super::schema::{TABLES, VERSION, pragma};
use super::transaction::begin;
use crate::data::Message;
use crate::project::error::ProjectError;

pub fn to_present(db: &mut Connection) -> Result<(), ProjectError> {
    if pragma(db, "user_version")? == VERSION {
        return Ok(());
    }
    let tx = begin(db)?;
    // Another window may have been quicker.
    match pragma(&tx, "user_version")? {
        1 => from_1(&tx)?,
        2 => tx.execute_batch(FROM_2)?,
        _ => return Ok(()),
    }
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    Ok(())
}

/// Version 2 knew no dates.
const FROM_2: &str = "ALTER TABLE examples ADD COLUMN date INTEGER;
    CREATE INDEX examples_with_date ON examples (date) WHERE date IS NOT NULL;";

/// Version 1 kept an example in one row, and an entry's steps as JSON.
fn from_1(db: &Connection) -> Result<(), ProjectError> {
    let revision: String = db.query_row("SELECT value FROM meta WHERE key = 'revision'", [], |row| row.get(0))?;
    let settings = "CREATE TABLE meta_1 AS SELECT key, value FROM meta; DROP TABLE meta;";
    db.execute_batch(settings)?;
    db.execute_batch(
        "DROP TABLE search;
         DROP INDEX examples_in_order;
         ALTER TABLE examples RENAME TO examples_1;
         ALTER TABLE journal RENAME TO journal_1;",
    )?;
    db.execute_batch(TABLES)?;
    db.execute_batch("INSERT OR REPLACE INTO meta SELECT key, value FROM meta_1; DROP TABLE meta_1;")?;
    // Pages that another connection holds are stale.
    let next = revision.parse::<u64>().unwrap_or_default() + 1;
    db.execute("UPDATE meta SET value = ? WHERE key = 'revision'", [next.to_string()])?;
    copy_examples(db)?;
    copy_journal(db)?;
    // An id is never given twice, also not that of a row that is gone.
    db.execute_batch(
        "DELETE FROM sqlite_sequence WHERE name = 'examples';
         INSERT INTO sqlite_sequence (name, seq) SELECT 'examples', seq FROM sqlite_sequence WHERE name = 'examples_1';
         DROP TABLE examples_1;
         DROP TABLE journal_1;",
    )?;
    Ok(())
}

fn copy_examples(db: &Connection) -> Result<(), ProjectError> {
    let mut select = db.prepare(
        "SELECT id, position, number, presence, split, marks, messages FROM examples_1 WHERE presence <> 2 ORDER BY id",
    )?;
    let mut insert = db.prepare(
        "INSERT INTO examples (id, position, number, presence, split, marks, review, num_turns, roles, prompt_key,
         content_key) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
    )?;
    let mut writer = FaceWriter::inserting(db)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let number = |at| row.get::<_, i64>(at);
        let id = number(0)?;
        let example = example_of(row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?)?;
        let face = Face::of(&example).map_err(ProjectError::Content)?;
        insert.execute(params![
            id,
            number(1)?,
            number(2)?,
            number(3)?,
            number(4)?,
            number(5)?,
            face.num_turns,
            face.roles,
            face.prompt_key,
            face.content_key
        ])?;
        writer.write(&face, id)?;
    }
    Ok(())
}

#[derive(Deserialize)]
enum Step {
    Messages { id: i64, before: Vec<Message>, after: Vec<Message> },
    Set { column: Column, changes: Vec<(i64, i64, i64)> },
    Presence { ranges: Vec<(i64, i64)>, after: bool },
}

#[derive(Deserialize)]
enum Column {
    Split,
    Marks,
}

fn copy_journal(db: &Connection) -> Result<(), ProjectError> {
    db.execute_batch(
        "INSERT INTO journal (seq, label, source, is_undone) SELECT seq, label, source, is_undone FROM journal_1",
    )?;
    let mut select = db.prepare("SELECT seq, steps, source FROM journal_1 ORDER BY seq")?;
    let mut insert =
        db.prepare("INSERT INTO changes (place, field, first, last, before, after) VALUES (?, ?, ?, ?, ?, ?)")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let steps: Vec<Step> = serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
            .map_err(ProjectError::Content)?;
        let source: Option<String> = row.get(2)?;
        let mut count = 0;
        let mut next_place = || {
            count += 1;
            place(seq, count)
        };
        for step in steps {
            match step {
                Step::Messages { id, before, after } => {
                    let (before, after) = (content_value(&before.into())?, content_value(&after.into())?);
                    insert.execute(params![next_place(), Field::Content as i64, id, id, before, after])?;
                }
                Step::Set { column, changes } => {
                    let field = match column {
                        Column::Split => Field::Split,
                        Column::Marks => Field::Marks,
                    };
                    for (id, before, after) in changes {
                        insert.execute(params![next_place(), field as i64, id, id, before, after])?;
                    }
                }
                Step::Presence { ranges, after } => {
                    for (first, last) in ranges {
                        let (before, after) = (i64::from(!after), i64::from(after));
                        insert.execute(params![next_place(), Field::Presence as i64, first, last, before, after])?;
                        if let Some(name) = &source {
                            set_source(db, name, first, last)?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

fn set_source(db: &Connection, name: &str, first: i64, last: i64) -> Result<(), ProjectError> {
    db.execute("INSERT INTO sources (name) VALUES (?)", [name])?;
    let source = db.last_insert_rowid();
    db.execute("UPDATE examples SET source = ? WHERE id BETWEEN ? AND ?", [source, first, last])?;
    Ok(())
}
