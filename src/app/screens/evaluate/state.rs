//! Which run is measured on which part, and what came of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::app::screens::data::start::Start;
use crate::app::screens::runs::state::usable;
use crate::data::Split;
use crate::engine::{EventKind, Failure, JobId, JobSpec, Outcome, Reply};
use crate::evaluate::{EvaluationReport, EvaluationRequest};
use crate::project::RunRecord;

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum EvaluateAction {
    /// The run's name.
    Run(String),
    Part(Split),
    /// Also answer every prompt.
    Generate(bool),
    Start,
    Stop,
}

/// See the module.
pub struct EvaluateState {
    pub run: Option<String>,
    pub part: Split,
    pub generate: bool,
    pub job: Option<JobId>,
    pub failure: Option<Failure>,
    asked: Option<(PathBuf, Split)>,
    /// By the run's folder and the part.
    reports: HashMap<(PathBuf, Split), EvaluationReport>,
    folder: PathBuf,
}

impl Default for EvaluateState {
    fn default() -> Self {
        Self {
            run: None,
            part: Split::Test,
            generate: true,
            job: None,
            failure: None,
            asked: None,
            reports: HashMap::new(),
            folder: PathBuf::new(),
        }
    }
}

impl EvaluateState {
    /// Another project: nothing of the old one stays.
    pub fn follow(&mut self, project: &Path) {
        if self.folder != project {
            *self = Self { folder: project.to_owned(), ..Self::default() };
        }
    }

    /// The newest run that has weights, where none is chosen.
    pub fn chosen_run<'a>(&self, runs: &'a [RunRecord]) -> Option<&'a RunRecord> {
        usable(runs, self.run.as_deref())
    }

    pub fn shown(&self, run: &RunRecord) -> Option<&EvaluationReport> {
        self.reports.get(&(run.run_dir.clone(), self.part))
    }

    /// The frozen examples that the run held out.
    fn request(&self, run: &RunRecord) -> EvaluationRequest {
        let file = if self.part == Split::Test { "test.jsonl" } else { "val.jsonl" };
        EvaluationRequest {
            model: run.model.clone(),
            adapter: run.adapter.clone(),
            data: run.run_dir.join("data").join(file),
            spec: run.recipe.training.render_spec(),
            generate: self.generate,
            with_base: true,
        }
    }

    pub fn apply(&mut self, action: EvaluateAction, runs: &[RunRecord], jobs: &mut dyn Start) {
        match action {
            EvaluateAction::Run(name) => {
                self.run = Some(name);
                self.failure = None;
            }
            EvaluateAction::Part(part) => {
                self.part = part;
                self.failure = None;
            }
            EvaluateAction::Generate(on) => self.generate = on,
            EvaluateAction::Start => {
                let (Some(run), None) = (self.chosen_run(runs), self.job) else { return };
                self.failure = None;
                self.asked = Some((run.run_dir.clone(), self.part));
                self.job = Some(jobs.start(JobSpec::Evaluate { request: self.request(run) }));
            }
            EvaluateAction::Stop => {
                if let Some(job) = self.job {
                    jobs.stop(job);
                }
            }
        }
    }

    pub fn on_event(&mut self, job: JobId, event: &EventKind) {
        if self.job != Some(job) {
            return;
        }
        match event {
            EventKind::Reply(reply) => {
                if let (Reply::Evaluation(report), Some(asked)) = (reply.as_ref(), self.asked.clone()) {
                    self.reports.insert(asked, report.clone());
                }
            }
            EventKind::Finished(outcome) => {
                self.job = None;
                if let Outcome::Failed(failure) = outcome {
                    self.failure = Some(failure.clone());
                }
            }
            _ => {}
        }
    }
}
