//! What the train screen looks at beside its own state.

use super::State;
use crate::app::screens::model;
use crate::app::start::{Start, Starter};
use crate::app::{AppState, Cx, Screen};
use crate::engine::{ComputeJob, JobId, JobSpec, Lane};
use crate::project::ProjectState;
use crate::recipe::ModelRef;
use crate::run::RunRecord;

/// See the module.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub project: Option<&'a ProjectState>,
    pub models: &'a model::State,
    /// The project's runs.
    pub runs: &'a [RunRecord],
    /// Everything that was done is on the disk, or on its way there.
    pub is_safe: bool,
    /// Bytes that a run may take, as the settings say.
    pub memory_limit: Option<u64>,
    /// The run that trains now, or waits to.
    pub training: Option<JobId>,
    /// What this screen had counted last is still being counted.
    pub is_counting: bool,
    /// Something else than the measuring of the speed computes.
    pub is_computing: bool,
    /// The screen is in view, with nothing over it.
    pub is_in_view: bool,
}

/// What of the window's state is around the screen. A function would borrow all of it; this leaves the screen's own
/// state and the jobs to be changed.
macro_rules! around {
    ($state:expr) => {
        Around {
            project: $state.project.as_ref(),
            models: &$state.model,
            runs: &$state.runs.records,
            is_safe: $state.saving.is_safe(),
            memory_limit: $state.settings.memory_limit,
            training: $state.jobs.training().map(|job| job.id),
            is_counting: $state.train.counting.is_some_and(|job| $state.jobs.get(job).is_some()),
            is_computing: $state.jobs.iter().any(|job| is_computing(&job.spec)),
            is_in_view: $state.screen == Screen::Train && $state.dialog.is_none(),
        }
    };
}

impl<'a> Around<'a> {
    pub fn of(state: &'a AppState) -> Self {
        around!(state)
    }

    /// The model that the project uses.
    pub fn used(&self) -> Option<&'a ModelRef> {
        self.project?.settings.model.as_ref()
    }
}

/// Lets the screen see the rest of the window while it changes.
pub(super) fn with<T>(
    state: &mut AppState,
    cx: &Cx<'_>,
    act: impl FnOnce(&mut State, &Around<'_>, &mut dyn Start) -> T,
) -> T {
    let around = around!(state);
    act(&mut state.train, &around, &mut Starter { jobs: &mut state.jobs, cx })
}

fn is_computing(spec: &JobSpec) -> bool {
    spec.lane() == Lane::Compute && !matches!(spec, JobSpec::Compute(ComputeJob::MeasureSpeed { .. }))
}
