//! Closing the window while a run is under way: it asks first, and waits for the weights.

use egui::Ui;

use super::standing::Standing;
use super::{Action, Run};
use crate::app::kit::{Dialog, DialogEnd, Text, dialog};
use crate::app::{Action as AnyAction, AppState, Cx};
use crate::task::Signal;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Closing {
    #[default]
    No,
    Asks,
    /// Closes as soon as the checkpoint is there.
    Waits,
    /// Nothing keeps it open any more.
    Now,
}

/// Somebody wants to close the window: whether it must stay open, because a run is under way.
pub fn keeps_open(state: &mut AppState) -> bool {
    if state.jobs.training().is_none() || state.train.closing == Closing::Now {
        return false;
    }
    if state.train.closing == Closing::No {
        state.train.closing = Closing::Asks;
    }
    true
}

/// The run is over: nothing is left to wait for.
pub(super) fn run_ended(state: &mut AppState, cx: &Cx<'_>) {
    match state.train.closing {
        Closing::Waits => close(state, cx),
        Closing::Asks => state.train.closing = Closing::No,
        Closing::No | Closing::Now => {}
    }
}

pub(super) fn stop_and_close(state: &mut AppState, cx: &Cx<'_>) {
    state.train.closing = Closing::Waits;
    super::signal(state, Signal::Close, cx);
}

/// Without the weights since the last checkpoint.
pub(super) fn close_at_once(state: &mut AppState, cx: &Cx<'_>) {
    super::signal(state, Signal::Stop { save: false }, cx);
    close(state, cx);
}

fn close(state: &mut AppState, cx: &Cx<'_>) {
    state.train.closing = Closing::Now;
    cx.egui.send_viewport_cmd(egui::ViewportCommand::Close);
}

/// Over whatever else is open.
pub fn closing_dialog(ui: &Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let run = state.train.run.as_ref();
    let (end, yes) = match state.train.closing {
        Closing::No | Closing::Now => return,
        Closing::Asks => (ask(ui, run), Action::StopAndClose),
        Closing::Waits => (wait(ui, state, run), Action::CloseAtOnce),
    };
    match end {
        DialogEnd::StillOpen => {}
        DialogEnd::Cancelled => actions.push(Action::KeepOpen.into()),
        DialogEnd::Confirmed => actions.push(yes.into()),
    }
}

fn ask(ui: &Ui, run: Option<&Run>) -> DialogEnd {
    let done = match run.filter(|run| run.num_steps_done() > 0) {
        Some(run) => format!(
            "Run {} has done {}. Stop and keep writes the weights of the last step, and you can go on from them next \
             time",
            run.name(),
            run.steps_in_words()
        ),
        None => "Its first step isn't done yet, so there is nothing to keep".to_owned(),
    };
    let dialog = Dialog::new("closing", "A run is under way").cancel("Keep the window open").careful();
    let body = |ui: &mut Ui| drop(dialog::body(ui, |ui| ui.add(Text::body(done).soft().wrapped())));
    dialog.primary("Stop and keep", None::<&str>).show(ui.ctx(), body, |_| {}).0
}

fn wait(ui: &Ui, state: &AppState, run: Option<&Run>) -> DialogEnd {
    let title = run.map_or_else(|| "Stopping".to_owned(), |run| Standing::of(state, run).words);
    let dialog = Dialog::new("closing and waiting", &title).cancel("Keep the window open").careful();
    let words = "The window closes as soon as the weights are written. Closed at once, the run loses the steps since the \
                 last checkpoint";
    let body = |ui: &mut Ui| drop(dialog::body(ui, |ui| ui.add(Text::body(words).soft().wrapped())));
    dialog.danger("Close at once").show(ui.ctx(), body, |_| {}).0
}
