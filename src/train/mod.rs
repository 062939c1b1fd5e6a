//! Supervised fine-tuning: render → batch → loss → optimizer, with an observer for what happens and a task that may
//! stop or pause it.

pub mod checkpoint;
pub mod cost;
pub mod error;
pub mod estimate;
mod feed;
pub mod inputs;
pub mod measure;
pub mod memory;
pub mod observer;
pub mod optimizer;
pub mod preview;
pub mod rate;
mod ready;
mod recorder;
pub mod remedy;
pub mod samples;
pub mod schedule;
pub mod sft;
pub mod smoothing;
mod start;
pub mod timing;
pub mod turn;

pub use error::TrainError;
pub use observer::{Observer, RunFacts, TrainEvent};
pub use ready::Beginning;
pub use samples::Examples;
pub use sft::{RunSummary, run};

pub use crate::run::{EvalMetrics, RunMessage, StepMetrics, Told};
