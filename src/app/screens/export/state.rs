//! Which run is taken along, and what is in its folder.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::app::effect::Effect;
use crate::app::screens::runs::state::usable;
use crate::data::{Example, Role, Split};
use crate::run::RunDir;
use crate::run::RunRecord;

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
    /// What the run learned first: shows how the tuned model wants to be asked.
    pub example: Option<Example>,
}

impl Listing {
    /// The text of the first turn of this role before the answer.
    pub fn asked(&self, role: Role) -> Option<&str> {
        let turn = self.example.as_ref()?.prompt().iter().find(|m| m.role == role)?;
        Some(turn.content.trim()).filter(|text| !text.is_empty())
    }
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

    /// Gives what is to be done outside of this screen.
    pub fn apply(&mut self, action: ExportAction, runs: &[RunRecord]) -> Vec<Effect> {
        match action {
            ExportAction::Run(name) => self.run = Some(name),
            ExportAction::Listed(listing) => self.listing = Some(listing),
        }
        self.list(runs)
    }

    /// Looks into the adapter's folder, unless that is done already.
    pub fn list(&self, runs: &[RunRecord]) -> Vec<Effect> {
        let run = self.chosen_run(runs);
        let wanted = run.and_then(|run| Some((run.adapter.clone()?, run.run_dir.clone())));
        let is_listed = |folder: &Path| self.listing.as_ref().is_some_and(|listing| listing.folder == folder);
        let Some((folder, run_dir)) = wanted.filter(|(folder, _)| !is_listed(folder)) else { return Vec::new() };
        vec![Effect::run(move || Some(ExportAction::Listed(read_folder(folder, &run_dir)).into()))]
    }
}

/// Looks at the disk: not for the window's thread.
fn read_folder(folder: PathBuf, run_dir: &Path) -> Listing {
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
    Listing { folder, files, example: first_example(&RunDir(run_dir).data_of(Split::Train)) }
}

/// The first line of a run's own copy of its data.
fn first_example(path: &Path) -> Option<Example> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}
