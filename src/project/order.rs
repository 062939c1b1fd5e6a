//! What filters and columns need of every example, kept in memory (40 bytes a row) in the rows' order, so that a page at
//! any offset is a slice of it. It follows this connection's small edits, and is read anew when the store's revision
//! tells of others.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::ProjectError;
use super::fields::{EDITED, review_of, split_of};
use super::query::{ExampleQuery, SortBy};
use super::search;
use super::select::{self, Filter};
use super::state::{ExampleStatus, Review, SplitCounts, takes_part};
use crate::data::Split;
use crate::task::Task;

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
        super::fields::status(i64::from(self.marks))
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
    /// Lists of tags, as they stand in the store.
    pub tags: Names,
    /// The last filter and sorting asked for, and the indexes of the slots that they leave.
    chosen: Option<(Filter, Vec<u32>)>,
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

    /// The ids of a page, and how many rows match in all.
    pub fn page(
        &mut self,
        db: &Connection,
        query: &ExampleQuery,
        task: &dyn Task,
    ) -> Result<(Vec<i64>, u64), ProjectError> {
        let filter = Filter::of(query);
        if filter.lets_all_through() && query.sort.by == SortBy::Position && !query.sort.descending {
            return Ok((window(&self.slots, query).iter().map(|slot| slot.id).collect(), self.slots.len() as u64));
        }
        let chosen = self.choose(db, filter, task)?;
        let len = chosen.len() as u64;
        let at = window(chosen, query).to_vec();
        Ok((at.iter().map(|at| self.slots[*at as usize].id).collect(), len))
    }

    /// The ids of a search's first page, without the whole answer; `None` for other questions, if the page would not be
    /// full, and where the whole answer is known.
    pub fn first_page(&self, db: &Connection, query: &ExampleQuery) -> Result<Option<Vec<i64>>, ProjectError> {
        let filter = Filter::of(query);
        let is_known = self.chosen.as_ref().is_some_and(|(known, _)| *known == filter);
        let is_plain =
            query.sort == Default::default() && query.offset == 0 && !search::words(&query.search).is_empty();
        if is_known || !is_plain {
            return Ok(None);
        }
        let ids = select::choose_some(self, db, query, query.limit as usize)?;
        Ok((ids.len() as u64 == query.limit).then_some(ids))
    }

    /// The ids of all rows that match, in order.
    pub fn ids(&mut self, db: &Connection, query: &ExampleQuery, task: &dyn Task) -> Result<Vec<i64>, ProjectError> {
        let chosen = self.choose(db, Filter::of(query), task)?.to_vec();
        Ok(chosen.iter().map(|at| self.slots[*at as usize].id).collect())
    }

    fn choose(&mut self, db: &Connection, filter: Filter, task: &dyn Task) -> Result<&[u32], ProjectError> {
        if self.chosen.as_ref().is_none_or(|(known, _)| *known != filter) {
            let indexes = select::choose(self, db, &filter, task)?;
            self.chosen = Some((filter, indexes));
        }
        Ok(self.chosen.as_ref().map(|(_, indexes)| indexes.as_slice()).unwrap_or_default())
    }
}

fn window<'a, T>(rows: &'a [T], query: &ExampleQuery) -> &'a [T] {
    let start = (query.offset.min(rows.len() as u64)) as usize;
    let len = query.limit.min((rows.len() - start) as u64) as usize;
    &rows[start..start + len]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::import::ImportRequest;
    use crate::project::Project;
    use crate::task::Unwatched;

    #[test]
    fn a_search_has_a_first_page_before_its_whole_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let row = |i| format!("{{\"prompt\":\"question {}\",\"completion\":\"answer {}\"}}\n", i % 2, i);
        let rows: String = (0..12).map(row).collect();
        crate::fs::write_atomic(&path, rows.as_bytes()).unwrap();
        let mut project = Project::create(&folder.path().join("project")).unwrap();
        project.import(&ImportRequest::new(path), &Unwatched).unwrap();
        let page = |search: &str, limit| ExampleQuery { search: search.to_owned(), limit, ..ExampleQuery::default() };

        project.order.refresh(&mut project.db).unwrap();
        let first = project.order.first_page(&project.db, &page("question 1", 3)).unwrap();
        let (whole, num_matching) = project.order.page(&project.db, &page("question 1", 3), &Unwatched).unwrap();
        assert_eq!((first, num_matching), (Some(whole), 7), "the whole answer has 10, too");
        // The beginning of a word is found by its first letter, if it is short.
        let first = project.order.first_page(&project.db, &page("an que", 2)).unwrap();
        assert_eq!(first, Some(project.order.page(&project.db, &page("an que", 2), &Unwatched).unwrap().0));
        let split = Some(project.order.slots[2].split);
        let filtered = ExampleQuery { split, ..page("question", 1) };
        let first = project.order.first_page(&project.db, &filtered).unwrap();
        assert_eq!(first, Some(project.order.page(&project.db, &filtered, &Unwatched).unwrap().0));

        // Too few for a page; only the beginning of a long word; known already; nothing searched.
        for query in [page("question 1", 7), page("quest", 1), filtered, page("", 1)] {
            assert_eq!(project.order.first_page(&project.db, &query).unwrap(), None, "{query:?}");
        }
    }

    #[test]
    fn a_row_takes_at_most_forty_bytes() {
        assert!(size_of::<Slot>() <= 40);
    }
}
