//! Reading examples.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::query::{ExampleQuery, FacetCounts, RowPage};
use super::{facets, label, search};
use crate::data::Split;
use crate::data::checks::Check;
use crate::project::error::ProjectError;
use crate::project::state::{Annotations, ExampleRow, StoredExample};
use crate::project::store::codes::{TAKES_PART, date_of, review_of, split_code, split_of, status, tags_of};
use crate::project::store::face::{self, example_of};
use crate::project::store::finding_marks::{IS_NOT_FAULT, IS_OFF};
use crate::project::store::project::Project;
use crate::project::store::provenance;
use crate::project::store::second_labels::second_label;
use crate::task::{Task, Unwatched};

/// What [`annotations`] and the rest of a row are read from.
const COLUMNS: &str = "examples.id, number, split, marks, review, label, tags, notes, sources.name, num_tokens, loss,
    date";
const TABLES: &str =
    "examples JOIN contents ON contents.id = examples.id LEFT JOIN sources ON sources.id = examples.source";

/// Fewer are searched in about 20 ms.
const MANY_ROWS: usize = 100_000;

impl Project {
    /// The rows of the table's visible part.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn query(&mut self, query: &ExampleQuery) -> Result<RowPage, ProjectError> {
        self.query_unless_stopped(query, &Unwatched)
    }

    /// [`Self::query`] that can be ended early: sorting a million texts takes about a second.
    ///
    /// # Errors
    /// Where the store can't be read, or the task was stopped.
    pub fn query_unless_stopped(&mut self, query: &ExampleQuery, task: &dyn Task) -> Result<RowPage, ProjectError> {
        self.order.refresh(&mut self.db)?;
        let (ids, num_matching) = self.order.page(&self.db, query, task)?;
        Ok(RowPage {
            query: query.clone(),
            num_matching,
            rows: found_rows(&self.db, &ids, &query.search)?,
            is_partial: false,
        })
    }

    /// The first rows that a search finds, if finding all of them takes so long that a person would wait. Copies of
    /// examples may be missing among them.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn first_rows(&mut self, query: &ExampleQuery) -> Result<Option<RowPage>, ProjectError> {
        self.order.refresh(&mut self.db)?;
        if self.order.slots.len() < MANY_ROWS {
            return Ok(None);
        }
        let Some(ids) = self.order.first_page(&self.db, query)? else { return Ok(None) };
        let (query, num_matching) = (query.clone(), ids.len() as u64);
        let rows = found_rows(&self.db, &ids, &query.search)?;
        Ok(Some(RowPage { query, num_matching, rows, is_partial: true }))
    }

    /// The ids of all rows that match, in order; `offset` and `limit` do not count.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn matching_ids(&mut self, query: &ExampleQuery) -> Result<Vec<i64>, ProjectError> {
        self.order.refresh(&mut self.db)?;
        self.order.ids(&self.db, query, &Unwatched)
    }

    /// The example that the table shows with this number.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn id_of(&self, number: u64) -> Result<Option<i64>, ProjectError> {
        let sql = "SELECT id FROM examples WHERE number = ? AND presence = 1";
        Ok(self.db.prepare_cached(sql)?.query_row([number as i64], |row| row.get(0)).optional()?)
    }

    /// How many of these are in a part that is not trained on.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn num_held_out(&mut self, ids: &[i64]) -> Result<u64, ProjectError> {
        self.order.refresh(&mut self.db)?;
        Ok(self.order.num_held_out(ids))
    }

    /// How many rows each chip of each filter would show.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn facets(&mut self, query: &ExampleQuery) -> Result<FacetCounts, ProjectError> {
        self.order.refresh(&mut self.db)?;
        let (mut counts, labels) = facets::facets(&self.order, &self.db, query)?;
        let ordered = self.label_order(&labels)?;
        let labels: HashMap<String, u64> = labels.into_iter().collect();
        let counted = |label: String| (labels.get(&label).copied().unwrap_or_default(), label);
        counts.whole.labels = ordered.into_iter().map(counted).map(|(count, label)| (label, count)).collect();
        Ok(counts)
    }

    /// One example in full.
    ///
    /// # Errors
    /// [`ProjectError::NoSuchExample`], or where the store can't be read.
    pub fn example(&self, id: i64) -> Result<StoredExample, ProjectError> {
        let mut stored = stored_example(&self.db, id)?;
        stored.annotations.second_label = second_label(&self.db, id)?;
        (stored.annotations.row_id, stored.annotations.group) = provenance::read(&self.db, id)?;
        Ok(stored)
    }

    /// Whether any example says when it is from.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn has_dates(&self) -> Result<bool, ProjectError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM examples WHERE date IS NOT NULL AND presence = 1)";
        Ok(self.db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// The field of JSON answers that is their label; `None` where answers are labels themselves.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn label_field(&self) -> Result<Option<String>, ProjectError> {
        let sql = "SELECT content FROM contents WHERE id = coalesce(
                   (SELECT id FROM examples WHERE presence = 1 AND label IS NOT NULL LIMIT 1),
                   (SELECT id FROM examples WHERE presence = 1 LIMIT 1))";
        let content: Option<String> = self.db.query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(content.map(|content| example_of(&content)).transpose()?.as_ref().and_then(label::field_of))
    }

    /// Every example that takes part in a split, in order; a `Break` ends it early.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn for_each_example(
        &self,
        split: Split,
        f: &mut dyn FnMut(StoredExample) -> ControlFlow<()>,
    ) -> Result<(), ProjectError> {
        let sql = format!(
            "SELECT {COLUMNS}, content_key, content FROM {TABLES}
             WHERE presence = 1 AND split = ? AND {TAKES_PART} ORDER BY position, number"
        );
        for_each(&self.db, &sql, params![split_code(split)], f)
    }

    /// Every example that is there, also those that take no part, in order; a `Break` ends it early.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn for_each_present(&self, f: &mut dyn FnMut(StoredExample) -> ControlFlow<()>) -> Result<(), ProjectError> {
        let sql = format!(
            "SELECT {COLUMNS}, content_key, content FROM {TABLES} WHERE presence = 1 ORDER BY position, number"
        );
        for_each(&self.db, &sql, params![], f)
    }

    /// The examples with these ids, in this order and as they are at one moment; one that is gone is left out. A `Break`
    /// ends it early.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn for_each_of(
        &self,
        ids: &[i64],
        f: &mut dyn FnMut(StoredExample) -> ControlFlow<()>,
    ) -> Result<(), ProjectError> {
        let tx = self.db.unchecked_transaction()?;
        for id in ids {
            match stored_example(&tx, *id) {
                Ok(stored) => {
                    if f(stored).is_break() {
                        break;
                    }
                }
                Err(ProjectError::NoSuchExample { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        tx.finish()?;
        Ok(())
    }
}

fn for_each(
    db: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    f: &mut dyn FnMut(StoredExample) -> ControlFlow<()>,
) -> Result<(), ProjectError> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(parameters)?;
    while let Some(row) = rows.next()? {
        if f(full_row(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// Rows of the table, in the order of `ids`; one that was just removed through another connection is left out.
pub fn example_rows(db: &Connection, ids: &[i64]) -> Result<Vec<ExampleRow>, ProjectError> {
    let mut select = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, prompt, answer, num_turns, (SELECT group_concat(DISTINCT check_name) FROM findings
         WHERE findings.example = examples.id AND findings.content_key = examples.content_key AND {TAKES_PART}
         AND NOT {IS_OFF} AND NOT {IS_NOT_FAULT})
         FROM {TABLES} WHERE examples.id = ?"
    ))?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(select.query_row([id], example_row).optional()?);
    }
    Ok(rows)
}

/// Rows of a search: a cell in whose beginning nothing was found shows the text around the first hit.
fn found_rows(db: &Connection, ids: &[i64], search: &str) -> Result<Vec<ExampleRow>, ProjectError> {
    let mut rows = example_rows(db, ids)?;
    if search::words(search).is_empty() {
        return Ok(rows);
    }
    for row in &mut rows {
        let is_cut = |cell: &String| cell.ends_with('…') && search::hits(cell, search).is_empty();
        if is_cut(&row.prompt) || is_cut(&row.answer) {
            let example = stored_example(db, row.id)?.example;
            for (cell, text) in
                [(&mut row.prompt, face::question(example.prompt()).into()), (&mut row.answer, face::answer(&example))]
            {
                if is_cut(cell)
                    && let Some(hit) = search::hits(&text, search).first()
                {
                    *cell = face::line_around(&text, hit.start);
                }
            }
        }
    }
    Ok(rows)
}

pub fn stored_example(db: &Connection, id: i64) -> Result<StoredExample, ProjectError> {
    let mut select = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, content_key, content FROM {TABLES} WHERE examples.id = ? AND presence = 1"
    ))?;
    let mut rows = select.query([id])?;
    match rows.next()? {
        Some(row) => full_row(row),
        None => Err(ProjectError::NoSuchExample { id }),
    }
}

fn annotations(row: &Row) -> rusqlite::Result<Annotations> {
    Ok(Annotations {
        review: review_of(row.get(4)?),
        label: row.get(5)?,
        tags: tags_of(row.get_ref(6)?.as_str_or_null()?),
        notes: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
        source: row.get(8)?,
        second_label: None,
        num_tokens: row.get(9)?,
        loss: row.get::<_, Option<f64>>(10)?.map(|loss| loss as f32),
        date: date_of(row.get(11)?),
        row_id: None,
        group: None,
    })
}

fn example_row(row: &Row) -> rusqlite::Result<ExampleRow> {
    Ok(ExampleRow {
        id: row.get(0)?,
        number: row.get::<_, i64>(1)? as u64,
        split: split_of(row.get(2)?),
        status: status(row.get(3)?),
        annotations: annotations(row)?,
        prompt: row.get(12)?,
        answer: row.get(13)?,
        num_turns: row.get::<_, i64>(14)? as usize,
        findings: checks_of(row.get_ref(15)?.as_str_or_null()?),
    })
}

/// Names with commas between them; one that only a later version knows is left to it.
fn checks_of(names: Option<&str>) -> Vec<Check> {
    let mut checks: Vec<Check> = names.unwrap_or_default().split(',').filter_map(Check::from_name).collect();
    checks.sort_by_key(|check| (check.severity(), *check));
    checks
}

fn full_row(row: &Row) -> Result<StoredExample, ProjectError> {
    let content = row.get_ref(13)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(StoredExample {
        id: row.get(0)?,
        number: row.get::<_, i64>(1)? as u64,
        split: split_of(row.get(2)?),
        status: status(row.get(3)?),
        annotations: annotations(row)?,
        content_key: row.get::<_, i64>(12)? as u64,
        example: example_of(content)?,
    })
}
