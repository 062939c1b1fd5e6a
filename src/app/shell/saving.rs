//! Whether what was done is on the disk, and what can be done where it isn't.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::Ui;

use super::project_dialog::ProjectDialog;
use crate::app::files::Files;
use crate::app::jobs::Job;
use crate::app::kit::{Button, Dialog, DialogEnd, Text, Theme, dialog, format, icon, tooltip};
use crate::app::screens::data;
use crate::app::{Action, AppState, Cx, OpenDialog};
use crate::engine::{EventKind, JobSpec, Outcome, Reply, StoreJob};
use crate::project::{FileId, STORE_FILE, SavedAs, Standing};

/// See the module.
#[derive(Debug, Default)]
pub struct Saving {
    pub standing: Standing,
    /// What could not be written, in its order: it is written once that is possible.
    pub unwritten: Vec<JobSpec>,
    /// The folder is looked at for as long as this is held.
    _watch: Option<Arc<()>>,
}

impl Saving {
    /// Everything that was done is on the disk, or on its way there.
    pub fn is_safe(&self) -> bool {
        matches!(self.standing, Standing::Saved | Standing::ReadOnly) && self.unwritten.is_empty()
    }
}

/// How often the folder is looked at.
const PAUSE: Duration = Duration::from_secs(2);

