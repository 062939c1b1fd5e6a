//! What a person does with runs: notes and stars, which lie in the run's own folder, and the trash.

use std::path::{Path, PathBuf};

use super::error::ProjectError;
use super::state::RunNote;
use super::store::project::Project;

const FILE_NAME: &str = "note.json";

impl RunNote {
    /// Nothing where nothing was kept, or nothing that can be read.
    pub fn read(run_dir: &Path) -> Self {
        let text = std::fs::read(run_dir.join(FILE_NAME)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub fn write(&self, run_dir: &Path) -> Result<(), ProjectError> {
        let path = run_dir.join(FILE_NAME);
        let written = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        // A run that was moved away is not made again as a folder with nothing but a note.
        let is_there = run_dir.is_dir().then_some(()).ok_or_else(|| std::io::ErrorKind::NotFound.into());
        let result = is_there.and(written).and_then(|text| crate::fs::write_atomic(&path, &text));
        result.map_err(|e| ProjectError::io(&path, e))
    }
}

impl Project {
    /// Where deleted runs lie.
    pub fn run_trash(&self) -> PathBuf {
        self.folder().join("trash").join("runs")
    }

    /// Moves runs to the trash. Tells the names of those that were moved, and what kept the rest from it.
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
    pub fn restore_runs(&self, names: &[String]) -> Result<(), ProjectError> {
        let (trash, runs) = (self.run_trash(), self.folder().join("runs"));
        for name in names {
            let from = trash.join(name);
            move_folder(&from, &runs.join(name)).map_err(|e| ProjectError::io(&from, e))?;
        }
        Ok(())
    }
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
    fn notes_are_read_as_they_were_written_and_make_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let note = RunNote { text: "rank 8, „neu“".to_owned(), is_starred: true };
        note.write(folder.path()).unwrap();
        assert_eq!(RunNote::read(folder.path()), note);
        crate::fs::write_atomic(&folder.path().join(FILE_NAME), b"{").unwrap();
        assert_eq!(RunNote::read(folder.path()), RunNote::default(), "half a file is no note");
        assert!(note.write(&folder.path().join("gone")).is_err());
        assert!(!folder.path().join("gone").exists());
    }

    #[test]
    fn deleted_runs_come_back_and_their_names_are_not_given_away() {
        let (_folder, project) = project();
        let (first, second) = (project.create_run_dir().unwrap(), project.create_run_dir().unwrap());
        crate::fs::write_atomic(&second.join("x"), b"mine").unwrap();
        let (moved, error) = project.trash_runs(&[second.clone(), first.join("none")]);
        assert_eq!(moved, [second.file_name().unwrap().to_str().unwrap()]);
        assert!(error.is_some(), "one that isn't there is told");
        assert!(!second.exists() && project.run_trash().read_dir().unwrap().count() == 1);
        let third = project.create_run_dir().unwrap();
        assert!(third != second, "a new run would be in the way of the deleted one");
        project.restore_runs(&moved).unwrap();
        assert_eq!(std::fs::read(second.join("x")).unwrap(), b"mine");
        assert!(project.restore_runs(&moved).is_err());
    }
}
