//! After release: is the model still as good on what comes in now, and is what comes in still what it was trained for?
//!
//! Dated batches of new real examples ([`batches`], [`watch`]) are held against the run's held-out results
//! ([`mod@performance`]) and its training data ([`mod@inputs`]), at a stated rate of false alarms ([`level`]); the examples behind a
//! warning are named. What was found is a line in `monitor/log.jsonl` ([`log`]). No model is known here: values, labels and
//! hidden states come from `workbench::monitor`.

pub mod batches;
pub mod behind;
mod energy;
mod error;
pub mod finding;
pub mod inputs;
pub mod level;
pub mod log;
pub mod performance;
mod period;
mod permutation;
mod watch;
pub mod words;

pub use batches::{AddRequest, Added, Batch, BatchRow, Monitor};
pub use behind::{Answered, wrong_answers};
pub use error::MonitorError;
pub use finding::{Behind, Kind, Test, Warning};
pub use inputs::{Input, InputFindings, inputs};
pub use level::FalseAlarms;
pub use log::{BatchFindings, Figure, Line, Log, Reference, Watched, Weights};
pub use performance::performance;
pub use period::Period;
pub use words::Vocabulary;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Right or wrong, and nothing in between.
fn is_binary(values: &[f64]) -> bool {
    values.iter().all(|value| *value == 0.0 || *value == 1.0)
}
