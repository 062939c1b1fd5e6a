//! The folder of a run under way.

use std::path::{Path, PathBuf};

use super::{EvalMetrics, Inputs, Metrics, RunDir, RunError, Status, StepMetrics};
use crate::fs::write_atomic;

/// Writes what a run reports, beside its checkpoints.
#[derive(Debug)]
pub struct RunWriter {
    run_dir: PathBuf,
    metrics: Metrics,
}

impl RunWriter {
    /// Writes the status first, by which the folder is known as a run's, then what the run is based on and its recipe.
    /// `last_step` is that of the checkpoint that the run resumes from, if it does.
    ///
    /// # Errors
    /// [`RunError::Io`] when something can't be written.
    pub fn open(
        run_dir: &Path,
        recipe: &str,
        status: &Status,
        inputs: &Inputs,
        last_step: Option<usize>,
    ) -> Result<Self, RunError> {
        let dir = RunDir(run_dir);
        status.write(run_dir)?;
        inputs.write(run_dir)?;
        write_atomic(&dir.recipe(), recipe.as_bytes()).map_err(RunError::io(&dir.recipe()))?;
        let metrics = Metrics::open(run_dir, last_step)?;
        std::fs::create_dir_all(dir.checkpoints()).map_err(RunError::io(&dir.checkpoints()))?;
        Ok(Self { run_dir: run_dir.to_owned(), metrics })
    }

    /// Checks before a checkpoint is written that the folder is there: one that was moved away or deleted is not made
    /// again without its recipe.
    ///
    /// # Errors
    /// [`RunError::Vanished`]
    pub fn check_is_there(&self) -> Result<(), RunError> {
        match RunDir(&self.run_dir).has_begun() {
            true => Ok(()),
            false => Err(RunError::Vanished { run_dir: self.run_dir.clone() }),
        }
    }

    /// # Errors
    /// [`RunError::Io`] when it can't be written.
    pub fn step(&mut self, metrics: &StepMetrics) -> Result<(), RunError> {
        self.metrics.step(metrics)
    }

    /// # Errors
    /// [`RunError::Io`] when it can't be written.
    pub fn eval(&mut self, metrics: &EvalMetrics) -> Result<(), RunError> {
        self.metrics.eval(metrics)
    }

    /// # Errors
    /// [`RunError::Vanished`], and [`RunError::Io`] when it can't be written.
    pub fn status(&self, status: &Status) -> Result<(), RunError> {
        self.check_is_there()?;
        status.write(&self.run_dir)
    }
}
