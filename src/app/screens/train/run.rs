//! A run as the window follows it: curves, messages, how long it will take.

use std::collections::HashSet;
use std::path::PathBuf;

use super::notes::{Notes, RISING};
use crate::app::kit::format;
use crate::engine::{EventKind, Failure, JobId, Outcome};
use crate::recipe::Recipe;
use crate::run::{RunRecord, RunStatus};
use crate::task::Phase;
use crate::train::observer::RunFacts;
use crate::train::{EvalMetrics, RunMessage, StepMetrics, Told, smoothing};

pub struct Run {
    pub job: JobId,
    pub recipe: Recipe,
    pub run_dir: Option<PathBuf>,
    pub facts: Option<RunFacts>,
    /// The steps that its folder says, where the facts aren't known.
    planned_steps: usize,
    /// Done before the first of `steps`, as far as that is known.
    past_steps: usize,
    pub phase: Option<Phase>,
    pub steps: Vec<StepMetrics>,
    /// A smoothed loss for each of `steps`.
    pub smoothed: Vec<f64>,
    pub evaluations: Vec<EvalMetrics>,
    pub notes: Notes,
    /// What its folder kept.
    kept: Vec<Told>,
    /// What was heard since.
    heard: Vec<Told>,
    pub is_paused: bool,
    /// It was asked to stop, and whether it is to write a checkpoint.
    pub stopping: Option<bool>,
    pub outcome: Option<Outcome>,
    /// It ended without a word: the program was killed.
    pub is_interrupted: bool,
    /// The step of the last checkpoint.
    pub goes_on_from: Option<usize>,
    /// Steps were missed since its file was read last: the window lagged.
    has_gap: bool,
    smoothing: f64,
}

/// Steps that the speed is taken over.
const RECENT: usize = 20;

impl Run {
    pub fn new(job: JobId, recipe: Recipe, smoothing: f64) -> Self {
        Self {
            job,
            recipe,
            run_dir: None,
            facts: None,
            planned_steps: 0,
            past_steps: 0,
            phase: None,
            steps: Vec::new(),
            smoothed: Vec::new(),
            evaluations: Vec::new(),
            notes: Notes::default(),
            kept: Vec::new(),
            heard: Vec::new(),
            is_paused: false,
            stopping: None,
            outcome: None,
            is_interrupted: false,
            goes_on_from: None,
            has_gap: false,
            smoothing,
        }
    }

    /// A run of an earlier session; its curves and messages are still to be read.
    pub fn past(record: &RunRecord, smoothing: f64) -> Self {
        let is_completed = record.status == RunStatus::Completed;
        Self {
            run_dir: Some(record.run_dir.clone()),
            planned_steps: record.num_steps,
            past_steps: record.num_steps_done,
            outcome: Some(if is_completed { Outcome::Completed } else { Outcome::Stopped }),
            is_interrupted: record.status == RunStatus::Interrupted,
            ..Self::new(JobId::default(), record.recipe.clone(), smoothing)
        }
    }

    /// The job resumes it. What was done after the last checkpoint is done again.
    pub fn go_on(&mut self, job: JobId) {
        let from = self.goes_on_from.unwrap_or_default();
        (self.job, self.past_steps) = (job, from);
        (self.outcome, self.stopping, self.phase) = (None, None, None);
        (self.is_paused, self.is_interrupted) = (false, false);
        self.kept.append(&mut self.heard);
        self.steps.retain(|step| step.step <= from);
        self.evaluations.retain(|evaluation| evaluation.step <= from && self.goes_on_from.is_some());
        self.smooth(self.smoothing);
    }

    /// Whether it ended before its last step, and can be resumed.
    pub fn can_go_on(&self) -> bool {
        let has_ended_early = matches!(self.outcome, Some(Outcome::Stopped | Outcome::Failed(_)));
        has_ended_early && self.run_dir.is_some() && self.num_steps_done() < self.num_steps()
    }

    /// What going on with it is called.
    pub fn go_on_words(&self) -> String {
        match self.goes_on_from {
            Some(step) => format!("Go on from step {}", format::thousands(step as u64)),
            None => "Begin it again".to_owned(),
        }
    }

    /// Whether its last word was that the window closed.
    pub fn was_closed(&self) -> bool {
        matches!(self.kept.last().map(|told| &told.message), Some(RunMessage::Stopped { with_window: true, .. }))
            && self.heard.is_empty()
    }

