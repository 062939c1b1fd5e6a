//! Reading examples. The order of all rows is kept in memory (32 bytes a row), so that a page at any offset is a slice
//! of it. It follows this connection's small edits, and is read anew when the store's revision tells of others.

use std::collections::HashSet;
use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::error::ProjectError;
use super::face::example_of;
use super::state::{ExampleQuery, ExampleRow, ExampleStatus, RowPage, SplitCounts, StoredExample};
use super::store::Project;
use crate::data::Split;

/// Bits of the column `marks`.
pub const EDITED: i64 = 1;
pub const SET_ASIDE: i64 = 2;

pub fn status(marks: i64) -> ExampleStatus {
    match marks {
        _ if marks & SET_ASIDE != 0 => ExampleStatus::SetAside,
        _ if marks & EDITED != 0 => ExampleStatus::Edited,
        _ => ExampleStatus::Ready,
    }
}

pub fn split_code(split: Split) -> i64 {
    split as i64
}

pub fn split_of(code: i64) -> Split {
    match code {
        1 => Split::Validation,
        2 => Split::Test,
        _ => Split::Train,
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    id: i64,
    position: i64,
    number: i64,
    split: Split,
    is_edited: bool,
    is_set_aside: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    search: String,
    split: Option<Split>,
    edited_only: bool,
}

impl Filter {
    fn of(query: &ExampleQuery) -> Self {
        Self { search: match_expression(&query.search), split: query.split, edited_only: query.edited_only }
    }

    fn admits(&self, slot: &Slot) -> bool {
        let is_in_split = self.split.is_none_or(|split| slot.split == split && !slot.is_set_aside);
        is_in_split && (!self.edited_only || slot.is_edited)
    }
}

/// The rows' order, as of a revision.
#[derive(Default)]
pub struct Order {
    revision: Option<u64>,
    slots: Vec<Slot>,
    /// The last filter asked for, and the ids that it leaves.
    filtered: Option<(Filter, Vec<i64>)>,
}

impl Order {
    pub fn revision(&self) -> u64 {
        self.revision.unwrap_or_default()
    }

    /// Reads the order if something changed since, also by another connection.
    pub fn refresh(&mut self, db: &mut Connection) -> Result<(), ProjectError> {
        let tx = db.transaction()?;
        let revision: String =
            tx.prepare_cached("SELECT value FROM meta WHERE key = 'revision'")?.query_row([], |row| row.get(0))?;
        let revision = revision.parse().unwrap_or_default();
        if self.revision == Some(revision) {
            return Ok(());
        }
        self.revision = None;
        self.filtered = None;
        self.slots.clear();
        let mut select = tx.prepare_cached(
            "SELECT id, position, number, split, marks FROM examples WHERE presence = 1 ORDER BY position, number",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            self.slots.push(slot(row)?);
        }
        self.revision = Some(revision);
        Ok(())
    }

    /// Takes over a change that this connection made, which led to `revision`; a large one is left to [`Self::refresh`].
    pub fn follow(&mut self, db: &Connection, revision: u64, ids: &[i64]) -> Result<(), ProjectError> {
        const MAX_ROWS: usize = 100;
        if ids.len() > MAX_ROWS || self.revision != Some(revision - 1) {
            return Ok(());
        }
        // Only a complete change makes the order valid again.
        self.revision = None;
        self.filtered = None;
        let mut select =
            db.prepare_cached("SELECT id, position, number, split, marks FROM examples WHERE id = ? AND presence = 1")?;
        let changed: HashSet<_> = ids.iter().collect();
        self.slots.retain(|slot| !changed.contains(&slot.id));
        for id in changed {
            if let Some(slot) = select.query_row([id], slot).optional()? {
                let key = |slot: &Slot| (slot.position, slot.number);
                let at = self.slots.partition_point(|other| key(other) < key(&slot));
                self.slots.insert(at, slot);
            }
        }
        self.revision = Some(revision);
        Ok(())
    }

    pub fn contains(&self, id: i64) -> bool {
        self.slots.iter().any(|slot| slot.id == id)
    }

    pub fn counts(&self) -> SplitCounts {
        let mut counts = SplitCounts::default();
        for slot in &self.slots {
            counts.edited += u64::from(slot.is_edited);
            *match slot.split {
                _ if slot.is_set_aside => &mut counts.set_aside,
                Split::Train => &mut counts.train,
                Split::Validation => &mut counts.validation,
                Split::Test => &mut counts.test,
            } += 1;
        }
        counts
    }

    /// The ids of a page, and how many rows match in all.
    fn page(&mut self, db: &Connection, query: &ExampleQuery) -> Result<(Vec<i64>, u64), ProjectError> {
        let filter = Filter::of(query);
        if filter.search.is_empty() && filter.split.is_none() && !filter.edited_only {
            let page = window(&self.slots, query).iter().map(|slot| slot.id).collect();
            return Ok((page, self.slots.len() as u64));
        }
        if self.filtered.as_ref().is_none_or(|(known, _)| *known != filter) {
            let found = found_by(db, &filter.search)?;
            let is_found = |slot: &&Slot| found.as_ref().is_none_or(|ids| ids.contains(&slot.id));
            let slots = self.slots.iter().filter(|slot| filter.admits(slot)).filter(is_found);
            let ids = slots.map(|slot| slot.id).collect();
            self.filtered = Some((filter, ids));
        }
        let ids = self.filtered.as_ref().map(|(_, ids)| ids.as_slice()).unwrap_or_default();
        Ok((window(ids, query).to_vec(), ids.len() as u64))
    }
}

fn window<'a, T>(rows: &'a [T], query: &ExampleQuery) -> &'a [T] {
    let start = (query.offset.min(rows.len() as u64)) as usize;
    let len = query.limit.min((rows.len() - start) as u64) as usize;
    &rows[start..start + len]
}

