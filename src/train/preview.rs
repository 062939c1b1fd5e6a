//! What a run would do, before it is started.

/// The run preview card.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPreview {
    pub num_examples: usize,
    pub num_validation_examples: usize,
    /// Real tokens of one epoch.
    pub num_tokens: usize,
    pub num_supervised_tokens: usize,
    /// The longest example, in tokens, before cutting.
    pub longest: usize,
    /// Examples of the training part that would be cut.
    pub num_cut: usize,
    /// Examples in which no token would be trained; the run leaves them out.
    pub num_untrained: usize,
    pub num_steps: usize,
    pub eval_steps: usize,
    pub num_trainable: usize,
    pub num_parameters: usize,
    pub memory: MemoryEstimate,
    /// Step and rate at about 100 places.
    pub learning_rates: Vec<(usize, f64)>,
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEstimate {
    pub weights: u64,
    /// The adapter with its gradient and AdamW's two moments.
    pub adapter: u64,
    pub activations: u64,
    pub program: u64,
    /// What this machine has free now.
    pub available: u64,
}

impl MemoryEstimate {
    pub fn total(&self) -> u64 {
        self.weights + self.adapter + self.activations + self.program
    }
}
