//! Sorting by texts, which aren't in memory: they are read for the sorting, and forgotten.

use rusqlite::{Connection, OptionalExtension};

use super::order::Order;
use super::query::{Sort, SortBy};
use crate::project::error::ProjectError;
use crate::task::Task;

/// Rows are looked up one by one where fewer than one in this many are to be sorted; else all are read in one go.
const FEW: usize = 8;
/// Between two looks at whether the order is still wanted.
const ROWS_AT_ONCE: usize = 1024;
const ROWS_TO_SORT: usize = 65_536;
/// A table's cell shows fewer; what is equal up to here stays in the data's order.
const MAX_CHARS: usize = 64;

/// Sorts by letters, upper and lower case alike; rows without a text come last, and equal ones stay in the data's
/// order, either way.
pub fn sort_texts(
    order: &Order,
    db: &Connection,
    sort: Sort,
    indexes: &mut [u32],
    task: &dyn Task,
) -> Result<(), ProjectError> {
    let column = if sort.by == SortBy::Prompt { "prompt" } else { "answer" };
    let mut texts = match indexes.len() * FEW < order.slots.len() {
        true => texts_of_few(order, db, column, indexes, task)?,
        false => texts_of_many(order, db, column, indexes, task)?,
    };
    let compare = |(a, a_at): &(Box<str>, u32), (b, b_at): &(Box<str>, u32)| {
        let by_text = if sort.descending { b.cmp(a) } else { a.cmp(b) };
        a.is_empty().cmp(&b.is_empty()).then(by_text).then(a_at.cmp(b_at))
    };
    // In this thread: the pool is a training's, perhaps. The last sort only merges what is in order.
    for part in texts.chunks_mut(ROWS_TO_SORT) {
        part.sort_unstable_by(compare);
        if task.is_stopped() {
            return Err(ProjectError::Stopped);
        }
    }
    texts.sort_by(compare);
    for (place, (_, at)) in indexes.iter_mut().zip(texts) {
        *place = at;
    }
    Ok(())
}

type Texts = Vec<(Box<str>, u32)>;

fn texts_of_few(
    order: &Order,
    db: &Connection,
    column: &str,
    indexes: &[u32],
    task: &dyn Task,
) -> Result<Texts, ProjectError> {
    let mut select = db.prepare_cached(&format!("SELECT {column} FROM contents WHERE id = ?"))?;
    let mut texts = Texts::with_capacity(indexes.len());
    for at in indexes {
        if texts.len().is_multiple_of(ROWS_AT_ONCE) && task.is_stopped() {
            return Err(ProjectError::Stopped);
        }
        let text = select.query_row([order.slots[*at as usize].id], |row| Ok(folded(row.get_ref(0)?.as_str()?)));
        texts.push((text.optional()?.unwrap_or_default(), *at));
    }
    Ok(texts)
}

fn texts_of_many(
    order: &Order,
    db: &Connection,
    column: &str,
    indexes: &[u32],
    task: &dyn Task,
) -> Result<Texts, ProjectError> {
    // Ids are dense; one that is not sorted stands for none.
    let mut places: Vec<u32> = Vec::new();
    for (place, at) in indexes.iter().enumerate() {
        let id = usize::try_from(order.slots[*at as usize].id).unwrap_or_default();
        if id >= places.len() {
            places.resize(id + 1, u32::MAX);
        }
        places[id] = place as u32;
    }
    let mut texts: Texts = indexes.iter().map(|at| (Box::default(), *at)).collect();
    let mut select = db.prepare_cached(&format!("SELECT id, {column} FROM contents"))?;
    let mut rows = select.query([])?;
    let mut num_read = 0_usize;
    while let Some(row) = rows.next()? {
        if num_read.is_multiple_of(ROWS_AT_ONCE) && task.is_stopped() {
            return Err(ProjectError::Stopped);
        }
        num_read += 1;
        let id = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
        let place = places.get(id).copied().unwrap_or(u32::MAX) as usize;
        if let Some((text, _)) = texts.get_mut(place) {
            *text = folded(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        }
    }
    Ok(texts)
}

fn folded(text: &str) -> Box<str> {
    text.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect::<String>().into_boxed_str()
}
