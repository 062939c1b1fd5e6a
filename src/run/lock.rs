//! A run's folder, held by one program at a time. What is in it and no run wrote is never replaced.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use same_file::Handle;

use super::{RunDir, RunError, RunStatus, Status, checkpoints, is_run};
use crate::fs::name_of;

/// A folder that is held from before the model is loaded until the run ends.
#[derive(Debug)]
pub struct RunLock {
    dir: PathBuf,
    /// The folders that were made for it, the outermost first.
    made: Vec<PathBuf>,
    /// Its file stays when the run has ended: whoever deletes it takes it from the next who waits for it.
    lock: Option<File>,
    /// Whether the folder was marked as a run's before there is one.
    is_marked: bool,
}

impl RunLock {
    /// Makes the folder if need be, and holds it.
    ///
    /// # Errors
    /// Where another program trains there, it can't be written to, or something in it would be replaced that no run
    /// wrote.
    pub fn claim(dir: &Path) -> Result<Self, RunError> {
        check_place(dir)?;
        check_contents(dir)?;
        let mut made: Vec<PathBuf> =
            dir.ancestors().take_while(|folder| is_missing(folder)).map(Path::to_owned).collect();
        made.reverse();
        let mut folder = Self { dir: dir.to_owned(), made, lock: None, is_marked: false };
        folder.lock = Some(lock(dir)?);
        // Another run may have come and gone since.
        check_contents(dir)?;
        Ok(folder)
    }

    /// Checks that it could be claimed, before a model is fetched or loaded for it.
    ///
    /// # Errors
    /// As for [`Self::claim`].
    pub fn check(dir: &Path) -> Result<(), RunError> {
        Self::claim(dir).map(drop)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Marks the folder as a run's, so that a program that is killed now can begin again; call it before the run's data
    /// are written. Should the run not begin, what was written is deleted with the lock.
    ///
    /// # Errors
    /// [`RunError::Unusable`] if a file lies there that no run wrote, [`RunError::Io`] when it can't be written.
    pub fn mark(&mut self) -> Result<(), RunError> {
        let dir = RunDir(&self.dir);
        if !is_run(&self.dir)
            && let Some(taken) = dir.frozen_files().iter().find(|path| path.symlink_metadata().is_ok())
        {
            let name = taken.strip_prefix(&self.dir).unwrap_or(taken).display();
            let reason = format!("a file {name} that no run wrote lies there, and would be replaced");
            return Err(RunError::Unusable { path: self.dir.clone(), reason });
        }
        self.is_marked = !dir.has_begun();
        Status::new(RunStatus::Running).write(&self.dir)
    }

    /// A run that has not begun leaves none of its files behind.
    fn unmark(&self) {
        let dir = RunDir(&self.dir);
        if self.is_marked && !dir.has_begun() {
            for path in dir.frozen_files().iter().chain([&dir.status(), &dir.inputs()]) {
                let _ = std::fs::remove_file(path);
            }
            // One that holds something else stays.
            let _ = std::fs::remove_dir(dir.data());
        }
    }
}

impl Drop for RunLock {
    /// What ended before it was a run leaves nothing behind.
    fn drop(&mut self) {
        let Some(_held) = self.lock.take() else { return };
        self.unmark();
        if RunDir(&self.dir).status().exists() {
            return;
        }
        // While it is held: deleted later, it might be another's by then.
        let _ = std::fs::remove_file(RunDir(&self.dir).lock());
        for folder in self.made.iter().rev() {
            // One that holds something stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.exists()
}

/// Checks that no file is where the folder is to be.
fn check_place(dir: &Path) -> Result<(), RunError> {
    let existing = dir.ancestors().find(|folder| folder.symlink_metadata().is_ok());
    let Some(existing) = existing else { return Ok(()) };
    let reason = match existing.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) if existing == dir => "it is a file, and a run needs a folder".to_owned(),
        Ok(_) => format!("{} is a file, so that no folder can be made in it", existing.display()),
        Err(_) => format!("{} is a link to something that isn't there", existing.display()),
    };
    Err(RunError::Unusable { path: dir.to_owned(), reason })
}

/// The names that a run writes are free, or a run's.
fn check_contents(dir: &Path) -> Result<(), RunError> {
    let paths = RunDir(dir);
    let is_taken = |path: &Path| path.symlink_metadata().is_ok();
    let file = RunDir::FILES.into_iter().find(|name| is_taken(&dir.join(name)));
    let (kind, name) = match file {
        Some(name) => ("a file", name.to_owned()),
        None if is_taken(&paths.checkpoints()) => ("a folder", name_of(&paths.checkpoints())),
        None => return Ok(()),
    };
    // A run whose status was damaged; its recipe must still be the same.
    let is_damaged_run =
        || paths.recipe().is_file() && paths.metrics().is_file() && checkpoints::last_step(dir).is_some();
    if is_run(dir) || is_damaged_run() {
        return Ok(());
    }
    let reason = format!("{kind} {name} that no run wrote lies there, and would be replaced");
    Err(RunError::Unusable { path: dir.to_owned(), reason })
}

/// Who ends before there is a run deletes the folder and the lock's file again, perhaps just now.
const MAX_TRIES: usize = 100;

fn lock(dir: &Path) -> Result<File, RunError> {
    let path = RunDir(dir).lock();
    for _ in 0..MAX_TRIES {
        std::fs::create_dir_all(dir).map_err(unusable(dir))?;
        let file = match File::options().create(true).write(true).truncate(false).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            opened => opened.map_err(unusable(dir))?,
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => {
                // Some network disks know no locks; one can train there all the same.
                log::warn!("{} can't be locked, so don't train there twice at a time: {error}", dir.display());
                return Ok(file);
            }
        }
    }
    Err(RunError::Unusable { path: dir.to_owned(), reason: "another Tunewright trains there".to_owned() })
}

