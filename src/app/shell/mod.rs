//! The window around the screens: what it knows, how it changes ([`logic`]), how it looks ([`ui`]).

pub mod commands;
pub mod keys;
pub mod logic;
pub mod opening;
pub mod preferences;
pub mod project_dialog;
mod project_menu;
pub mod projects;
pub mod rail;
pub mod saving;
pub mod ui;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;

use super::effect::{self, Effect};
use super::files::{Desktop, Files};
use super::kit::fallback::Fallback;
use super::screens::settings::token;
use super::settings::AppSettings;
use super::{Action, AppState, Cx, Drafts};
use crate::engine::Backend;

/// The whole window without its frame: eframe shows it, and so do the tests.
pub struct Shell {
    pub state: AppState,
    pub drafts: Drafts,
    pub actions: Vec<Action>,
    pub(super) backend: Box<dyn Backend>,
    pub(super) files: Files,
    /// For letters that the window's own fonts lack; takes effect once it is installed.
    pub fonts: Fallback,
    /// The status as it was when the last work began.
    said_last: String,
}

impl Shell {
    /// `waker` asks for a frame, from any thread.
    pub fn new(backend: Box<dyn Backend>, settings: AppSettings, waker: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self::with_files(backend, settings, Files::new(waker))
    }

    /// On another desktop than this process's: a test's.
    pub fn on(desktop: Arc<dyn Desktop>, backend: Box<dyn Backend>, settings: AppSettings) -> Self {
        Self::with_files(backend, settings, Files::on(desktop, Arc::new(|| {})))
    }

    fn with_files(backend: Box<dyn Backend>, settings: AppSettings, files: Files) -> Self {
        let (state, drafts, fonts) = (AppState::new(settings), Drafts::default(), Fallback::default());
        Self { state, drafts, actions: Vec::new(), backend, files, fonts, said_last: String::new() }
    }

    /// A file dialog is open, or a file is being read or written.
    pub fn is_busy(&self) -> bool {
        self.files.is_busy()
    }

    /// Opens the project that was named, or else the one of the last time.
    pub fn start(&mut self, egui: &egui::Context, named: Option<PathBuf>) {
        let (state, drafts, cx) = self.parts(egui);
        effect::perform(vec![Effect::TellLimits, token::load()], state, drafts, &cx);
        projects::look_at_recent(state, &cx);
        match (named, state.settings.last_project.clone()) {
            (Some(folder), _) => {
                state.is_starting = true;
                self.actions.push(Action::OpenProject { folder, sample: false });
            }
            (None, Some(folder)) => projects::open_last(state, folder, &cx),
            (None, None) => {}
        }
    }

    /// The state, the drafts, and what may be done to the world, side by side.
    fn parts<'a>(&'a mut self, egui: &'a egui::Context) -> (&'a mut AppState, &'a mut Drafts, Cx<'a>) {
        let cx = Cx { backend: self.backend.as_ref(), files: &self.files, egui };
        (&mut self.state, &mut self.drafts, cx)
    }
}
