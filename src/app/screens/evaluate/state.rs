//! Which run is measured on which part, and what came of it: now, or in an earlier session.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::app::effect::Effect;
use crate::app::kit::format;
use crate::app::screens::runs::state::usable;
use crate::app::start::Start;
use crate::app::ticket::Ticket;
use crate::data::Split;
use crate::engine::{ComputeJob, EventKind, Failure, IoJob, JobId, JobSpec, Outcome, Reply};
use crate::evaluate::{EvaluationReport, EvaluationRequest, Judgement, Measured, Stale};
use crate::run::RunRecord;

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

/// What was measured of a run, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub report: EvaluationReport,
    pub judgement: Option<Judgement>,
    pub stale: Option<Stale>,
    /// `2026-11-30 14:02`; none for what was measured just now.
    pub at: Option<String>,
    /// Why it is not with the run.
    pub not_kept: Option<String>,
}

impl Shown {
    fn new(report: EvaluationReport) -> Self {
        Self { judgement: Judgement::of(&report), report, stale: None, at: None, not_kept: None }
    }

    fn of(measured: &Measured) -> Self {
        let at = measured.kept.at.parse::<jiff::Zoned>().ok().map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
        Self { stale: measured.stale.clone(), at, ..Self::new(measured.kept.report.clone()) }
    }
}

/// The run's folder, the part, and whether answers were written.
type Key = (PathBuf, Split, bool);

/// See the module.
pub struct EvaluateState {
    pub run: Option<String>,
    pub part: Split,
    pub generate: bool,
    pub job: Option<JobId>,
    pub failure: Option<Failure>,
    asked: Option<Key>,
    shown: HashMap<Key, Shown>,
    /// The run and its weights whose kept results were asked for last.
    wanted: Option<(PathBuf, Option<PathBuf>)>,
    reading: Ticket<Vec<Measured>>,
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
            shown: HashMap::new(),
            wanted: None,
            reading: Ticket::default(),
            folder: PathBuf::new(),
        }
    }
}

impl EvaluateState {
    /// Another project: nothing of the old one stays. Of the chosen run, what was kept is asked for, and again when it
    /// has other weights.
    pub fn follow(&mut self, project: &Path, runs: &[RunRecord], jobs: &mut dyn Start) {
        if self.folder != project {
            if let Some(job) = self.job {
                jobs.stop(job);
            }
            *self = Self { folder: project.to_owned(), ..Self::default() };
        }
        let Some(run) = self.chosen_run(runs).filter(|run| run.run_dir.starts_with(project)) else { return };
        let wanted = (run.run_dir.clone(), run.adapter.clone());
        if self.wanted.as_ref() != Some(&wanted) {
            let (run_dir, adapter) = wanted.clone();
            self.wanted = Some(wanted);
            self.reading.ask(JobSpec::Io(IoJob::ReadEvaluations { run_dir, adapter }), jobs);
        }
    }

    /// The newest run that has weights, where none is chosen.
    pub fn chosen_run<'a>(&self, runs: &'a [RunRecord]) -> Option<&'a RunRecord> {
        usable(runs, self.run.as_deref())
    }

    /// With or without answers as the switch says, if both were measured.
    pub fn shown(&self, run: &RunRecord) -> Option<&Shown> {
        let of = |generate| self.shown.get(&(run.run_dir.clone(), self.part, generate));
        of(self.generate).or_else(|| of(!self.generate))
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
                self.asked = Some((run.run_dir.clone(), self.part, self.generate));
                let adapter = run.adapter.clone();
                let request = EvaluationRequest::of_run(&run.run_dir, &run.recipe, adapter, self.part, self.generate);
                self.job = Some(jobs.start(JobSpec::Compute(ComputeJob::Evaluate { request })));
            }
            EvaluateAction::Stop => {
                if let Some(job) = self.job {
                    jobs.stop(job);
                }
            }
        }
    }

    /// Gives what is to be done outside of this screen.
    pub fn on_event(&mut self, job: JobId, event: &EventKind) -> Vec<Effect> {
        match event {
            EventKind::Reply(reply) => {
                if let Some(measured) = self.reading.take(job, reply) {
                    self.show_kept(measured);
                }
            }
            EventKind::Finished(_) => drop(self.reading.end(job)),
            _ => {}
        }
        let (true, Some(key)) = (self.job == Some(job), self.asked.clone()) else { return Vec::new() };
        match event {
            EventKind::Reply(reply) => {
                if let Reply::Evaluation(report) = reply.as_ref() {
                    self.shown.insert(key, Shown::new(report.clone()));
                }
            }
            EventKind::Warning(text) => {
                if let Some(shown) = self.shown.get_mut(&key) {
                    shown.not_kept = Some(text.clone());
                }
            }
            EventKind::Finished(outcome) => {
                self.job = None;
                match outcome {
                    Outcome::Failed(failure) => self.failure = Some(failure.clone()),
                    Outcome::Completed => return self.shown.get(&key).map(evaluated).into_iter().collect(),
                    Outcome::Stopped => {}
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn show_kept(&mut self, measured: &[Measured]) {
        let Some((run_dir, _)) = self.wanted.clone() else { return };
        // What could not be kept is nowhere else.
        self.shown.retain(|(of, ..), shown| *of != run_dir || shown.not_kept.is_some());
        for measured in measured {
            let key = (run_dir.clone(), measured.kept.part, measured.kept.generate);
            // The newest comes first.
            self.shown.entry(key).or_insert_with(|| Shown::of(measured));
        }
    }
}

/// With the same figure as in the report.
fn evaluated(shown: &Shown) -> Effect {
    let num = shown.report.after.as_ref().map_or(0, |after| after.num_examples as u64);
    let took = format::duration(shown.report.secs);
    Effect::say(format!("Evaluated {} in {took}", format::count(num, "example", "examples")))
}
