//! What changes the state: the engine's events, and the actions of the last frame.

use std::time::{Duration, Instant};

use egui::Context;

use super::{Shell, commands, opening, preferences, project_dialog, projects, saving};
use crate::app::jobs::Job;
use crate::app::kit::{self, WRONG_NUMBER, has_wrong_number};
use crate::app::screens::{data, each};
use crate::app::state::{OpenDialog, Status, ToImport};
use crate::app::{Action, AppState, Cx, Drafts, Screen, path_dialog};
use crate::engine::{Event, EventKind, IoJob, JobSpec, Outcome, Reply, StoreJob};
use crate::project::ProjectState;

/// The time for events in a frame; the rest of them waits for the next one, so that a flood of them can't freeze the
/// window.
const TIME_FOR_EVENTS: Duration = Duration::from_millis(8);

impl Shell {
    /// Before each frame.
    pub fn logic(&mut self, ctx: &Context) {
        kit::focus::track(ctx);
        self.take_command_key(ctx);
        self.hear_events(ctx);
        self.actions.extend(self.files.chosen());
        self.look_for_fonts();
        self.take_dropped_files(ctx);
        self.apply_actions(ctx);
        if ctx.input(|input| input.viewport().close_requested()) {
            // What was typed a moment ago; the engine writes the edits that wait before it ends.
            let (state, _, cx) = self.parts(ctx);
            each::keep(state, &cx);
            let is_training = state.jobs.training().is_some();
            if state.train.keeps_open(is_training) || !saving::may_leave(state, Action::Quit) {
                ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            }
        }
    }

    /// After each frame, too: what was just clicked is seen in the next one.
    pub fn apply_actions(&mut self, ctx: &Context) {
        for action in std::mem::take(&mut self.actions) {
            self.apply(ctx, action);
            ctx.request_repaint();
        }
    }

    fn hear_events(&mut self, ctx: &Context) {
        let deadline = Instant::now() + TIME_FOR_EVENTS;
        while let Ok(event) = self.backend.events().try_recv() {
            let (state, drafts, cx) = self.parts(ctx);
            hear(state, drafts, &event, &cx);
            if Instant::now() > deadline {
                // More may be waiting: continue with it in the next frame, at once.
                ctx.request_repaint();
                return;
            }
        }
    }

    /// For letters that were shown as empty boxes in the last frame.
    fn look_for_fonts(&self) {
        let wanted = self.fonts.wanted();
        if !wanted.is_empty() {
            let fonts = self.fonts.clone();
            self.files.run(move || Some(Action::FontsFound(fonts.look_for(wanted))));
        }
    }

    fn take_dropped_files(&mut self, ctx: &Context) {
        let dropped = ctx.input(|input| input.raw.dropped_files.clone());
        if !dropped.is_empty() {
            self.actions.push(Action::OpenPaths(dropped.iter().map(|file| file.path().to_owned()).collect()));
        }
    }

