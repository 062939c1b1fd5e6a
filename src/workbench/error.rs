//! What can end a use case.

use std::path::{Path, PathBuf};

use crate::data::ImportError;
use crate::evaluate::EvaluateError;
use crate::evaluate::rating::RatingError;
use crate::monitor::MonitorError;
use crate::project::ProjectError;
use crate::report::ReportError;
use crate::run::RunError;
use crate::train::TrainError;

/// An error of the modules that a use case calls; the messages are theirs.
#[derive(Debug, thiserror::Error)]
pub enum WorkbenchError {
    /// Because it was asked to; not a failure.
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Rating(#[from] RatingError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl WorkbenchError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