/// Whether it is still this file that has the name.
fn is_at(file: &File, path: &Path) -> bool {
    let same = || Ok::<_, std::io::Error>(Handle::from_file(file.try_clone()?)? == Handle::from_path(path)?);
    same().unwrap_or(false)
}

fn unusable(dir: &Path) -> impl FnOnce(std::io::Error) -> RunError {
    let path = dir.to_owned();
    move |error| RunError::Unusable { path, reason: format!("it can't be written to ({error})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(dir: &Path) -> String {
        RunLock::claim(dir).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_held_by_one_and_leaves_no_trace_without_a_run() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("deep/er run 🍵");
        let folder = RunLock::claim(&dir).unwrap();
        assert!(refused(&dir).ends_with("another Tunewright trains there"));
        assert!(dir.is_dir(), "the one that was refused deleted the folder of the other");
        drop(folder);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);

        let folder = RunLock::claim(&dir).unwrap();
        crate::fs::write_atomic(&dir.join("status.json"), br#"{"status": "running", "num_steps": 3}"#).unwrap();
        crate::fs::write_atomic(&dir.join("recipe.toml"), b"x").unwrap();
        drop(folder);
        assert!(RunLock::claim(&dir).is_ok(), "a run's own files were taken for a person's");
    }

    #[test]
    fn what_no_run_wrote_is_never_in_the_way_of_one() {
        for name in RunDir::FILES.into_iter().chain(["checkpoints"]) {
            let root = tempfile::tempdir().unwrap();
            crate::fs::write_atomic(&root.path().join("notes.txt"), b"mine").unwrap();
            assert!(RunLock::claim(root.path()).is_ok());
            let path = root.path().join(name);
            if name == "checkpoints" { std::fs::create_dir(&path) } else { crate::fs::write_atomic(&path, b"mine") }
                .unwrap();
            assert!(refused(root.path()).contains(&format!("{name} that no run wrote")), "{name}");
            assert!(!RunDir(root.path()).lock().exists(), "{name}");
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
