//! What can be wrong with a project.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::data::ImportError;

#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("{} is not a project: it has no project.db", folder.display())]
    NotAProject { folder: PathBuf },
    #[error("{} was not found", folder.display())]
    NotFound { folder: PathBuf },
    #[error("{} already holds a project", folder.display())]
    Exists { folder: PathBuf },
    #[error("{} is not a Tunewright project but another program's database", path.display())]
    Foreign { path: PathBuf },
    #[error("{} is damaged: {message}", path.display())]
    Damaged { path: PathBuf, message: String },
    #[error("{} was written by a newer Tunewright (store version {version}, this one reads up to {known})", path.display())]
    Newer { path: PathBuf, version: i64, known: i64 },
    #[error("{}", describe(.0))]
    Store(#[from] rusqlite::Error),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("there is no example with the id {id}: it was deleted")]
    NoSuchExample { id: i64 },
    #[error("project.db holds an entry that can't be read: {0}")]
    Content(serde_json::Error),
    #[error("the search pattern can't be used: {message}")]
    Pattern { message: String },
    #[error("another import into this project is running")]
    Importing,
    #[error("the disk is full: project.db can't be written")]
    DiskFull,
    #[error("project.db was written by an older Tunewright and has to be brought up to date first: it is read-only")]
    OldReadOnly,
    #[error("another window imported into this project at the same time")]
    Interfered,
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("it was stopped before it was done")]
    Stopped,
}

impl ProjectError {
    /// What to do about it, where that is not obvious.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Import(error) => return error.hint(),
            Self::NotFound { .. } => "It may have been moved or deleted, or its disk is not connected.",
            Self::Foreign { .. } | Self::Exists { .. } => "Choose another folder.",
            Self::Damaged { .. } => {
                "Put a backup of project.db in its place. The file was left as it is; the runs beside it are not affected."
            }
            Self::Newer { .. } => "Update Tunewright to open it.",
            Self::Importing => "Wait until it is done, or stop it, then import again. Nothing was imported.",
            Self::DiskFull => "Make room on this disk, then try again. Nothing was changed.",
            Self::OldReadOnly => "Copy its folder to a disk that can be written to, and open it there.",
            Self::Interfered => "Nothing was imported. Import it again.",
            Self::Store(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "Make room on this disk, then try again. Nothing was changed.",
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    "Another program uses the project. Close it, then try again. Nothing was changed."
                }
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    "Check that you may write to the project's folder."
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether it only ended because it was asked to.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped) || matches!(self, Self::Import(error) if error.is_stopped())
    }

    /// Whether what was to be written is right, but could not be put on the disk: it can be tried again.
    pub fn is_of_storage(&self) -> bool {
        match self {
            Self::Io { .. } | Self::NotFound { .. } | Self::DiskFull => true,
            Self::Store(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                        | ErrorCode::PermissionDenied
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                )
            ),
            _ => false,
        }
    }

    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

fn describe(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!("project.db is damaged: {error}"),
        Some(ErrorCode::DiskFull) => "the disk is full: project.db can't be written".to_owned(),
        Some(ErrorCode::ReadOnly) => "project.db can't be written: it is read-only".to_owned(),
        Some(ErrorCode::SystemIoFailure) => "project.db can't be read or written: the disk fails or is gone".to_owned(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "project.db is in use".to_owned(),
        _ => format!("project.db: {error}"),
    }
}
