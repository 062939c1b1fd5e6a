//! What can end a run.

use std::path::PathBuf;

use crate::data::error::ImportError;
use crate::model::ModelError;
use crate::recipe::RecipeError;
use crate::render::tally::Refusal;
use crate::run::RunError;
use crate::words::thousands;

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("there is no example to train on in {}", path.display())]
    NoExamples { path: PathBuf },
    #[error(
        "none of the {} training examples has a token to train: each lacks an answer, or the answer lies beyond \
         max_length",
        thousands(num_examples)
    )]
    NothingTrained { num_examples: usize },
    #[error(
        "each of the {} training examples is longer than {} tokens and would be left out, so that nothing is \
         left to train on",
        thousands(num_examples),
        thousands(max_length)
    )]
    AllTooLong { num_examples: usize, max_length: usize },
    #[error("{message}")]
    Refused { message: String },
    #[error("the loss was not a number (NaN) in {times} steps running, the last of them step {step}")]
    NotFinite { step: usize, times: usize, has_checkpoint: bool },
    #[error(
        "the run needs {:.1} GB of memory, more than the limit of {:.1} GB in Settings",
        *needed as f64 / 1e9,
        *limit as f64 / 1e9
    )]
    OverLimit { needed: u64, limit: u64 },
    #[error("training was stopped before its first step")]
    Stopped,
}

impl TrainError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NothingTrained { .. } => Some("raise training.max_length, or look at the token view of an example"),
            Self::AllTooLong { .. } => {
                Some("raise training.max_length, or let training.too_long cut or split longer examples")
            }
            Self::Refused { .. } => Some(Refusal::HINT),
            Self::NotFinite { has_checkpoint: true, .. } => {
                Some("lower training.learning_rate; the last checkpoint is still good")
            }
            Self::NotFinite { has_checkpoint: false, .. } => Some("lower training.learning_rate"),
            Self::OverLimit { .. } => Some(
                "raise the memory limit, or lower training.per_device_train_batch_size, training.max_length or lora.r",
            ),
            Self::Run(error) => error.hint(),
            Self::NoExamples { .. } => Some("import examples, or move some into the training part"),
            _ => None,
        }
    }
}

impl From<candle_core::Error> for TrainError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}
