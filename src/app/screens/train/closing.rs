//! Closing the window while a run is under way: it asks first, and waits for the weights.

use egui::Ui;

use super::around::Around;
use super::standing::Standing;
use super::{Action, Run, State};
use crate::app::effect::Effect;
use crate::app::kit::{Dialog, DialogEnd, Text, dialog};
use crate::app::start::Start;
use crate::app::{Action as AnyAction, AppState};
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

impl State {
    /// Somebody wants to close the window: whether it must stay open, because a run is under way.
    pub fn keeps_open(&mut self, is_training: bool) -> bool {
        if !is_training || self.closing == Closing::Now {
            return false;
        }
        if self.closing == Closing::No {
            self.closing = Closing::Asks;
        }
        true
    }

    /// The run is over: nothing is left to wait for.
    pub(super) fn close_after_run(&mut self) -> Option<Effect> {
        match self.closing {
            Closing::Waits => return Some(self.close()),
            Closing::Asks => self.closing = Closing::No,
            Closing::No | Closing::Now => {}
        }
        None
    }

    pub(super) fn stop_and_close(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        self.closing = Closing::Waits;
        self.signal(Signal::Close, around, jobs);
    }

    /// Without the weights since the last checkpoint.
    pub(super) fn close_at_once(&mut self, around: &Around<'_>, jobs: &mut dyn Start) -> Effect {
        self.signal(Signal::Stop { save: false }, around, jobs);
        self.close()
    }

    fn close(&mut self) -> Effect {
        self.closing = Closing::Now;
        Effect::CloseWindow
    }
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
            "Run {} has done {}. Stop and keep writes the weights of the last step, and you can resume from them next \
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
