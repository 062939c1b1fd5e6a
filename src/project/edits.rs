//! What each edit means, as steps of the journal.

use rusqlite::{Connection, params};

use super::error::ProjectError;
use super::face::Face;
use super::journal::{Column, Entry, Step, ranges};
use super::rows::{EDITED, SET_ASIDE, split_code, split_of, stored_example};
use super::state::{Edit, ExampleStatus};
use crate::data::import::SplitSpec;
use crate::data::split::deal;
use crate::data::{Example, Message, Split};

/// The journal entry of an edit and the examples it is about; `None` if nothing would change. New rows are written here
/// as removed ones, so that the entry's steps only need their ids.
pub fn entry(db: &Connection, edit: &Edit) -> Result<Option<(Entry, Vec<i64>)>, ProjectError> {
    let (label, steps, ids) = match edit {
        Edit::SetMessages { id, messages } => set_messages(db, *id, messages)?,
        Edit::Insert { example, split } => {
            let number = next_number(db)?;
            let id = insert_removed(db, example, *split, number, number)?;
            (format!("new example {number}"), vec![appear(id)], vec![id])
        }
        Edit::Duplicate { id } => {
            let original = stored_example(db, *id)?;
            let position = one(db, "SELECT position FROM examples WHERE id = ?", *id)?;
            let copy = insert_removed(db, &original.example, original.split, position, next_number(db)?)?;
            (format!("copy of example {}", original.number), vec![appear(copy)], vec![copy])
        }
        Edit::Delete { ids } => {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let label = format!("deletion of {}", named(db, &ids)?);
            (label, vec![Step::Presence { ranges: ranges(&ids), after: false }], ids)
        }
        Edit::SetSplit { ids, split } => {
            let label = format!("move of {} to {}", named(db, ids)?, split.as_str());
            let (steps, ids) = set(db, Column::Split, ids, |_| split_code(*split))?;
            (label, steps, ids)
        }
        Edit::SetStatus { ids, status } => {
            let what = if *status == ExampleStatus::SetAside { "setting aside" } else { "change of status" };
            let label = format!("{what} of {}", named(db, ids)?);
            let (steps, ids) = set(db, Column::Marks, ids, |marks| new_marks(marks, *status))?;
            (label, steps, ids)
        }
        Edit::Resplit { spec } => {
            let (steps, ids) = resplit(db, spec)?;
            ("new split of all examples".to_owned(), steps, ids)
        }
    };
    let is_empty = |step: &Step| match step {
        Step::Messages { before, after, .. } => before == after,
        Step::Set { changes, .. } => changes.is_empty(),
        Step::Presence { ranges, .. } => ranges.is_empty(),
    };
    if steps.iter().all(is_empty) {
        return Ok(None);
    }
    Ok(Some((Entry { label, steps, source: None }, ids)))
}

type Parts = (String, Vec<Step>, Vec<i64>);

fn set_messages(db: &Connection, id: i64, messages: &[Message]) -> Result<Parts, ProjectError> {
    let stored = stored_example(db, id)?;
    let label = format!("edit of example {}", stored.number);
    if stored.example.messages == messages {
        return Ok((label, Vec::new(), Vec::new()));
    }
    let edit = Step::Messages { id, before: stored.example.messages, after: messages.to_vec() };
    let (mut steps, _) = set(db, Column::Marks, &[id], |marks| marks | EDITED)?;
    steps.insert(0, edit);
    Ok((label, steps, vec![id]))
}

/// Bringing back an example that was set aside keeps its mark of having been edited.
fn new_marks(marks: i64, status: ExampleStatus) -> i64 {
    match status {
        ExampleStatus::SetAside => marks | SET_ASIDE,
        ExampleStatus::Edited => EDITED,
        ExampleStatus::Ready if marks & SET_ASIDE != 0 => marks & !SET_ASIDE,
        ExampleStatus::Ready => 0,
    }
}

fn appear(id: i64) -> Step {
    Step::Presence { ranges: vec![(id, id)], after: true }
}

fn insert_removed(
    db: &Connection,
    example: &Example,
    split: Split,
    position: i64,
    number: i64,
) -> Result<i64, ProjectError> {
    let row = NewRow { presence: 0, split: split_code(split), position, number };
    insert(db, &Face::of(example).map_err(ProjectError::Content)?, &row)
}

/// What a new row has beside its content.
pub struct NewRow {
    pub presence: i64,
    pub split: i64,
    pub position: i64,
    pub number: i64,
}

