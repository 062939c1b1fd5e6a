//! What a person keeps about a run.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunDir, RunError};
use crate::fs::write_atomic;

/// The content of `note.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunNote {
    pub text: String,
    pub is_starred: bool,
}

impl RunNote {
    /// Nothing where nothing was kept, or nothing that can be read.
    pub fn read(run_dir: &Path) -> Self {
        let text = std::fs::read(RunDir(run_dir).note()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// # Errors
    /// [`RunError::Io`] when it can't be written, also because the run was moved away: its folder isn't made again with
    /// nothing but a note.
    pub fn write(&self, run_dir: &Path) -> Result<(), RunError> {
        let path = RunDir(run_dir).note();
        let written = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        let is_there = run_dir.is_dir().then_some(()).ok_or_else(|| std::io::ErrorKind::NotFound.into());
        let result = is_there.and(written).and_then(|text| write_atomic(&path, &text));
        result.map_err(RunError::io(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_they_were_written_and_make_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let note = RunNote { text: "rank 8, „neu“".to_owned(), is_starred: true };
        note.write(folder.path()).unwrap();
        assert_eq!(RunNote::read(folder.path()), note);
        write_atomic(&RunDir(folder.path()).note(), b"{").unwrap();
        assert_eq!(RunNote::read(folder.path()), RunNote::default(), "half a file isn't a note");
        assert!(note.write(&folder.path().join("gone")).is_err());
        assert!(!folder.path().join("gone").exists());
    }
}
