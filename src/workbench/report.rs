//! The report and the model card of a run, made of what its folder and its project hold.

use std::path::{Path, PathBuf};

use super::WorkbenchError;
use super::evaluate::looks_folder;
use crate::data::Split;
use crate::evaluate::looks::num_looks;
use crate::evaluate::{self, Evaluation, KeptEvaluation};
use crate::fs::write_atomic;
use crate::report::{self, Facts};
use crate::run::{RunDir, RunNote, RunRecord, metrics, sha256_of};

/// The files that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub html: PathBuf,
    pub card: PathBuf,
}

/// Writes `report.html` and `MODEL_CARD.md` into `folder`, or into the run's own.
///
/// # Errors
/// Where the run can't be read, or a file can't be written; the error names it.
pub fn write(run_dir: &Path, folder: Option<&Path>, license: Option<&str>) -> Result<Written, WorkbenchError> {
    let run = RunRecord::read(run_dir)?;
    let (dir, note) = (RunDir(run_dir), RunNote::read(run_dir));
    let curves = metrics::read(run_dir)?;
    let kept = newest(&run)?;
    let evaluation = kept.as_ref().map(|kept| Evaluation::of(kept.report.clone()));
    let text = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    let measured_on = kept.as_ref().map(measured);
    let released = run.about.releases.since().map(|at| at.strftime("%Y-%m-%d").to_string());
    let facts = Facts {
        run: &run,
        note: &note,
        curves: &curves,
        recipe: &text(dir.recipe()),
        data_card: &text(dir.data_card()),
        license,
        measured: measured_on.as_deref(),
        evaluation: evaluation.as_ref(),
        lost: &[],
        ratings: &[],
        num_looks: looks(run_dir)?,
        released: released.as_deref(),
        made: &format!("Made by Tunewright {} on {today}.", env!("CARGO_PKG_VERSION")),
    };
    let folder = folder.unwrap_or(run_dir);
    let written = Written { html: folder.join("report.html"), card: folder.join("MODEL_CARD.md") };
    for (path, text) in [(&written.html, report::html(&facts)?), (&written.card, report::card(&facts)?)] {
        write_atomic(path, text.as_bytes()).map_err(WorkbenchError::io(path))?;
    }
    Ok(written)
}

/// The newest evaluation that still holds: on the test examples, else on those for validation; with answers, else without.
fn newest(run: &RunRecord) -> Result<Option<KeptEvaluation>, WorkbenchError> {
    let measured = evaluate::kept(&run.run_dir, run.adapter.as_deref()).map_err(WorkbenchError::io(&run.run_dir))?;
    let holds = measured.into_iter().filter(|measured| measured.stale.is_none()).map(|measured| measured.kept);
    Ok(holds.max_by_key(|kept| (kept.generate, kept.part == Split::Test)))
}

fn measured(kept: &KeptEvaluation) -> String {
    let at = kept.at.parse::<jiff::Zoned>().map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let step = kept.step().map(|step| format!(", weights of step {step}")).unwrap_or_default();
    format!("{}, {at}{step}", kept.part.as_str())
}

fn looks(run_dir: &Path) -> Result<usize, WorkbenchError> {
    let folder = looks_folder(run_dir);
    match sha256_of(&RunDir(run_dir).data_of(Split::Test)) {
        Ok(sha256) => num_looks(&folder, &sha256).map_err(WorkbenchError::io(&folder)),
        // It has no test examples.
        Err(_) => Ok(0),
    }
}
