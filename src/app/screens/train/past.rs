//! The run of before: shown again at the next start, with its curves and messages, and what became of it is said.

use std::path::Path;

use super::around::Around;
use super::run::Run;
use super::{Action, State};
use crate::app::effect::Effect;
use crate::app::start::Start;
use crate::app::state::Status;
use crate::engine::{EventKind, IoJob, JobId, JobSpec, Reply};
use crate::run::RunStatus;

impl State {
    /// Also from the table of runs.
    pub(super) fn went_on(&mut self, job: JobId, run_dir: &Path, around: &Around<'_>, jobs: &mut dyn Start) {
        if self.run.as_ref().is_none_or(|run| run.job != job) {
            let mut run = Run::new(job, self.recipe.clone(), self.smoothing);
            run.run_dir = Some(run_dir.to_owned());
            let record = around.runs.iter().find(|run| run.run_dir == run_dir);
            run.goes_on_from = record.map(|record| record.num_steps_done);
            self.show(run);
        }
        read_past(run_dir, jobs);
    }

    /// The project's newest run is shown again, and can be resumed here.
    pub(super) fn look_back(&mut self, project: &Path, event: &EventKind, around: &Around<'_>, jobs: &mut dyn Start) {
        let EventKind::Reply(reply) = event else { return };
        let Reply::Runs(records) = &**reply else { return };
        let is_open = around.project.is_some_and(|open| open.folder == project);
        if !is_open || std::mem::replace(&mut self.has_looked_back, true) || self.run.is_some() {
            return;
        }
        let Some(newest) = records.first().filter(|run| run.status != RunStatus::Running) else { return };
        self.show(Run::past(newest, self.smoothing));
        read_past(&newest.run_dir, jobs);
    }

    pub(super) fn hear_past(&mut self, event: &EventKind) -> Vec<Effect> {
        let (Some(run), EventKind::Reply(reply)) = (&mut self.run, event) else { return Vec::new() };
        match &**reply {
            Reply::Curves { run: record, steps, evaluations } if run.run_dir.as_ref() == Some(&record.run_dir) => {
                run.read(record, steps, evaluations);
            }
            Reply::Messages { run_dir, messages, goes_on_from } if run.run_dir.as_ref() == Some(run_dir) => {
                run.take_messages(messages, *goes_on_from);
                return what_became_of(run).map(Effect::say).into_iter().collect();
            }
            _ => {}
        }
        Vec::new()
    }
}

/// The curves up to the checkpoint, to which the steps that follow are added, and the messages.
fn read_past(run_dir: &Path, jobs: &mut dyn Start) {
    // First from which checkpoint it goes on: what was done after it isn't part of the curves.
    jobs.start(JobSpec::Io(IoJob::ReadMessages { run_dir: run_dir.to_owned() }));
    jobs.start(JobSpec::Io(IoJob::ReadRun { run_dir: run_dir.to_owned() }));
}

/// What became of a run that was cut short because the window closed, or the program was killed.
fn what_became_of(run: &Run) -> Option<Status> {
    let (what, when) = match (run.is_interrupted, run.was_closed()) {
        _ if !run.can_go_on() => return None,
        (true, _) => ("was interrupted", "when the program ended"),
        (false, true) => ("stopped", "when the window closed"),
        (false, false) => return None,
    };
    let words = format!("Run {} {what} at step {} {when}", run.name(), run.steps_done_of());
    Some(Status::from(words).act("Go on", Action::Resume))
}
