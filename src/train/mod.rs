//! Supervised fine-tuning: render → batch → loss → optimizer, with an observer who is told and a task that is asked.

pub mod checkpoint;
pub mod error;
mod feed;
pub mod inputs;
pub mod measure;
pub mod messages;
pub mod observer;
pub mod optimizer;
pub mod preview;
mod ready;
pub mod run_files;
pub mod run_folder;
pub mod schedule;
pub mod sft;
pub mod smoothing;
mod start;
pub mod timing;
pub mod turn;

pub use error::TrainError;
pub use messages::{RunMessage, Told};
pub use observer::{EvalMetrics, Observer, RunFacts, StepMetrics, TrainEvent};
pub use run_folder::RunFolder;
pub use sft::{RunSummary, run};
