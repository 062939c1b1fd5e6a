//! Every change of a field, before and after, kept in the store across restarts: it can be played back and forth.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::fields::{self, Field};
use crate::project::error::ProjectError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Back,
}

/// The place of a change of the entry `seq`.
pub fn place(seq: i64, count: i64) -> i64 {
    (seq << 32) + count
}

fn places(seq: i64) -> [i64; 2] {
    [place(seq, 0), place(seq + 1, 0) - 1]
}

/// Makes the changes of one entry, and writes them down; what was undone before can't be redone any more.
pub struct Recorder<'a> {
    pub db: &'a Connection,
    seq: i64,
    num_changes: i64,
    /// Something else than what counts of the checks has changed.
    is_content: bool,
    ids: Vec<i64>,
}

impl<'a> Recorder<'a> {
    pub fn start(db: &'a Connection) -> Result<Self, ProjectError> {
        forget_undone(db)?;
        let seq = db.query_row("SELECT coalesce(max(seq), 0) + 1 FROM journal", [], |row| row.get(0))?;
        Ok(Self { db, seq, num_changes: 0, is_content: false, ids: Vec::new() })
    }

    /// Gives an example a new value; says whether it is one.
    pub fn set(&mut self, field: Field, id: i64, after: Value) -> Result<bool, ProjectError> {
        let before = fields::read(self.db, field, id)?;
        if before == after {
            return Ok(false);
        }
        self.change(field, (id, id), before, after)?;
        self.ids.extend(field.is_of_example().then_some(id));
        Ok(true)
    }

    /// Rows appear or are removed; removed rows stay in their tables, so that nobody has to write down their text.
    pub fn set_present(&mut self, ids: &[i64], is_present: bool) -> Result<(), ProjectError> {
        let value = |is_present| Value::Integer(i64::from(is_present));
        for range in ranges(ids) {
            self.change(Field::Presence, range, value(!is_present), value(is_present))?;
        }
        self.ids.extend(ids);
        Ok(())
    }

    /// Writes down that rows appeared which have been made present already.
    pub fn note_appearance(&mut self, ids: &[i64]) -> Result<(), ProjectError> {
        for range in ranges(ids) {
            self.note(Field::Presence, range, &Value::Integer(0), &Value::Integer(1))?;
        }
        self.ids.extend(ids);
        Ok(())
    }

    fn change(&mut self, field: Field, range: (i64, i64), before: Value, after: Value) -> Result<(), ProjectError> {
        self.note(field, range, &before, &after)?;
        fields::write(self.db, field, range.0, range.1, &after)
    }

    fn note(&mut self, field: Field, range: (i64, i64), before: &Value, after: &Value) -> Result<(), ProjectError> {
        self.num_changes += 1;
        self.is_content |= !field.is_about_checks();
        let place = place(self.seq, self.num_changes);
        self.db
            .prepare_cached("INSERT INTO changes (place, field, first, last, before, after) VALUES (?, ?, ?, ?, ?, ?)")?
            .execute(params![place, field as i64, range.0, range.1, before, after])?;
        Ok(())
    }

