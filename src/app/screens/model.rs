//! (in the making)

use crate::app::jobs::Job;
use crate::app::kit::{Mark, empty_state};
use crate::app::{AppState, Cx, Drafts as AllDrafts};
use crate::engine::EventKind;

#[derive(Debug, Default)]
pub struct State {}

#[derive(Debug, Default)]
pub struct Drafts {}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Reads a model's header and shows its facts.
    Inspect(crate::recipe::ModelRef),
}

pub fn show(ui: &mut egui::Ui, _state: &AppState, _drafts: &mut AllDrafts, _actions: &mut Vec<crate::app::Action>) {
    empty_state(ui, "Nothing here yet", "", |_| {});
}

pub fn update(_state: &mut AppState, _drafts: &mut AllDrafts, action: Action, _cx: &Cx<'_>) {
    match action {
        Action::Inspect(_) => {}
    }
}

pub fn on_event(_state: &mut AppState, _drafts: &mut AllDrafts, _job: &Job, _event: &EventKind, _cx: &Cx<'_>) {}

pub fn refresh(_state: &mut AppState, _drafts: &mut AllDrafts, _cx: &Cx<'_>) {}

pub fn rail(_state: &AppState) -> (String, Mark) {
    (String::new(), Mark::ToDo)
}

pub fn primary(_state: &AppState) -> Option<crate::app::Action> {
    None
}

pub fn project_opened(_state: &mut AppState, _cx: &Cx<'_>) {}