    /// The folder's name: `2026-11-22-3`.
    pub fn name(&self) -> String {
        let name = self.run_dir.as_ref().and_then(|dir| dir.file_name());
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    pub fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    pub fn num_steps_done(&self) -> usize {
        self.steps.last().map_or(self.past_steps, |step| step.step)
    }

    /// The planned steps; 0 where that is not known yet.
    pub fn num_steps(&self) -> usize {
        self.facts.as_ref().map_or(self.planned_steps, |facts| facts.num_steps).max(self.num_steps_done())
    }

    /// What it took so far: steps and evaluations of all its legs together.
    pub fn secs(&self) -> f64 {
        let steps: f64 = self.steps.iter().map(|step| step.step_secs).sum();
        steps + self.evaluations.iter().map(|e| e.eval_secs).sum::<f64>()
    }

    /// `217 of 372`
    pub fn steps_done_of(&self) -> String {
        let all = format::thousands(self.num_steps() as u64);
        format!("{} of {all}", format::thousands(self.num_steps_done() as u64))
    }

    pub fn steps_in_words(&self) -> String {
        format!("{} steps", self.steps_done_of())
    }

    pub fn best(&self) -> Option<&EvalMetrics> {
        self.evaluations.iter().filter(|e| e.eval_loss.is_finite()).min_by(|a, b| a.eval_loss.total_cmp(&b.eval_loss))
    }

    /// Evaluations since the best one.
    pub fn num_evaluations_since_best(&self) -> usize {
        let best = self.best().map_or(0, |best| best.step);
        self.evaluations.iter().filter(|e| e.step > best).count()
    }

    pub fn is_rising(&self) -> bool {
        self.num_evaluations_since_best() >= RISING
    }

    /// Real tokens a second over the last steps.
    pub fn tokens_per_sec(&self) -> Option<f64> {
        let recent = &self.steps[self.steps.len().saturating_sub(RECENT)..];
        let secs: f64 = recent.iter().map(|step| step.step_secs).sum();
        let tokens: usize = recent.iter().map(|step| step.num_tokens).sum();
        (secs > 0.0).then(|| tokens as f64 / secs)
    }

    /// From the last steps and the last evaluation.
    pub fn secs_left(&self) -> Option<f64> {
        let facts = self.facts.as_ref()?;
        let recent = &self.steps[self.steps.len().saturating_sub(RECENT)..];
        if recent.is_empty() || self.is_over() {
            return None;
        }
        let mean = recent.iter().map(|step| step.step_secs).sum::<f64>() / recent.len() as f64;
        let rest = facts.num_steps.saturating_sub(self.num_steps_done()) as f64;
        let evaluation = self.evaluations.last().map_or(0.0, |e| e.eval_secs);
        let evaluations = self.eval_stride().map_or(0.0, |stride| (rest / stride as f64).ceil());
        Some(rest * mean + evaluations * evaluation)
    }

    /// Steps between two evaluations, as the recipe says once the length of an epoch is known, or else as seen.
    pub fn eval_stride(&self) -> Option<usize> {
        let last = self.steps.last().filter(|step| step.epoch > 0.0);
        let steps_per_epoch = last.map(|step| (step.step as f64 / step.epoch).round() as usize);
        let by_recipe = steps_per_epoch.map(|steps| self.recipe.evaluation.steps_between(steps));
        by_recipe.or_else(|| self.evaluations.iter().map(|e| e.step).find(|step| *step > 0))
    }

    pub fn hear(&mut self, event: &EventKind) {
        match event {
            EventKind::Phase(phase) => self.phase = Some(*phase),
            EventKind::RunStarted { run_dir, facts } => {
                self.run_dir = Some(run_dir.clone());
                self.facts = Some(facts.clone());
                self.tell(match self.goes_on_from {
                    Some(step) => RunMessage::WentOn { step },
                    None => RunMessage::Started,
                });
            }
            EventKind::Step(step) => self.add_step(step.clone()),
            EventKind::Eval(evaluation) => self.add_evaluation(evaluation.clone()),
            EventKind::Checkpoint { step, .. } => {
                self.goes_on_from = Some(*step);
                self.tell(RunMessage::Checkpoint { step: *step });
            }
            EventKind::Warning(text) => self.tell(RunMessage::Warning { text: text.clone() }),
            EventKind::Finished(outcome) => self.end(outcome),
            _ => {}
        }
    }

    fn add_step(&mut self, step: StepMetrics) {
        if self.num_steps_done() >= step.step {
            return; // Known from the run's file already.
        }
        self.has_gap |= step.step > self.num_steps_done() + 1;
        let (_, weight) = self.smoothing();
        self.smoothed.push(smoothing::next(self.smoothed.last().copied(), step.loss, weight, self.steps.len()));
        self.steps.push(step);
    }

    /// Whether steps are missing, so that the run's file is to be read again; asked once a gap.
    pub fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.has_gap)
    }

    fn add_evaluation(&mut self, evaluation: EvalMetrics) {
        // It is never dropped, and comes after its step.
        self.has_gap |= evaluation.step > self.num_steps_done();
        if self.evaluations.last().is_some_and(|last| last.step >= evaluation.step) {
            return;
        }
        self.tell(RunMessage::Evaluated { step: evaluation.step, eval_loss: evaluation.eval_loss });
        self.evaluations.push(evaluation);
    }

    fn end(&mut self, outcome: &Outcome) {
        self.outcome = Some(outcome.clone());
        (self.is_paused, self.stopping) = (false, None);
        let step = self.num_steps_done();
        self.tell(match outcome {
            Outcome::Completed => RunMessage::Completed { step },
            Outcome::Stopped => RunMessage::Stopped { step, with_window: false },
            Outcome::Failed(Failure { message, hint, .. }) => {
                RunMessage::Failed { text: message.clone(), hint: hint.clone() }
            }
        });
    }

    fn tell(&mut self, message: RunMessage) {
        let told = Told::now(message);
        self.notes.tell(&told, self.num_steps());
        self.heard.push(told);
    }

    /// What the run's folder kept, before what was heard since.
    pub fn take_messages(&mut self, messages: &[Told], goes_on_from: Option<usize>) {
        if self.is_over() || self.facts.is_none() {
            self.goes_on_from = goes_on_from;
        }
        if !messages.is_empty() {
            self.kept = messages.to_vec();
        }
        let is_begin = |told: &&Told| matches!(told.message, RunMessage::Started | RunMessage::WentOn { .. });
        let begin = self.kept.iter().rposition(|told| is_begin(&told)).unwrap_or_default();
        let leg: Vec<RunMessage> = self.kept[begin..].iter().map(|told| told.message.clone()).collect();
        self.heard.retain(|told| !leg.contains(&told.message));
        self.notes = Notes::default();
        for told in self.kept.iter().chain(&self.heard) {
            self.notes.tell(told, self.num_steps());
        }
        if !self.is_interrupted {
            return;
        }
        match leg.last() {
            Some(RunMessage::Failed { text, hint }) => {
                let failure = Failure { message: text.clone(), hint: hint.clone(), is_internal: false };
                (self.is_interrupted, self.outcome) = (false, Some(Outcome::Failed(failure)));
            }
            _ => self.notes.interrupted(self.num_steps_done(), self.num_steps()),
        }
    }

    /// The weight of the past that was asked for, and the one in force.
    pub fn smoothing(&self) -> (f64, f64) {
        (self.smoothing, smoothing::in_force(self.smoothing, self.num_steps()))
    }

    /// Smooths the losses anew.
    pub fn smooth(&mut self, asked: f64) {
        self.smoothing = asked;
        let (_, weight) = self.smoothing();
        self.smoothed = smoothing::smoothed(self.steps.iter().map(|step| step.loss), weight);
    }

    /// What the run's folder tells: before what was heard since, or, of a run that is over, in its place.
    pub fn read(&mut self, record: &RunRecord, steps: &[StepMetrics], evaluations: &[EvalMetrics]) {
        self.recipe = record.recipe.clone();
        self.planned_steps = record.num_steps;
        if self.is_over() {
            self.steps.clear();
            self.evaluations.clear();
        }
        self.take_curves(steps, evaluations);
    }

    /// What the run's file tells, before what was heard since and where something was missed.
    fn take_curves(&mut self, steps: &[StepMetrics], evaluations: &[EvalMetrics]) {
        // Those after its last checkpoint are done again by a run that goes on.
        let end = if self.is_over() { usize::MAX } else { self.goes_on_from.map_or(usize::MAX, |step| step + 1) };
        let until = self.steps.last().map_or(end, |step| step.step);
        let known: HashSet<usize> = self.steps.iter().map(|step| step.step).collect();
        let missed = steps.iter().filter(|step| step.step < until && !known.contains(&step.step));
        let mut all: Vec<_> = missed.cloned().chain(self.steps.drain(..)).collect();
        all.sort_by_key(|step| step.step);
        self.steps = all;
        let first = self.evaluations.first().map_or(end, |e| e.step);
        let mut all: Vec<_> = evaluations.iter().filter(|e| e.step < first).cloned().collect();
        all.append(&mut self.evaluations);
        self.evaluations = all;
        self.smooth(self.smoothing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::ModelRef;

    fn run() -> Run {
        let facts = RunFacts {
            num_examples: 8,
            num_validation_examples: 2,
            num_tokens: 100,
            num_supervised_tokens: 10,
            num_steps: 10,
            num_trainable: 4,
            tally: crate::render::tally::Tally::default(),
        };
        let mut run = Run::new(crate::engine::JobId(1), Recipe::new(ModelRef::Starter, PathBuf::new()), 0.9);
        run.hear(&EventKind::RunStarted { run_dir: "runs/a".into(), facts });
        run
    }

    fn step(step: usize, loss: f64) -> EventKind {
        EventKind::Step(StepMetrics {
            step,
            epoch: 0.0,
            loss,
            learning_rate: 1e-4,
            grad_norm: 1.0,
            num_tokens: 100,
            num_supervised_tokens: 10,
            tokens_per_sec: 50.0,
            step_secs: 2.0,
        })
    }

    fn evaluation(step: usize, eval_loss: f64) -> EventKind {
        let is_best = false;
        EventKind::Eval(EvalMetrics { step, epoch: 0.0, eval_loss, eval_num_tokens: 9, eval_secs: 1.0, is_best })
    }

    #[test]
    fn follows_a_run() {
        let mut run = run();
        for event in [evaluation(0, 2.0), step(1, 2.0), step(2, 1.0), evaluation(2, 1.0), step(2, 9.0)] {
            run.hear(&event);
        }
        assert_eq!(run.steps.len(), 2, "a step is counted once");
        assert_eq!(run.smoothed, [2.0, 1.0], "so short a run is not smoothed");
        assert_eq!(run.tokens_per_sec(), Some(50.0));
        assert_eq!(run.secs_left(), Some(8.0 * 2.0 + 4.0));
        assert_eq!(run.best().map(|best| best.step), Some(2));
        assert_eq!(run.steps_in_words(), "2 of 10 steps");
    }

    #[test]
    fn a_resumed_run_shows_its_past() {
        let mut run = run();
        run.hear(&step(5, 0.5));
        let EventKind::Step(old) = step(4, 0.7) else { unreachable!() };
        let EventKind::Step(again) = step(5, 0.6) else { unreachable!() };
        run.take_curves(&[old, again], &[]);
        assert_eq!(run.steps.iter().map(|s| s.step).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(run.smoothed.len(), 2);
    }

    #[test]
    fn steps_that_were_missed_are_found_in_the_file() {
        let metrics = |at| match step(at, 1.0 / at as f64) {
            EventKind::Step(metrics) => metrics,
            other => panic!("{other:?}"),
        };
        let all: Vec<_> = (1..=6).map(metrics).collect();
        let mut run = run();
        for at in [1, 2, 5] {
            run.hear(&EventKind::Step(metrics(at)));
            assert_eq!(run.take_gap(), at == 5, "at step {at}");
        }
        run.take_curves(&all, &[]);
        assert_eq!(run.steps, all[..5], "what comes later is heard");
        run.hear(&EventKind::Step(metrics(6)));
        assert!(!run.take_gap() && run.steps == all);
        assert_eq!(run.smoothed, smoothing::smoothed(all.iter().map(|step| step.loss), run.smoothing().1));
        run.hear(&evaluation(8, 0.5));
        assert!(run.take_gap(), "the last steps before an evaluation were missed");
    }

    #[test]
    fn messages_of_before_stay_when_a_run_goes_on_and_none_is_told_twice() {
        let mut run = run();
        run.hear(&evaluation(0, 2.0));
        run.hear(&step(1, 2.0));
        run.hear(&EventKind::Checkpoint { step: 1, path: "a".into() });
        run.hear(&EventKind::Finished(Outcome::Stopped));
        assert!(run.can_go_on());
        assert_eq!(run.go_on_words(), "Go on from step 1");
        let kept = run.heard.clone();
        run.go_on(JobId(2));
        assert!(!run.can_go_on() && run.outcome.is_none());
        let facts = run.facts.clone().unwrap();
        run.hear(&EventKind::RunStarted { run_dir: "runs/a".into(), facts });
        run.take_messages(&kept, Some(1));
        run.take_messages(&kept, Some(1));
        let titles: Vec<_> = run.notes.iter().map(|note| note.title.as_str()).collect();
        assert_eq!(titles, ["Went on from step 1", "Stopped", "Weights of step 1 written", "Started"]);
    }

    #[test]
    fn what_was_done_after_the_last_checkpoint_is_done_again() {
        let mut run = run();
        for at in 1..=5 {
            run.hear(&step(at, 1.0));
        }
        run.hear(&EventKind::Finished(Outcome::Stopped));
        run.take_messages(&[], Some(3));
        run.go_on(JobId(2));
        assert_eq!((run.num_steps_done(), run.smoothed.len()), (3, 3));
        run.hear(&step(4, 0.5));
        assert_eq!(run.steps.last().map(|step| step.loss), Some(0.5));
    }
}
