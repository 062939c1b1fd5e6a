//! What a training run tells: plain data, the same for the window, the command line and the tests. Serialised, these are
//! the lines of `metrics.jsonl` and of `train --json`; the names are those of Transformers' `trainer_state.json`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::render::tally::Tally;

/// One optimizer step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// From 1.
    pub step: usize,
    pub epoch: f64,
    /// Mean cross-entropy over the step's supervised tokens.
    pub loss: f64,
    /// The rate that this step used.
    pub learning_rate: f64,
    /// The global norm before clipping.
    pub grad_norm: f64,
    /// Real tokens (no padding) of the step.
    pub num_tokens: usize,
    pub num_supervised_tokens: usize,
    pub tokens_per_sec: f64,
    pub step_secs: f64,
}

/// One look at the validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalMetrics {
    /// The steps done before it; 0 is the base model.
    pub step: usize,
    pub epoch: f64,
    pub eval_loss: f64,
    pub eval_num_tokens: usize,
    pub eval_secs: f64,
    /// Whether no evaluation before it was better.
    pub is_best: bool,
}

/// The size of the work, known once the data are tokenised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Samples of the training part: one an example, or several of those that are split.
    pub num_examples: usize,
    pub num_validation_examples: usize,
    /// Real tokens of one epoch.
    pub num_tokens: usize,
    pub num_supervised_tokens: usize,
    pub num_steps: usize,
    pub num_trainable: usize,
    /// What became of the training examples.
    pub tally: Tally,
}

#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    Facts(RunFacts),
    Step(StepMetrics),
    Eval(EvalMetrics),
    Checkpoint { step: usize, path: PathBuf },
    Warning(String),
}

/// Told of everything, on the training thread; must not block. Phases and progress are the task's.
pub trait Observer {
    fn observe(&mut self, event: TrainEvent);
}

impl<F: FnMut(TrainEvent)> Observer for F {
    fn observe(&mut self, event: TrainEvent) {
        self(event);
    }
}
