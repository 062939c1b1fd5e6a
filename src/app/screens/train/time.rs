//! The time before a run: measured by a few real steps when the form rests and nothing else computes, or by a run of the
//! same kind. Where nothing was measured, the preview says so.

pub mod card;

use std::time::Duration;

use super::around::Around;
use super::{Action, State as TrainState};
use crate::app::effect::Effect;
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::engine::{ComputeJob, EventKind, JobId, JobSpec, Outcome};
use crate::train::preview::RunPreview;
use crate::train::timing::{KnownSpeed, RunTime, speed_key};

/// The form is left alone for so long before something is measured by itself.
const REST: Duration = Duration::from_millis(1500);

/// What is known of the speed of runs with the form's settings.
#[derive(Default)]
pub struct State {
    measuring: Ticket<KnownSpeed>,
    /// What it is measured under.
    measuring_key: String,
    /// Under its key.
    measured: Option<(String, KnownSpeed)>,
    /// Why it could not be measured, under its key.
    failed: Option<(String, String)>,
    /// Counts the form's changes: who waits for it to rest knows by it whether it does.
    changes: u64,
}

impl TrainState {
    /// What a speed of the form's run is kept under.
    fn speed_key(&self, around: &Around<'_>) -> Option<String> {
        Some(speed_key(&around.project?.folder, &self.planned(around)?))
    }

    /// The speed of such a run on this machine.
    fn known_speed(&self, around: &Around<'_>) -> Option<&KnownSpeed> {
        let key = self.speed_key(around)?;
        let measured = self.time.measured.as_ref().filter(|(of, _)| *of == key).map(|(_, known)| known);
        measured.or_else(|| self.preview.as_ref()?.speed.as_ref())
    }

    /// How long a run would take.
    pub fn time_of(&self, preview: &RunPreview, around: &Around<'_>) -> Option<RunTime> {
        preview.time(&self.known_speed(around)?.speed)
    }

    /// Why the speed of such a run could not be measured.
    fn speed_failure(&self, around: &Around<'_>) -> Option<&str> {
        let key = self.speed_key(around)?;
        self.time.failed.as_ref().filter(|(of, _)| *of == key).map(|(_, failure)| failure.as_str())
    }

    /// What keeps the speed from being measured now.
    fn why_not_measure(&self, around: &Around<'_>) -> Option<String> {
        match around.is_computing {
            true => Some("Something else computes now; it is measured when that is done".to_owned()),
            false => self.obstacle(around),
        }
    }

    /// The form's run was counted: if its time isn't known, wait whether the form rests.
    pub(super) fn counted(&mut self, around: &Around<'_>) -> Option<Effect> {
        self.time.changes += 1;
        let changes = self.time.changes;
        self.known_speed(around).is_none().then(|| {
            Effect::run(move || {
                std::thread::sleep(REST);
                Some(Action::Rested(changes).into())
            })
        })
    }

    /// Measures by itself, unless the form was changed meanwhile, nobody looks, or it would be a burden.
    pub(super) fn rested(&mut self, changes: u64, around: &Around<'_>, jobs: &mut dyn Start) {
        let is_seen = around.is_in_view && self.is_form_shown;
        let fits = self.preview.as_ref().is_some_and(|p| p.memory.total() <= p.memory.available);
        let is_wanted = changes == self.time.changes && is_seen && fits && !self.time.measuring.is_open();
        if is_wanted && self.known_speed(around).is_none() && self.speed_failure(around).is_none() {
            self.measure(around, jobs);
        }
    }

    pub(super) fn measure(&mut self, around: &Around<'_>, jobs: &mut dyn Start) {
        if self.why_not_measure(around).is_some() {
            return;
        }
        let (Some(project), Some(recipe)) = (around.project, self.planned(around)) else { return };
        self.time.measuring_key = speed_key(&project.folder, &recipe);
        self.time.failed = None;
        let project = project.folder.clone();
        self.time.measuring.ask_anew(JobSpec::Compute(ComputeJob::MeasureSpeed { project, recipe }), jobs);
    }

    pub(super) fn hear_speed(&mut self, job: JobId, event: &EventKind) {
        let time = &mut self.time;
        match event {
            EventKind::Reply(reply) => {
                if let Some(known) = time.measuring.take(job, reply) {
                    time.measured = Some((time.measuring_key.clone(), known.clone()));
                }
            }
            EventKind::Finished(outcome) => {
                if let (true, Outcome::Failed(failure)) = (time.measuring.end(job), outcome) {
                    time.failed = Some((time.measuring_key.clone(), failure.message.clone()));
                }
            }
            _ => {}
        }
    }
}
