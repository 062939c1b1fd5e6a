//! Filters and sorting over the rows in memory; the store is asked only for texts and findings.

use std::collections::HashMap;

use rusqlite::Connection;

use super::findings::{counting, found_together, queue};
use super::order::{Order, Slot, UNCOUNTED};
use super::query::{ExampleQuery, Filter, Having, Reviewed, SortBy};
use super::search::{self, IdSet};
use super::texts::sort_texts;
use crate::project::error::ProjectError;
use crate::project::store::codes::{role_bit, tags_of};
use crate::project::store::second_labels::BOTH;
use crate::task::Task;

/// A filter's bit in what [`Tests::failed`] gives.
#[derive(Debug, Clone, Copy)]
pub enum Facet {
    Split,
    Status,
    Edited,
    Review,
    Tag,
    Label,
    Role,
    Source,
    Finding,
    Reviewers,
    Loss,
    Queue,
    /// Search, lengths and numbers, which have no chips here.
    Other,
}

/// Those of the chips above the table.
pub const SHOWS: u32 =
    1 << Facet::Split as u32 | 1 << Facet::Edited as u32 | 1 << Facet::Finding as u32 | 1 << Facet::Queue as u32;

/// A query made ready for a pass over all rows.
pub struct Tests<'a> {
    query: &'a ExampleQuery,
    found: Option<IdSet>,
    with_finding: Option<IdSet>,
    reviewed: Option<IdSet>,
    queued: Option<IdSet>,
    only: Option<IdSet>,
    /// By index of the list; whether such a row passes.
    tags: Vec<bool>,
    label: Option<u32>,
    /// By the source's number.
    source: Option<Vec<bool>>,
}

impl<'a> Tests<'a> {
    pub fn new(order: &Order, db: &Connection, query: &'a ExampleQuery) -> Result<Self, ProjectError> {
        Self::of_found(order, db, query, search::find(db, &query.search)?)
    }

    /// With the search's result, whatever the query's words.
    fn of_found(
        order: &Order,
        db: &Connection,
        query: &'a ExampleQuery,
        found: Option<IdSet>,
    ) -> Result<Self, ProjectError> {
        let has_tag = |tags: &[String]| match &query.tag {
            None => true,
            Some(Having::Something) => !tags.is_empty(),
            Some(Having::Nothing) => tags.is_empty(),
            Some(Having::Value(tag)) => tags.contains(tag),
        };
        let lists = order.tags.names.iter().map(|list| has_tag(&tags_of(Some(list))));
        let label = match &query.label {
            Some(Having::Value(label)) => Some(order.labels.find(label).unwrap_or(u32::MAX)),
            _ => None,
        };
        let source = match &query.source {
            Some(name) => Some(sources(db)?.iter().map(|known| known == name).collect()),
            None => None,
        };
        let with_finding = match &query.finding {
            Some(Having::Value(check)) => Some(with_finding(db, Some(check))?),
            Some(_) => Some(with_finding(db, None)?),
            None => None,
        };
        let reviewed = query.reviewers.map(|reviewed| reviewed_as(db, reviewed)).transpose()?;
        let set_of = |ids: &[i64]| {
            let mut set = IdSet::default();
            for id in ids {
                set.insert(*id);
            }
            set
        };
        let queued = if query.queued_only { Some(set_of(&queue(db)?)) } else { None };
        let only = query.only.as_ref().map(|ids| set_of(ids));
        let tags = std::iter::once(has_tag(&[])).chain(lists).collect();
        Ok(Self { query, found, with_finding, reviewed, queued, only, tags, label, source })
    }

    /// The filters that don't let a row through, as bits.
    pub fn failed(&self, slot: &Slot) -> u32 {
        let query = self.query;
        let label = match &query.label {
            None => true,
            Some(Having::Something) => slot.label != 0,
            Some(Having::Nothing) => slot.label == 0,
            Some(Having::Value(_)) => Some(slot.label) == self.label,
        };
        let finding = self
            .with_finding
            .as_ref()
            .is_none_or(|ids| ids.contains(slot.id) != (query.finding == Some(Having::Nothing)));
        let tokens = query
            .tokens
            .is_none_or(|(from, to)| slot.num_tokens != UNCOUNTED && (from..=to).contains(&slot.num_tokens));
        let passes = [
            (Facet::Split, query.split.is_none_or(|split| slot.split == split && slot.takes_part())),
            (Facet::Status, query.status.is_none_or(|status| slot.status() == status)),
            (Facet::Edited, !query.edited_only || slot.is_edited()),
            (Facet::Review, query.review.is_none_or(|review| slot.review == review as u8)),
            (Facet::Tag, self.tags.get(slot.tags as usize).copied().unwrap_or(true)),
            (Facet::Label, label),
            (Facet::Role, query.role.is_none_or(|role| slot.roles & role_bit(role) != 0)),
            (Facet::Source, self.is_from_source(slot)),
            (Facet::Finding, finding),
            (Facet::Reviewers, self.reviewed.as_ref().is_none_or(|ids| ids.contains(slot.id))),
            (Facet::Other, tokens),
            (Facet::Other, query.numbers.is_none_or(|(from, to)| (from..=to).contains(&u64::from(slot.number)))),
            (Facet::Loss, query.loss.is_none_or(|(from, to)| (from..=to).contains(&slot.loss))),
            (Facet::Queue, self.queued.as_ref().is_none_or(|ids| ids.contains(slot.id))),
            (Facet::Other, self.only.as_ref().is_none_or(|ids| ids.contains(slot.id))),
            (Facet::Other, self.found.as_ref().is_none_or(|ids| ids.contains(slot.id))),
        ];
        passes.iter().filter(|(_, passes)| !passes).fold(0, |bits, (facet, _)| bits | facet.bit())
    }

