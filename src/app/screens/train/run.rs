//! A run as the window follows it: curves, messages, how long it will take.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::app::kit::format;
use crate::engine::{EventKind, JobId, Outcome};
use crate::project::RunRecord;
use crate::recipe::Recipe;
use crate::train::observer::RunFacts;
use crate::train::{EvalMetrics, Phase, StepMetrics, smoothing};

/// What the messages say, newest on top; one of a kind is changed, not repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    kind: NoteKind,
    pub title: String,
    pub text: String,
    /// `13:08`
    pub at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    Started,
    Best,
    Rising,
    Checkpoint,
    Warning,
    Ended,
    Failed,
}

impl Note {
    pub fn kind(&self) -> NoteKind {
        self.kind
    }
}

pub struct Run {
    pub job: JobId,
    pub recipe: Recipe,
    pub run_dir: Option<PathBuf>,
    pub facts: Option<RunFacts>,
    pub phase: Option<Phase>,
    pub steps: Vec<StepMetrics>,
    /// As many as `steps`.
    pub smoothed: Vec<f64>,
    pub evaluations: Vec<EvalMetrics>,
    pub notes: Vec<Note>,
    pub is_paused: bool,
    pub outcome: Option<Outcome>,
    smoothing: f64,
    /// Of a run that is read from its folder, whose facts nobody told.
    planned: usize,
}

/// Evaluations in a row without a better one that are worth a word.
const RISING: usize = 2;
/// Steps that the speed is taken over.
const RECENT: usize = 20;

impl Run {
    pub fn new(job: JobId, recipe: Recipe, smoothing: f64) -> Self {
        Self {
            job,
            recipe,
            run_dir: None,
            facts: None,
            phase: None,
            steps: Vec::new(),
            smoothed: Vec::new(),
            evaluations: Vec::new(),
            notes: Vec::new(),
            is_paused: false,
            outcome: None,
            smoothing,
            planned: 0,
        }
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
        self.steps.last().map_or(0, |step| step.step)
    }

    /// As planned; 0 where that is not known yet.
    pub fn num_steps(&self) -> usize {
        self.facts.as_ref().map_or(self.planned, |facts| facts.num_steps).max(self.num_steps_done())
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
            }
            EventKind::Step(step) => self.add_step(step.clone()),
            EventKind::Eval(evaluation) => self.add_evaluation(evaluation.clone()),
            EventKind::Checkpoint { step, .. } => {
                let title = format!("Weights of step {} written", format::thousands(*step as u64));
                self.note(NoteKind::Checkpoint, title, "In PEFT's own format, ready to go on from".to_owned());
            }
            EventKind::Warning(words) => self.warn(words),
            EventKind::Finished(outcome) => self.end(outcome),
            _ => {}
        }
    }

    fn add_step(&mut self, step: StepMetrics) {
        if self.num_steps_done() >= step.step {
            return; // Known from the run's file already.
        }
        let (_, weight) = self.smoothing();
        self.smoothed.push(smoothing::next(self.smoothed.last().copied(), step.loss, weight, self.steps.len()));
        self.steps.push(step);
    }

    fn add_evaluation(&mut self, evaluation: EvalMetrics) {
        if self.evaluations.last().is_some_and(|last| last.step >= evaluation.step) {
            return;
        }
        let loss = format::loss(evaluation.eval_loss);
        let step = evaluation.step;
        self.evaluations.push(evaluation);
        if step == 0 {
            let text = format!("Validation loss before tuning is {loss}");
            return self.note(NoteKind::Started, "Started".to_owned(), text);
        }
        let best = self.best().map_or(0, |best| best.step);
        if best == step {
            self.notes.retain(|note| note.kind != NoteKind::Rising);
            let text = format!("At step {}", format::thousands(step as u64));
            self.note(NoteKind::Best, format!("Best validation loss so far, {loss}"), text);
        } else if self.is_rising() {
            let count = self.num_evaluations_since_best();
            let lowest = self.best().map_or(f64::NAN, |best| best.eval_loss);
            let title = format!("No better validation loss for {count} evaluations");
            let text = format!(
                "{} at step {best}, now {loss}: the model may begin to learn by heart. The best weights are kept",
                format::loss(lowest)
            );
            self.note(NoteKind::Rising, title, text);
        }
    }

    fn warn(&mut self, words: &str) {
        let is_known = self.notes.iter().any(|note| note.kind == NoteKind::Warning && note.title == words);
        if !is_known {
            self.notes
                .insert(0, Note { kind: NoteKind::Warning, title: words.to_owned(), text: String::new(), at: now() });
        }
    }

    fn end(&mut self, outcome: &Outcome) {
        self.outcome = Some(outcome.clone());
        self.is_paused = false;
        let steps = self.steps_in_words();
        let best = self.best().filter(|best| best.step > 0);
        let text = best.map_or(steps.clone(), |best| {
            format!("{steps}, best validation loss {} at step {}", format::loss(best.eval_loss), best.step)
        });
        match outcome {
            Outcome::Completed => self.note(NoteKind::Ended, "Done".to_owned(), text),
            Outcome::Stopped => self.note(NoteKind::Ended, "Stopped".to_owned(), text),
            Outcome::Failed(failure) => {
                let hint = failure.hint.clone().unwrap_or_default();
                self.note(NoteKind::Failed, failure.message.clone(), hint);
            }
        }
    }

    /// Puts a message on top; an older one of its kind goes.
    fn note(&mut self, kind: NoteKind, title: String, text: String) {
        self.notes.retain(|note| note.kind != kind);
        self.notes.insert(0, Note { kind, title, text, at: now() });
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
        self.planned = record.num_steps;
        if self.is_over() {
            self.steps.clear();
            self.evaluations.clear();
        }
        self.take_curves(steps, evaluations);
    }

    /// What the run's file tells, before what was heard since.
    fn take_curves(&mut self, steps: &[StepMetrics], evaluations: &[EvalMetrics]) {
        let first = self.steps.first().map_or(usize::MAX, |step| step.step);
        let mut all: Vec<_> = steps.iter().filter(|step| step.step < first).cloned().collect();
        all.append(&mut self.steps);
        self.steps = all;
        let first = self.evaluations.first().map_or(usize::MAX, |e| e.step);
        let mut all: Vec<_> = evaluations.iter().filter(|e| e.step < first).cloned().collect();
        all.append(&mut self.evaluations);
        self.evaluations = all;
        self.smooth(self.smoothing);
    }
}

/// The time of day, in the machine's zone.
fn now() -> String {
    jiff::Timestamp::try_from(SystemTime::now())
        .map(|now| now.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string())
        .unwrap_or_default()
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
            tally: crate::train::tally::Tally::default(),
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
    fn a_message_is_changed_not_repeated_and_goes_when_it_is_no_longer_true() {
        let mut run = run();
        for (at, loss) in [(2, 1.0), (4, 1.1), (6, 1.2), (8, 1.3)] {
            run.hear(&evaluation(at, loss));
        }
        let rising: Vec<_> = run.notes.iter().filter(|note| note.kind == NoteKind::Rising).collect();
        assert_eq!(rising.len(), 1);
        assert!(rising[0].title.contains("3 evaluations"), "{}", rising[0].title);
        run.hear(&evaluation(10, 0.5));
        assert!(run.notes.iter().all(|note| note.kind != NoteKind::Rising));
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
}
