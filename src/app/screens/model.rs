//! Choosing what to tune: the starter model, models found on this disk, a file or folder of the person's own.

use std::path::PathBuf;

use super::{Part, Place, Rail};
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{Icon, Mark, format, icon};
use crate::app::shell::words;
use crate::app::start::{Start, Starter};
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts, Screen};
use crate::engine::protocol::Side;
use crate::engine::{EventKind, JobSpec, NetJob};
use crate::hub::FoundModel;
use crate::recipe::ModelRef;
use state::Around;

pub mod state;
mod view;

pub use state::{ModelAction as Action, ModelState as State, Trial, obstacle};

#[derive(Debug, Default)]
pub struct Drafts {
    pub search: String,
    pub prompt: String,
    /// A token for the Hub.
    pub token: String,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut egui::Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        view::show(ui, state, drafts, actions);
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        let typed = drafts.model.prompt.trim().to_owned();
        let effects = with(state, cx, |model, around, jobs| model.apply(action, &typed, around, jobs));
        effect::perform(effects, state, drafts, cx);
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        if let (true, EventKind::AnswerDone { side: Side::Before, .. }) = (state.model.is_trial(job.id), event) {
            drafts.model.prompt.clear();
        }
        let effects = with(state, cx, |model, around, jobs| model.on_event(job, event, around, jobs));
        effect::perform(effects, state, drafts, cx);
    }

    /// What it uses is selected; what was found on this disk stays found.
    fn on_project(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        with(state, cx, State::follow);
    }
}

impl Place for Logic {
    const NAME: &'static str = "Model";
    const ICON: Icon = icon::CUBE;
    const RAIL: Rail = Rail::Step("Choose a small model");

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        with(state, cx, State::refresh);
    }

    fn rail(state: &AppState) -> (String, Mark) {
        // It goes on while one looks at another screen.
        if state.model.trial.job.is_some() {
            return ("Answering".to_owned(), Mark::Running);
        }
        match used(state) {
            Some(model) => {
                let found = state.model.find(model);
                match found.and_then(obstacle) {
                    Some(_) => ("Can't be used".to_owned(), Mark::ToDo),
                    None => (short(&name_of(state, model)), Mark::Done),
                }
            }
            None if state.project.is_some() => ("Not chosen".to_owned(), Mark::Ready),
            None => ("Not chosen".to_owned(), Mark::ToDo),
        }
    }

    fn primary(state: &AppState) -> Option<AnyAction> {
        state.model.selected.as_ref().map(|_| Action::Primary.into())
    }
}

/// Lets it see the rest of the window while it changes.
fn with<T>(state: &mut AppState, cx: &Cx<'_>, act: impl FnOnce(&mut State, &Around<'_>, &mut dyn Start) -> T) -> T {
    let AppState { model, project, train, jobs, screen, .. } = state;
    let is_shown = *screen == Screen::Model;
    let around = Around { project: project.as_ref(), recipe: &train.recipe, is_shown };
    act(model, &around, &mut Starter { jobs, cx })
}

/// The model that the project uses.
pub fn used(state: &AppState) -> Option<&ModelRef> {
    state.project.as_ref()?.settings.model.as_ref()
}

/// A model's name as the person knows it.
pub fn name_of(state: &AppState, model: &ModelRef) -> String {
    state.model.find(model).map_or_else(|| words::model_name(model), |found| found.name.clone())
}

/// The download of a model, while it lasts.
pub fn fetching<'a>(state: &'a AppState, model: &ModelRef) -> Option<&'a Job> {
    state.jobs.find(|spec| matches!(spec, JobSpec::Net(NetJob::FetchModel { model: other }) if other == model))
}

/// Without what every model's name ends in.
fn short(name: &str) -> String {
    let name = name.strip_suffix(".gguf").unwrap_or(name);
    name.strip_suffix("-Instruct").unwrap_or(name).to_owned()
}

/// `135 M · Q4_1 · 98 MB`
fn in_short(found: &FoundModel) -> String {
    let size = (found.num_bytes > 0).then(|| format::bytes(found.num_bytes));
    let facts = found.facts.as_ref().map(|f| (format::parameters(f.num_parameters), f.quantization.clone()));
    let (weights, kind) = facts.unzip();
    [weights, kind, size].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The folder or file that a model lies in.
fn path_of(found: &FoundModel) -> Option<PathBuf> {
    found.facts.as_ref().map(|facts| facts.path.clone())
}
