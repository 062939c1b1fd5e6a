//! Where a project's runs are, and where deleted ones go.

use std::path::{Path, PathBuf};

use super::error::ProjectError;
use super::store::project::Project;
use super::store::schema::STORE_FILE;
use crate::run::{self, RunError, RunRecord};

/// The project that a run lies in, if it lies in one.
pub fn project_of_run(run_dir: &Path) -> Option<PathBuf> {
    let run_dir = std::path::absolute(run_dir).ok()?;
    let runs = run_dir.parent().filter(|folder| folder.ends_with(RUNS))?;
    let project = runs.parent()?;
    project.join(STORE_FILE).is_file().then(|| project.to_owned())
}

const RUNS: &str = "runs";

impl Project {
    pub fn runs_dir(&self) -> PathBuf {
        self.folder().join(RUNS)
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// [`RunError::Io`] when the folder of runs is there and can't be read.
    pub fn runs(&self) -> Result<Vec<RunRecord>, RunError> {
        run::list(&self.runs_dir())
    }

    /// A new folder in `runs`, named by today's date and a count.
    ///
    /// # Errors
    /// [`ProjectError::Io`] where the folder can't be made.
    pub fn create_run_dir(&self) -> Result<PathBuf, ProjectError> {
        let runs = self.runs_dir();
        std::fs::create_dir_all(&runs).map_err(|e| ProjectError::io(&runs, e))?;
        let date = jiff::Zoned::now().date().to_string();
        // Continues from the highest count, among the deleted ones too, which may come back: a deleted run's name is
        // not used again while later ones are there.
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

    /// The folder of deleted runs.
    pub fn run_trash(&self) -> PathBuf {
        self.folder().join("trash").join("runs")
    }

    /// Moves runs to the trash. Gives the names of those that were moved, and what kept the rest from it.
    pub fn trash_runs(&self, run_dirs: &[PathBuf]) -> (Vec<String>, Option<ProjectError>) {
        let trash = self.run_trash();
        let mut moved = Vec::new();
        for run_dir in run_dirs {
            let Some(name) = run_dir.file_name() else { continue };
            let result = std::fs::create_dir_all(&trash).and_then(|()| move_folder(run_dir, &trash.join(name)));
            if let Err(error) = result {
                return (moved, Some(ProjectError::io(run_dir, error)));
            }
            moved.push(name.to_string_lossy().into_owned());
        }
        (moved, None)
    }

    /// Takes runs back from the trash.
    ///
    /// # Errors
    /// [`ProjectError::Io`] where a run can't be moved, or its name is taken; those before it are back.
    pub fn restore_runs(&self, names: &[String]) -> Result<(), ProjectError> {
        let (trash, runs) = (self.run_trash(), self.runs_dir());
        for name in names {
            let from = trash.join(name);
            move_folder(&from, &runs.join(name)).map_err(|e| ProjectError::io(&from, e))?;
        }
        Ok(())
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

/// Never over one that is there.
fn move_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::create(&folder.path().join("p")).unwrap();
        (folder, project)
    }

    #[test]
    fn deleted_runs_come_back_and_their_names_are_not_given_away() {
        let (_folder, project) = project();
        let (first, second) = (project.create_run_dir().unwrap(), project.create_run_dir().unwrap());
        crate::fs::write_atomic(&second.join("x"), b"mine").unwrap();
        let (moved, error) = project.trash_runs(&[second.clone(), first.join("none")]);
        assert_eq!(moved, [second.file_name().unwrap().to_str().unwrap()]);
        assert!(error.is_some(), "one that isn't there is reported");
        assert!(!second.exists() && project.run_trash().read_dir().unwrap().count() == 1);
        let third = project.create_run_dir().unwrap();
        assert!(third != second, "a new run would be in the way of the deleted one");
        project.restore_runs(&moved).unwrap();
        assert_eq!(std::fs::read(second.join("x")).unwrap(), b"mine");
        assert!(project.restore_runs(&moved).is_err());
    }
}
