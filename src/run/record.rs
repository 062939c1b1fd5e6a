//! Runs, as their folders show them.

use std::path::{Path, PathBuf};

use super::{Inputs, Releases, RunDir, RunError, RunNote, RunStatus, Status, checkpoints, metrics};
use crate::recipe::{ModelRef, Recipe};

/// A run, as its folder shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The folder's name: `2026-11-22-3`.
    pub name: String,
    pub run_dir: PathBuf,
    pub model: ModelRef,
    pub recipe: Recipe,
    pub status: RunStatus,
    pub num_steps_done: usize,
    pub num_steps: usize,
    /// The loss of the base model, at step 0.
    pub first_eval_loss: Option<f64>,
    pub best_eval_loss: Option<f64>,
    pub best_step: Option<usize>,
    /// The best checkpoint, or else the last; a folder in PEFT's format.
    pub adapter: Option<PathBuf>,
    /// The time of its steps and evaluations, all legs together.
    pub secs: f64,
    pub about: RunAbout,
}

/// What is known of a run beside its course.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunAbout {
    pub note: RunNote,
    /// How many samples it trains on; a run of an older version doesn't say.
    pub num_examples: Option<usize>,
    /// The SHA-256 of its training data.
    pub data_sha256: Option<String>,
    /// When it was the released one.
    pub releases: Releases,
}

impl RunRecord {
    /// Reads a run's recipe, status, metrics and checkpoints. A status of `Running` is what the folder says: whether a
    /// job still works on it is for the engine to know.
    ///
    /// # Errors
    /// [`RunError::NoRun`] when the folder has no recipe; [`RunError::Recipe`] when its recipe can't be read; [`RunError::Io`] when its metrics are there and can't be.
    pub fn read(run_dir: &Path) -> Result<Self, RunError> {
        let dir = RunDir(run_dir);
        if !dir.has_begun() {
            return Err(RunError::NoRun { folder: run_dir.into() });
        }
        let recipe =
            Recipe::read(&dir.recipe()).map_err(|source| RunError::Recipe { run_dir: run_dir.into(), source })?;
        let status = Status::read(run_dir);
        let curves = metrics::read(run_dir)?;
        let evaluations = || curves.evaluations.iter().filter(|evaluation| evaluation.eval_loss.is_finite());
        // Only weights that are saved: those before the first step are the base model's.
        let trained = evaluations().filter(|evaluation| evaluation.step > 0);
        let lowest = trained.min_by(|a, b| a.eval_loss.total_cmp(&b.eval_loss));
        let best_step = status.as_ref().and_then(|s| s.best_step).or(lowest.map(|evaluation| evaluation.step));
        let best = evaluations().find(|evaluation| Some(evaluation.step) == best_step).or(lowest);
        let steps = curves.steps.iter().map(|s| s.step).chain(curves.evaluations.iter().map(|e| e.step));
        let last_step = steps.max().unwrap_or_default();
        let secs_of_lines = curves.steps.iter().map(|s| s.step_secs).sum::<f64>()
            + curves.evaluations.iter().map(|e| e.eval_secs).sum::<f64>();
        Ok(Self {
            name: dir.name(),
            run_dir: run_dir.into(),
            model: recipe.base_model.clone(),
            recipe,
            status: status.as_ref().map_or(RunStatus::Interrupted, |s| s.status),
            num_steps_done: status.as_ref().map_or(0, |s| s.num_steps_done).max(last_step),
            num_steps: status.as_ref().map_or(0, |s| s.num_steps).max(last_step),
            first_eval_loss: evaluations().find(|evaluation| evaluation.step == 0).map(|e| e.eval_loss),
            best_eval_loss: best.map(|evaluation| evaluation.eval_loss),
            best_step,
            adapter: checkpoints::best_or_last(run_dir, best_step),
            secs: status.as_ref().map_or(0.0, |s| s.secs).max(secs_of_lines),
            about: RunAbout {
                note: RunNote::read(run_dir),
                num_examples: status.and_then(|s| s.num_examples),
                data_sha256: data_sha256(run_dir),
                releases: Releases::read(run_dir),
            },
        })
    }
}

/// All runs in a folder, the newest first; none if there is no such folder. A folder that isn't a run, or whose recipe
/// can't be read, is left out.
///
/// # Errors
/// [`RunError::Io`] when the folder is there and can't be read.
pub fn list(folder: &Path) -> Result<Vec<RunRecord>, RunError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(RunError::io(folder)(e)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let run_dir = entry.map_err(RunError::io(folder))?.path();
        if !RunDir(&run_dir).has_begun() {
            continue;
        }
        match RunRecord::read(&run_dir) {
            Ok(run) => runs.push(run),
            Err(e) => log::warn!("a run is not listed: {e}"),
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(age_key(&run.name)));
    Ok(runs)
}

/// `2026-11-23-10` comes after `2026-11-23-9`.
fn age_key(name: &str) -> (String, u32) {
    match name.rsplit_once('-') {
        Some((date, count)) => (date.to_owned(), count.parse().unwrap_or_default()),
        None => (name.to_owned(), 0),
    }
}

/// The SHA-256 of the training file, which is the first.
fn data_sha256(run_dir: &Path) -> Option<String> {
    Inputs::read(run_dir).ok()??.data.into_iter().next()?.sha256
}