    fn apply(&mut self, ctx: &Context, action: Action) {
        let (state, drafts, cx) = self.parts(ctx);
        commands::forget_failure(state, &action);
        match action {
            Action::Go(screen) => {
                state.dialog = None;
                go(state, drafts, screen, &cx);
            }
            Action::OpenProject { folder, sample } => {
                if saving::may_leave(state, Action::OpenProject { folder: folder.clone(), sample }) {
                    opening::open_project(state, folder, sample, &cx);
                }
            }
            Action::LookForProject(folder) => projects::look(folder, &cx),
            Action::NoProjectIn(folder) => {
                state.is_starting = false;
                state.dialog = Some(OpenDialog::NoProject(folder));
            }
            Action::ProjectMissing(folder) => projects::missing(state, folder),
            Action::CloseProject => {
                if saving::may_leave(state, Action::CloseProject) {
                    projects::close(state, drafts, &cx);
                }
            }
            Action::NameProject(kind, name, folder) => project_dialog::confirm(state, kind, name, folder, &cx),
            Action::DialogError(words) => state.dialog_error = Some(words),
            Action::ChoosePlace => project_dialog::choose_place(&cx),
            Action::PlaceChosen(folder) => drafts.project.place = folder.display().to_string(),
            Action::LookAtRecent => projects::look_at_recent(state, &cx),
            Action::RecentMissing(folders) => state.recent_missing = folders,
            Action::LookAtProject => saving::look_again(state, &cx),
            Action::SaveProjectAs(folder) => saving::save_as(state, folder, &cx),
            Action::LeaveUnsaved(action) => {
                state.dialog = None;
                state.saving = saving::Saving::default();
                self.apply(ctx, *action);
            }
            Action::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Action::ImportHere => projects::import_here(state, drafts, &cx),
            Action::ImportIntoNew => {
                if let Some(what) = state.pending_import.take() {
                    projects::new_for_import(state, what, &cx);
                }
            }
            Action::ShowExample(id) => {
                state.dialog = None;
                go(state, drafts, Screen::Data, &cx);
                state.data.show_changed(id);
                Screen::Data.refresh(state, drafts, &cx);
            }
            Action::Find(words) => commands::find(state, words, &cx),
            Action::PathFound(found) => state.found.path = Some(found),
            Action::Took(words) => state.found.took(words),
            Action::ShowDialog(OpenDialog::Project(kind)) => project_dialog::open(state, drafts, kind),
            Action::ShowDialog(dialog) => state.dialog = Some(dialog),
            Action::CloseDialog => {
                if state.dialog == Some(OpenDialog::ImportWhere) {
                    state.pending_import = None;
                }
                state.dialog = None;
            }
            Action::Control(job, signal) => cx.control(job, signal),
            Action::OpenFolder(folder) => cx.open_folder(folder),
            Action::Measured(machine) => state.machine = machine,
            Action::Copy(text) => {
                cx.copy(text);
                state.status = "Copied".into();
            }
            // Once: afterwards it may have nothing to do.
            Action::DoOfStatus(at) => {
                let acts = &mut state.status.acts;
                if let Some((_, action)) = (at < acts.len()).then(|| acts.remove(at)) {
                    self.apply(ctx, action);
                }
            }
            Action::Undo => {
                data::flush(state, &cx);
                start_in_project(state, &cx, |project| JobSpec::Store(StoreJob::Undo { project }));
            }
            Action::Redo => start_in_project(state, &cx, |project| JobSpec::Store(StoreJob::Redo { project })),
            Action::SetTheme(theme) => preferences::set_theme(state, theme, &cx),
            Action::SetTextSize(size) => preferences::set_text_size(state, size, &cx),
            Action::FontsFound(found) => {
                if found.has_new {
                    self.fonts.install(ctx);
                }
                if let Some(words) = found.missing.first() {
                    self.state.status = words.clone().into();
                }
                let letters = &mut self.state.letters;
                letters.names.extend(found.names);
                letters.missing.extend(found.missing);
            }
            Action::PrimaryAct => {
                if has_wrong_number(ctx) {
                    state.status = WRONG_NUMBER.into();
                } else if let Some(action) = primary_act(state) {
                    self.apply(ctx, action);
                }
            }
            Action::OpenSample => {
                if saving::may_leave(state, Action::OpenSample) {
                    opening::open_sample(state, &cx);
                }
            }
            Action::ChooseProject => opening::choose_project(&cx),
            Action::ChooseImport => opening::choose_import(&cx),
            Action::OpenPath(path) => cx.files.run(move || Some(opening::what_is(path))),
            Action::OpenPaths(paths) => cx.files.run(move || opening::what_are(paths)),
            Action::AskPath(asked) => path_dialog::open(state, drafts, asked, &cx),
            Action::Path(action) => {
                if let Some(next) = path_dialog::update(state, drafts, action, &cx) {
                    self.apply(ctx, next);
                }
            }
            Action::NoFileManager(path, reason) => {
                state.dialog = Some(OpenDialog::Failure(opening::no_file_manager(&path, &reason)));
            }
            Action::Unknown(path) => commands::fail(state, opening::why_unknown(&path)),
            Action::NothingAt(path) => commands::fail(state, format!("{} does not exist", path.display())),
            Action::Import(paths) => opening::import(state, drafts, ToImport::Files(paths), &cx),
            Action::Screen(action) => action.apply(state, drafts, &cx),
        }
    }
}

/// Events of stale jobs end here; all others go to the shell and to every screen, each takes what is its own.
fn hear(state: &mut AppState, drafts: &mut Drafts, event: &Event, cx: &Cx<'_>) {
    let Some(job) = state.jobs.hear(event.job, &event.kind) else { return };
    match &event.kind {
        EventKind::Reply(reply) => hear_reply(state, drafts, &job, reply, cx),
        EventKind::Finished(outcome) => hear_end(state, &job, outcome),
        _ => {}
    }
    saving::on_event(state, &job, &event.kind, cx);
    commands::on_event(state, &job, &event.kind);
    each::on_event(state, drafts, &job, &event.kind, cx);
}

