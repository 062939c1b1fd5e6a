//! One import at a time: what a second one finds of the first looks as if it had been left behind, and would be cleared.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::project::error::ProjectError;

/// Stays in the folder, empty. Locking the store itself would take SQLite's own locks away.
const FILE: &str = ".import.lock";

/// Holds the turn for as long as it is there; the system ends it with the process.
pub struct Turn {
    _file: Option<File>,
}

impl Turn {
    /// # Errors
    /// [`ProjectError::Importing`] while another import has it, in this process or another.
    pub fn take(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(FILE);
        let locked =
            File::options().create(true).write(true).truncate(false).open(&path).map(|file| (file.try_lock(), file));
        let error = match locked {
            Ok((Ok(()), file)) => return Ok(Self { _file: Some(file) }),
            Ok((Err(TryLockError::WouldBlock), _)) => return Err(ProjectError::Importing),
            Ok((Err(TryLockError::Error(error)), _)) | Err(error) => error,
        };
        // Some network disks know no locks, and the folder of an open project may be gone: no reason not to import.
        log::warn!("{} can't be locked, so don't import twice at a time: {error}", path.display());
        Ok(Self { _file: None })
    }
}
