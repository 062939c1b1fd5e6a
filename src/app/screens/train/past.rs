//! The run of before: shown again at the next start, with its curves and messages, and what became of it is said.

use std::path::Path;

use super::Action;
use super::run::Run;
use crate::app::jobs::Job;
use crate::app::state::Status;
use crate::app::{AppState, Cx};
use crate::engine::{EventKind, IoJob, JobSpec, Reply};
use crate::project::state::RunStatus;

/// Also from the table of runs.
pub(super) fn went_on(state: &mut AppState, job: &Job, run_dir: &Path, cx: &Cx<'_>) {
    let is_known = state.train.run.as_ref().is_some_and(|run| run.job == job.id);
    if !is_known {
        let mut run = Run::new(job.id, state.train.recipe.clone(), state.train.smoothing);
        run.run_dir = Some(run_dir.to_owned());
        let record = state.runs.records.iter().find(|run| run.run_dir == run_dir);
        run.goes_on_from = record.map(|record| record.num_steps_done);
        state.train.run = Some(run);
        state.train.is_form_shown = false;
    }
    read_past(state, run_dir, cx);
}

/// The curves up to the checkpoint, to which the steps that follow are added, and the messages.
fn read_past(state: &mut AppState, run_dir: &Path, cx: &Cx<'_>) {
    // First from which checkpoint it goes on: what was done after it isn't part of the curves.
    cx.start(&mut state.jobs, JobSpec::Io(IoJob::ReadMessages { run_dir: run_dir.to_owned() }));
    cx.start(&mut state.jobs, JobSpec::Io(IoJob::ReadRun { run_dir: run_dir.to_owned() }));
}

/// The project's newest run is shown again, and can be gone on with here.
pub(super) fn look_back(state: &mut AppState, project: &Path, event: &EventKind, cx: &Cx<'_>) {
    let EventKind::Reply(reply) = event else { return };
    let Reply::Runs(records) = &**reply else { return };
    let is_open = state.project.as_ref().is_some_and(|open| open.folder == project);
    if !is_open || std::mem::replace(&mut state.train.has_looked_back, true) || state.train.run.is_some() {
        return;
    }
    let Some(newest) = records.first().filter(|run| run.status != RunStatus::Running) else { return };
    state.train.run = Some(Run::past(newest, state.train.smoothing));
    state.train.is_form_shown = false;
    read_past(state, &newest.run_dir, cx);
}

pub(super) fn hear_past(state: &mut AppState, event: &EventKind) {
    let (Some(run), EventKind::Reply(reply)) = (&mut state.train.run, event) else { return };
    match &**reply {
        Reply::Curves { run: record, steps, evaluations } if run.run_dir.as_ref() == Some(&record.run_dir) => {
            run.read(record, steps, evaluations);
        }
        Reply::Messages { run_dir, messages, goes_on_from } if run.run_dir.as_ref() == Some(run_dir) => {
            run.take_messages(messages, *goes_on_from);
            announce(state);
        }
        _ => {}
    }
}

/// What became of a run when the window closed, or the program was killed.
fn announce(state: &mut AppState) {
    let Some(run) = state.train.run.as_ref().filter(|run| run.can_go_on()) else { return };
    let (what, when) = match (run.is_interrupted, run.was_closed()) {
        (true, _) => ("was interrupted", "when the program ended"),
        (false, true) => ("stopped", "when the window closed"),
        (false, false) => return,
    };
    let words = format!("Run {} {what} at step {} {when}", run.name(), run.steps_done_of());
    state.status = Status::from(words).act("Go on", Action::Resume);
}
