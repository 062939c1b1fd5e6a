//! Opening things: projects, the sample, files with examples, models, whatever was dropped on the window.

use std::path::{Path, PathBuf};

use crate::app::files::{FilePick, PickKind};
use crate::app::screens::{data, mapping, model, train};
use crate::app::state::ToImport;
use crate::app::{Action, AppState, Cx, Drafts, Screen};
use crate::data::files::{ENDINGS, FoundFiles, examples_in};
use crate::engine::{Failure, JobSpec};
use crate::project::STORE_FILE;
use crate::recipe::ModelRef;

/// Where projects are made that the person gave no place: the documents, or else the program's own data folder.
fn projects_folder() -> Option<PathBuf> {
    let documents = directories::UserDirs::new().and_then(|dirs| dirs.document_dir().map(Path::to_owned));
    let own = || directories::ProjectDirs::from("", "", "tunewright").map(|dirs| dirs.data_dir().join("projects"));
    documents.map(|folder| folder.join("Tunewright")).or_else(own)
}

pub fn open_sample(state: &mut AppState, cx: &Cx<'_>) {
    match projects_folder() {
        Some(folder) => open_project(state, folder.join("Support triage"), true, cx),
        None => state.status = "This machine names no folder for documents: open a project in a folder of yours".into(),
    }
}

fn open_project(state: &mut AppState, folder: PathBuf, sample: bool, cx: &Cx<'_>) {
    cx.restart(&mut state.jobs, JobSpec::OpenProject { folder, sample });
}

pub fn choose_project(cx: &Cx<'_>) {
    let pick = FilePick { title: "Open a project's folder", kind: PickKind::Folder };
    cx.pick(pick, |folder| Action::OpenProject { folder, sample: false });
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
            true => Action::OpenProject { folder: path, sample: false },
            false => Action::Import(found),
        };
    }
    match ending.as_deref() {
        Some("gguf") if path.is_file() => model::Action::Inspect(ModelRef::Gguf(path)).into(),
        Some("db") if path.file_name().is_some_and(|name| name == "project.db") => {
            Action::OpenProject { folder: path.parent().map(Path::to_owned).unwrap_or_default(), sample: false }
        }
        Some(ending) if ENDINGS.contains(&ending) && path.is_file() => Action::Import(vec![path].into()),
        _ => Action::Unknown(path),
    }
}

/// The same for several: all of them are examples, or the first says what is meant.
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

pub fn no_file_dialog() -> Failure {
    Failure {
        message: "This desktop showed no file dialog".to_owned(),
        hint: Some(
            "Drop the file or folder on the window, or type its path into the command field (Ctrl K). On Linux, file \
             dialogs come with xdg-desktop-portal or zenity"
                .to_owned(),
        ),
        is_internal: false,
    }
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

/// Shows the import dialog; where no project is open, first makes one named after the file.
pub fn import(state: &mut AppState, drafts: &mut Drafts, what: ToImport, cx: &Cx<'_>) {
    if state.project.is_some() {
        state.screen = Screen::Data;
        return match what {
            ToImport::Files(found) => mapping::open(state, drafts, found, cx),
            ToImport::Fetched(request) => mapping::open_fetched(state, drafts, request, cx),
        };
    }
    let Some(folder) = projects_folder() else {
        state.status = "This machine names no folder for documents: open a project in a folder of yours".into();
        return;
    };
    let name = project_name(&what);
    state.pending_import = Some(what);
    open_project(state, folder.join(name), false, cx);
}

/// After the file, or the data set: `banking77` of `banking77 (main) · train`.
fn project_name(what: &ToImport) -> String {
    let name = match what {
        ToImport::Files(found) => {
            let stem = found.files.first().and_then(|path| path.file_stem());
            stem.map(|stem| stem.to_string_lossy().into_owned())
        }
        ToImport::Fetched(request) => {
            let origin = request.origins.first();
            origin.and_then(|origin| origin.name.split(' ').next()).map(str::to_owned)
        }
    };
    name.unwrap_or_else(|| "Project".to_owned())
}

/// Another project is open now.
pub(super) fn opened(state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
    state.is_starting = false;
    data::forget(state, drafts);
    model::project_opened(state, cx);
    train::project_opened(state);
    state.settings.last_project = state.project.as_ref().map(|project| project.folder.clone());
    crate::app::screens::settings::save(state, cx);
    state.screen = Screen::Model;
    if let Some(pending) = state.pending_import.take() {
        import(state, drafts, pending, cx);
    }
}
