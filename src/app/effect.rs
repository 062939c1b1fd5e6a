//! What a screen's logic asks for beside its own state and its jobs: the window does it afterwards.

use std::path::PathBuf;

use super::files::FilePick;
use super::screens::ScreenAction;
use super::settings::AppSettings;
use super::shell::{logic, opening, preferences};
use super::state::{OpenDialog, Status, ToImport};
use super::{Action, AppState, Cx, Drafts, Screen};
use crate::engine::{JobSpec, StoreJob};
use crate::recipe::{ModelRef, Recipe};

/// See the module.
#[derive(Debug)]
pub enum Effect {
    /// In the status bar.
    Say(Status),
    /// Shows a screen: a link or the command field led to it.
    Show(Screen),
    /// Goes on to a screen, as a click in the rail does.
    Go(Screen),
    Open(OpenDialog),
    /// Closes this dialog, if it is the one that is open.
    Close(OpenDialog),
    /// Asks for a path in the system's file dialog.
    Pick(FilePick, fn(PathBuf) -> Action),
    /// Keeps something with the project.
    Keep(Setting),
    /// Other settings of the window.
    Prefer(Box<AppSettings>),
    /// What the engine may do has changed.
    TellLimits,
    /// Files with examples, into the open project or one of their own.
    Import(ToImport),
    /// What another screen has to do.
    Do(ScreenAction),
    /// Work on the disk, in a thread of its own.
    Run(Work),
    CloseWindow,
}

/// A setting of the project.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    Labels(Vec<String>),
    Model(ModelRef),
    Recipe(Box<Recipe>),
}

/// Gives what is to be done with what it found.
pub struct Work(Box<dyn FnOnce() -> Option<Action> + Send>);

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

impl Effect {
    pub fn say(words: impl Into<Status>) -> Self {
        Self::Say(words.into())
    }

    pub fn run(work: impl FnOnce() -> Option<Action> + Send + 'static) -> Self {
        Self::Run(Work(Box::new(work)))
    }
}

/// Does what a screen asked for, in its order.
pub fn perform(effects: Vec<Effect>, state: &mut AppState, drafts: &mut Drafts, cx: &Cx<'_>) {
    for effect in effects {
        match effect {
            Effect::Say(status) => state.status = status,
            Effect::Show(screen) => state.screen = screen,
            Effect::Go(screen) => logic::go(state, drafts, screen, cx),
            Effect::Open(dialog) => state.dialog = Some(dialog),
            Effect::Close(dialog) => drop(state.dialog.take_if(|open| *open == dialog)),
            Effect::Pick(pick, then) => cx.pick(pick, then),
            Effect::Keep(setting) => keep(state, setting, cx),
            Effect::Prefer(settings) => {
                state.settings = *settings;
                preferences::tell_limits(state, cx);
                preferences::save(state, cx);
            }
            Effect::TellLimits => preferences::tell_limits(state, cx),
            Effect::Import(what) => opening::import(state, drafts, what, cx),
            Effect::Do(action) => action.apply(state, drafts, cx),
            Effect::Run(Work(work)) => cx.files.run(work),
            Effect::CloseWindow => cx.egui.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }
}

fn keep(state: &mut AppState, setting: Setting, cx: &Cx<'_>) {
    let Some(project) = &mut state.project else { return };
    match setting {
        Setting::Labels(labels) => project.settings.labels = labels,
        Setting::Model(model) => project.settings.model = Some(model),
        Setting::Recipe(recipe) => project.settings.recipe = Some(*recipe),
    }
    let (project, settings) = (project.folder.clone(), project.settings.clone());
    cx.start(&mut state.jobs, JobSpec::Store(StoreJob::SaveSettings { project, settings }));
}
