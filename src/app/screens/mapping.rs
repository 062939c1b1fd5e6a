//! (in the making)

use crate::app::jobs::Job;
use crate::app::kit::empty_state;
use crate::app::{AppState, Cx, Drafts as AllDrafts};
use crate::engine::EventKind;

#[derive(Debug, Default)]
pub struct State {}

#[derive(Debug, Default)]
pub struct Drafts {}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {}

pub fn show(ui: &mut egui::Ui, _state: &AppState, _drafts: &mut AllDrafts, _actions: &mut Vec<crate::app::Action>) {
    empty_state(ui, "Nothing here yet", "", |_| {});
}

pub fn update(_state: &mut AppState, _drafts: &mut AllDrafts, action: Action, _cx: &Cx<'_>) {
    match action {}
}

pub fn on_event(_state: &mut AppState, _drafts: &mut AllDrafts, _job: &Job, _event: &EventKind, _cx: &Cx<'_>) {}

/// Opens the import dialog for a file of the open project: looks at the file and sets `state.dialog`.
pub fn open(state: &mut AppState, _drafts: &mut AllDrafts, _path: std::path::PathBuf, _cx: &Cx<'_>) {
    state.dialog = Some(crate::app::OpenDialog::Import);
}
