//! What the person can do. Screens push actions while they paint; the shell applies them at the end of the frame.

use std::path::PathBuf;

use super::files::PathAsked;
use super::kit::fallback::Letters;
use super::machine::Machine;
use super::screens::ScreenAction;
use super::settings::{TextSize, ThemeChoice};
use super::shell::commands::PathFound;
use super::shell::project_dialog::ProjectDialog;
use super::state::OpenDialog;
use super::{Screen, path_dialog};
use crate::data::files::FoundFiles;
use crate::engine::JobId;
use crate::task::Signal;

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Shows a screen.
    Go(Screen),
    /// Opens a project's folder; with `sample`, makes it from the starter data set.
    OpenProject {
        folder: PathBuf,
        sample: bool,
    },
    OpenSample,
    /// Asks for a project's folder.
    ChooseProject,
    /// Opens the project of a folder; where there is none, asks before it is made.
    LookForProject(PathBuf),
    /// There is no project, and the folder is or isn't there.
    NoProjectIn(PathBuf),
    ProjectMissing(PathBuf),
    CloseProject,
    /// What the dialog about a project was opened for: the name and the folder.
    NameProject(ProjectDialog, String, PathBuf),
    /// What is wrong with what was typed in it.
    DialogError(String),
    /// Asks for the folder that a project's own is made in.
    ChoosePlace,
    PlaceChosen(PathBuf),
    LookAtRecent,
    /// Projects of before that are not there now.
    RecentMissing(Vec<PathBuf>),
    /// Looks whether the open project's folder is there, and writes what waits.
    LookAtProject,
    SaveProjectAs(PathBuf),
    /// Does it although the project isn't saved.
    LeaveUnsaved(Box<Action>),
    Quit,
    /// What waits to be imported comes into the open project, or into one of its own.
    ImportHere,
    ImportIntoNew,
    /// Asks for files with examples.
    ChooseImport,
    /// A file or folder that was dropped or typed: examples, a model or a project.
    OpenPath(PathBuf),
    /// Several that were dropped together.
    OpenPaths(Vec<PathBuf>),
    /// The system has no file dialog that could be shown: the path is to be typed.
    AskPath(PathAsked),
    Path(path_dialog::Action),
    /// A folder could not be shown, and why.
    NoFileManager(PathBuf, String),
    /// That path is none of these.
    Unknown(PathBuf),
    /// There is nothing at that path.
    NothingAt(PathBuf),
    /// The import dialog for files; makes a project first where none is open.
    Import(FoundFiles),
    /// What the status bar offers, by its place.
    DoOfStatus(usize),
    Undo,
    Redo,
    Control(JobId, Signal),
    SetTheme(ThemeChoice),
    SetTextSize(TextSize),
    /// Fonts for letters that the window's own lack, or what to install.
    FontsFound(Letters),
    /// Shows an example, wherever the person is.
    ShowExample(i64),
    /// What the command field finds for these words; an act of it was taken.
    Find(String),
    PathFound(PathFound),
    Took(String),
    ShowDialog(OpenDialog),
    CloseDialog,
    OpenFolder(PathBuf),
    /// New figures of this machine.
    Measured(Machine),
    Copy(String),
    /// What Ctrl Enter does on the current screen.
    PrimaryAct,
    /// An action of a screen, or of a dialog with a state of its own.
    Screen(ScreenAction),
}