fn hear_reply(state: &mut AppState, drafts: &mut Drafts, job: &Job, reply: &Reply, cx: &Cx<'_>) {
    let Reply::Project(project) = reply else { return };
    let is_other = state.project.as_ref().is_none_or(|old| old.folder != project.folder);
    let is_elsewhere = matches!(job.spec, JobSpec::Store(StoreJob::SaveProjectAs { .. }));
    if is_other && !is_elsewhere && !matches!(job.spec, JobSpec::Store(StoreJob::OpenProject { .. })) {
        // An import, say, into a project that is no longer open.
        return;
    }
    if let Some(status) = travelled(state, &job.spec, project).or_else(|| edited(state, &job.spec, project)) {
        state.status = status;
    }
    state.project = Some(project.clone());
    if is_other {
        opening::opened(state, drafts, is_elsewhere, cx);
    }
    projects::remember(state, cx);
    state.screen.refresh(state, drafts, cx);
}

/// What an edit did, with the way back; where its own words are there already, they stay.
fn edited(state: &mut AppState, spec: &JobSpec, now: &ProjectState) -> Option<Status> {
    let JobSpec::Store(StoreJob::Edit { .. } | StoreJob::ApplyFix { .. } | StoreJob::MarkFindings { .. }) = spec else {
        return None;
    };
    if std::mem::take(&mut state.status.is_of_edit) {
        return None;
    }
    let what = now.undo.as_ref()?.strip_prefix("Undo ")?;
    Some(Status::from(format!("Done: {what}")).act("Undo", Action::Undo))
}

/// What undo or redo did, with the way back; on another screen also with the way to what changed.
fn travelled(state: &AppState, spec: &JobSpec, now: &ProjectState) -> Option<Status> {
    let before = state.project.as_ref()?;
    let (words, what, back) = match spec {
        JobSpec::Store(StoreJob::Undo { .. }) if before.undo.is_some() => {
            ("Undone", now.redo.as_ref()?.strip_prefix("Redo ")?, ("Redo", Action::Redo))
        }
        JobSpec::Store(StoreJob::Redo { .. }) if before.redo.is_some() => {
            ("Done again", now.undo.as_ref()?.strip_prefix("Undo ")?, ("Undo", Action::Undo))
        }
        _ => return None,
    };
    let status = Status::from(format!("{words}: {what}")).act(back.0, back.1);
    Some(if state.screen == Screen::Data { status } else { status.act("Show", Action::Go(Screen::Data)) })
}

/// Most failures are shown at once; those of glimpses that come and go while one works are shown by their screen.
fn hear_end(state: &mut AppState, job: &Job, outcome: &Outcome) {
    let is_told_elsewhere = job.spec.facts().shows_its_failure
        || saving::is_kept(state, &job.spec)
        // It runs by itself, and the top bar says what is wrong.
        || (matches!(job.spec, JobSpec::Io(IoJob::CheckData { .. })) && !state.saving.is_safe());
    if matches!(job.spec, JobSpec::Store(StoreJob::OpenProject { .. })) {
        state.is_starting = false;
        if matches!(outcome, Outcome::Failed(_)) {
            state.pending_import = None;
        }
    }
    match outcome {
        Outcome::Failed(failure) if !is_told_elsewhere => {
            commands::fail(state, failure.message.clone());
            state.dialog = Some(OpenDialog::Failure(failure.clone()));
        }
        Outcome::Completed | Outcome::Stopped => {
            if let Some(words) = super::words::ended(&job.spec, job.since.elapsed().as_secs_f64(), outcome) {
                state.status = words.into();
            }
        }
        _ => {}
    }
}

fn start_in_project(state: &mut AppState, cx: &Cx<'_>, spec: impl FnOnce(std::path::PathBuf) -> JobSpec) {
    if let Some(project) = &state.project {
        cx.start(&mut state.jobs, spec(project.folder.clone()));
    }
}

/// For screens that send the person on to another one.
pub fn go(state: &mut AppState, drafts: &mut Drafts, screen: Screen, cx: &Cx<'_>) {
    data::flush(state, cx);
    if screen == Screen::Settings && state.screen != Screen::Settings {
        state.before_settings = state.screen;
    }
    state.screen = screen;
    if state.project.is_some() && state.settings.screen != screen {
        state.settings.screen = screen;
        preferences::save(state, cx);
    }
    state.screen.refresh(state, drafts, cx);
}

/// What Ctrl Enter does now.
fn primary_act(state: &AppState) -> Option<Action> {
    state.project.as_ref()?;
    state.screen.primary(state)
}
