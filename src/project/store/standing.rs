//! Whether the store that is open is still the one that lies in its folder, and how it is saved elsewhere.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OptionalExtension, params};
use walkdir::WalkDir;

use super::file_id::FileId;
use super::project::Project;
use super::schema::STORE_FILE;
use crate::project::error::ProjectError;
use crate::task::{Task, Unit};

/// Whether what the person does reaches the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Standing {
    #[default]
    Saved,
    /// The folder or its store is not there any more. What was open can still be read, and saved elsewhere.
    Gone,
    /// Another store lies in its place.
    Replaced,
    /// It lies on a disk that can't be written to, and was opened for reading.
    ReadOnly,
    /// It is there and can't be written, and why.
    Unwritable(String),
}

/// What became of the files beside the store when a project was saved elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SavedAs {
    pub num_copied: u64,
    /// That could not be read.
    pub num_lost: u64,
}

/// Pages of a store between two looks whether it is still wanted.
const PAGES_AT_ONCE: i32 = 4096;

impl Project {
    /// Looks at the folder, not at the store: cheap.
    pub fn standing(&self) -> Standing {
        match FileId::of(&self.folder().join(STORE_FILE)) {
            None => Standing::Gone,
            found if found == self.file && self.is_read_only() => Standing::ReadOnly,
            found if found == self.file => Standing::Saved,
            Some(_) => Standing::Replaced,
        }
    }

    /// [`Self::standing`], and where an earlier copy of this store is in its place, it is brought up to this one.
    ///
    /// # Errors
    /// Where the store in the folder can't be read or brought up to this one, or the task was stopped.
    pub fn look_again(&mut self, task: &dyn Task) -> Result<Standing, ProjectError> {
        let standing = self.standing();
        if standing == Standing::ReadOnly {
            *self = Self::open(self.folder())?;
            return Ok(self.standing());
        }
        if standing != Standing::Replaced {
            return Ok(standing);
        }
        let Ok(mut other) = Self::open(self.folder()) else { return Ok(Standing::Replaced) };
        if !self.goes_on_from(&other.db)? {
            return Ok(Standing::Replaced);
        }
        copy(&self.db, &mut other.db, task)?;
        // Opened afresh: what it keeps of its rows was of before.
        *self = Self::open(self.folder())?;
        Ok(Standing::Saved)
    }

    /// Whether the last thing that was done in the other store was done in this one, too.
    fn goes_on_from(&self, other: &Connection) -> Result<bool, ProjectError> {
        let last = "SELECT seq, at, label FROM journal WHERE at IS NOT NULL ORDER BY seq DESC LIMIT 1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let Some((seq, at, label)) = other.query_row(last, [], read).optional()? else { return Ok(false) };
        let (seq, at, label): (i64, i64, String) = (seq, at, label);
        let same = "SELECT count(*) FROM journal WHERE seq = ? AND at = ? AND label = ?";
        let num: i64 = self.db.query_row(same, params![seq, at, label], |row| row.get(0))?;
        Ok(num > 0)
    }

    /// Writes the store as it is now into another folder, with what can be read of the files beside it. The folder's
    /// store is whole or not there.
    ///
    /// # Errors
    /// [`ProjectError::Exists`] where the folder holds a project, [`ProjectError::Io`] where it can't be written,
    /// [`ProjectError::Stopped`] where the task was stopped.
    pub fn save_as(&self, to: &Path, task: &dyn Task) -> Result<SavedAs, ProjectError> {
        let io = |e| ProjectError::io(to, e);
        let target = to.join(STORE_FILE);
        if target.exists() {
            return Err(ProjectError::Exists { folder: to.into() });
        }
        std::fs::create_dir_all(to).map_err(io)?;
        let saved = copy_runs(self.folder(), to, task)?;
        let file = crate::fs::temporary(to, ".project-", ".db").map_err(io)?;
        let mut db = Connection::open(file.path())?;
        copy(&self.db, &mut db, task)?;
        db.close().map_err(|(_, e)| e)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist_noclobber(&target).map_err(|e| io(e.error))?;
        Ok(saved)
    }
}

fn copy(from: &Connection, to: &mut Connection, task: &dyn Task) -> Result<(), ProjectError> {
    let backup = Backup::new(from, to)?;
    while backup.step(PAGES_AT_ONCE)? != StepResult::Done {
        if task.is_stopped() {
            return Err(ProjectError::Stopped);
        }
    }
    Ok(())
}