    fn is_from_source(&self, slot: &Slot) -> bool {
        let of = |sources: &Vec<bool>| sources.get(slot.source as usize).copied().unwrap_or(false);
        self.source.as_ref().is_none_or(of)
    }
}

impl Facet {
    pub fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The names of the imported files by their number; that of rows without one, at 0, is empty.
pub fn sources(db: &Connection) -> Result<Vec<String>, ProjectError> {
    let mut names = vec![String::new()];
    let mut select = db.prepare_cached("SELECT id, name FROM sources ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let at = row.get::<_, i64>(0)? as u16 as usize;
        names.resize(names.len().max(at + 1), String::new());
        names[at] = row.get(1)?;
    }
    Ok(names)
}

fn with_finding(db: &Connection, check: Option<&str>) -> Result<IdSet, ProjectError> {
    let which = if check.is_some() { "check_name = ?1" } else { "?1 IS NULL" };
    let mut select = db.prepare_cached(&format!("SELECT example FROM {} WHERE {which}", counting()))?;
    let mut ids = IdSet::default();
    let mut rows = select.query([check])?;
    while let Some(row) = rows.next()? {
        ids.insert(row.get(0)?);
    }
    Ok(ids)
}

/// Examples of which the second reviewer says the same, or something else.
pub fn reviewed_as(db: &Connection, reviewed: Reviewed) -> Result<IdSet, ProjectError> {
    let sign = if reviewed == Reviewed::Agree { "=" } else { "<>" };
    let sql = format!("SELECT examples.id FROM {BOTH} WHERE examples.label {sign} second_labels.label");
    let mut select = db.prepare_cached(&sql)?;
    let mut ids = IdSet::default();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        ids.insert(row.get(0)?);
    }
    Ok(ids)
}

/// The indexes of the rows that match, sorted.
pub fn choose(order: &Order, db: &Connection, filter: &Filter, task: &dyn Task) -> Result<Vec<u32>, ProjectError> {
    let tests = Tests::new(order, db, filter.query())?;
    let passing = order.slots.iter().enumerate().filter(|(_, slot)| tests.failed(slot) == 0);
    let mut indexes: Vec<u32> = passing.map(|(at, _)| at as u32).collect();
    match filter.query().sort.by {
        SortBy::Prompt | SortBy::Answer => sort_texts(order, db, filter.query().sort, &mut indexes, task)?,
        _ => sort(order, db, filter.query(), &mut indexes)?,
    }
    Ok(indexes)
}

/// Some of the rows that match, in the data's order, without finding all: at most `limit`.
pub fn choose_some(
    order: &Order,
    db: &Connection,
    query: &ExampleQuery,
    limit: usize,
) -> Result<Vec<i64>, ProjectError> {
    // Other filters may hold most of them back.
    const NUM_FOUND_PER_ROW: usize = 20;
    let found = search::find_some(db, &query.search, limit * NUM_FOUND_PER_ROW)?;
    let words = search::words(&query.search);
    if found.is_empty() && search::are_short(&words) {
        return read_some(order, db, query, &words, limit);
    }
    let tests = Tests::of_found(order, db, query, Some(found))?;
    let is_found = |slot: &&Slot| tests.found.as_ref().is_some_and(|ids| ids.contains(slot.id));
    let passing = order.slots.iter().filter(is_found).filter(|slot| tests.failed(slot) == 0);
    Ok(passing.map(|slot| slot.id).take(limit).collect())
}

/// Some of the rows that match, by reading the first ones that pass all other filters.
fn read_some(
    order: &Order,
    db: &Connection,
    query: &ExampleQuery,
    words: &[String],
    limit: usize,
) -> Result<Vec<i64>, ProjectError> {
    // They take about 20 ms.
    const NUM_READ: usize = 10_000;
    let tests = Tests::of_found(order, db, query, None)?;
    let mut ids = Vec::new();
    for slot in order.slots.iter().filter(|slot| tests.failed(slot) == 0).take(NUM_READ) {
        if ids.len() == limit {
            break;
        }
        if search::has_words(db, slot.id, words)? {
            ids.push(slot.id);
        }
    }
    Ok(ids)
}

