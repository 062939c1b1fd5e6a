//! What a download writes down beside its files: which repository, at which commit, and each file's SHA-256. By it a
//! download is resumed after a restart, and its files can be checked at any time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::part::part_path;
use super::{HubError, RemoteFile, Sources};
use crate::recipe::ModelRef;

const FILE: &str = ".download.json";
const VERSION: u32 = 1;
/// No repository has so many files that its record is longer.
const MAX_BYTES: u64 = 16 << 20;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadRecord {
    version: u32,
    /// What was asked for: `owner/name[@revision][:variant]`.
    pub model: ModelRef,
    pub commit: String,
    pub files: Vec<RemoteFile>,
}

/// A download that was left before it was whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    pub model: ModelRef,
    /// Where its files are.
    pub folder: PathBuf,
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes of all its files.
    pub total: u64,
}

impl DownloadRecord {
    pub(super) fn new(model: ModelRef, commit: String, files: Vec<RemoteFile>) -> Self {
        Self { version: VERSION, model, commit, files }
    }

    /// The record in a model's folder; `None` where there is none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(FILE);
        path.metadata().ok().filter(|metadata| metadata.is_file() && metadata.len() <= MAX_BYTES)?;
        let record: Self = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (record.version == VERSION).then_some(record)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), HubError> {
        let path = folder.join(FILE);
        std::fs::create_dir_all(folder).map_err(HubError::io(folder))?;
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| HubError::Io { path: path.clone(), source: error.into() })?;
        crate::fs::write_atomic(&path, &json).map_err(HubError::io(&path))
    }

    /// Deletes what an earlier download left of files that are others by now: their first half doesn't fit the second.
    pub(super) fn clear_changed(&self, folder: &Path) -> Result<(), HubError> {
        let Some(earlier) = Self::read(folder) else { return Ok(()) };
        for file in &self.files {
            let before = earlier.files.iter().find(|before| before.path == file.path);
            if before.is_some_and(|before| before == file) {
                continue;
            }
            let target = folder.join(&file.path);
            for path in [part_path(&target), target] {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(HubError::io(&path)(error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn num_arrived(&self, folder: &Path) -> u64 {
        let len = |path: &Path| path.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        let arrived = |file: &RemoteFile| {
            let target = folder.join(&file.path);
            len(&target).max(len(&part_path(&target))).min(file.num_bytes)
        };
        self.files.iter().map(arrived).sum()
    }
}

/// Downloads of earlier sessions that can be resumed: fetching the model again does.
pub fn unfinished(sources: &Sources) -> Vec<Unfinished> {
    let entries = sources.models_dirs().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "part"));
    let mut all: Vec<_> = folders
        .filter_map(|folder| {
            let record = DownloadRecord::read(&folder)?;
            let total = record.files.iter().map(|file| file.num_bytes).sum();
            Some(Unfinished { done: record.num_arrived(&folder), total, model: record.model, folder })
        })
        .collect();
    all.sort_by(|a, b| a.folder.cmp(&b.folder));
    all
}

/// Deletes what has arrived of a download.
///
/// # Errors
/// Where the folder can't be deleted; the error names it.
pub fn discard(model: &ModelRef, sources: &Sources) -> Result<(), HubError> {
    for download in unfinished(sources).iter().filter(|download| download.model == *model) {
        std::fs::remove_dir_all(&download.folder).map_err(HubError::io(&download.folder))?;
    }
    Ok(())
}
