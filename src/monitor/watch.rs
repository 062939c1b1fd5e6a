//! A folder that other programs put files of new examples into.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::MonitorError;
use super::batches::{AddRequest, Added, Monitor};
use crate::data::files::ENDINGS;
use crate::fs::{is_unfinished, name_of};
use crate::task::Task;
use crate::words::count;

/// A file that was written to less long ago may not be whole.
const SETTLED: Duration = Duration::from_secs(2);

impl Monitor {
    /// Takes in every file of a folder that isn't known yet, in the order of their names; not those in folders below it. A
    /// file that is still being written, or can't be read, is told and doesn't keep the others from coming in.
    ///
    /// # Errors
    /// Where the folder can't be read, a batch can't be written, or the task was stopped.
    pub fn add_new_of(&self, folder: &Path, request: &AddRequest, task: &dyn Task) -> Result<Added, MonitorError> {
        if !folder.is_dir() {
            return Err(MonitorError::NotAFolder { path: folder.into() });
        }
        let (files, num_others) = files_of(folder)?;
        let mut added = Added::default();
        if num_others > 0 {
            let files = count(num_others, "file isn't", "files aren't");
            added.notes.push(format!("{files} of a kind that holds examples"));
        }
        for path in files {
            if !is_settled(&path) {
                added.notes.push(format!("{} is still being written, and waits for the next time", path.display()));
                continue;
            }
            match self.add(&path, request, task) {
                // Those that were added before are no news here.
                Ok(of_file) if of_file.batches.is_empty() => {}
                Ok(of_file) => {
                    added.batches.extend(of_file.batches);
                    let name = name_of(&path);
                    added.notes.extend(of_file.notes.into_iter().map(|note| format!("{name}: {note}")));
                }
                Err(MonitorError::Import(error)) if !error.is_stopped() => {
                    added.notes.push(format!("Left out: {error}"));
                }
                Err(MonitorError::BeingWritten { path }) => {
                    added.notes.push(format!("{} is still being written, and waits for the next time", path.display()));
                }
                Err(error) => return Err(error),
            }
        }
        added.batches.sort_by(|a, b| (&a.date, &a.name).cmp(&(&b.date, &b.name)));
        Ok(added)
    }
}

/// Files with examples by their names, and how many others there are.
fn files_of(folder: &Path) -> Result<(Vec<PathBuf>, usize), MonitorError> {
    let (mut files, mut num_others) = (Vec::new(), 0);
    for entry in std::fs::read_dir(folder).map_err(MonitorError::io(folder))? {
        let path = entry.map_err(MonitorError::io(folder))?.path();
        if !path.is_file() || is_unfinished(&path) || name_of(&path).starts_with('.') {
            continue;
        }
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        // Single texts are no tables of examples.
        match ENDINGS.contains(&ending.as_str()) && ending != "txt" && ending != "md" {
            true => files.push(path),
            false => num_others += 1,
        }
    }
    files.sort();
    Ok((files, num_others))
}

fn is_settled(path: &Path) -> bool {
    let modified = path.metadata().and_then(|metadata| metadata.modified());
    // A clock that was set back says nothing.
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age >= SETTLED))
}
