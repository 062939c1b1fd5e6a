//! A job that would compute beside a training, and can't yet: why, and what would let it.

use egui::Ui;

use super::Action;
use crate::app::jobs::Job;
use crate::app::kit::{Button, Text, format, icon};
use crate::app::{Action as AnyAction, AppState};

/// Why a job hasn't started.
pub fn why_waiting(state: &AppState, job: &Job) -> String {
    match (job.memory_short, state.jobs.training().filter(|training| training.has_started)) {
        (Some(short), _) => format!(
            "Training is in the way: this takes {} of memory beside it, and {} are free",
            format::bytes(short.needed),
            format::bytes(short.free)
        ),
        (None, Some(_)) if state.jobs.guest().is_none() => {
            "Comes next: the training gives way after the step in hand".to_owned()
        }
        (None, _) => "Waits until what computes now is done".to_owned(),
    }
}

/// The same with the buttons that change it.
pub fn waiting(ui: &mut Ui, state: &AppState, job: &Job, actions: &mut Vec<AnyAction>) {
    ui.add(Text::body(why_waiting(state, job)).soft().wrapped());
    if job.memory_short.is_some() {
        ui.horizontal(|ui| buttons(ui, actions));
    }
}

fn buttons(ui: &mut Ui, actions: &mut Vec<AnyAction>) {
    let pause = Button::secondary("Pause training").icon(icon::PAUSE);
    if ui.add(pause.hint("Pause training", "It goes on when you say so; until then this comes first")).clicked() {
        actions.push(Action::Pause.into());
    }
    let stop = Button::secondary("Stop and keep").icon(icon::SQUARE);
    if ui.add(stop.hint("Stop and keep", "The weights of the last step are written; the run can go on later")).clicked()
    {
        actions.push(Action::Stop { save: true }.into());
    }
}