/// Runs, with their weights; a file that can't be read is counted, and the others are copied.
fn copy_runs(from: &Path, to: &Path, task: &dyn Task) -> Result<SavedAs, ProjectError> {
    let mut saved = SavedAs::default();
    if !from.join("runs").is_dir() {
        return Ok(saved);
    }
    for entry in WalkDir::new(from.join("runs")) {
        if task.is_stopped() {
            return Err(ProjectError::Stopped);
        }
        let Ok(entry) = entry else {
            saved.num_lost += 1;
            continue;
        };
        let Ok(inside) = entry.path().strip_prefix(from) else { continue };
        let target = to.join(inside);
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).map_err(|e| ProjectError::io(&target, e))?;
            continue;
        }
        match std::fs::copy(entry.path(), &target) {
            Ok(_) => {
                saved.num_copied += 1;
                task.progress(saved.num_copied, None, Unit::Files);
            }
            Err(e) if is_of_target(&e) => return Err(ProjectError::io(&target, e)),
            Err(_) => saved.num_lost += 1,
        }
    }
    Ok(saved)
}

/// Nothing more would get there.
fn is_of_target(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Example, Message, Role, Split};
    use crate::project::Edit;
    use crate::task::Unwatched;

    fn add(project: &mut Project, text: &str) -> Result<(), ProjectError> {
        let messages = vec![Message::new(Role::User, text), Message::new(Role::Assistant, "yes")];
        project.apply(&Edit::Insert { example: Example { messages, ..Example::default() }, split: Split::Train })?;
        Ok(())
    }

    fn num(folder: &Path) -> u64 {
        Project::open(folder).unwrap().counts().unwrap().total()
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_goes_away_and_comes_back_has_what_was_done_meanwhile() {
        let root = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (root.path().join("p"), root.path().join("q"));
        let mut project = Project::create(&folder).unwrap();
        add(&mut project, "before").unwrap();
        assert_eq!(project.standing(), Standing::Saved);
        std::fs::rename(&folder, &elsewhere).unwrap();
        add(&mut project, "meanwhile").unwrap();
        assert_eq!(project.standing(), Standing::Gone);
        assert_eq!(project.look_again(&Unwatched).unwrap(), Standing::Gone);
        std::fs::rename(&elsewhere, &folder).unwrap();
        assert_eq!(project.look_again(&Unwatched).unwrap(), Standing::Saved);
        drop(project);
        assert_eq!(num(&folder), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_deleted_project_is_saved_elsewhere_or_over_an_earlier_copy_of_it_and_never_over_another() {
        let root = tempfile::tempdir().unwrap();
        let (folder, copy, saved) = (root.path().join("p"), root.path().join("copy"), root.path().join("saved"));
        let mut project = Project::create(&folder).unwrap();
        add(&mut project, "before").unwrap();
        crate::fs::write_atomic(&folder.join("runs/1/status.json"), b"{}").unwrap();
        assert_eq!(project.save_as(&copy, &Unwatched).unwrap(), SavedAs { num_copied: 1, num_lost: 0 });
        assert!(copy.join("runs/1/status.json").is_file());

        std::fs::remove_dir_all(&folder).unwrap();
        add(&mut project, "meanwhile").unwrap();
        assert_eq!(project.save_as(&saved, &Unwatched).unwrap(), SavedAs::default());
        assert_eq!(num(&saved), 2);
        assert!(matches!(project.save_as(&saved, &Unwatched), Err(ProjectError::Exists { .. })));

        add(&mut Project::create(&folder).unwrap(), "somebody else's").unwrap();
        assert_eq!(project.look_again(&Unwatched).unwrap(), Standing::Replaced);
        assert_eq!(num(&folder), 1);
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::rename(&copy, &folder).unwrap();
        assert_eq!(project.look_again(&Unwatched).unwrap(), Standing::Saved);
        add(&mut project, "after").unwrap();
        drop(project);
        assert_eq!(num(&folder), 3);
    }

    #[test]
    fn a_full_disk_is_told_from_a_mistake() {
        let root = tempfile::tempdir().unwrap();
        let mut project = Project::create(&root.path().join("p")).unwrap();
        let num_pages: i64 = project.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        project.db.pragma_update(None, "max_page_count", num_pages).unwrap();
        let error = add(&mut project, &"long ".repeat(100_000)).unwrap_err();
        assert!(error.is_of_storage(), "{error}");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(!ProjectError::NoSuchExample { id: 1 }.is_of_storage());
    }
}