    /// The new revision and the examples that changed; `None` if nothing did, and then nothing may be committed.
    /// `label` continues "Undo": "edit of example 418"; `source` is an import's file.
    pub fn finish(mut self, label: &str, source: Option<&str>) -> Result<Option<(u64, Vec<i64>)>, ProjectError> {
        if self.num_changes == 0 {
            return Ok(None);
        }
        self.db
            .prepare_cached("INSERT INTO journal (seq, at, label, source) VALUES (?, ?, ?, ?)")?
            .execute(params![self.seq, now(), label, source])?;
        keep_first(&mut self.ids);
        Ok(Some((bump(self.db, self.is_content)?, self.ids)))
    }
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Plays the last entry back, or the first undone one forward; gives the examples that changed and the new revision.
pub fn travel(db: &Connection, direction: Direction) -> Result<Option<(Vec<i64>, u64)>, ProjectError> {
    let (which, order) = match direction {
        Direction::Back => ("is_undone = 0 ORDER BY seq DESC", "DESC"),
        Direction::Forward => ("is_undone = 1 ORDER BY seq", "ASC"),
    };
    let found =
        db.query_row(&format!("SELECT seq FROM journal WHERE {which} LIMIT 1"), [], |row| row.get(0)).optional()?;
    let Some(seq): Option<i64> = found else { return Ok(None) };
    let (mut ids, mut is_content) = (Vec::new(), false);
    let sql = format!(
        "SELECT field, first, last, before, after FROM changes WHERE place BETWEEN ? AND ? ORDER BY place {order}"
    );
    let mut select = db.prepare_cached(&sql)?;
    let mut rows = select.query(places(seq))?;
    while let Some(row) = rows.next()? {
        let Some(field) = Field::of(row.get(0)?) else { continue };
        let (first, last) = (row.get(1)?, row.get(2)?);
        let value: Value = row.get(if direction == Direction::Back { 3 } else { 4 })?;
        fields::write(db, field, first, last, &value)?;
        is_content |= !field.is_about_checks();
        if field.is_of_example() {
            ids.extend(first..=last);
        }
    }
    keep_first(&mut ids);
    let is_undone = direction == Direction::Back;
    db.execute("UPDATE journal SET is_undone = ? WHERE seq = ?", params![is_undone, seq])?;
    Ok(Some((ids, bump(db, is_content)?)))
}

/// What undo and redo would do, and the file that was imported last.
pub struct Labels {
    pub undo: Option<String>,
    pub redo: Option<String>,
    pub source: Option<String>,
}

pub fn labels(db: &Connection) -> Result<Labels, ProjectError> {
    let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).optional();
    Ok(Labels {
        undo: one("SELECT label FROM journal WHERE is_undone = 0 ORDER BY seq DESC LIMIT 1")?,
        redo: one("SELECT label FROM journal WHERE is_undone = 1 ORDER BY seq LIMIT 1")?,
        source: one("SELECT source FROM journal WHERE is_undone = 0 AND source IS NOT NULL ORDER BY seq DESC LIMIT 1")?,
    })
}

/// Drops the undone entries, and the rows that only they could bring back.
pub fn forget_undone(db: &Connection) -> Result<(), ProjectError> {
    let mut select = db.prepare_cached("SELECT seq FROM journal WHERE is_undone = 1")?;
    let entries: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for seq in entries {
        let mut select = db.prepare_cached(
            "SELECT first, last FROM changes WHERE place BETWEEN ? AND ? AND field = 0 AND after = 1",
        )?;
        let ranges: Vec<[i64; 2]> =
            select.query_map(places(seq), |row| Ok([row.get(0)?, row.get(1)?]))?.collect::<Result<_, _>>()?;
        for range in ranges {
            for table in [
                "search WHERE rowid",
                "contents WHERE id",
                "findings WHERE example",
                "not_faults WHERE example",
                "examples WHERE id",
            ] {
                db.execute(&format!("DELETE FROM {table} BETWEEN ? AND ?"), range)?;
            }
        }
        db.execute("DELETE FROM changes WHERE place BETWEEN ? AND ?", places(seq))?;
    }
    db.execute("DELETE FROM journal WHERE is_undone = 1", [])?;
    Ok(())
}

/// Runs of consecutive ids as first and last.
fn ranges(ids: &[i64]) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => ranges.push((*id, *id)),
        }
    }
    ranges
}

fn keep_first(ids: &mut Vec<i64>) {
    // An import's are.
    if ids.is_sorted_by(|one, next| one < next) {
        return;
    }
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(*id));
}

fn bump(db: &Connection, is_content: bool) -> Result<u64, ProjectError> {
    if is_content { bump_content(db) } else { bump_revision(db) }
}

/// Counts what a person did, which checks and models have not seen yet.
fn bump_content(db: &Connection) -> Result<u64, ProjectError> {
    let sql = "INSERT INTO meta VALUES (?, '1') ON CONFLICT DO UPDATE SET value = value + 1";
    db.prepare_cached(sql)?.execute([CONTENT_REVISION])?;
    bump_revision(db)
}

/// Counts the entries that were made and played; not what checks and models say of the examples.
pub fn content_revision(db: &Connection) -> Result<u64, ProjectError> {
    let sql = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?";
    let revision: Option<i64> = db.prepare_cached(sql)?.query_row([CONTENT_REVISION], |row| row.get(0)).optional()?;
    Ok(revision.unwrap_or_default() as u64)
}

const CONTENT_REVISION: &str = "content_revision";

/// Lets every connection see that what it knows of the examples is stale.
pub fn bump_revision(db: &Connection) -> Result<u64, ProjectError> {
    let sql = "UPDATE meta SET value = value + 1 WHERE key = 'revision' RETURNING CAST(value AS INTEGER)";
    let revision: i64 = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(revision as u64)
}
