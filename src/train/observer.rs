//! What a training run reports: plain data, the same for the window, the command line and the tests.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::render::tally::Tally;
use crate::run::{EvalMetrics, StepMetrics};

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

/// Receives everything that happens, on the training thread; must not block. Phases and progress are the task's.
pub trait Observer {
    fn observe(&mut self, event: TrainEvent);
}

impl<F: FnMut(TrainEvent)> Observer for F {
    fn observe(&mut self, event: TrainEvent) {
        self(event);
    }
}
