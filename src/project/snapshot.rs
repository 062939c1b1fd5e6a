//! What a run is trained on, frozen: the examples of each split as OpenAI messages, with their hashes.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::ProjectError;
use super::store::project::Project;
use crate::data::Split;
use crate::run::{RunDir, sums_text};

/// One split's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    pub path: PathBuf,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    pub num_examples: u64,
}

impl SnapshotFile {
    pub fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// The files of a run's `data` folder; a split without examples has none, but `train` is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub train: SnapshotFile,
    pub validation: Option<SnapshotFile>,
    pub test: Option<SnapshotFile>,
}

impl Project {
    /// Writes `data/train.jsonl`, `val.jsonl` and `test.jsonl` of a run, and `data/SHA256SUMS`, which
    /// `sha256sum --check` understands.
    ///
    /// # Errors
    /// Where the store can't be read, or a file can't be written; the error names the file.
    pub fn snapshot(&self, run_dir: &Path) -> Result<Snapshot, ProjectError> {
        // One read transaction, so that an edit in between can't move an example from one file to the next.
        let tx = self.db.unchecked_transaction()?;
        let dir = RunDir(run_dir);
        let train = self.write_split(Split::Train, dir.data_of(Split::Train))?;
        let validation = self.write_held_out(Split::Validation, dir.data_of(Split::Validation))?;
        let test = self.write_held_out(Split::Test, dir.data_of(Split::Test))?;
        tx.finish()?;
        let files = [Some(&train), validation.as_ref(), test.as_ref()];
        let named: Vec<_> = files.into_iter().flatten().map(|file| (file.sha256.as_str(), file.name())).collect();
        let sums = sums_text(named.iter().map(|(sha256, name)| (*sha256, name.as_str())));
        let path = dir.data_sums();
        crate::fs::write_atomic(&path, sums.as_bytes()).map_err(|e| ProjectError::io(&path, e))?;
        Ok(Snapshot { train, validation, test })
    }

    fn write_held_out(&self, split: Split, path: PathBuf) -> Result<Option<SnapshotFile>, ProjectError> {
        let mut is_empty = true;
        self.for_each_example(split, &mut |_| {
            is_empty = false;
            ControlFlow::Break(())
        })?;
        if is_empty { Ok(None) } else { self.write_split(split, path).map(Some) }
    }

    fn write_split(&self, split: Split, path: PathBuf) -> Result<SnapshotFile, ProjectError> {
        let mut hash = Sha256::new();
        let mut num_examples = 0;
        let mut read = Ok(());
        let written = crate::fs::stream_atomic(&path, |out| {
            let mut write = Ok(());
            read = self.for_each_example(split, &mut |stored| {
                write = serde_json::to_string(&stored.example).map_err(Into::into).and_then(|line| {
                    let line = line + "\n";
                    hash.update(line.as_bytes());
                    num_examples += 1;
                    out.write_all(line.as_bytes())
                });
                if write.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if read.is_err() { Err(std::io::Error::other("the store can't be read")) } else { write }
        });
        read?;
        written.map_err(|e| ProjectError::io(&path, e))?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(SnapshotFile { path, sha256, num_examples })
    }
}
