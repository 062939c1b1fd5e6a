//! How far a run is: `status.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunDir, RunError};
use crate::fs::write_atomic;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Completed,
    Stopped,
    /// It ended with an error, or without saying so; can be resumed if it has a checkpoint.
    Interrupted,
}

/// The content of `status.json`. Older versions wrote less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// A killed run stays at `Running`: see [`super::RunRecord::read`].
    pub status: RunStatus,
    #[serde(default)]
    pub num_steps: usize,
    #[serde(default)]
    pub num_steps_done: usize,
    #[serde(default)]
    pub best_step: Option<usize>,
    /// The time of its steps and evaluations, all legs together.
    #[serde(default)]
    pub secs: f64,
    /// Samples that it trains on.
    #[serde(default)]
    pub num_examples: Option<usize>,
    /// What the recipe's precision came to on this machine.
    #[serde(default)]
    pub precision: String,
}

impl Status {
    /// The status of a run that has done nothing yet.
    pub fn new(status: RunStatus) -> Self {
        Self {
            status,
            num_steps: 0,
            num_steps_done: 0,
            best_step: None,
            secs: 0.0,
            num_examples: None,
            precision: String::new(),
        }
    }

    /// Reads the status; `None` where it is missing or damaged.
    pub fn read(run_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(RunDir(run_dir).status()).ok()?).ok()
    }

    /// # Errors
    /// [`RunError::Io`] when it can't be written.
    pub fn write(&self, run_dir: &Path) -> Result<(), RunError> {
        let path = RunDir(run_dir).status();
        let text = serde_json::to_vec(self).map_err(|e| RunError::io(&path)(e.into()))?;
        write_atomic(&path, &text).map_err(RunError::io(&path))
    }

    /// Writes the status of a run that ends with an error, which may be a full disk: there is no room for a second file
    /// then, but in the first one. Half of it would say the same, namely that the run was interrupted.
    pub fn write_at_any_cost(&self, run_dir: &Path) {
        let path = RunDir(run_dir).status();
        // A folder that vanished isn't made again.
        if !path.is_file() || self.write(run_dir).is_ok() {
            return;
        }
        let in_place = serde_json::to_vec(self).map_err(Into::into).and_then(|text| overwrite(&path, &text));
        if let Err(error) = in_place {
            log::warn!("the run's status can't be written: {error}");
        }
    }
}

fn overwrite(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::options().write(true).open(path)?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_where_nothing_new_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = folder.path();
        let mut status = Status {
            status: RunStatus::Running,
            num_steps: 400,
            num_steps_done: 70,
            best_step: Some(60),
            secs: 12.0625,
            num_examples: Some(9),
            precision: "f32".to_owned(),
        };
        status.write(run_dir).unwrap();
        assert_eq!(Status::read(run_dir), Some(status.clone()));
        (status.status, status.secs) = (RunStatus::Interrupted, 1.0);
        overwrite(&RunDir(run_dir).status(), &serde_json::to_vec(&status).unwrap()).unwrap();
        assert_eq!(Status::read(run_dir), Some(status.clone()));
        let gone = run_dir.join("gone");
        status.write_at_any_cost(&gone.join("run"));
        assert_eq!(Status::read(&gone), None);
    }

    #[test]
    fn a_status_of_an_older_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write_atomic(&RunDir(folder.path()).status(), br#"{"status": "stopped", "num_steps": 9}"#).unwrap();
        let status = Status::read(folder.path()).unwrap();
        assert_eq!((status.status, status.num_steps, status.num_examples), (RunStatus::Stopped, 9, None));
    }
}
