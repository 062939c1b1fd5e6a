//! The two readers of a training run: a person, and a program that parses `--json`.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::terminal::{self, StatusLine, duration, thousands};
use crate::task::{Control, Phase, Task, Unit};
use crate::train::observer::RunFacts;
use crate::train::sft::RunSummary;
use crate::train::{EvalMetrics, StepMetrics, TrainEvent};

/// One JSON object a line on stdout; steps and evaluations carry the names of `metrics.jsonl`.
pub struct JsonLines {
    control: Control,
}

/// The event's name comes first, its own fields beside it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum JsonEvent<'a> {
    Phase {
        phase: Phase,
    },
    Facts(&'a RunFacts),
    Step(&'a StepMetrics),
    Eval(&'a EvalMetrics),
    Checkpoint {
        step: usize,
        path: &'a Path,
    },
    Warning {
        message: &'a str,
    },
    Finished {
        was_stopped: bool,
        num_steps_done: usize,
        best_step: Option<usize>,
        best_eval_loss: Option<f64>,
        /// The best checkpoint.
        adapter: Option<&'a Path>,
        secs: f64,
    },
}

impl JsonLines {
    pub fn new(control: &Control) -> Self {
        Self { control: control.clone() }
    }

    pub fn observe(&self, event: &TrainEvent) {
        print(&match event {
            TrainEvent::Facts(facts) => JsonEvent::Facts(facts),
            TrainEvent::Step(step) => JsonEvent::Step(step),
            TrainEvent::Eval(eval) => JsonEvent::Eval(eval),
            TrainEvent::Checkpoint { step, path } => JsonEvent::Checkpoint { step: *step, path },
            TrainEvent::Warning(message) => JsonEvent::Warning { message },
        });
    }

    /// The last line.
    pub fn finished(&self, summary: &RunSummary) {
        print(&JsonEvent::Finished {
            was_stopped: summary.was_stopped,
            num_steps_done: summary.num_steps_done,
            best_step: summary.best_step,
            best_eval_loss: summary.best_eval_loss,
            adapter: summary.adapter.as_deref(),
            secs: summary.secs,
        });
    }
}

fn print(event: &JsonEvent<'_>) {
    match serde_json::to_string(event) {
        Ok(json) => terminal::line(&json),
        Err(error) => log::error!("an event could not be written as JSON: {error}"),
    }
}

impl Task for JsonLines {
    /// Shows nothing: progress is for a person who waits; a program wants results.
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}

    fn phase(&self, phase: Phase) {
        print(&JsonEvent::Phase { phase });
    }

    fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }
}

/// Lines to read along on stderr.
pub struct Readable {
    control: Control,
    shown: RefCell<Shown>,
}

struct Shown {
    line: StatusLine,
    next: Instant,
    started: Option<Instant>,
    num_steps: usize,
    /// Where the run went on from; the estimate counts from there.
    first_step: Option<usize>,
    phase: Option<Phase>,
}

impl Readable {
    pub fn new(control: &Control) -> Self {
        let shown = Shown {
            line: StatusLine::new(),
            next: Instant::now(),
            started: None,
            num_steps: 0,
            first_step: None,
            phase: None,
        };
        Self { control: control.clone(), shown: RefCell::new(shown) }
    }

    pub fn observe(&self, event: TrainEvent) {
        self.shown.borrow_mut().observe(event);
    }
}

impl Task for Readable {
    fn progress(&self, done: u64, total: Option<u64>, _unit: Unit) {
        self.shown.borrow_mut().progress(done, total.unwrap_or(done));
    }

    fn phase(&self, phase: Phase) {
        let mut shown = self.shown.borrow_mut();
        shown.phase = Some(phase);
        if let Some(words) = phase_in_words(phase) {
            shown.keep(words);
        }
    }

    fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }
}

impl Shown {
    fn keep(&mut self, text: &str) {
        self.line.clear();
        terminal::note(text);
    }

    /// A count, where a line can be written over.
    fn progress(&mut self, done: u64, total: u64) {
        let doing = match self.phase {
            Some(Phase::Evaluating) if self.started.is_none() => "measuring before",
            Some(Phase::Evaluating) => "measuring",
            _ => "counting tokens",
        };
        let now = Instant::now();
        if self.line.is_live() && now >= self.next {
            self.next = now + Duration::from_millis(100);
            self.line.show(&format!("{doing}, {done} of {total} examples"));
        }
    }

    fn step(&mut self, step: &StepMetrics) {
        let now = Instant::now();
        let first = *self.first_step.get_or_insert(step.step);
        let started = *self.started.get_or_insert(now);
        let is_last = step.step == self.num_steps;
        if now < self.next && !is_last {
            return;
        }
        self.next = now + if self.line.is_live() { Duration::from_millis(100) } else { Duration::from_secs(10) };
        let num_done = step.step - first;
        let left = match num_done {
            0 => String::new(),
            n => {
                let secs = started.elapsed().as_secs_f64() / n as f64 * self.num_steps.saturating_sub(step.step) as f64;
                format!(" · {} left", duration(secs))
            }
        };
        self.line.show(&format!(
            "step {} of {} · loss {:.3} · rate {:.1e} · {} tokens/s{left}",
            thousands(step.step),
            thousands(self.num_steps),
            step.loss,
            step.learning_rate,
            thousands(step.tokens_per_sec.round() as u64)
        ));
    }

    fn observe(&mut self, event: TrainEvent) {
        match event {
            TrainEvent::Facts(facts) => {
                self.num_steps = facts.num_steps;
                self.keep(&format!(
                    "{} examples, {} tokens an epoch, {} of them trained on; {} steps; {} trainable weights",
                    thousands(facts.num_examples as u64),
                    thousands(facts.num_tokens as u64),
                    thousands(facts.num_supervised_tokens as u64),
                    thousands(facts.num_steps as u64),
                    thousands(facts.num_trainable as u64),
                ));
            }
            TrainEvent::Step(step) => self.step(&step),
            TrainEvent::Eval(eval) => {
                let best = if eval.is_best && eval.step > 0 { ", the best so far" } else { "" };
                self.keep(&format!("step {} · validation loss {:.4}{best}", eval.step, eval.eval_loss));
            }
            TrainEvent::Checkpoint { step, path } => log::info!("step {step} saved in {}", path.display()),
            TrainEvent::Warning(message) => self.keep(&format!("warning: {message}")),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.line.clear();
    }
}

/// Evaluating and saving are so frequent that their results are enough.
fn phase_in_words(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::LoadingModel => Some("Loading the model"),
        Phase::Tokenizing => Some("Tokenizing the examples"),
        Phase::Freezing | Phase::Training | Phase::Evaluating | Phase::Saving | Phase::Generating => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_events_are_tagged_and_keep_the_names_of_metrics_jsonl() {
        let eval =
            EvalMetrics { step: 3, epoch: 0.5, eval_loss: 1.5, eval_num_tokens: 7, eval_secs: 0.1, is_best: true };
        let mut tagged = serde_json::to_value(JsonEvent::Eval(&eval)).unwrap();
        assert_eq!(tagged.as_object_mut().unwrap().remove("event").unwrap(), "eval");
        assert_eq!(tagged, serde_json::to_value(&eval).unwrap());
        let phase = serde_json::to_string(&JsonEvent::Phase { phase: Phase::LoadingModel }).unwrap();
        assert_eq!(phase, r#"{"event":"phase","phase":"loading_model"}"#);
    }
}
