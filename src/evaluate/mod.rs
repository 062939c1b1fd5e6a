//! Does it work on examples that training has not seen?

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::recipe::{ModelRef, TrainOn};

/// What to measure, on which examples.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRequest {
    pub model: ModelRef,
    pub adapter: Option<PathBuf>,
    /// JSONL in any known format.
    pub data: PathBuf,
    pub max_length: usize,
    pub train_on: TrainOn,
    /// Also answer every prompt greedily and compare with the expected answer.
    pub generate: bool,
    /// Measure the base model, too, for before and after.
    pub with_base: bool,
}

/// One model on one file; `evaluate --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Mean cross-entropy per supervised token.
    pub loss: f64,
    pub perplexity: f64,
    /// Supervised tokens.
    pub num_tokens: usize,
    pub num_examples: usize,
    /// 0 to 1: answers equal to the expected one (as JSON values where both are JSON, else as trimmed text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_match: Option<f64>,
}

/// One prompt with its answers, for reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnsweredExample {
    /// The last user turn.
    pub prompt: String,
    pub expected: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    pub before: Option<HeldOut>,
    pub after: Option<HeldOut>,
    /// Empty without `generate`.
    pub answers: Vec<AnsweredExample>,
    pub secs: f64,
}
