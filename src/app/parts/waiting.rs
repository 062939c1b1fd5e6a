//! What a job waits for that has not started, and what can be done about it.

use egui::Ui;

use crate::app::jobs::Job;
use crate::app::kit::{Button, format, icon};
use crate::app::screens::train;
use crate::app::{Action, AppState, OpenDialog};

/// Why it doesn't start yet.
pub fn words(state: &AppState, job: &Job) -> String {
    if let Some(short) = job.memory_short {
        return format!(
            "Training is in the way: this takes {} of memory beside it, and {} are free",
            format::bytes(short.needed),
            format::bytes(short.free)
        );
    }
    let is_training = state.jobs.training().is_some_and(|job| job.has_started);
    match state.jobs.guest().map(|job| crate::app::shell::words::doing(job).to_lowercase()) {
        Some(doing) => format!("Waits for what comes before: {doing}"),
        None if is_training && is_paused(state) => "Waits for the run, which is paused".to_owned(),
        None if is_training => "Waits for the run that trains now: it gives way after the step in hand".to_owned(),
        None => "Waits for its turn".to_owned(),
    }
}

fn is_paused(state: &AppState) -> bool {
    state.train.run.as_ref().is_some_and(|run| run.is_paused)
}

/// The buttons that let it through; none where no run is in the way.
pub fn ways_on(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    if state.jobs.training().is_none_or(|job| !job.has_started) {
        return;
    }
    if !is_paused(state) && ui.add(Button::secondary("Pause the run").icon(icon::PAUSE)).clicked() {
        actions.push(train::Action::Pause.into());
    }
    if ui.add(Button::secondary("Stop the run…").icon(icon::SQUARE)).clicked() {
        actions.push(Action::ShowDialog(OpenDialog::StopTraining));
    }
}
