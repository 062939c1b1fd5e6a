//! Every change as steps that can be played forwards and backwards, kept in the store across restarts.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::ProjectError;
use super::face::{Face, example_of};
use crate::data::{Example, Message};

/// The smallest reversible change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Step {
    Messages {
        id: i64,
        before: Vec<Message>,
        after: Vec<Message>,
    },
    /// Id, value before, value after.
    Set {
        column: Column,
        changes: Vec<(i64, i64, i64)>,
    },
    /// Rows appear or are removed; removed rows stay in the table, so that no step needs their text. First and last id.
    Presence {
        ranges: Vec<(i64, i64)>,
        after: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Column {
    Split,
    Marks,
}

/// One entry: what a person did at once.
pub struct Entry {
    /// Goes on after "Undo": "edit of example 418".
    pub label: String,
    pub steps: Vec<Step>,
    /// The file's name, for an import.
    pub source: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Back,
}

/// Plays a new entry and writes it down; what was undone before can't be redone any more. Gives the new revision.
pub fn record(db: &Connection, entry: &Entry) -> Result<u64, ProjectError> {
    forget_undone(db)?;
    play_all(db, &entry.steps, Direction::Forward)?;
    let steps = serde_json::to_string(&entry.steps).map_err(ProjectError::Content)?;
    db.prepare_cached("INSERT INTO journal (label, steps, source) VALUES (?, ?, ?)")?.execute(params![
        entry.label,
        steps,
        entry.source
    ])?;
    bump_revision(db)
}

/// Plays the last entry back, or the first undone one forward; gives its steps and the new revision.
pub fn travel(db: &Connection, direction: Direction) -> Result<Option<(Vec<Step>, u64)>, ProjectError> {
    let sql = match direction {
        Direction::Back => "SELECT seq, steps FROM journal WHERE is_undone = 0 ORDER BY seq DESC LIMIT 1",
        Direction::Forward => "SELECT seq, steps FROM journal WHERE is_undone = 1 ORDER BY seq LIMIT 1",
    };
    let found: Option<(i64, String)> = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((seq, steps)) = found else { return Ok(None) };
    let steps: Vec<Step> = serde_json::from_str(&steps).map_err(ProjectError::Content)?;
    play_all(db, &steps, direction)?;
    let is_undone = direction == Direction::Back;
    db.execute("UPDATE journal SET is_undone = ? WHERE seq = ?", params![is_undone, seq])?;
    Ok(Some((steps, bump_revision(db)?)))
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
    let mut select = db.prepare_cached("SELECT steps FROM journal WHERE is_undone = 1")?;
    let entries: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for entry in entries {
        let steps: Vec<Step> = serde_json::from_str(&entry).map_err(ProjectError::Content)?;
        for step in steps {
            if let Step::Presence { ranges, after: true } = step {
                for (first, last) in ranges {
                    db.execute("DELETE FROM search WHERE rowid BETWEEN ? AND ?", [first, last])?;
                    db.execute("DELETE FROM examples WHERE id BETWEEN ? AND ?", [first, last])?;
                }
            }
        }
    }
    db.execute("DELETE FROM journal WHERE is_undone = 1", [])?;
    Ok(())
}

/// The ids that steps touch, in the order of the steps.
pub fn ids(steps: &[Step]) -> Vec<i64> {
    let mut ids = Vec::new();
    for step in steps {
        match step {
            Step::Messages { id, .. } => ids.push(*id),
            Step::Set { changes, .. } => ids.extend(changes.iter().map(|(id, ..)| *id)),
            Step::Presence { ranges, .. } => ids.extend(ranges.iter().flat_map(|(first, last)| *first..=*last)),
        }
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}

/// Runs of consecutive ids as first and last.
pub fn ranges(ids: &[i64]) -> Vec<(i64, i64)> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => ranges.push((*id, *id)),
        }
    }
    ranges
}

fn bump_revision(db: &Connection) -> Result<u64, ProjectError> {
    let sql = "UPDATE meta SET value = value + 1 WHERE key = 'revision' RETURNING CAST(value AS INTEGER)";
    let revision: i64 = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(revision as u64)
}

fn play_all(db: &Connection, steps: &[Step], direction: Direction) -> Result<(), ProjectError> {
    match direction {
        Direction::Forward => steps.iter().try_for_each(|step| play(db, step, direction)),
        Direction::Back => steps.iter().rev().try_for_each(|step| play(db, step, direction)),
    }
}

fn play(db: &Connection, step: &Step, direction: Direction) -> Result<(), ProjectError> {
    let is_forward = direction == Direction::Forward;
    match step {
        Step::Messages { id, before, after } => write_messages(db, *id, if is_forward { after } else { before }),
        Step::Set { column, changes } => {
            let mut update = db.prepare_cached(match column {
                Column::Split => "UPDATE examples SET split = ? WHERE id = ?",
                Column::Marks => "UPDATE examples SET marks = ? WHERE id = ?",
            })?;
            for (id, before, after) in changes {
                update.execute([if is_forward { after } else { before }, id])?;
            }
            Ok(())
        }
        Step::Presence { ranges, after } => {
            let mut update =
                db.prepare_cached("UPDATE examples SET presence = ? WHERE id BETWEEN ? AND ? AND presence <> 2")?;
            for (first, last) in ranges {
                update.execute([i64::from(*after == is_forward), *first, *last])?;
            }
            Ok(())
        }
    }
}

fn write_messages(db: &Connection, id: i64, messages: &[Message]) -> Result<(), ProjectError> {
    let stored: String =
        db.prepare_cached("SELECT messages FROM examples WHERE id = ?")?.query_row([id], |row| row.get(0))?;
    let example = Example { messages: messages.to_vec(), ..example_of(&stored)? };
    let face = Face::of(&example).map_err(ProjectError::Content)?;
    db.prepare_cached(
        "UPDATE examples SET prompt_key = ?, num_turns = ?, prompt = ?, answer = ?, messages = ? WHERE id = ?",
    )?
    .execute(params![face.prompt_key, face.num_turns, face.prompt, face.answer, face.content, id])?;
    db.prepare_cached("DELETE FROM search WHERE rowid = ?")?.execute([id])?;
    db.prepare_cached("INSERT INTO search (rowid, text) VALUES (?, ?)")?.execute(params![id, face.text])?;
    Ok(())
}
