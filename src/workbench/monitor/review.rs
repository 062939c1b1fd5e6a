//! From a batch to the review queue: its examples become examples of the project, tagged, first in line.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::WorkbenchError;
use crate::data::example::content_key;
use crate::data::import::ImportRequest;
use crate::fs::stream_atomic;
use crate::monitor::{BatchRow, Monitor};
use crate::project::{Edit, ExampleQuery, Project};
use crate::task::Task;

/// What the examples are tagged with.
const TAG: &str = "drift";

/// Which of a batch's examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those behind its warnings.
    Behind,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reviewed {
    /// New in the project.
    pub num_imported: u64,
    /// In the project before.
    pub num_known: u64,
    /// In the review queue because of this batch.
    pub num_queued: u64,
}

/// Takes a batch's examples into the project, as an import does, tags them `drift`, and puts those that nobody has reviewed
/// first into the review queue: the ones behind warnings before the others.
///
/// # Errors
/// Where the batch can't be read or the project not be written, or the task was stopped.
pub fn to_review(
    project: &mut Project,
    batch: &str,
    which: Which,
    task: &dyn Task,
) -> Result<Reviewed, WorkbenchError> {
    let monitor = Monitor::of_project(project.folder());
    let batch = monitor.batch(batch)?;
    let log = monitor.log()?;
    let warnings = log.of_batch(&batch.name).map(|findings| &findings.warnings[..]).unwrap_or_default();
    let mut order: Vec<usize> = Vec::new();
    let behind = warnings.iter().flat_map(|warning| &warning.behind).map(|behind| behind.row);
    let others = if which == Which::All { 0..batch.num } else { 0..0 };
    let mut is_listed = HashSet::new();
    order.extend(behind.chain(others).filter(|row| *row < batch.num && is_listed.insert(*row)));
    if order.is_empty() {
        return Ok(Reviewed { num_imported: 0, num_known: 0, num_queued: 0 });
    }
    let rows = monitor.examples(&batch)?;
    let chosen: Vec<&BatchRow> = order.iter().map(|row| &rows[*row]).collect();
    // Rows keep the batch's name as their source.
    let folder = tempfile::tempdir().map_err(WorkbenchError::io(project.folder()))?;
    let path = folder.path().join(format!("{}.jsonl", batch.name));
    write(&path, &chosen).map_err(WorkbenchError::io(&path))?;
    let report = project.import(&ImportRequest::new(&path), task)?;
    let keys: Vec<u64> = chosen.iter().map(|row| content_key(&row.example)).collect();
    let ids = ids_of(project, &keys)?;
    project.apply(&Edit::AddTag { ids: ids.clone(), tag: TAG.to_owned() })?;
    let is_new: HashSet<i64> = ids.iter().copied().collect();
    let mut queue = ids;
    let waiting = project.matching_ids(&ExampleQuery { queued_only: true, ..ExampleQuery::default() })?;
    queue.extend(waiting.into_iter().filter(|id| !is_new.contains(id)));
    project.set_queue(&queue)?;
    let waiting = project.matching_ids(&ExampleQuery { queued_only: true, ..ExampleQuery::default() })?;
    Ok(Reviewed {
        num_imported: report.num_imported,
        num_known: report.num_known,
        num_queued: waiting.iter().filter(|id| is_new.contains(id)).count() as u64,
    })
}

fn write(path: &Path, rows: &[&BatchRow]) -> std::io::Result<()> {
    stream_atomic(path, |out| {
        rows.iter().try_for_each(|row| {
            serde_json::to_writer(&mut *out, row)?;
            out.write_all(b"\n")
        })
    })
}

/// The project's examples of these contents, in the contents' order.
fn ids_of(project: &Project, keys: &[u64]) -> Result<Vec<i64>, WorkbenchError> {
    let wanted: HashSet<u64> = keys.iter().copied().collect();
    let mut found: Vec<(u64, i64)> = Vec::new();
    project.for_each_present(&mut |stored| {
        if wanted.contains(&stored.content_key) {
            found.push((stored.content_key, stored.id));
        }
        ControlFlow::Continue(())
    })?;
    let place = |key: u64| keys.iter().position(|other| *other == key);
    found.sort_by_key(|(key, id)| (place(*key), *id));
    Ok(found.into_iter().map(|(_, id)| id).collect())
}
