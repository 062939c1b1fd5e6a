//! What a run is trained on, frozen: the examples of each split as OpenAI messages, with their hashes.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::ProjectError;
use super::store::project::Project;
use crate::data::Split;

/// One split's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    pub path: PathBuf,
    /// In hexadecimal digits.
    pub sha256: String,
    pub num_examples: u64,
}

/// The files of a run's `data` folder; a split without examples has none, but `train` is always there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub train: SnapshotFile,
    pub validation: Option<SnapshotFile>,
    pub test: Option<SnapshotFile>,
}

impl Project {
    /// A new folder in `runs`, named by today's date and a count.
    pub fn create_run_dir(&self) -> Result<PathBuf, ProjectError> {
        let runs = self.folder().join("runs");
        std::fs::create_dir_all(&runs).map_err(|e| ProjectError::io(&runs, e))?;
        let date = jiff::Zoned::now().date().to_string();
        // Counting on from the highest: a deleted run's name is not used again while later ones are there.
        // Also among the deleted ones, which may come back.
        let trash = self.run_trash();
        let last = |folder: &Path| last_count(folder, &date).map_err(|e| ProjectError::io(folder, e));
        let mut count = last(&runs)?.max(if trash.is_dir() { last(&trash)? } else { 0 }) + 1;
        loop {
            let run_dir = runs.join(format!("{date}-{count}"));
            match std::fs::create_dir(&run_dir) {
                Ok(()) => return Ok(run_dir),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => count += 1,
                Err(e) => return Err(ProjectError::io(&run_dir, e)),
            }
        }
    }

    /// Writes `data/train.jsonl`, `val.jsonl` and `test.jsonl` of a run, and `data/SHA256SUMS`, which
    /// `sha256sum --check` understands.
    pub fn snapshot(&self, run_dir: &Path) -> Result<Snapshot, ProjectError> {
        // One read transaction, so that an edit in between can't move an example from one file to the next.
        let tx = self.db.unchecked_transaction()?;
        let folder = run_dir.join("data");
        let train = self.write_split(Split::Train, folder.join("train.jsonl"))?;
        let validation = self.write_held_out(Split::Validation, folder.join("val.jsonl"))?;
        let test = self.write_held_out(Split::Test, folder.join("test.jsonl"))?;
        tx.finish()?;
        let mut sums = String::new();
        for file in [Some(&train), validation.as_ref(), test.as_ref()].into_iter().flatten() {
            let name = file.path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
            sums.push_str(&format!("{}  {name}\n", file.sha256));
        }
        let path = folder.join("SHA256SUMS");
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

/// The highest count of the runs of a day; 0 if there are none.
fn last_count(runs: &Path, date: &str) -> std::io::Result<u32> {
    let mut last = 0;
    for entry in std::fs::read_dir(runs)? {
        let name = entry?.file_name();
        let count = name.to_str().and_then(|name| name.strip_prefix(date)?.strip_prefix('-')?.parse().ok());
        last = last.max(count.unwrap_or(0));
    }
    Ok(last)
}
