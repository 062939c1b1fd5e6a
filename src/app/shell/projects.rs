//! Which projects there are: those of before, one that isn't there any more, one for an import, none.

use std::path::{Path, PathBuf};

use super::commands::fail;
use super::{opening, preferences, saving};
use crate::app::screens::{data, each};
use crate::app::settings::Recent;
use crate::app::state::ToImport;
use crate::app::{Action, AppState, Cx, Drafts, OpenDialog, Screen};
use crate::engine::{Failure, JobSpec, StoreJob};
use crate::project::STORE_FILE;

/// That the menu lists beside the open one.
const MOST_RECENT: usize = 5;

/// Opens a folder if it holds a project, and asks before one is made.
pub fn look(folder: PathBuf, cx: &Cx<'_>) {
    cx.files.run(move || Some(what_project(folder)));
}

/// Looks at the disk: not for the window's thread.
pub fn what_project(folder: PathBuf) -> Action {
    if folder.join(STORE_FILE).is_file() {
        Action::OpenProject { folder, sample: false }
    } else if folder.is_dir() {
        Action::NoProjectIn(folder)
    } else {
        Action::ProjectMissing(folder)
    }
}

/// The project of the last time, at the start: a folder without one is as good as none.
pub fn open_last(state: &mut AppState, folder: PathBuf, cx: &Cx<'_>) {
    state.is_starting = true;
    cx.files.run(move || {
        Some(match what_project(folder) {
            Action::NoProjectIn(folder) => Action::ProjectMissing(folder),
            other => other,
        })
    });
}

/// It was to be opened and isn't there: said where the person is.
pub fn missing(state: &mut AppState, folder: PathBuf) {
    state.is_starting = false;
    fail(state, missing_words(&folder));
    if state.project.is_some() {
        let failure = Failure {
            message: format!("There is no project at {}", folder.display()),
            hint: Some("It may have been moved or deleted, or its disk is not connected".to_owned()),
            is_internal: false,
        };
        state.dialog = Some(OpenDialog::Failure(failure));
    } else {
        state.missing = Some(folder.clone());
    }
    if !state.recent_missing.contains(&folder) {
        state.recent_missing.push(folder);
    }
}

/// The projects of before, newest first, without the open one; and whether each was there when it was looked for.
pub fn recent(state: &AppState) -> impl Iterator<Item = (&Recent, bool)> {
    let open = state.project.as_ref().map(|project| project.folder.as_path());
    let others = state.settings.recent.iter().filter(move |recent| Some(recent.folder.as_path()) != open);
    others.take(MOST_RECENT).map(|recent| (recent, !state.recent_missing.contains(&recent.folder)))
}

/// The name as a list shows it.
pub fn recent_words(recent: &Recent, is_there: bool) -> String {
    if is_there { recent.name.clone() } else { format!("{}, not found", recent.name) }
}

/// Looks which of them are there.
pub fn look_at_recent(state: &AppState, cx: &Cx<'_>) {
    let folders: Vec<PathBuf> = state.settings.recent.iter().map(|recent| recent.folder.clone()).collect();
    cx.files.run(move || {
        let missing = folders.into_iter().filter(|folder| !folder.join(STORE_FILE).is_file()).collect();
        Some(Action::RecentMissing(missing))
    });
}

/// The open project is the newest of all; its name may have changed.
pub fn remember(state: &mut AppState, cx: &Cx<'_>) {
    let Some(project) = &state.project else { return };
    let newest = Recent { folder: project.folder.clone(), name: project.name.clone() };
    state.missing = None;
    state.recent_missing.retain(|folder| *folder != newest.folder);
    let AppState { settings: kept, .. } = state;
    if kept.last_project.as_ref() == Some(&newest.folder) && kept.recent.first() == Some(&newest) {
        return;
    }
    kept.last_project = Some(newest.folder.clone());
    kept.recent.retain(|recent| recent.folder != newest.folder);
    kept.recent.insert(0, newest);
    kept.recent.truncate(MOST_RECENT + 1);
    preferences::save(state, cx);
}

/// Back to the first launch. A run that trains keeps its project open.
pub fn close(state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
    if state.jobs.training().is_some() {
        let failure = Failure {
            message: "A run trains in this project".to_owned(),
            hint: Some("Stop it first; with “Stop and keep” it can go on later".to_owned()),
            is_internal: false,
        };
        state.dialog = Some(OpenDialog::Failure(failure));
        return;
    }
    data::flush(state, cx);
    if let Some(project) = state.project.take() {
        state.status = format!("Closed {}", project.name).into();
    }
    each::forget(state, drafts);
    state.saving = saving::Saving::default();
    state.settings.last_project = None;
    preferences::save(state, cx);
    state.screen = Screen::Model;
    look_at_recent(state, cx);
}

/// What waits to be imported gets a project of its own, under a name that is free.
pub fn new_for_import(state: &mut AppState, what: ToImport, cx: &Cx<'_>) {
    let Some(place) = opening::projects_folder(&state.settings) else {
        state.status = opening::NO_DOCUMENTS.into();
        return;
    };
    let name = name_of(&what);
    state.pending_import = Some(what);
    state.dialog = None;
    cx.files.run(move || Some(Action::OpenProject { folder: free_place(&place, &name), sample: false }));
}

/// A name that nothing in the folder has: `data`, or else `data 2`. Looks at the disk.
fn free_place(folder: &Path, name: &str) -> PathBuf {
    let names = std::iter::once(name.to_owned()).chain((2..).map(|count| format!("{name} {count}")));
    names.map(|name| folder.join(name)).find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}

/// After the file, or the data set: `banking77` of `banking77 (main) · train`.
pub fn name_of(what: &ToImport) -> String {
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
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "Project".to_owned())
}

/// What is imported comes into the open project, also if that is the sample: from now on it is the person's.
pub fn import_here(state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
    state.dialog = None;
    if let Some(project) = state.project.as_mut().filter(|project| project.settings.is_sample) {
        project.settings.is_sample = false;
        let spec = JobSpec::Store(StoreJob::SaveSettings {
            project: project.folder.clone(),
            settings: project.settings.clone(),
        });
        cx.start(&mut state.jobs, spec);
    }
    if let Some(what) = state.pending_import.take() {
        opening::import(state, drafts, what, cx);
    }
}

/// `proj2 was not found at /mnt/stick/proj2`
pub fn missing_words(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("{name} was not found at {}", folder.display())
}
