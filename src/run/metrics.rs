//! The curves of a run: `metrics.jsonl`, a line for each step and each evaluation. The names are those of Transformers'
//! `trainer_state.json`; `train --json` prints the same.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::lines::{append_to, bytes, split, write_line};
use super::{RunDir, RunError};
use crate::fs::write_atomic;

/// One optimizer step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepMetrics {
    /// The step's number, from 1.
    pub step: usize,
    #[serde(default)]
    pub epoch: f64,
    /// Mean cross-entropy over the step's supervised tokens.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The rate that this step used.
    #[serde(default)]
    pub learning_rate: f64,
    /// The global norm before clipping.
    #[serde(default, deserialize_with = "number")]
    pub grad_norm: f64,
    /// Real tokens (no padding) of the step.
    #[serde(default)]
    pub num_tokens: usize,
    #[serde(default)]
    pub num_supervised_tokens: usize,
    #[serde(default)]
    pub tokens_per_sec: f64,
    #[serde(default)]
    pub step_secs: f64,
}

/// One look at the validation part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EvalMetrics {
    /// The steps done before it; 0 is the base model.
    pub step: usize,
    #[serde(default)]
    pub epoch: f64,
    #[serde(deserialize_with = "number")]
    pub eval_loss: f64,
    #[serde(default)]
    pub eval_num_tokens: usize,
    #[serde(default)]
    pub eval_secs: f64,
    /// Whether no evaluation before it was better.
    #[serde(default)]
    pub is_best: bool,
}

/// JSON writes what isn't a number (NaN) as `null`.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// All steps and evaluations of a run, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    pub steps: Vec<StepMetrics>,
    pub evaluations: Vec<EvalMetrics>,
}

/// What was written so far: nothing if there is no file, and all but the last line of a run that was killed in it.
///
/// # Errors
/// [`RunError::Io`] when the file is there and can't be read.
pub fn read(run_dir: &Path) -> Result<Curves, RunError> {
    let path = RunDir(run_dir).metrics();
    let mut curves = Curves::default();
    for line in split(&bytes(&path).map_err(RunError::io(&path))?) {
        if let Ok(step) = serde_json::from_slice(line) {
            curves.steps.push(step);
        } else if let Ok(evaluation) = serde_json::from_slice(line) {
            curves.evaluations.push(evaluation);
        }
    }
    Ok(curves)
}

/// The open file of a run under way.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Lines after `last_step` are those of steps that a killed run did after its last checkpoint; they go, for the steps
    /// are done again. `None`: the run begins.
    ///
    /// # Errors
    /// [`RunError::Io`] when the file can't be read or written.
    pub fn open(run_dir: &Path, last_step: Option<usize>) -> Result<Self, RunError> {
        let path = RunDir(run_dir).metrics();
        let kept = match last_step {
            Some(step) => lines_until(&path, step).map_err(RunError::io(&path))?,
            None => Vec::new(),
        };
        write_atomic(&path, &kept).map_err(RunError::io(&path))?;
        let file = append_to(&path).map_err(RunError::io(&path))?;
        Ok(Self { path, file })
    }

    /// # Errors
    /// [`RunError::Io`] when it can't be written.
    pub fn step(&mut self, metrics: &StepMetrics) -> Result<(), RunError> {
        write_line(&self.file, metrics).map_err(RunError::io(&self.path))
    }

    /// # Errors
    /// [`RunError::Io`] when it can't be written.
    pub fn eval(&mut self, metrics: &EvalMetrics) -> Result<(), RunError> {
        write_line(&self.file, metrics).map_err(RunError::io(&self.path))
    }
}

fn lines_until(path: &Path, last_step: usize) -> std::io::Result<Vec<u8>> {
    #[derive(Deserialize)]
    struct Line {
        step: usize,
    }
    let bytes = bytes(path)?;
    let is_kept = |line: &&[u8]| serde_json::from_slice::<Line>(line).is_ok_and(|line| line.step <= last_step);
    Ok(split(&bytes).filter(is_kept).flat_map(|line| [line, b"\n"]).flatten().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize, loss: f64) -> StepMetrics {
        StepMetrics {
            step,
            epoch: 0.5,
            loss,
            learning_rate: 0.25,
            grad_norm: 2.0,
            num_tokens: 9,
            num_supervised_tokens: 4,
            tokens_per_sec: 18.0,
            step_secs: 0.5,
        }
    }

    #[test]
    fn what_is_written_is_read_and_steps_after_the_checkpoint_go() {
        let folder = tempfile::tempdir().unwrap();
        let eval =
            EvalMetrics { step: 2, epoch: 0.5, eval_loss: 1.5, eval_num_tokens: 7, eval_secs: 0.5, is_best: true };
        let mut metrics = Metrics::open(folder.path(), None).unwrap();
        (1..=2).for_each(|at| metrics.step(&step(at, 2.0)).unwrap());
        metrics.eval(&eval).unwrap();
        metrics.step(&step(3, f64::NAN)).unwrap();
        let read_now = || read(folder.path()).unwrap();
        assert_eq!((read_now().steps.len(), read_now().evaluations), (3, vec![eval.clone()]));
        assert!(read_now().steps[2].loss.is_nan(), "a step without a loss is a step");

        let torn = std::fs::read(RunDir(folder.path()).metrics()).unwrap();
        write_atomic(&RunDir(folder.path()).metrics(), &torn[..torn.len() - 9]).unwrap();
        assert_eq!(read_now().steps.len(), 2);
        Metrics::open(folder.path(), Some(2)).unwrap().step(&step(3, 1.0)).unwrap();
        assert_eq!(read_now().steps, [step(1, 2.0), step(2, 2.0), step(3, 1.0)]);
        Metrics::open(folder.path(), None).unwrap();
        assert_eq!(read_now(), Curves::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_by_the_file_and_what_to_do() {
        let file = File::options().write(true).open("/dev/full").unwrap();
        let error = Metrics { path: "run/metrics.jsonl".into(), file }.step(&step(1, 2.0)).unwrap_err();
        assert_eq!(error.to_string(), "run/metrics.jsonl: the disk is full");
        assert!(error.hint().is_some_and(|hint| hint.starts_with("make room on this disk")));
    }
}
