//! A file on its way: it grows as `NAME.part` and gets its name only when it is whole and right.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::HubError;
use crate::task::Task;

/// What a file must be to get its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub num_bytes: u64,
    /// In lower-case hexadecimal; `None` where nobody says.
    pub sha256: Option<String>,
}

/// Holds the lock on its file, so that two programs never write into one.
pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    num_bytes: u64,
}

impl Part {
    /// Opens the file to resume from what an earlier fetch left.
    pub fn open(target: &Path, task: &dyn Task) -> Result<Self, HubError> {
        let path = part_path(target);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(HubError::io(folder))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(HubError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(HubError::Busy { path: target.to_owned() }),
            Err(std::fs::TryLockError::Error(source)) => return Err(HubError::Io { path, source }),
        }
        let mut part = Self { target: target.to_owned(), path, file, hasher: Sha256::new(), num_bytes: 0 };
        part.hash_what_is_there(task)?;
        Ok(part)
    }

    pub fn num_bytes(&self) -> u64 {
        self.num_bytes
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(HubError::io(&self.path))?;
        self.hasher.update(bytes);
        self.num_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Begins again from nothing.
    pub fn clear(&mut self) -> Result<(), HubError> {
        self.file.set_len(0).map_err(HubError::io(&self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(HubError::io(&self.path))?;
        self.hasher = Sha256::new();
        self.num_bytes = 0;
        Ok(())
    }

    /// Gives the file its name, or deletes it where it isn't what was expected.
    pub fn finish(self, expected: &Expected) -> Result<PathBuf, HubError> {
        let name = file_name(&self.target);
        if self.num_bytes != expected.num_bytes {
            let error = HubError::WrongSize { file: name, expected: expected.num_bytes, found: self.num_bytes };
            return Err(self.give_up(error));
        }
        let found: String = self.hasher.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(sha256) = expected.sha256.as_deref().filter(|sha256| *sha256 != found) {
            let error = HubError::WrongHash { file: name, expected: sha256.to_owned(), found };
            return Err(self.give_up(error));
        }
        self.file.sync_all().map_err(HubError::io(&self.path))?;
        std::fs::rename(&self.path, &self.target).map_err(HubError::io(&self.target))?;
        Ok(self.target)
    }

    /// Keeps what there is for the next try; nothing is not worth keeping.
    pub fn leave(self) -> Result<(), HubError> {
        if self.num_bytes > 0 {
            return Ok(());
        }
        std::fs::remove_file(&self.path).map_err(HubError::io(&self.path))
    }

    /// A wrong file must not be resumed.
    fn give_up(self, error: HubError) -> HubError {
        match std::fs::remove_file(&self.path) {
            Ok(()) => error,
            Err(source) => HubError::Io { path: self.path, source },
        }
    }

    fn hash_what_is_there(&mut self, task: &dyn Task) -> Result<(), HubError> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            if task.is_stopped() {
                return Err(HubError::Stopped);
            }
            let num_read = self.file.read(&mut buffer).map_err(HubError::io(&self.path))?;
            if num_read == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..num_read]);
            self.num_bytes += num_read as u64;
        }
    }
}

/// Beside the file itself, so that the rename can't cross file systems.
pub(super) fn part_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
