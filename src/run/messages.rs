//! What a run had to say, with the time: kept in its folder, a line each, so that it is still there when the run is
//! resumed or looked at later.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::lines::{append_to, read_lines, write_line};
use super::{RunDir, RunError};

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum RunMessage {
    Started,
    /// It was resumed from the checkpoint of this step.
    WentOn {
        step: usize,
    },
    Evaluated {
        step: usize,
        eval_loss: f64,
    },
    /// The weights of this step were written.
    Checkpoint {
        step: usize,
    },
    Warning {
        text: String,
    },
    Completed {
        step: usize,
    },
    /// It ended because it was asked to; `with_window`: because the program ended.
    Stopped {
        step: usize,
        with_window: bool,
    },
    Failed {
        text: String,
        hint: Option<String>,
    },
}

/// A message and when it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// RFC 3339, in UTC.
    pub at: String,
    #[serde(flatten)]
    pub message: RunMessage,
}

impl Told {
    pub fn now(message: RunMessage) -> Self {
        let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        Self { at: now.to_string(), message }
    }
}

/// All messages of the runs in this folder, oldest first; half a line of a killed run is passed over.
///
/// # Errors
/// [`RunError::Io`] when the file is there and can't be read.
pub fn read(run_dir: &Path) -> Result<Vec<Told>, RunError> {
    let path = RunDir(run_dir).messages();
    read_lines(&path).map_err(RunError::io(&path))
}

/// The open file of a run under way.
#[derive(Debug)]
pub struct Messages {
    path: PathBuf,
    file: File,
}

impl Messages {
    /// # Errors
    /// [`RunError::Io`] when the file can't be written.
    pub fn open(run_dir: &Path) -> Result<Self, RunError> {
        let path = RunDir(run_dir).messages();
        let file = append_to(&path).map_err(RunError::io(&path))?;
        Ok(Self { path, file })
    }

    /// Adds a message; a failure doesn't end the run.
    pub fn write(&mut self, told: &Told) {
        if let Err(error) = write_line(&self.file, told) {
            log::warn!("a message can't be kept in {}: {error}", self.path.display());
        }
    }
}
