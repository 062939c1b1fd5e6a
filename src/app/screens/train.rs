//! Training: the form, what a run would do, and the run itself while it goes.

mod action;
mod around;
mod before;
pub(super) mod chart;
mod closing;
mod commands;
mod form;
mod notes;
mod past;
mod preset;
mod run;
mod standing;
pub mod state;
mod time;
mod view;

pub use action::TrainAction as Action;
pub use around::Around;
pub use closing::{Closing, closing_dialog};
pub use commands::commands;
pub use preset::Preset;
pub use run::Run;
pub use standing::{Standing, of_job, of_live};
pub use state::TrainState as State;
pub use view::stop_dialog;

use super::{Part, Place, Rail};
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{Icon, Mark, format, icon};
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::engine::EventKind;
use around::with;

#[derive(Debug, Default)]
pub struct Drafts {
    /// Module names, while they are typed.
    pub names: Option<String>,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut egui::Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        view::show(ui, state, drafts, actions);
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        if matches!(action, Action::Reset(_)) {
            drafts.train.names = None;
        }
        let effects = with(state, cx, |train, around, jobs| train.apply(action, around, jobs));
        effect::perform(effects, state, drafts, cx);
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let effects = with(state, cx, |train, around, jobs| train.on_event(job, event, around, jobs));
        effect::perform(effects, state, drafts, cx);
    }

    fn on_project(state: &mut AppState, drafts: &mut AllDrafts, _cx: &Cx<'_>) {
        Self::forget(state, drafts);
        if let Some(kept) = state.project.as_ref().and_then(|project| project.settings.recipe.clone()) {
            state.train.recipe = kept;
        }
    }

    /// None of the project's runs, unless that still trains.
    fn forget(state: &mut AppState, _drafts: &mut AllDrafts) {
        state.train.forget(state.jobs.training().is_some());
    }
}

impl Place for Logic {
    const NAME: &'static str = "Train";
    const ICON: Icon = icon::PULSE;
    const RAIL: Rail = Rail::Step("Watch it learn, stop any time");

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        with(state, cx, State::count);
    }

    fn rail(state: &AppState) -> (String, Mark) {
        match &state.train.run {
            Some(run) if !run.is_over() => (Standing::of(state, run).on_rail(run), Mark::Running),
            Some(run) if run.can_go_on() => (Standing::of(state, run).on_rail(run), Mark::Done),
            Some(run) if run.num_steps_done() > 0 => {
                let words = match run.best().filter(|best| best.step > 0) {
                    Some(best) => format!("Best step {}", format::thousands(best.step as u64)),
                    None => format!("Step {}", run.steps_done_of()),
                };
                (words, Mark::Done)
            }
            _ if state.project.is_none() || super::model::used(state).is_none() => {
                ("Needs a model".to_owned(), Mark::ToDo)
            }
            _ if state.project.as_ref().is_some_and(|project| project.counts.train == 0) => {
                ("Needs examples".to_owned(), Mark::ToDo)
            }
            _ => ("Ready to start".to_owned(), Mark::Ready),
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        if state.train.is_form_shown {
            return obstacle(state).is_none().then(|| Action::Start.into());
        }
        view::filled_act(state)
    }
}

/// What keeps a run from starting, in words.
pub fn obstacle(state: &AppState) -> Option<String> {
    state.train.obstacle(&Around::of(state))
}
