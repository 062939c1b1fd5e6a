//! What filters and columns need of every example, kept in memory (40 bytes a row) in the rows' order, so that a page
//! at any offset is a slice of it. It follows this connection's small edits, and is read anew when the store's revision
//! shows others.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row};

use super::query::Filter;
use crate::data::Split;
use crate::project::error::ProjectError;
use crate::project::state::{ExampleStatus, Review, SplitCounts, takes_part};
use crate::project::store::codes::{EDITED, review_of, split_of, status};

#[derive(Debug, Clone, Copy)]
pub struct Slot {
    pub id: i64,
    position: u32,
    pub number: u32,
    pub num_tokens: u32,
    /// NaN until computed.
    pub loss: f32,
    /// Into [`Order::labels`]; 0 for none.
    pub label: u32,
    /// Into [`Order::tags`]; 0 for none.
    pub tags: u32,
    pub source: u16,
    pub num_turns: u16,
    pub split: Split,
    pub marks: u8,
    pub review: u8,
    pub roles: u8,
}

/// The number of tokens of an example for which it isn't known.
pub const UNCOUNTED: u32 = u32::MAX;

impl Slot {
    fn key(&self) -> (u32, u32) {
        (self.position, self.number)
    }

    pub fn is_edited(&self) -> bool {
        i64::from(self.marks) & EDITED != 0
    }

    pub fn takes_part(&self) -> bool {
        takes_part(self.status(), review_of(self.review.into()))
    }

    pub fn status(&self) -> ExampleStatus {
        status(i64::from(self.marks))
    }
}

/// Texts that occur often, each once; 0 stands for none.
#[derive(Default)]
pub struct Names {
    indexes: HashMap<Box<str>, u32>,
    pub names: Vec<Box<str>>,
}

impl Names {
    fn index(&mut self, name: &str) -> u32 {
        if let Some(index) = self.indexes.get(name) {
            return *index;
        }
        self.names.push(name.into());
        let index = self.names.len() as u32;
        self.indexes.insert(name.into(), index);
        index
    }

    pub fn find(&self, name: &str) -> Option<u32> {
        self.indexes.get(name).copied()
    }
}

/// The rows' order, as of a revision.
#[derive(Default)]
pub struct Order {
    revision: Option<u64>,
    pub slots: Vec<Slot>,
    pub labels: Names,
    /// Lists of tags, as the store has them.
    pub tags: Names,
    /// The last filter and sorting asked for, and the indexes of the slots that they leave.
    pub(super) chosen: Option<(Filter, Vec<u32>)>,
}

const COLUMNS: &str =
    "id, position, number, split, marks, review, roles, num_turns, source, num_tokens, loss, label, tags";

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
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        *self = Self { slots, ..Self::default() };
        let mut select = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM examples WHERE presence = 1"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let slot = self.slot(row)?;
            self.slots.push(slot);
        }
        self.slots.sort_by_key(Slot::key);
        self.revision = Some(revision);
        Ok(())
    }

    /// Takes over a change that this connection made, which led to `revision`; a large one is left to [`Self::refresh`].
    pub fn follow(&mut self, db: &Connection, revision: u64, ids: &[i64]) -> Result<(), ProjectError> {
        const MAX_ROWS: usize = 1000;
        if ids.len() > MAX_ROWS || self.revision != Some(revision - 1) {
            return Ok(());
        }
        // Only a complete change makes the order valid again.
        self.revision = None;
        self.chosen = None;
        let mut changed: HashSet<i64> = ids.iter().copied().collect();
        let mut select = db.prepare_cached(&format!("SELECT {COLUMNS} FROM examples WHERE id = ? AND presence = 1"))?;
        let mut slots = std::mem::take(&mut self.slots);
        let is_affected: Vec<_> = slots.iter().enumerate().filter(|(_, slot)| changed.contains(&slot.id)).collect();
        let mut affected: Vec<(usize, i64)> = is_affected.into_iter().map(|(at, slot)| (at, slot.id)).collect();
        for (at, id) in &mut affected {
            changed.remove(id);
            match select.query_row([*id], |row| self.slot(row)).optional()? {
                Some(slot) => slots[*at] = slot,
                None => *id = 0,
            }
        }
        let gone: HashSet<usize> = affected.iter().filter(|(_, id)| *id == 0).map(|(at, _)| *at).collect();
        if !gone.is_empty() {
            let mut at = 0;
            slots.retain(|_| {
                at += 1;
                !gone.contains(&(at - 1))
            });
        }
        for id in changed {
            slots.extend(select.query_row([id], |row| self.slot(row)).optional()?);
        }
        slots.sort_by_key(Slot::key);
        self.slots = slots;
        self.revision = Some(revision);
        Ok(())
    }

    fn slot(&mut self, row: &Row) -> rusqlite::Result<Slot> {
        // What is counted stays far below; a store that says otherwise is shown with the largest number.
        let count = |at| row.get::<_, i64>(at).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let bits = |at| row.get::<_, i64>(at).map(|n| n as u8);
        let tokens: Option<i64> = row.get(9)?;
        let text = |at: usize| row.get_ref(at).map(|value| value.as_str_or_null().ok().flatten());
        Ok(Slot {
            id: row.get(0)?,
            position: count(1)?,
            number: count(2)?,
            split: split_of(row.get(3)?),
            marks: bits(4)?,
            review: bits(5)?,
            roles: bits(6)?,
            num_turns: u16::try_from(row.get::<_, i64>(7)?).unwrap_or(u16::MAX),
            source: row.get::<_, Option<i64>>(8)?.map_or(0, |n| u16::try_from(n).unwrap_or(u16::MAX)),
            num_tokens: tokens.map_or(UNCOUNTED, |n| u32::try_from(n).unwrap_or(UNCOUNTED - 1)),
            loss: row.get::<_, Option<f64>>(10)?.map_or(f32::NAN, |loss| loss as f32),
            label: text(11)?.map_or(0, |label| self.labels.index(label)),
            tags: text(12)?.map_or(0, |tags| self.tags.index(tags)),
        })
    }

    pub fn contains(&self, id: i64) -> bool {
        self.slots.iter().any(|slot| slot.id == id)
    }

    pub fn counts(&self) -> SplitCounts {
        let mut counts = SplitCounts::default();
        for slot in &self.slots {
            counts.edited += u64::from(slot.is_edited());
            let is_trained = slot.takes_part() && slot.split == Split::Train;
            counts.flagged += u64::from(is_trained && slot.review == Review::Flagged as u8);
            *match slot.split {
                _ if slot.status() == ExampleStatus::SetAside => &mut counts.set_aside,
                _ if !slot.takes_part() => &mut counts.rejected,
                Split::Train => &mut counts.train,
                Split::Validation => &mut counts.validation,
                Split::Test => &mut counts.test,
            } += 1;
        }
        counts
    }

    /// How many of these rows are in a part that is not trained on.
    pub fn num_held_out(&self, ids: &[i64]) -> u64 {
        let ids: HashSet<i64> = ids.iter().copied().collect();
        self.slots.iter().filter(|slot| slot.split != Split::Train && ids.contains(&slot.id)).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_at_most_forty_bytes() {
        assert!(size_of::<Slot>() <= 40);
    }
}
