//! What can be wrong with new examples.

use std::path::{Path, PathBuf};

use crate::data::ImportError;
use crate::data::io_words::fault;

/// The message names the file.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("{}: {}", path.display(), fault(source))]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is damaged: {message}", path.display())]
    Damaged { path: PathBuf, message: String },
    #[error("{} is still being written: it changed while it was read", path.display())]
    BeingWritten { path: PathBuf },
    #[error("{} isn't a folder that can be watched", path.display())]
    NotAFolder { path: PathBuf },
    #[error("there is no batch {name}; {}", there_are(known))]
    NoSuchBatch { name: String, known: Vec<String> },
    #[error("no run of this project is released")]
    NothingReleased,
}

impl MonitorError {
    /// What to do about it, where that is not obvious.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Import(error) => return error.hint(),
            Self::BeingWritten { .. } => "Wait until it is whole, and add it again.",
            Self::NothingReleased => "Name the run that is in use with tunewright release PROJECT/runs/RUN.",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::Io { path: path.into(), source }
    }
}

fn there_are(known: &[String]) -> String {
    if known.is_empty() { "none was added yet".to_owned() } else { format!("there are {}", known.join(", ")) }
}
