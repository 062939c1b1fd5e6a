//! All runs of the project: what was asked, how it went, and their curves.

mod chosen;
mod differs;
mod list;
mod one;
mod order;
mod screen;
mod several;
pub mod state;

pub use state::{RunsAction as Action, RunsState as State};

use std::path::PathBuf;

use super::{Part, Place, Rail};
use crate::app::effect;
use crate::app::jobs::Job;
use crate::app::kit::{Icon, Mark, format, icon};
use crate::app::start::Starter;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::engine::EventKind;

#[derive(Debug, Default)]
pub struct Drafts {
    pub search: String,
    /// The note that is being typed, and the folder of its run.
    pub note: Option<(PathBuf, String)>,
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut egui::Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        screen::show(ui, state, drafts, actions);
    }

    fn update(state: &mut AppState, _drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        let AppState { runs, jobs, .. } = state;
        runs.apply(action, &mut Starter { jobs, cx });
    }

    fn on_event(state: &mut AppState, drafts: &mut AllDrafts, job: &Job, event: &EventKind, cx: &Cx<'_>) {
        let AppState { runs, jobs, project, .. } = state;
        let folder = project.as_ref().map(|project| project.folder.as_path());
        let effects = runs.on_event(job, event, folder, &mut Starter { jobs, cx });
        effect::perform(effects, state, drafts, cx);
    }

    fn forget(state: &mut AppState, _drafts: &mut AllDrafts) {
        state.runs = State::default();
    }
}

impl Place for Logic {
    const NAME: &'static str = "Runs";
    const ICON: Icon = icon::LIST_BULLETS;
    const RAIL: Rail = Rail::Below;

    fn refresh(state: &mut AppState, _drafts: &mut AllDrafts, cx: &Cx<'_>) {
        let AppState { runs, jobs, project, .. } = state;
        if let Some(project) = project {
            runs.list(&project.folder, &mut Starter { jobs, cx });
        }
    }

    fn rail(state: &AppState) -> (String, Mark) {
        match state.runs.records.len() as u64 {
            0 => ("None yet".to_owned(), Mark::ToDo),
            num if state.jobs.training().is_some() => {
                let is_paused = state.train.run.as_ref().is_some_and(|run| run.is_paused);
                let active = if is_paused { "1 paused" } else { "1 active" };
                (format!("{}, {active}", format::count(num, "run", "runs")), Mark::ToDo)
            }
            num => (format::count(num, "run", "runs"), Mark::ToDo),
        }
    }
}
