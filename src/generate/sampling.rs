//! How the next token is chosen.

use serde::{Deserialize, Serialize};

/// The same settings and seed give the same answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 takes the likeliest token every time.
    pub temperature: f64,
    /// Samples from the smallest set of tokens whose probabilities reach this sum; 1 is all of them.
    pub top_p: f64,
    pub max_new_tokens: usize,
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, max_new_tokens: 128, seed: 42 }
    }
}
