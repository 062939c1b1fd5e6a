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
use crate::evaluate::{Evaluation, EvaluationRequest, ExampleResult, Judgement, Measured, Stale, Turn};
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
    Side(Side),
    /// Labels answered before (0) or after (1).
    Of(usize),
    /// Only examples that expect the one label and got the other.
    Cell(String, String),
    /// Only the examples of this slice.
    Slice(usize),
    /// All slices and labels again.
    ShowAll,
    Turn(Option<Turn>),
    /// By this column of the list; once more, the other way round.
    Sort(usize),
}

/// What stands beside the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Labels,
    Slices,
}

/// What was measured of a run, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub evaluation: Evaluation,
    pub judgement: Option<Judgement>,
    pub stale: Option<Stale>,
    /// `2026-11-30 14:02`; none for what was measured just now.
    pub at: Option<String>,
    /// Why it is not with the run.
    pub not_kept: Option<String>,
    pub side: Side,
    /// Whose labels are shown.
    pub of: usize,
    /// The expected and the answered label that examples are shown of.
    pub cell: Option<(String, String)>,
    pub slice: Option<usize>,
    /// None for all that aren't right.
    pub turn: Option<Turn>,
    /// The column that the list is sorted by, and whether the largest comes first; none for what got worse first.
    pub sorted: Option<(usize, bool)>,
}

impl Shown {
    fn new(evaluation: Evaluation) -> Self {
        Self {
            judgement: Judgement::of(&evaluation.report),
            evaluation,
            stale: None,
            at: None,
            not_kept: None,
            side: Side::Labels,
            of: 1,
            cell: None,
            slice: None,
            turn: None,
            sorted: None,
        }
    }

    fn turn_of(&self, example: usize) -> Option<Turn> {
        self.evaluation.findings.metrics.first()?.turn(1, example)
    }

    /// In the chosen slice and of the chosen labels.
    fn is_within(&self, example: usize) -> bool {
        let in_slice = |at: usize| {
            let slice = self.evaluation.findings.slices.get(at);
            slice.is_none_or(|slice| slice.examples.binary_search(&example).is_ok())
        };
        let in_cell = |(expected, answered): &(String, String)| {
            let pair = self.evaluation.findings.label_pair(self.of, example);
            pair.is_some_and(|pair| pair == (expected, answered))
        };
        self.slice.is_none_or(in_slice) && self.cell.as_ref().is_none_or(in_cell)
    }

    /// Places of the examples that are listed: what got worse first, by how much.
    pub fn rows(&self) -> Vec<usize> {
        let examples = &self.evaluation.report.examples;
        let is_wanted = |turn: Option<Turn>| match self.turn {
            Some(wanted) => turn == Some(wanted),
            // What a cell or a slice holds is shown whole.
            None => self.cell.is_some() || self.slice.is_some() || turn != Some(Turn::Right),
        };
        let mut rows: Vec<(Option<Turn>, f64, usize)> = (0..examples.len())
            .filter(|at| self.is_within(*at))
            .map(|at| (self.turn_of(at), examples[at].loss_change(1).unwrap_or_default(), at))
            .filter(|(turn, ..)| is_wanted(*turn))
            .collect();
        match self.sorted {
            None => rows.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1))),
            Some((column, is_descending)) => {
                let text = |example: &ExampleResult| match column {
                    1 => example.prompt.clone(),
                    2 => example.expected.clone(),
                    column => example.answer(column.saturating_sub(3)).unwrap_or_default().to_owned(),
                };
                match column {
                    0 => rows.sort_by_key(|row| examples[row.2].shown_number()),
                    5 => rows.sort_by(|a, b| a.1.total_cmp(&b.1)),
                    _ => rows.sort_by_cached_key(|row| text(&examples[row.2])),
                }
                if is_descending {
                    rows.reverse();
                }
            }
        }
        rows.into_iter().map(|(.., at)| at).collect()
    }

    /// How many examples each filter would show: not right, worse, better, same, right.
    pub fn counts(&self) -> [usize; 5] {
        let mut counts = [0; 5];
        let all = 0..self.evaluation.report.examples.len();
        for turn in all.filter(|at| self.is_within(*at)).map(|at| self.turn_of(at)) {
            counts[0] += usize::from(turn != Some(Turn::Right));
            match turn {
                Some(Turn::GotWorse) => counts[1] += 1,
                Some(Turn::BetterNotRight) => counts[2] += 1,
                Some(Turn::SameNotRight) => counts[3] += 1,
                Some(Turn::Right) => counts[4] += 1,
                None => {}
            }
        }
        counts
    }

    fn of(measured: &Measured) -> Self {
        let evaluation = Evaluation { report: measured.kept.report.clone(), findings: measured.findings.clone() };
        let at = measured.kept.at.parse::<jiff::Zoned>().ok().map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
        Self { stale: measured.stale.clone(), at, ..Self::new(evaluation) }
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

    fn shown_mut(&mut self, runs: &[RunRecord]) -> Option<&mut Shown> {
        let run_dir = self.chosen_run(runs)?.run_dir.clone();
        let key = |generate| (run_dir.clone(), self.part, generate);
        let key = [key(self.generate), key(!self.generate)].into_iter().find(|key| self.shown.contains_key(key))?;
        self.shown.get_mut(&key)
    }

    /// What changes only what is seen of a report.
    fn look(&mut self, action: EvaluateAction, runs: &[RunRecord]) {
        let Some(shown) = self.shown_mut(runs) else { return };
        match action {
            EvaluateAction::Side(side) => shown.side = side,
            EvaluateAction::Of(of) => (shown.of, shown.cell) = (of, None),
            EvaluateAction::Cell(expected, answered) => {
                let cell = Some((expected, answered));
                shown.slice = None;
                shown.cell = if shown.cell == cell { None } else { cell };
            }
            EvaluateAction::Slice(slice) => {
                shown.cell = None;
                shown.slice = if shown.slice == Some(slice) { None } else { Some(slice) };
            }
            EvaluateAction::ShowAll => (shown.cell, shown.slice) = (None, None),
            EvaluateAction::Turn(turn) => shown.turn = turn,
            EvaluateAction::Sort(column) => {
                let is_again = shown.sorted.is_some_and(|(by, _)| by == column);
                let is_descending =
                    shown.sorted.map_or(column == 5, |(_, is)| if is_again { !is } else { column == 5 });
                shown.sorted = Some((column, is_descending));
            }
            _ => {}
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
            look => self.look(look, runs),
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
                if let Reply::Evaluation(evaluation) = reply.as_ref() {
                    self.shown.insert(key, Shown::new((**evaluation).clone()));
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
    let num = shown.evaluation.report.examples.len() as u64;
    let took = format::duration(shown.evaluation.report.secs);
    Effect::say(format!("Evaluated {} in {took}", format::count(num, "example", "examples")))
}
