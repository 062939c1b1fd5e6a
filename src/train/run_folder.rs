//! A run's folder, held by one program at a time. What lies in it and no run wrote is never replaced.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::checkpoint;
use super::error::TrainError;
use super::messages;
use crate::recipe::run_mark::is_run;

/// What a run writes; a file of one of these names is either a run's or a person's.
const NAMES: [&str; 6] =
    ["recipe.toml", "metrics.jsonl", "status.json", "inputs.json", messages::FILE_NAME, "checkpoints"];
/// Stays when the run has ended: whoever deletes a lock's file takes it from the next who waits for it.
const LOCK: &str = ".lock";

/// From before the model is loaded until the run ends.
#[derive(Debug)]
pub struct RunFolder {
    dir: PathBuf,
    /// The folders that were made for it, the outermost first.
    made: Vec<PathBuf>,
    lock: Option<File>,
}

impl RunFolder {
    /// Makes the folder if need be, and holds it. An error if another program trains there, if it can't be written to, or
    /// if something in it would be replaced that no run wrote.
    pub fn claim(dir: &Path) -> Result<Self, TrainError> {
        check_place(dir)?;
        check_contents(dir)?;
        let mut made: Vec<PathBuf> =
            dir.ancestors().take_while(|folder| is_missing(folder)).map(Path::to_owned).collect();
        made.reverse();
        std::fs::create_dir_all(dir).map_err(unusable(dir))?;
        let mut folder = Self { dir: dir.to_owned(), made, lock: None };
        folder.lock = Some(lock(dir)?);
        Ok(folder)
    }

    /// Whether it could be claimed: to be asked before a model is fetched or loaded for it.
    pub fn check(dir: &Path) -> Result<(), TrainError> {
        Self::claim(dir).map(drop)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for RunFolder {
    /// What ended before it was a run leaves nothing behind.
    fn drop(&mut self) {
        // Before its file is deleted: some systems keep an open file's name.
        let held = self.lock.take().is_some();
        if !held || self.dir.join("status.json").exists() {
            return;
        }
        let _ = std::fs::remove_file(self.dir.join(LOCK));
        for folder in self.made.iter().rev() {
            // One that holds something stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

/// No file stands where the folder is to be.
fn check_place(dir: &Path) -> Result<(), TrainError> {
    let existing = dir.ancestors().find(|folder| folder.symlink_metadata().is_ok());
    let Some(existing) = existing else { return Ok(()) };
    let reason = match existing.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) if existing == dir => "it is a file, and a run needs a folder".to_owned(),
        Ok(_) => format!("{} is a file, so that no folder can be made in it", existing.display()),
        Err(_) => format!("{} is a link to something that isn't there", existing.display()),
    };
    Err(TrainError::RunFolder { path: dir.to_owned(), reason })
}

/// The names that a run writes are free, or a run's.
fn check_contents(dir: &Path) -> Result<(), TrainError> {
    let taken = |name: &&&str| dir.join(name).symlink_metadata().is_ok();
    let Some(name) = NAMES.iter().find(taken) else { return Ok(()) };
    // Of a run whose status was damaged; its recipe must still be the same.
    let is_damaged_run = || {
        ["recipe.toml", "metrics.jsonl"].iter().all(|name| dir.join(name).is_file()) && checkpoint::last(dir).is_some()
    };
    if is_run(dir) || is_damaged_run() {
        return Ok(());
    }
    let kind = if *name == "checkpoints" { "a folder" } else { "a file" };
    let reason = format!("{kind} {name} that no run wrote lies there, and would be replaced");
    Err(TrainError::RunFolder { path: dir.to_owned(), reason })
}

fn lock(dir: &Path) -> Result<File, TrainError> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(unusable(dir))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(TrainError::RunFolder { path: dir.to_owned(), reason: "another Tunewright trains there".to_owned() })
        }
        Err(TryLockError::Error(error)) => {
            // Some network disks know no locks; that is no reason not to train there.
            log::warn!("{} can't be locked, so don't train there twice at a time: {error}", dir.display());
            Ok(file)
        }
    }
}

fn unusable(dir: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = dir.to_owned();
    move |error| TrainError::RunFolder { path, reason: format!("it can't be written to ({error})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(dir: &Path) -> String {
        RunFolder::claim(dir).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_held_by_one_and_leaves_no_trace_without_a_run() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("deep/er run 🍵");
        let folder = RunFolder::claim(&dir).unwrap();
        assert!(refused(&dir).ends_with("another Tunewright trains there"));
        assert!(dir.is_dir(), "the one that was refused deleted the folder of the other");
        drop(folder);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);

        let folder = RunFolder::claim(&dir).unwrap();
        crate::fs::write_atomic(&dir.join("status.json"), br#"{"status": "running", "num_steps": 3}"#).unwrap();
        crate::fs::write_atomic(&dir.join("recipe.toml"), b"x").unwrap();
        drop(folder);
        assert!(RunFolder::claim(&dir).is_ok(), "a run's own files were taken for a person's");
    }

    #[test]
    fn what_no_run_wrote_is_never_in_the_way_of_one() {
        for name in NAMES {
            let root = tempfile::tempdir().unwrap();
            crate::fs::write_atomic(&root.path().join("notes.txt"), b"mine").unwrap();
            assert!(RunFolder::claim(root.path()).is_ok());
            let path = root.path().join(name);
            if name == "checkpoints" { std::fs::create_dir(&path) } else { crate::fs::write_atomic(&path, b"mine") }
                .unwrap();
            assert!(refused(root.path()).contains(&format!("{name} that no run wrote")), "{name}");
            assert!(!root.path().join(LOCK).exists(), "{name}");
        }
    }

    #[test]
    fn a_file_in_the_place_is_told() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        crate::fs::write_atomic(&file, b"mine").unwrap();
        assert!(refused(&file).ends_with("it is a file, and a run needs a folder"));
        assert!(refused(&file.join("a/b")).ends_with("file is a file, so that no folder can be made in it"));
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    }
}
