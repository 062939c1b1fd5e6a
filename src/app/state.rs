//! Everything the window knows, as plain data. Screens read it; only [`super::shell`] and the screens' `update` and
//! `on_event` change it.

use std::path::PathBuf;

use super::action::Action;
use super::files::PathAsked;
use super::frame_stats::FrameSummary;
use super::jobs::Jobs;
use super::machine::Machine;
use super::path_dialog::PathDraft;
use super::screens::Screen;
use super::settings::AppSettings;
use super::shell::commands::Found;
use super::shell::project_dialog::{ProjectDialog, ProjectDraft};
use super::shell::saving::Saving;
use crate::data::files::FoundFiles;
use crate::data::import::ImportRequest;
use crate::engine::Failure;
use crate::project::ProjectState;

/// A dialog over the whole window; at most one at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum OpenDialog {
    Help,
    /// The command field.
    Commands,
    /// Go on, stop and keep, stop and discard.
    StopTraining,
    /// A job that failed, in words.
    Failure(Failure),
    /// A path is typed; what was typed is in `drafts.path`.
    Path(PathAsked),
    /// The import dialog, whose content is `state.mapping`.
    Import,
    /// A data set of the Hub, whose content is `state.dataset`.
    Dataset,
    /// A new project, one saved elsewhere, its name.
    Project(ProjectDialog),
    /// Make one in this folder?
    NoProject(PathBuf),
    /// Into the sample, or into a project of its own? Of `state.pending_import`.
    ImportWhere,
    /// What was asked for would lose what could not be written.
    NotSaved(Box<Action>),
}

/// What is to be looked at in the import dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum ToImport {
    Files(FoundFiles),
    /// From the Hub.
    Fetched(ImportRequest),
}

/// What the status bar says last, and what can be done about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    pub words: String,
    /// Links behind the words.
    pub acts: Vec<(&'static str, Action)>,
    /// What was just done is being written: the words are about it, and not about what was before.
    pub is_of_edit: bool,
}

impl Status {
    pub fn act(mut self, words: &'static str, action: impl Into<Action>) -> Self {
        self.acts.push((words, action.into()));
        self
    }
}

impl From<String> for Status {
    fn from(words: String) -> Self {
        Self { words, ..Self::default() }
    }
}

impl From<&str> for Status {
    fn from(words: &str) -> Self {
        words.to_owned().into()
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

with_screens! {
    State
    /// Everything that the window knows, and a `State` of each screen.
    #[derive(Default)]
    pub struct AppState {
        pub screen: Screen,
        /// None: the first launch is shown instead of the screens.
        pub project: Option<ProjectState>,
        pub jobs: Jobs,
        pub dialog: Option<OpenDialog>,
        /// The last thing that happened.
        pub status: Status,
        pub machine: Machine,
        /// The project of the last time is being opened: the first launch isn't shown for that blink.
        pub is_starting: bool,
        /// Whether what is done reaches the disk.
        pub saving: Saving,
        /// A project that should have been opened and isn't there.
        pub missing: Option<PathBuf>,
        /// Projects of before that were not there when they were looked for.
        pub recent_missing: Vec<PathBuf>,
        /// What is wrong with what was typed into the dialog about a project.
        pub dialog_error: Option<String>,
        /// Where Esc leads from the settings.
        pub before_settings: Screen,
        /// What the command field found.
        pub found: Found,
        /// Waits for its project to be made.
        pub pending_import: Option<ToImport>,
        /// How long frames took, while the settings are shown.
        pub frames: Vec<(&'static str, FrameSummary)>,
        pub settings: AppSettings,
        /// Fonts of this system that stand in, and those that it lacks.
        pub letters: super::kit::fallback::Letters,
    }
}

impl AppState {
    pub fn new(settings: AppSettings) -> Self {
        Self { status: "Ready".into(), settings, ..Self::default() }
    }
}

with_screens! {
    Drafts
    /// Text that is being typed. It belongs to the window alone, so that a field can change it while it paints.
    #[derive(Default)]
    pub struct Drafts {
        pub commands: String,
        /// The row of the command field's list that Enter takes.
        pub command_row: usize,
        pub project: ProjectDraft,
        pub path: PathDraft,
    }
}