/// Equal rows stay in the data's order, either way.
fn sort(order: &Order, db: &Connection, query: &ExampleQuery, indexes: &mut [u32]) -> Result<(), ProjectError> {
    let (slots, sort) = (&order.slots, query.sort);
    let mut by = |key: &dyn Fn(&Slot) -> Option<u64>| {
        indexes.sort_by_cached_key(|at| {
            let key = key(&slots[*at as usize]);
            // Without a value: last.
            key.map_or((true, 0), |key| (false, if sort.descending { u64::MAX - key } else { key }))
        });
    };
    match sort.by {
        SortBy::Position if sort.descending => indexes.reverse(),
        SortBy::Position => {}
        SortBy::Number => by(&|slot| Some(u64::from(slot.number))),
        SortBy::Turns => by(&|slot| Some(u64::from(slot.num_turns))),
        SortBy::Split => by(&|slot| slot.takes_part().then_some(slot.split as u64)),
        SortBy::Status => by(&|slot| Some(slot.status() as u64)),
        SortBy::Review => by(&|slot| Some(u64::from(slot.review))),
        SortBy::Tokens => by(&|slot| (slot.num_tokens != UNCOUNTED).then_some(u64::from(slot.num_tokens))),
        SortBy::Loss => by(&|slot| (!slot.loss.is_nan()).then(|| sortable(slot.loss))),
        SortBy::Label => {
            let ranks = ranks(&order.labels.names);
            by(&|slot| ranks.get(slot.label as usize).copied().flatten());
        }
        SortBy::Tags => {
            let ranks = ranks(&order.tags.names);
            by(&|slot| ranks.get(slot.tags as usize).copied().flatten());
        }
        SortBy::Source => {
            let ranks = ranks(&sources(db)?[1..]);
            by(&|slot| ranks.get(slot.source as usize).copied().flatten());
        }
        SortBy::Date => {
            let dates = dates(db)?;
            by(&|slot| dates.get(&slot.id).copied());
        }
        SortBy::Findings => {
            let counts = num_findings(db)?;
            by(&|slot| counts.get(&slot.id).copied());
        }
        SortBy::Given => {
            let given = match (&query.only, &query.finding) {
                (Some(ids), _) => ids.to_vec(),
                (None, Some(Having::Value(check))) => found_together(db, check)?,
                _ => Vec::new(),
            };
            let mut places: HashMap<i64, u64> = HashMap::with_capacity(given.len());
            for (id, place) in given.into_iter().zip(0..) {
                places.entry(id).or_insert(place);
            }
            by(&|slot| places.get(&slot.id).copied());
        }
        SortBy::Queue => {
            let places: HashMap<i64, u64> = queue(db)?.into_iter().zip(0..).collect();
            by(&|slot| places.get(&slot.id).copied());
        }
        // See `sort_texts`.
        SortBy::Prompt | SortBy::Answer => {}
    }
    Ok(())
}

/// Bits that compare as the numbers do.
fn sortable(loss: f32) -> u64 {
    let bits = loss.to_bits();
    u64::from(if bits >> 31 == 0 { bits | 1 << 31 } else { !bits })
}

/// The place of each name in the alphabet, by its index; 0 is none.
fn ranks<T: AsRef<str>>(names: &[T]) -> Vec<Option<u64>> {
    let mut sorted: Vec<(String, usize)> =
        names.iter().enumerate().map(|(at, name)| (name.as_ref().to_lowercase(), at + 1)).collect();
    sorted.sort();
    let mut ranks = vec![None; names.len() + 1];
    let mut rank = 0;
    for (at, (name, index)) in sorted.iter().enumerate() {
        if at > 0 && sorted[at - 1].0 != *name {
            rank += 1;
        }
        ranks[*index] = Some(rank);
    }
    ranks
}

/// Dates as numbers that compare as the dates do.
fn dates(db: &Connection) -> Result<HashMap<i64, u64>, ProjectError> {
    let mut select = db.prepare_cached("SELECT id, date FROM examples WHERE date IS NOT NULL")?;
    let dates = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.wrapping_sub(i64::MIN) as u64)))?;
    Ok(dates.collect::<Result<_, _>>()?)
}

fn num_findings(db: &Connection) -> Result<HashMap<i64, u64>, ProjectError> {
    let mut select = db.prepare_cached(&format!("SELECT example, count(*) FROM {} GROUP BY example", counting()))?;
    let counts = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(counts.collect::<Result<_, _>>()?)
}
