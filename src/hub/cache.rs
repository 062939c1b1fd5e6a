//! The layout of the Hugging Face cache: `models--OWNER--NAME/{refs/REVISION, snapshots/COMMIT/FILE}`, and the same with
//! `datasets`. Python programs put links to `blobs/` into the snapshots; files do as well, and need no links.

use std::path::{Path, PathBuf};

use super::HubError;
use super::outside::{is_file_name, is_revision};

/// One repository in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CachedRepo {
    /// `owner/name`.
    pub id: String,
    folder: PathBuf,
}

impl CachedRepo {
    /// All model repositories; none where there is no cache.
    pub fn all(cache: &Path) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(cache) else { return Vec::new() };
        let mut repos: Vec<Self> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let id = name.strip_prefix("models--")?.replacen("--", "/", 1);
                Some(Self { id, folder: entry.path() })
            })
            .collect();
        repos.sort_by(|a, b| a.id.cmp(&b.id));
        repos
    }

    /// A model's repository.
    pub fn named(cache: &Path, id: &str) -> Self {
        Self::of_kind("models", cache, id)
    }

    pub fn dataset(cache: &Path, id: &str) -> Self {
        Self::of_kind("datasets", cache, id)
    }

    fn of_kind(kind: &str, cache: &Path, id: &str) -> Self {
        Self { id: id.to_owned(), folder: cache.join(format!("{kind}--{}", id.replace('/', "--"))) }
    }

    /// Where the files of a commit are, or will be.
    pub fn commit_folder(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Notes what a branch or tag stands for now.
    pub fn set_ref(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if !is_revision(revision) {
            return Err(HubError::BadRevision { text: revision.to_owned() });
        }
        let path = self.folder.join("refs").join(revision);
        crate::fs::write_atomic(&path, commit.as_bytes()).map_err(HubError::io(&path))
    }

    /// The folder of a branch, a tag or a commit, if it was fetched.
    pub fn snapshot(&self, revision: &str) -> Option<PathBuf> {
        let commit = self.commit_of(revision).unwrap_or_else(|| revision.to_owned());
        is_file_name(&commit).then_some(())?;
        Some(self.folder.join("snapshots").join(commit)).filter(|folder| folder.is_dir())
    }

    /// All fetched commits with their folders.
    pub fn snapshots(&self) -> Vec<(String, PathBuf)> {
        let Ok(entries) = std::fs::read_dir(self.folder.join("snapshots")) else { return Vec::new() };
        let mut snapshots: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
            .collect();
        snapshots.sort();
        snapshots
    }

    /// What a branch or tag stood for when it was fetched.
    pub fn commit_of(&self, revision: &str) -> Option<String> {
        is_revision(revision).then_some(())?;
        let text = std::fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        Some(text.trim().to_owned())
    }
}