/// Words as FTS5's prefix phrases, all of which must match: quoted, so that nothing a person types is an operator.
fn match_expression(search: &str) -> String {
    const MAX_WORDS: usize = 50;
    search
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(MAX_WORDS)
        .map(|word| format!("\"{}\"*", word.replace('"', "\"\"").replace('\0', " ")))
        .collect::<Vec<_>>()
        .join(" ")
}

fn found_by(db: &Connection, expression: &str) -> Result<Option<HashSet<i64>>, ProjectError> {
    if expression.is_empty() {
        return Ok(None);
    }
    let mut select = db.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?")?;
    let ids = select.query_map([expression], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(ids))
}

impl Project {
    /// The rows of the table's visible part.
    pub fn query(&mut self, query: &ExampleQuery) -> Result<RowPage, ProjectError> {
        self.order.refresh(&mut self.db)?;
        let (ids, num_matching) = self.order.page(&self.db, query)?;
        let mut select = self
            .db
            .prepare_cached("SELECT id, number, split, marks, prompt, answer, num_turns FROM examples WHERE id = ?")?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            // A row may just have been removed through another connection; the next page knows.
            rows.extend(select.query_row([id], example_row).optional()?);
        }
        Ok(RowPage { query: query.clone(), num_matching, rows })
    }

    /// One example in full.
    pub fn example(&self, id: i64) -> Result<StoredExample, ProjectError> {
        stored_example(&self.db, id)
    }

    /// Every example that takes part in a split, in order; a `Break` ends it early.
    pub fn for_each_example(
        &self,
        split: Split,
        f: &mut dyn FnMut(StoredExample) -> ControlFlow<()>,
    ) -> Result<(), ProjectError> {
        let mut select = self.db.prepare_cached(
            "SELECT id, number, split, marks, messages FROM examples
             WHERE presence = 1 AND split = ? AND marks & 2 = 0 ORDER BY position, number",
        )?;
        let mut rows = select.query(params![split_code(split)])?;
        while let Some(row) = rows.next()? {
            if f(full_row(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

pub fn stored_example(db: &Connection, id: i64) -> Result<StoredExample, ProjectError> {
    let mut select =
        db.prepare_cached("SELECT id, number, split, marks, messages FROM examples WHERE id = ? AND presence = 1")?;
    let mut rows = select.query([id])?;
    match rows.next()? {
        Some(row) => full_row(row),
        None => Err(ProjectError::NoSuchExample { id }),
    }
}

fn slot(row: &Row) -> rusqlite::Result<Slot> {
    let marks: i64 = row.get(4)?;
    Ok(Slot {
        id: row.get(0)?,
        position: row.get(1)?,
        number: row.get(2)?,
        split: split_of(row.get(3)?),
        is_edited: marks & EDITED != 0,
        is_set_aside: marks & SET_ASIDE != 0,
    })
}

fn example_row(row: &Row) -> rusqlite::Result<ExampleRow> {
    Ok(ExampleRow {
        id: row.get(0)?,
        number: row.get::<_, i64>(1)? as u64,
        split: split_of(row.get(2)?),
        status: status(row.get(3)?),
        prompt: row.get(4)?,
        answer: row.get(5)?,
        num_turns: row.get::<_, i64>(6)? as usize,
    })
}

fn full_row(row: &Row) -> Result<StoredExample, ProjectError> {
    let content: String = row.get(4)?;
    Ok(StoredExample {
        id: row.get(0)?,
        number: row.get::<_, i64>(1)? as u64,
        split: split_of(row.get(2)?),
        status: status(row.get(3)?),
        example: example_of(&content)?,
    })
}
