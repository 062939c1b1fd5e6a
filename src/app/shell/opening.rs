//! Opening things: projects, the sample, files with examples, models, whatever was dropped on the window.

use std::path::{Path, PathBuf};

use super::{projects, saving};
use crate::app::files::{FilePick, PickKind};
use crate::app::screens::{data, each, mapping, model};
use crate::app::settings::AppSettings;
use crate::app::state::ToImport;
use crate::app::{Action, AppState, Cx, Drafts, OpenDialog, Screen};
use crate::data::files::{ENDINGS, FoundFiles, examples_in};
use crate::engine::{Failure, JobSpec, StoreJob};
use crate::project::STORE_FILE;
use crate::recipe::ModelRef;

/// A copy, and called one.
const SAMPLE_NAME: &str = "Support triage (sample)";

pub const NO_DOCUMENTS: &str =
    "This machine names no folder for documents: say in Settings where projects lie, or open one in a folder of yours";

/// Where projects are made: as the settings say, or else in the documents, or else in the program's own data folder.
pub fn projects_folder(settings: &AppSettings) -> Option<PathBuf> {
    settings.projects_folder.clone().or_else(usual_projects_folder)
}

pub fn usual_projects_folder() -> Option<PathBuf> {
    let documents = directories::UserDirs::new().and_then(|dirs| dirs.document_dir().map(Path::to_owned));
    let own = || directories::ProjectDirs::from("", "", "tunewright").map(|dirs| dirs.data_dir().join("projects"));
    documents.map(|folder| folder.join("Tunewright")).or_else(own)
}

pub fn open_sample(state: &mut AppState, cx: &Cx<'_>) {
    match projects_folder(&state.settings) {
        Some(folder) => open_project(state, folder.join(SAMPLE_NAME), true, cx),
        None => state.status = NO_DOCUMENTS.into(),
    }
}

pub(super) fn open_project(state: &mut AppState, folder: PathBuf, sample: bool, cx: &Cx<'_>) {
    data::flush(state, cx);
    state.dialog = None;
    cx.restart(&mut state.jobs, JobSpec::Store(StoreJob::OpenProject { folder, sample }));
}

pub fn choose_project(cx: &Cx<'_>) {
    let pick = FilePick { title: "Open a project's folder", kind: PickKind::Folder };
    // In the dialog's own thread.
    cx.pick(pick, projects::what_project);
}

pub fn choose_import(cx: &Cx<'_>) {
    cx.pick_several("Import examples", ("Examples", ENDINGS), |files| Action::Import(files.into()));
}

/// What a dropped or typed path is for. Looks at the disk: not for the window's thread.
pub fn what_is(path: PathBuf) -> Action {
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    if path.is_dir() {
        if path.join("config.json").is_file() {
            return model::Action::Inspect(ModelRef::Folder(path)).into();
        }
        let is_project = path.join(STORE_FILE).exists();
        let found = if is_project { FoundFiles::default() } else { examples_in(&path) };
        return match found.files.is_empty() {
            true => projects::what_project(path),
            false => Action::Import(found),
        };
    }
    match ending.as_deref() {
        Some("gguf") if path.is_file() => model::Action::Inspect(ModelRef::Gguf(path)).into(),
        Some("db") if path.file_name().is_some_and(|name| name == "project.db") => {
            Action::OpenProject { folder: path.parent().map(Path::to_owned).unwrap_or_default(), sample: false }
        }
        Some(ending) if ENDINGS.contains(&ending) && path.is_file() => Action::Import(vec![path].into()),
        _ if !path.exists() => Action::NothingAt(path),
        _ => Action::Unknown(path),
    }
}

/// What several files are: all of them examples, or what the first one is.
pub fn what_are(paths: Vec<PathBuf>) -> Option<Action> {
    let mut paths = paths.into_iter();
    let first = what_is(paths.next()?);
    let Action::Import(mut found) = first else { return Some(first) };
    for path in paths {
        match what_is(path.clone()) {
            Action::Import(more) => found.add(more),
            _ => return Some(Action::Unknown(path)),
        }
    }
    Some(Action::Import(found))
}

pub fn no_file_manager(path: &Path, reason: &str) -> Failure {
    Failure {
        message: format!("No file manager could be started: {reason}"),
        hint: Some(format!("The folder is {}", path.display())),
        is_internal: false,
    }
}

pub fn why_unknown(path: &Path) -> String {
    let shown = path.display();
    format!("{shown} is not a file with examples ({}), a GGUF model, or a folder", ENDINGS.join(", "))
}

/// Shows the import dialog; where no project is open, first makes one named after the file, and asks where the sample is.
pub fn import(state: &mut AppState, drafts: &mut Drafts, what: ToImport, cx: &Cx<'_>) {
    if state.project.as_ref().is_some_and(|project| project.settings.is_sample) {
        state.pending_import = Some(what);
        state.dialog = Some(OpenDialog::ImportWhere);
        return;
    }
    if state.project.is_some() {
        state.screen = Screen::Data;
        return match what {
            ToImport::Files(found) => mapping::open(state, drafts, found, cx),
            ToImport::Fetched(request) => mapping::open_fetched(state, drafts, request, cx),
        };
    }
    projects::new_for_import(state, what, cx);
}

/// Another project is open now; one that was only saved elsewhere is still the same work.
pub(super) fn opened(state: &mut AppState, drafts: &mut Drafts, is_same_work: bool, cx: &Cx<'_>) {
    let is_at_start = std::mem::take(&mut state.is_starting);
    let unwritten = std::mem::take(&mut state.saving.unwritten);
    saving::watch(state, cx.files);
    if is_same_work {
        state.saving.unwritten = unwritten;
        return;
    }
    each::on_project(state, drafts, cx);
    // The window opens as it was left.
    state.screen = if is_at_start { state.settings.screen } else { Screen::Model };
    if let Some(pending) = state.pending_import.take() {
        import(state, drafts, pending, cx);
    }
}