/// Writes a row and what the search knows of it; gives its id.
pub fn insert(db: &Connection, face: &Face, row: &NewRow) -> Result<i64, ProjectError> {
    db.prepare_cached(
        "INSERT INTO examples
         (position, number, presence, split, marks, prompt_key, num_turns, prompt, answer, messages)
         VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        row.position,
        row.number,
        row.presence,
        row.split,
        face.prompt_key,
        face.num_turns,
        face.prompt,
        face.answer,
        face.content
    ])?;
    let id = db.last_insert_rowid();
    db.prepare_cached("INSERT INTO search (rowid, text) VALUES (?, ?)")?.execute(params![id, face.text])?;
    Ok(id)
}

/// The number after the highest, of removed rows too: they may come back.
pub fn next_number(db: &Connection) -> Result<i64, ProjectError> {
    let sql = "SELECT coalesce(max(number), 0) + 1 FROM examples WHERE presence <> ?";
    one(db, sql, ARRIVING)
}

/// The presence of rows of an import that isn't done.
pub const ARRIVING: i64 = 2;

fn one(db: &Connection, sql: &str, parameter: i64) -> Result<i64, ProjectError> {
    Ok(db.prepare_cached(sql)?.query_row([parameter], |row| row.get(0))?)
}

/// "example 418" or "12 examples"; an error if one isn't there.
fn named(db: &Connection, ids: &[i64]) -> Result<String, ProjectError> {
    let mut select = db.prepare_cached("SELECT number FROM examples WHERE id = ? AND presence = 1")?;
    let mut number = 0;
    for id in ids {
        number = select.query_row([id], |row| row.get::<_, i64>(0)).map_err(|e| match e {
            rusqlite::Error::QueryReturnedNoRows => ProjectError::NoSuchExample { id: *id },
            other => other.into(),
        })?;
    }
    Ok(if ids.len() == 1 { format!("example {number}") } else { format!("{} examples", ids.len()) })
}

/// The step that gives rows a new value, without those that have it already.
fn set(
    db: &Connection,
    column: Column,
    ids: &[i64],
    value: impl Fn(i64) -> i64,
) -> Result<(Vec<Step>, Vec<i64>), ProjectError> {
    let mut select = db.prepare_cached(match column {
        Column::Split => "SELECT split FROM examples WHERE id = ?",
        Column::Marks => "SELECT marks FROM examples WHERE id = ?",
    })?;
    let mut seen = std::collections::HashSet::new();
    let mut changes = Vec::new();
    for id in ids.iter().filter(|id| seen.insert(**id)) {
        let before = select.query_row([id], |row| row.get(0))?;
        if value(before) != before {
            changes.push((*id, before, value(before)));
        }
    }
    Ok(step_of(column, changes))
}

fn step_of(column: Column, changes: Vec<(i64, i64, i64)>) -> (Vec<Step>, Vec<i64>) {
    let ids = changes.iter().map(|(id, ..)| *id).collect();
    let steps = if changes.is_empty() { Vec::new() } else { vec![Step::Set { column, changes }] };
    (steps, ids)
}

/// Deals those that take part exactly; those that are set aside follow examples with the same prompt.
fn resplit(db: &Connection, spec: &SplitSpec) -> Result<(Vec<Step>, Vec<i64>), ProjectError> {
    let mut select = db.prepare_cached(
        "SELECT id, prompt_key, split, marks FROM examples WHERE presence = 1 ORDER BY position, number",
    )?;
    let rows: Vec<(i64, i64, i64, i64)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    let (set_aside, taking_part): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., marks)| marks & SET_ASIDE != 0);
    let keys = |rows: &[(i64, i64, i64, i64)]| rows.iter().map(|row| row.1 as u64).collect::<Vec<_>>();
    let dealt = deal(&keys(&taking_part), &vec![None; taking_part.len()], spec);
    let split_of_key: std::collections::HashMap<_, _> =
        keys(&taking_part).into_iter().zip(dealt.iter().copied()).collect();
    let following = set_aside.iter().map(|row| split_of_key.get(&(row.1 as u64)).copied().unwrap_or(split_of(row.2)));
    let all = taking_part.iter().zip(dealt.iter().copied()).chain(set_aside.iter().zip(following));
    let changes =
        all.filter(|(row, split)| row.2 != split_code(*split)).map(|(row, split)| (row.0, row.2, split_code(split)));
    Ok(step_of(Column::Split, changes.collect()))
}
