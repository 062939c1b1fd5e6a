//! Import into the store: rows arrive unseen, a batch at a time, and appear all at once at the end or not at all.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::edits::{NewRow, insert, next_number};
use super::error::ProjectError;
use super::face::Face;
use super::fields::{ARRIVING, split_code, split_of};
use super::journal::{Recorder, now};
use super::label::Candidates;
use super::store::{Project, begin};
use crate::data::import::{ImportReport, ImportRequest, ReadExample, SplitSpec};
use crate::data::split::deal;
use crate::data::{ImportError, Split, read_examples};
use crate::task::Task;

/// Rows a transaction: few enough that an edit in between waits only briefly.
const BATCH_ROWS: usize = 500;

struct Arrival {
    id: i64,
    prompt_key: i64,
    /// The label's number among the candidates.
    label: u32,
    /// As the file says.
    split: Option<Split>,
}

#[derive(Default)]
struct Arrivals {
    rows: Vec<Arrival>,
    candidates: Candidates,
}

impl Project {
    /// Takes all good rows of a file in, as one step of undo. When it is cancelled or fails, nothing was imported.
    pub fn import(&mut self, request: &ImportRequest, task: &dyn Task) -> Result<ImportReport, ProjectError> {
        // Left behind if the program was killed in the middle of an import.
        clear_arrivals(&mut self.db)?;
        let imported = self.take_in(request, task);
        if imported.is_err()
            && let Err(e) = clear_arrivals(&mut self.db)
        {
            log::warn!("rows of an import that failed are still there, unseen: {e}");
        }
        imported
    }

    fn take_in(&mut self, request: &ImportRequest, task: &dyn Task) -> Result<ImportReport, ProjectError> {
        let mut arrivals = Arrivals::default();
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut failure = None;
        let db = &mut self.db;
        let report = read_examples(request, task, &mut |row| {
            batch.push(row);
            if batch.len() < BATCH_ROWS {
                return ControlFlow::Continue(());
            }
            match write_batch(db, std::mem::take(&mut batch), &mut arrivals) {
                Ok(()) => ControlFlow::Continue(()),
                Err(e) => {
                    failure = Some(e);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(e) = failure {
            return Err(e);
        }
        write_batch(db, batch, &mut arrivals)?;
        if task.is_cancelled() {
            return Err(ImportError::Cancelled { path: request.path.clone() }.into());
        }
        let name = request.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if !arrivals.rows.is_empty() {
            appear(db, arrivals, &request.split, name)?;
            self.last_changed = None;
        }
        Ok(report)
    }
}

fn write_batch(db: &mut Connection, batch: Vec<ReadExample>, arrivals: &mut Arrivals) -> Result<(), ProjectError> {
    let tx = begin(db)?;
    for row in batch {
        let example = row.example;
        let face = Face::of(&example).map_err(ProjectError::Content)?;
        let given_split = row.split.map(split_code);
        let row =
            NewRow { presence: ARRIVING, split: 0, given_split, position: 0, number: 0, source: None, label: None };
        let id = insert(&tx, &face, &row)?;
        let split = given_split.map(split_of);
        let label = arrivals.candidates.add(&example);
        arrivals.rows.push(Arrival { id, prompt_key: face.prompt_key, label, split });
    }
    tx.commit()?;
    Ok(())
}

/// Gives the rows their splits and numbers and lets them appear, in one transaction.
fn appear(db: &mut Connection, arrivals: Arrivals, spec: &SplitSpec, source: String) -> Result<(), ProjectError> {
    let tx = begin(db)?;
    let mut recorder = Recorder::start(&tx)?;
    let Arrivals { rows: arrivals, candidates } = arrivals;
    let splits = deal_arrivals(&tx, &arrivals, spec)?;
    let labels = candidates.labels().unwrap_or_default();
    let first_number = next_number(&tx)?;
    {
        tx.execute("INSERT INTO sources (name, at) VALUES (?, ?)", params![source, now()])?;
        let source = tx.last_insert_rowid();
        let mut update = tx.prepare_cached(
            "UPDATE examples SET presence = 0, split = ?, position = ?, number = ?, source = ?, label = ?
             WHERE id = ? AND presence = 2",
        )?;
        for (at, (arrival, split)) in arrivals.iter().zip(splits).enumerate() {
            let number = first_number + at as i64;
            let label = labels.get(arrival.label as usize).and_then(Option::as_ref);
            if update.execute(params![split_code(split), number, number, source, label, arrival.id])? != 1 {
                return Err(ProjectError::Interfered);
            }
        }
    }
    let ids: Vec<_> = arrivals.iter().map(|row| row.id).collect();
    recorder.set_present(&ids, true)?;
    recorder.finish(&format!("import of {source}"), Some(&source))?;
    tx.commit()?;
    Ok(())
}

/// Prompts that the project has already keep their split.
fn deal_arrivals(db: &Connection, arrivals: &[Arrival], spec: &SplitSpec) -> Result<Vec<Split>, ProjectError> {
    let mut keys = Vec::new();
    let mut given = Vec::new();
    let mut select =
        db.prepare_cached("SELECT prompt_key, split FROM examples WHERE presence = 1 AND marks & 2 = 0")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        keys.push(row.get::<_, i64>(0)? as u64);
        given.push(Some(split_of(row.get(1)?)));
    }
    let num_known = keys.len();
    keys.extend(arrivals.iter().map(|row| row.prompt_key as u64));
    given.extend(arrivals.iter().map(|row| row.split));
    Ok(deal(&keys, &given, spec).split_off(num_known))
}

fn clear_arrivals(db: &mut Connection) -> Result<(), ProjectError> {
    let tx = begin(db)?;
    tx.execute("DELETE FROM search WHERE rowid IN (SELECT id FROM examples WHERE presence = ?)", [ARRIVING])?;
    tx.execute("DELETE FROM contents WHERE id IN (SELECT id FROM examples WHERE presence = ?)", [ARRIVING])?;
    tx.execute("DELETE FROM examples WHERE presence = ?", [ARRIVING])?;
    tx.commit()?;
    Ok(())
}
