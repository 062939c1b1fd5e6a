//! The dialogs about a project as a whole: a new one, saved elsewhere, its name; and what is asked before one is made.

use std::path::{Path, PathBuf};

use egui::Ui;

use super::{opening, projects};
use crate::app::files::{FilePick, PickKind};
use crate::app::kit::row::place;
use crate::app::kit::{Button, Dialog, DialogEnd, Text, TextInput, Theme, dialog, icon};
use crate::app::{Action, AppState, Cx, Drafts, OpenDialog, paths};
use crate::engine::{JobSpec, StoreJob};
use crate::project::STORE_FILE;

/// Which of them is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectDialog {
    New,
    SaveAs,
    Rename,
}

/// What is typed into it.
#[derive(Debug, Default)]
pub struct ProjectDraft {
    pub name: String,
    /// The folder that the project's own folder is made in.
    pub place: String,
    is_fresh: bool,
}

impl ProjectDraft {
    fn folder(&self) -> PathBuf {
        paths::meant(&self.place).join(self.name.trim())
    }

    fn problem(&self, kind: ProjectDialog) -> Option<&'static str> {
        let name = self.name.trim();
        if name.is_empty() {
            return Some("Give it a name");
        }
        if kind == ProjectDialog::Rename {
            return None;
        }
        let is_file_name = Path::new(name).components().count() == 1 && !name.contains(['/', '\\', ':', '*', '?', '"']);
        if !is_file_name || name.starts_with('.') {
            return Some("The name is a folder's, too: it can't begin with a point or hold / \\ : * ? \"");
        }
        (!paths::meant(&self.place).is_absolute()).then_some("Say in which folder it is to lie")
    }
}

/// Fills the fields.
pub fn open(state: &mut AppState, drafts: &mut Drafts, kind: ProjectDialog) {
    let project = state.project.as_ref();
    let place = match (kind, project.and_then(|project| project.folder.parent())) {
        // Where a project lies whose folder is there; a folder that is gone may be on a disk that is.
        (ProjectDialog::SaveAs, Some(parent)) if state.saving.is_safe() => Some(parent.to_owned()),
        _ => opening::projects_folder(&state.settings),
    };
    let name = match kind {
        ProjectDialog::New => String::new(),
        ProjectDialog::SaveAs | ProjectDialog::Rename => project.map(|p| p.name.clone()).unwrap_or_default(),
    };
    let place = place.map(|place| place.display().to_string()).unwrap_or_default();
    drafts.project = ProjectDraft { name, place, is_fresh: true };
    state.dialog_error = None;
    state.dialog = Some(OpenDialog::Project(kind));
}

pub(super) fn show(
    ui: &Ui,
    state: &AppState,
    kind: ProjectDialog,
    draft: &mut ProjectDraft,
    actions: &mut Vec<Action>,
) {
    let (title, act) = match kind {
        ProjectDialog::New => ("New project", "Make project"),
        ProjectDialog::SaveAs => ("Save the project as", "Save"),
        ProjectDialog::Rename => ("Rename the project", "Rename"),
    };
    let foot = match kind {
        ProjectDialog::Rename => "Its folder keeps its name".to_owned(),
        _ => draft.folder().display().to_string(),
    };
    let (end, ()) = Dialog::new("project", title).primary(act, draft.problem(kind)).show(
        ui.ctx(),
        |ui| dialog::body(ui, |ui| fields(ui, state, kind, draft, actions)),
        |ui| {
            let theme = Theme::of(ui);
            ui.scope(|ui| {
                ui.set_max_width(ui.available_width() - theme.size.side_panel_min * 0.75);
                ui.add(Text::small(foot).faint().one_line());
            });
        },
    );
    match end {
        DialogEnd::StillOpen => {}
        DialogEnd::Cancelled => actions.push(Action::CloseDialog),
        DialogEnd::Confirmed => actions.push(Action::NameProject(kind, draft.name.trim().to_owned(), draft.folder())),
    }
}

