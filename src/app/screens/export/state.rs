//! Which run is taken along, and what is in its folder.

use std::path::PathBuf;

use crate::app::screens::runs::state::usable;
use crate::project::RunRecord;

#[derive(Debug, Clone, PartialEq)]
pub enum ExportAction {
    /// The run's name.
    Run(String),
    /// A folder was read.
    Listed(Listing),
}

/// The files of a folder with their sizes, by name; or why they can't be seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    pub folder: PathBuf,
    pub files: Result<Vec<(String, u64)>, String>,
}

#[derive(Default)]
pub struct ExportState {
    pub run: Option<String>,
    pub listing: Option<Listing>,
}

impl ExportState {
    /// The newest run that has weights, where none is chosen.
    pub fn chosen_run<'a>(&self, runs: &'a [RunRecord]) -> Option<&'a RunRecord> {
        usable(runs, self.run.as_deref())
    }
}

/// Looks at the disk: not for the window's thread.
pub fn read_folder(folder: PathBuf) -> Listing {
    let read = || -> std::io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                files.push((entry.file_name().to_string_lossy().into_owned(), metadata.len()));
            }
        }
        files.sort();
        Ok(files)
    };
    let files = read().map_err(|error| format!("{} can't be read: {error}", folder.display()));
    Listing { folder, files }
}
