//! What can be wrong with a run's folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::data::io_words::fault;
use crate::recipe::RecipeError;

/// The message names the file or the folder.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{}: {}", path.display(), fault(source))]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} can't hold the run: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
    #[error("{} isn't a run: it has no recipe.toml", folder.display())]
    NoRun { folder: PathBuf },
    #[error("the folder {} was moved or deleted while the run was in it", run_dir.display())]
    Vanished { run_dir: PathBuf },
    #[error("{} can't be read: {message}", path.display())]
    Damaged { path: PathBuf, message: String },
    #[error("the recipe of the run in {}: {source}", run_dir.display())]
    Recipe { run_dir: PathBuf, source: RecipeError },
    #[error("no checkpoint of the run in {} is whole: {}", run_dir.display(), damages.join("; "))]
    NoWholeCheckpoint { run_dir: PathBuf, damages: Vec<String> },
    #[error("the run in {} has no weights yet: it can't be released", run_dir.display())]
    NotReleasable { run_dir: PathBuf },
    #[error("the run in {} can't be resumed: {what}", run_dir.display())]
    InputsChanged { run_dir: PathBuf, what: String },
}

impl RunError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::Io { path: path.into(), source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { source, .. } => io_hint(source),
            Self::Unusable { .. } => Some("choose another folder for the run"),
            Self::NoRun { .. } => Some("runs of a project lie in PROJECT/runs"),
            Self::InputsChanged { .. } => {
                Some("bring back what the run began with, or choose another folder and begin anew")
            }
            Self::NoWholeCheckpoint { .. } => {
                Some("delete the folder checkpoints to begin anew, or choose another folder")
            }
            Self::Vanished { .. } => {
                Some("if it was moved, bring it back: the run can be resumed from its last checkpoint")
            }
            Self::NotReleasable { .. } => Some("train it to its first checkpoint, or release another run"),
            Self::Damaged { .. } | Self::Recipe { .. } => None,
        }
    }
}

/// What to do when a run could not write or read a file.
pub fn io_hint(error: &std::io::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Some("make room on this disk, then resume the run: what it saved last is whole")
        }
        ErrorKind::PermissionDenied => Some("choose a folder that you may write to"),
        ErrorKind::NotFound => Some("it may have been moved or deleted; check the path"),
        _ => None,
    }
}
