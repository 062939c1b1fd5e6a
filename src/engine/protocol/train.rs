//! The train lane's jobs: runs.

use std::path::PathBuf;

use super::facts::{Facts, Subject};
use crate::recipe::Recipe;
use crate::task::Phase;

/// `project` is the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainJob {
    /// Freezes the project's examples into a new run folder and trains. The data are the project's, not the recipe's.
    Train { project: PathBuf, recipe: Recipe },
    /// Resumes a run from its last checkpoint.
    Resume { run_dir: PathBuf },
}

impl TrainJob {
    /// The lane's table: a row for each job.
    pub fn facts(&self) -> Facts {
        match self {
            Self::Train { .. } => Facts::doing("Training").in_phase(Phase::Training).about(Subject::Run),
            Self::Resume { .. } => Facts::doing("Training").in_phase(Phase::Training).about(Subject::Run),
        }
    }
}
