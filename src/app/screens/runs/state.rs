//! The project's runs, newest first, and the curves of the chosen one.

use std::path::{Path, PathBuf};

use crate::app::screens::data::start::Start;
use crate::app::screens::train::Run;
use crate::engine::{EventKind, JobId, JobSpec, Outcome, Reply};
use crate::project::{RunRecord, state::RunStatus};

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum RunsAction {
    Select(u64),
    /// Goes on from the last checkpoint of the run of this folder.
    Resume(PathBuf),
    /// As much as the Train screen does.
    Smooth(f64),
}

/// The run of this name if its weights can be used, or else the newest whose can.
pub fn usable<'a>(runs: &'a [RunRecord], name: Option<&str>) -> Option<&'a RunRecord> {
    let has_weights = |run: &&RunRecord| run.adapter.is_some();
    let named = name.and_then(|name| runs.iter().find(|run| run.name == name));
    named.filter(has_weights).or_else(|| runs.iter().find(has_weights))
}

/// See the module.
#[derive(Default)]
pub struct RunsState {
    pub records: Vec<RunRecord>,
    /// The folder of the chosen run; the newest where none is chosen.
    chosen: Option<PathBuf>,
    /// Its curves, as the Train screen shows them.
    pub curves: Option<Run>,
    /// Why the list or the curves could not be read.
    pub error: Option<String>,
    /// The project that the records are of.
    pub folder: PathBuf,
    pub smoothing: f64,
    listing: Option<JobId>,
    reading: Option<(JobId, PathBuf)>,
}

impl RunsState {
    /// Asks for the list anew; an earlier question that is not answered yet is dropped.
    pub fn list(&mut self, project: &Path, jobs: &mut dyn Start) {
        if self.folder != project {
            *self = Self { folder: project.to_owned(), ..Self::default() };
        }
        if let Some(old) = self.listing.take() {
            jobs.stop(old);
        }
        self.listing = Some(jobs.start(JobSpec::ListRuns { project: project.to_owned() }));
        self.read(jobs);
    }

    pub fn selected(&self) -> Option<u64> {
        let at = self.chosen.as_ref().and_then(|dir| self.records.iter().position(|run| run.run_dir == *dir));
        at.or((!self.records.is_empty()).then_some(0)).map(|at| at as u64)
    }

    pub fn chosen(&self) -> Option<&RunRecord> {
        self.records.get(self.selected()? as usize)
    }

    /// Whether a run can go on from a checkpoint.
    pub fn can_resume(run: &RunRecord) -> bool {
        matches!(run.status, RunStatus::Interrupted | RunStatus::Stopped) && run.num_steps_done < run.num_steps
    }

    pub fn apply(&mut self, action: RunsAction, jobs: &mut dyn Start) {
        match action {
            RunsAction::Select(row) => {
                self.chosen = self.records.get(row as usize).map(|run| run.run_dir.clone());
                self.read(jobs);
            }
            RunsAction::Smooth(smoothing) => {
                self.smoothing = smoothing;
                if let Some(curves) = &mut self.curves {
                    curves.smooth(smoothing);
                }
            }
            RunsAction::Resume(run_dir) => drop(jobs.start(JobSpec::ResumeTraining { run_dir })),
        }
    }

    /// Asks for the chosen run's curves.
    pub fn read(&mut self, jobs: &mut dyn Start) {
        let Some(run_dir) = self.chosen().map(|run| run.run_dir.clone()) else { return };
        if let Some((old, _)) = self.reading.take() {
            jobs.stop(old);
        }
        self.reading = Some((jobs.start(JobSpec::ReadRun { run_dir: run_dir.clone() }), run_dir));
    }

    /// The curves of the chosen run are not there yet.
    pub fn wants_curves(&self) -> bool {
        let shown = self.curves.as_ref().and_then(|curves| curves.run_dir.as_ref());
        self.reading.is_none() && self.error.is_none() && self.chosen().is_some_and(|run| shown != Some(&run.run_dir))
    }

    pub fn on_event(&mut self, job: JobId, event: &EventKind) {
        match event {
            EventKind::Reply(reply) => self.on_reply(job, reply),
            EventKind::Finished(outcome) => {
                let is_list = self.listing.take_if(|asked| *asked == job).is_some();
                let is_read = self.reading.take_if(|(asked, _)| *asked == job).is_some();
                if let (true, Outcome::Failed(failure)) = (is_list || is_read, outcome) {
                    self.error = Some(failure.message.clone());
                }
            }
            _ => {}
        }
    }

    fn on_reply(&mut self, job: JobId, reply: &Reply) {
        match reply {
            Reply::Runs(records) if self.listing == Some(job) => {
                self.records.clone_from(records);
                self.error = None;
            }
            Reply::Curves { run, steps, evaluations } => {
                if let Some((_, run_dir)) = self.reading.as_ref().filter(|(asked, _)| *asked == job) {
                    let mut curves = Run::new(job, run.recipe.clone(), self.smoothing);
                    curves.run_dir = Some(run_dir.clone());
                    curves.outcome = Some(Outcome::Completed);
                    curves.read(run, steps, evaluations);
                    self.curves = Some(curves);
                    self.error = None;
                }
            }
            _ => {}
        }
    }
}
