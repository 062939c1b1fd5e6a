//! What a training run tells: plain data, the same for the window, the command line and the tests.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::render::tally::Tally;
use crate::run::{EvalMetrics, StepMetrics};

/// What the run is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    LoadingModel,
    /// Copying the project's examples into the run's folder.
    Freezing,
    Tokenizing,
    Training,
    Evaluating,
    Saving,
    Generating,
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
    Phase(Phase),
    /// Examples that the phase has done; often, so that most are dropped.
    Progress {
        done: usize,
        total: usize,
    },
    Facts(RunFacts),
    Step(StepMetrics),
    Eval(EvalMetrics),
    Checkpoint {
        step: usize,
        path: PathBuf,
    },
    Warning(String),
}

/// Told of everything, on the training thread; must not block.
pub trait Observer {
    fn observe(&mut self, event: TrainEvent);
}

impl<F: FnMut(TrainEvent)> Observer for F {
    fn observe(&mut self, event: TrainEvent) {
        self(event);
    }
}
