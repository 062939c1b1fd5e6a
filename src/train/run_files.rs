//! What a run writes beside its checkpoints: its status, what it stands on, the recipe, and a line of metrics for each
//! step and evaluation.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::error::TrainError;
use super::inputs::Inputs;
use super::observer::{EvalMetrics, StepMetrics};
use crate::fs::write_atomic;
use crate::recipe::Plan;

/// The open files of a run.
pub struct RunFiles {
    run_dir: PathBuf,
    metrics: File,
}

/// `status.json`
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// `running`, `completed` or `stopped`; a killed run stays at `running`.
    pub status: &'static str,
    pub num_steps: usize,
    pub num_steps_done: usize,
    pub best_step: Option<usize>,
    pub secs: f64,
    /// Samples that it trains on.
    pub num_examples: usize,
    /// What the recipe's precision came to on this machine.
    pub precision: &'static str,
}

impl RunFiles {
    /// Writes the status first, by which the folder is known as a run's, then what the run stands on and the recipe.
    /// Metrics after `last_step` are those of steps that a killed run did after its last checkpoint; they go, for the
    /// steps are done again.
    pub fn open(plan: &Plan, status: &Status, inputs: &Inputs, last_step: Option<usize>) -> Result<Self, TrainError> {
        let run_dir = plan.run_dir.clone();
        write_status(&run_dir, status)?;
        inputs.write(&run_dir)?;
        let path = run_dir.join("recipe.toml");
        write_atomic(&path, plan.recipe_of_run().to_toml()?.as_bytes()).map_err(TrainError::io(&path))?;
        let path = run_dir.join("metrics.jsonl");
        let kept = match last_step {
            Some(step) => lines_until(&path, step)?,
            None => Vec::new(),
        };
        write_atomic(&path, &kept).map_err(TrainError::io(&path))?;
        let metrics = File::options().append(true).open(&path).map_err(TrainError::io(&path))?;
        Ok(Self { run_dir, metrics })
    }

    /// A folder that was moved away or deleted is not made again without its recipe.
    pub fn check_is_there(&self) -> Result<(), TrainError> {
        match self.run_dir.join("recipe.toml").is_file() {
            true => Ok(()),
            false => {
                let reason = "it was moved or deleted while the run was in it".to_owned();
                Err(TrainError::RunFolder { path: self.run_dir.clone(), reason })
            }
        }
    }

    pub fn step(&mut self, metrics: &StepMetrics) -> Result<(), TrainError> {
        self.line(&json!(metrics))
    }

    pub fn eval(&mut self, metrics: &EvalMetrics) -> Result<(), TrainError> {
        self.line(&json!(metrics))
    }

    fn line(&mut self, value: &Value) -> Result<(), TrainError> {
        // One write a line, so that a killed run leaves at most its last line unfinished.
        self.metrics
            .write_all(format!("{value}\n").as_bytes())
            .map_err(TrainError::io(&self.run_dir.join("metrics.jsonl")))
    }

    pub fn status(&self, status: &Status) -> Result<(), TrainError> {
        write_status(&self.run_dir, status)
    }
}

fn write_status(run_dir: &Path, status: &Status) -> Result<(), TrainError> {
    let path = run_dir.join("status.json");
    write_atomic(&path, json!(status).to_string().as_bytes()).map_err(TrainError::io(&path))
}

/// The lines of `metrics.jsonl` up to a step.
fn lines_until(path: &Path, last_step: usize) -> Result<Vec<u8>, TrainError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(TrainError::io(path)(e)),
    };
    let is_kept = |line: &&[u8]| {
        let value: Option<Value> = serde_json::from_slice(line).ok();
        value.and_then(|v| v["step"].as_u64()).is_some_and(|step| step as usize <= last_step)
    };
    let kept = bytes.split(|b| *b == b'\n').filter(is_kept);
    Ok(kept.flat_map(|line| [line, b"\n"]).flatten().copied().collect())
}