/// Looks at the project's folder in a thread of its own, for as long as that project is open. Which file belongs there is
/// for the store to say: this only tells that something changed.
pub fn watch(state: &mut AppState, files: &Files) {
    let Some(project) = &state.project else { return };
    let store = project.folder.join(STORE_FILE);
    let held = Arc::new(());
    let is_held = Arc::downgrade(&held);
    let standing = if project.is_read_only { Standing::ReadOnly } else { Standing::Saved };
    state.saving = Saving { standing, _watch: Some(held), ..Saving::default() };
    let (tell, is_open) = files.teller();
    let work = move || {
        let mut seen = FileId::of(&store);
        while is_open() && is_held.strong_count() > 0 {
            std::thread::sleep(PAUSE);
            let now = FileId::of(&store);
            if now != seen && is_held.strong_count() > 0 {
                seen = now;
                tell(Action::LookAtProject);
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("project".to_owned()).spawn(work) {
        log::warn!("no thread to look at the project's folder with: {error}");
    }
}

/// What the top bar says in red.
pub fn problem(state: &AppState) -> Option<String> {
    let folder = state.project.as_ref()?.folder.display();
    let waiting = state.saving.unwritten.len() as u64;
    match &state.saving.standing {
        Standing::Gone => Some(format!("Not saved: the folder {folder} is gone")),
        Standing::Replaced => Some(format!("Not saved: another project lies in {folder} now")),
        Standing::ReadOnly => Some(format!("Read only: {folder} can't be written to")),
        Standing::Unwritable(reason) => Some(format!("Not saved: {reason}")),
        Standing::Saved if waiting > 0 => {
            Some(format!("Not saved yet: {}", format::count(waiting, "change waits", "changes wait")))
        }
        Standing::Saved => None,
    }
}

/// In the top bar, in place of "Saved".
pub(super) fn show_problem(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    let Some(words) = problem(state) else { return };
    let theme = Theme::of(ui);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        icon::WARNING_CIRCLE.filled().show_sized(ui, theme.size.icon_small, theme.status.error);
        if ui.add(Button::link("Save as…").small()).clicked() {
            actions.push(Action::ShowDialog(OpenDialog::Project(ProjectDialog::SaveAs)));
        }
        if ui.add(Button::link("Look again").small()).clicked() {
            actions.push(Action::LookAtProject);
        }
        // What stands at the right of it keeps its room.
        let room = (ui.available_width() - theme.size.field_button_width - 6.0 * theme.size.control_height).max(0.0);
        ui.scope(|ui| {
            ui.set_max_width(room);
            let told = ui.add(Text::small(&words).color(theme.status.error).one_line());
            let more = match &state.saving.standing {
                Standing::ReadOnly => "Save it on another disk to change it",
                _ => "What was done is in this window and not lost, as long as it is open",
            };
            tooltip::on_hover(told, &words, more);
        });
    });
}

/// Asks the store where it stands; what waits is written when it can be.
pub fn look_again(state: &mut AppState, cx: &Cx<'_>) {
    let Some(project) = &state.project else { return };
    let spec = JobSpec::Store(StoreJob::LookAtProject { project: project.folder.clone() });
    cx.restart(&mut state.jobs, spec);
}

/// Writes the project into another folder, with what was typed a moment ago.
pub fn save_as(state: &mut AppState, to: PathBuf, cx: &Cx<'_>) {
    data::flush(state, cx);
    state.dialog = None;
    let Some(project) = &state.project else { return };
    let spec = JobSpec::Store(StoreJob::SaveProjectAs { project: project.folder.clone(), to });
    cx.restart(&mut state.jobs, spec);
}

/// Hears every event before the screens do.
pub fn on_event(state: &mut AppState, job: &Job, event: &EventKind, cx: &Cx<'_>) {
    match event {
        EventKind::Reply(reply) => match &**reply {
            Reply::Standing(standing) => {
                let was_safe = state.saving.is_safe();
                state.saving.standing = standing.clone();
                match standing {
                    Standing::Saved if !was_safe => {
                        state.status = "Saved: the project's folder is there".into();
                        write_again(state, cx);
                    }
                    Standing::Saved => {}
                    _ => state.status = problem(state).unwrap_or_default().into(),
                }
            }
            Reply::SavedAs(saved) => {
                if let JobSpec::Store(StoreJob::SaveProjectAs { to, .. }) = &job.spec {
                    state.status = saved_as(to, *saved).into();
                }
            }
            // The shell has taken it over; what waited for the old folder goes into this one.
            Reply::Project(project)
                if matches!(job.spec, JobSpec::Store(StoreJob::SaveProjectAs { .. }))
                    && state.project.as_ref().is_some_and(|open| open.folder == project.folder) =>
            {
                write_again(state, cx);
            }
            _ => {}
        },
        EventKind::Finished(Outcome::Failed(failure)) => match &job.spec {
            JobSpec::Store(StoreJob::LookAtProject { .. }) => state.status = failure.message.clone().into(),
            spec if is_kept(state, spec) => {
                state.saving.unwritten.push(spec.clone());
                state.status = problem(state).unwrap_or_default().into();
            }
            _ => {}
        },
        _ => {}
    }
}

/// A change that failed because of the disk isn't shown and forgotten like other failures: it waits.
pub fn is_kept(state: &AppState, spec: &JobSpec) -> bool {
    spec.facts().is_saving && state.saving.standing != Standing::Saved
}

fn saved_as(to: &std::path::Path, saved: SavedAs) -> String {
    let files = |num| format::count(num, "file", "files");
    match saved {
        SavedAs { num_lost: 0, num_copied: 0 } => format!("Saved as {}", to.display()),
        SavedAs { num_lost: 0, num_copied } => {
            format!("Saved as {} with {} of its runs", to.display(), files(num_copied))
        }
        SavedAs { num_lost, .. } => {
            format!("Saved as {}; {} of its runs could not be read", to.display(), files(num_lost))
        }
    }
}

fn write_again(state: &mut AppState, cx: &Cx<'_>) {
    let Some(folder) = state.project.as_ref().map(|project| project.folder.clone()) else { return };
    for mut spec in std::mem::take(&mut state.saving.unwritten) {
        if let JobSpec::Store(job) = &mut spec {
            job.move_to(&folder);
        }
        cx.start(&mut state.jobs, spec);
    }
}

/// Whether the project may be left for `action`; else it asks.
pub fn may_leave(state: &mut AppState, action: Action) -> bool {
    let is_safe = state.project.is_none() || state.saving.is_safe();
    if !is_safe {
        state.dialog = Some(OpenDialog::NotSaved(Box::new(action)));
    }
    is_safe
}

/// What was done would be lost.
pub(super) fn not_saved(ui: &Ui, state: &AppState, action: &Action, actions: &mut Vec<Action>) {
    let Some(words) = problem(state) else { return actions.push(Action::CloseDialog) };
    let (end, ()) = Dialog::new("not saved", "This project isn't saved")
        .icon(icon::WARNING_CIRCLE)
        .primary("Save as…", None::<&str>)
        .show(
            ui.ctx(),
            |ui| {
                dialog::body(ui, |ui| {
                    ui.add(Text::body(&words).wrapped());
                    let text = "What was done since is only in this window. Save the project in another folder, or bring \
                                its own back and look again";
                    ui.add(Text::body(text).soft().wrapped());
                });
            },
            |ui| {
                if ui.add(Button::danger("Leave it unsaved")).clicked() {
                    actions.push(Action::LeaveUnsaved(Box::new(action.clone())));
                }
            },
        );
    match end {
        DialogEnd::StillOpen => {}
        DialogEnd::Cancelled => actions.push(Action::CloseDialog),
        DialogEnd::Confirmed => actions.push(Action::ShowDialog(OpenDialog::Project(ProjectDialog::SaveAs))),
    }
}
