//! The store lane's jobs: quick queries and edits of the project's database.

use std::path::{Path, PathBuf};

use super::facts::{Facts, name};
use crate::data::checks::{Check, Fix};
use crate::evaluate::KeptPair;
use crate::evaluate::rating::Item;
use crate::project::{Edit, ExampleQuery, Settings, SortBy};

/// `project` is the project's folder.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreJob {
    /// Makes the folder if it isn't there; with `sample`, the starter data set is imported and split.
    OpenProject {
        folder: PathBuf,
        sample: bool,
    },
    /// The rows of a table's visible part.
    Query {
        project: PathBuf,
        query: ExampleQuery,
    },
    /// How many rows each chip of each filter would show.
    CountFacets {
        project: PathBuf,
        query: ExampleQuery,
    },
    /// How long the examples are, as the last checks counted them.
    LoadLengths {
        project: PathBuf,
    },
    /// All rows that match, for an edit of all of them.
    FindIds {
        project: PathBuf,
        query: ExampleQuery,
    },
    LoadExample {
        project: PathBuf,
        id: i64,
    },
    /// Several, to be read beside each other; those that are gone are left out.
    LoadExamples {
        project: PathBuf,
        ids: Vec<i64>,
    },
    /// What was done to an example.
    LoadHistory {
        project: PathBuf,
        id: i64,
    },
    /// What the last checks found: at one example, or at all.
    LoadFindings {
        project: PathBuf,
        example: Option<i64>,
    },
    /// What the last checks came to, so that a project that is opened again needn't be checked again.
    LoadChecks {
        project: PathBuf,
    },
    /// How many of these are held out: moving them into training asks first.
    CountHeldOut {
        project: PathBuf,
        ids: Vec<i64>,
    },
    /// On the disk before [`Reply::Project`](super::Reply::Project) says so.
    Edit {
        project: PathBuf,
        edit: Edit,
    },
    Undo {
        project: PathBuf,
    },
    Redo {
        project: PathBuf,
    },
    SaveSettings {
        project: PathBuf,
        settings: Settings,
    },
    /// Looks whether the open project still lies in its folder, and brings an earlier copy there up to it.
    LookAtProject {
        project: PathBuf,
    },
    /// Writes the open project as it is into another folder, and opens it there.
    SaveProjectAs {
        project: PathBuf,
        to: PathBuf,
    },
    /// Forgets the second reviewer's labels.
    DropReviewer {
        project: PathBuf,
    },
    /// Keeps two answers with the run that gave the second.
    KeepAnswers {
        run_dir: PathBuf,
        pair: Box<KeptPair>,
    },
    /// Brings a corrected answer to a rated prompt into the training part.
    AddCorrected {
        project: PathBuf,
        item: Box<Item>,
        answer: String,
    },
    /// Does what was shown, as one step of undo.
    ApplyFix {
        project: PathBuf,
        fix: Fix,
    },
    /// What a check found is not a fault, or is one after all: everywhere, or at these examples and their groups.
    MarkFindings {
        project: PathBuf,
        check: Check,
        ids: Option<Vec<i64>>,
        is_fault: bool,
    },
}

impl StoreJob {
    /// The lane's table: a row for each job.
    pub fn facts(&self) -> Facts {
        match self {
            Self::OpenProject { folder, .. } => {
                Facts::doing(format!("Opening {}", name(folder))).done_in(format!("Opened {}", name(folder)))
            }
            Self::Query { query, .. } => {
                // Its texts are sorted anew.
                let is_slow = matches!(query.sort.by, SortBy::Prompt | SortBy::Answer);
                let facts = Facts::doing("Searching").shows_its_failure();
                if is_slow { facts.gives_way_to_saving() } else { facts }
            }
            Self::CountFacets { .. } | Self::LoadLengths { .. } => Facts::doing("Counting").supersedes_its_kind(),
            Self::FindIds { .. } => Facts::doing("Searching"),
            Self::LoadExample { .. } => Facts::doing("Reading").shows_its_failure(),
            Self::LoadExamples { .. } => Facts::doing("Reading"),
            Self::LoadHistory { .. } => Facts::doing("Reading"),
            Self::LoadFindings { .. } => Facts::doing("Reading"),
            Self::LoadChecks { .. } => Facts::doing("Reading"),
            Self::CountHeldOut { .. } => Facts::doing("Counting"),
            Self::Edit { .. } => Facts::saving(),
            Self::Undo { .. } => Facts::saving(),
            Self::Redo { .. } => Facts::saving(),
            Self::SaveSettings { .. } => Facts::saving(),
            Self::LookAtProject { .. } => Facts::doing("Looking for the project's folder").shows_its_failure(),
            Self::SaveProjectAs { to, .. } => Facts::doing(format!("Saving {}", name(to))),
            Self::DropReviewer { .. } => Facts::saving(),
            Self::KeepAnswers { .. } => Facts::saving(),
            Self::AddCorrected { .. } => Facts::saving(),
            Self::ApplyFix { .. } => Facts::saving(),
            Self::MarkFindings { .. } => Facts::saving(),
        }
    }

    /// Where the project has got another folder: the job is then for that one.
    pub fn move_to(&mut self, folder: &Path) {
        match self {
            Self::OpenProject { .. } | Self::KeepAnswers { .. } => {}
            Self::Query { project, .. }
            | Self::CountFacets { project, .. }
            | Self::LoadLengths { project }
            | Self::FindIds { project, .. }
            | Self::LoadExample { project, .. }
            | Self::LoadExamples { project, .. }
            | Self::LoadHistory { project, .. }
            | Self::LoadFindings { project, .. }
            | Self::LoadChecks { project }
            | Self::CountHeldOut { project, .. }
            | Self::Edit { project, .. }
            | Self::Undo { project }
            | Self::Redo { project }
            | Self::SaveSettings { project, .. }
            | Self::LookAtProject { project }
            | Self::SaveProjectAs { project, .. }
            | Self::DropReviewer { project }
            | Self::AddCorrected { project, .. }
            | Self::ApplyFix { project, .. }
            | Self::MarkFindings { project, .. } => folder.clone_into(project),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_waited_goes_into_the_projects_new_folder() {
        let mark = |project: &str| StoreJob::MarkFindings {
            project: project.into(),
            check: Check::ALL[0],
            ids: None,
            is_fault: false,
        };
        let mut job = mark("/old");
        job.move_to(Path::new("/new"));
        assert_eq!(job, mark("/new"));
        assert!(job.facts().is_saving, "it would not have waited");
    }
}
