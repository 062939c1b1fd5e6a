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
use crate::app::kit::{Combo, Icon, Mark, format, icon};
use crate::app::start::Starter;
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::engine::EventKind;
use crate::project::{RunRecord, state::RunStatus};

/// A run as a picker shows it: its name and which weights are used.
pub fn label(run: &RunRecord) -> String {
    match (run.best_step, run.status) {
        (Some(step), _) if step > 0 => format!("{}, best step {}", run.name, format::thousands(step)),
        (_, RunStatus::Running) => format!("{}, running", run.name),
        _ => format!("{}, step {}", run.name, format::thousands(run.num_steps_done)),
    }
}

/// Chooses among the runs that have weights; tells the name of another one.
pub fn picker(ui: &mut egui::Ui, runs: &[RunRecord], chosen: Option<&RunRecord>) -> Option<String> {
    let chosen = chosen?;
    let usable: Vec<_> = runs.iter().filter(|run| run.adapter.is_some()).collect();
    let labels: Vec<_> = usable.iter().map(|run| label(run)).collect();
    let options: Vec<_> = labels.iter().enumerate().map(|(i, label)| (i, label.as_str())).collect();
    let current = usable.iter().position(|run| run.name == chosen.name)?;
    let picked = Combo::new("Run", &options, current).show(ui)?;
    usable.get(picked).map(|run| run.name.clone())
}

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