fn fields(ui: &mut Ui, state: &AppState, kind: ProjectDialog, draft: &mut ProjectDraft, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    ui.add(Text::body("Name").soft());
    let name = TextInput::new("Name of the project", &mut draft.name).id(place("project name"));
    let name = name.error(state.dialog_error.as_deref()).show(ui);
    if std::mem::take(&mut draft.is_fresh) {
        name.request_focus();
    }
    if kind == ProjectDialog::Rename {
        return;
    }
    ui.add_space(theme.space.s);
    ui.add(Text::body("In the folder").soft());
    ui.horizontal(|ui| {
        let width = ui.available_width() - theme.size.settings_name_width;
        TextInput::new("Folder of the project", &mut draft.place).width(width).show(ui);
        if ui.add(Button::secondary("Choose…").icon(icon::FOLDER_OPEN).name("Choose the folder…")).clicked() {
            actions.push(Action::ChoosePlace);
        }
    });
}

pub fn choose_place(cx: &Cx<'_>) {
    let pick = FilePick { title: "Choose the folder for the project", kind: PickKind::Folder };
    cx.pick(pick, Action::PlaceChosen);
}

/// Does what the dialog was opened for. A folder that holds something else stays as it is, and is told.
pub fn confirm(state: &mut AppState, kind: ProjectDialog, name: String, folder: PathBuf, cx: &Cx<'_>) {
    if kind == ProjectDialog::Rename {
        state.dialog = None;
        let Some(project) = &mut state.project else { return };
        project.settings.name = name;
        // Who gives it a name makes it his own.
        project.settings.is_sample = false;
        let spec = JobSpec::Store(StoreJob::SaveSettings {
            project: project.folder.clone(),
            settings: project.settings.clone(),
        });
        cx.start(&mut state.jobs, spec);
        return;
    }
    cx.files.run(move || {
        let is_empty = std::fs::read_dir(&folder).map_or(!folder.exists(), |mut entries| entries.next().is_none());
        Some(if folder.join(STORE_FILE).exists() {
            Action::DialogError("There is a project of that name already".to_owned())
        } else if !is_empty {
            Action::DialogError("There is a folder of that name already, and it isn't empty".to_owned())
        } else if kind == ProjectDialog::SaveAs {
            Action::SaveProjectAs(folder)
        } else {
            Action::OpenProject { folder, sample: false }
        })
    });
}

/// A folder that is none: is it to become one?
pub(super) fn no_project(ui: &Ui, folder: &Path, actions: &mut Vec<Action>) {
    let (end, ()) = Dialog::new("no project", "Make a project here?").primary("Make project", None::<&str>).show(
        ui.ctx(),
        |ui| {
            dialog::body(ui, |ui| {
                ui.add(Text::body(format!("{} holds no project", folder.display())).wrapped());
                let text = "A file project.db is put into it, and a folder for runs. What is in it stays as it is";
                ui.add(Text::body(text).soft().wrapped());
            });
        },
        |_| {},
    );
    match end {
        DialogEnd::StillOpen => {}
        DialogEnd::Cancelled => actions.push(Action::CloseDialog),
        DialogEnd::Confirmed => actions.push(Action::OpenProject { folder: folder.to_owned(), sample: false }),
    }
}

/// Examples are about to come into the sample.
pub(super) fn import_where(ui: &Ui, state: &AppState, actions: &mut Vec<Action>) {
    let name = state.pending_import.as_ref().map(projects::name_of).unwrap_or_default();
    let (end, ()) =
        Dialog::new("import where", "Import into a new project?").primary("New project", None::<&str>).show(
            ui.ctx(),
            |ui| {
                dialog::body(ui, |ui| {
                    ui.add(Text::body("The open project is the sample").wrapped());
                    let text = format!("In a project of their own ({name}), your examples don't mix with the sample's");
                    ui.add(Text::body(text).soft().wrapped());
                });
            },
            |ui| {
                if ui.add(Button::secondary("Into this project")).clicked() {
                    actions.push(Action::ImportHere);
                }
            },
        );
    match end {
        DialogEnd::StillOpen => {}
        DialogEnd::Cancelled => actions.push(Action::CloseDialog),
        DialogEnd::Confirmed => actions.push(Action::ImportIntoNew),
    }
}
