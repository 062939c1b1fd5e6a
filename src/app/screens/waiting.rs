//! What a job waits for that has not started, and what can be done about it.

use egui::Ui;

use crate::app::kit::{Button, icon};
use crate::app::{Action, AppState, OpenDialog};
use crate::engine::Lane;

use super::train;

/// What computes now, so that another job waits.
pub fn words(state: &AppState) -> String {
    let is_paused = state.train.run.as_ref().is_some_and(|run| run.is_paused);
    match (state.jobs.training().filter(|job| job.has_started), is_paused) {
        (Some(_), true) => "Waits for the run, which is paused".to_owned(),
        (Some(_), false) => "Waits for the run that trains now".to_owned(),
        (None, _) => {
            let first = state.jobs.iter().find(|job| job.spec.lane() == Lane::Compute && job.has_started);
            let doing = first.map(|job| crate::app::shell::words::doing(job).to_lowercase());
            doing.map_or_else(
                || "Waits for its turn".to_owned(),
                |doing| format!("Waits for what comes before: {doing}"),
            )
        }
    }
}

/// The buttons that let it through; none where it only has to wait a moment.
pub fn ways_on(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    if state.jobs.training().is_none_or(|job| !job.has_started) {
        return;
    }
    let is_paused = state.train.run.as_ref().is_some_and(|run| run.is_paused);
    if !is_paused && ui.add(Button::secondary("Pause the run").icon(icon::PAUSE)).clicked() {
        actions.push(train::Action::Pause.into());
    }
    if ui.add(Button::secondary("Stop the run…").icon(icon::SQUARE)).clicked() {
        actions.push(Action::ShowDialog(OpenDialog::StopTraining));
    }
}
