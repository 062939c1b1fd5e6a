//! What differs between models and families, and is read from `config.json` or from GGUF metadata.

mod config;
pub(crate) mod keys;
pub(crate) mod packing;
mod rope;
mod tensors;

pub use self::rope::{RopeScaling, RopeSpec, Yarn};
pub use self::tensors::{NormPlace, Part};
use crate::ops::Activation;

/// One decoder runs every model that this describes. Sizes in values, lengths in tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The family as the file calls it: `llama`.
    pub architecture: String,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub head_dim: usize,
    /// What products of queries and keys are multiplied by, usually `1/√head_dim`.
    pub attention_scale: f64,
    /// Scores of attention become `cap · tanh(score / cap)`.
    pub attention_softcap: Option<f32>,
    /// Logits become `cap · tanh(logit / cap)`.
    pub final_softcap: Option<f32>,
    /// Logits are divided by it.
    pub logits_divisor: f64,
    pub activation: Activation,
    /// What the embeddings of tokens are multiplied by, but not the head that is tied to them.
    pub embedding_scale: f64,
    /// On what attention and the inner layers add to the residual stream.
    pub residual_scale: f64,
    pub rms_norm_eps: f64,
    /// The rotations that the layers choose from.
    pub ropes: Vec<RopeSpec>,
    pub query_scale: Option<QueryScale>,
    pub context_length: usize,
    pub layers: Vec<LayerSpec>,
    /// The output head is the embedding.
    pub tie_word_embeddings: bool,
}

/// Queries that grow with their position: they are multiplied by `1 + beta · ln(1 + ⌊position / context⌋)`, as in Llama 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryScale {
    pub beta: f64,
    /// In tokens.
    pub context: f64,
}

impl QueryScale {
    /// What the queries of a position are multiplied by.
    pub fn at(self, position: usize) -> f32 {
        (1.0 + self.beta * (position as f64 / self.context).floor().ln_1p()) as f32
    }
}

/// What differs between blocks, of one model or of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSpec {
    /// How many tokens a query sees, itself among them; `None` for all before it.
    pub window: Option<usize>,
    /// Which of [`ModelSpec::ropes`] rotates queries and keys; `None` where they know no positions.
    pub rope: Option<usize>,
    pub norms: BranchNorms,
    pub qk_norm: Option<QkNorm>,
    /// Queries, keys and values have biases.
    pub qkv_bias: bool,
}

impl Default for LayerSpec {
    /// As Llama has them.
    fn default() -> Self {
        Self { window: None, rope: Some(0), norms: BranchNorms::BEFORE, qk_norm: None, qkv_bias: false }
    }
}

/// Where attention and the inner layers have norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchNorms {
    /// On what they read of the residual stream.
    pub before: bool,
    /// On what they add to it.
    pub after: bool,
}

impl BranchNorms {
    pub const BEFORE: Self = Self { before: true, after: false };
    pub const AFTER: Self = Self { before: false, after: true };
    pub const BOTH: Self = Self { before: true, after: true };
}

/// What a norm on queries and keys goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QkNorm {
    /// Each head by itself, with the same weight.
    PerHead,
    /// Each head by itself, once it is rotated; the others come before the rotation.
    PerRotatedHead,
    /// All heads of a token together.
    AllHeads,
}

/// No model has more layers; a damaged file may say so.
pub(super) const MAX_LAYERS: usize = 4096;

/// No model is wider, has more tokens or reads more of them: products of these sizes stay far from overflowing.
const MAX_WIDTH: usize = 1 << 20;
const MAX_VOCABULARY: usize = 1 << 26;
const MAX_CONTEXT: usize = 1 << 31;

impl ModelSpec {
    pub fn num_layers(&self) -> usize {
        self.layers.len()
    }

    /// Checks that sizes are from 1 on and go together.
    ///
    /// # Errors
    /// Where a size is out of range or doesn't fit another; a sentence.
    pub fn check(&self) -> Result<(), String> {
        for (what, size, most) in [
            ("tokens in its vocabulary", self.vocab_size, MAX_VOCABULARY),
            ("values in a hidden row", self.hidden_size, MAX_WIDTH),
            ("values in an inner row", self.intermediate_size, MAX_WIDTH),
            ("layers", self.num_layers(), MAX_LAYERS),
            ("heads", self.num_heads, MAX_WIDTH),
            ("key heads", self.num_kv_heads, MAX_WIDTH),
            ("values in a head", self.head_dim, MAX_WIDTH),
            ("values in all heads", self.num_heads.saturating_mul(self.head_dim), MAX_WIDTH),
            ("tokens in its context", self.context_length, MAX_CONTEXT),
        ] {
            if !(1..=most).contains(&size) {
                return Err(format!("no model has {size} {what}"));
            }
        }
        let scales = [self.attention_scale, self.embedding_scale, self.residual_scale, self.logits_divisor];
        let of_rope = |rope: &RopeSpec| [rope.theta, f64::from(rope.attention_factor())];
        let mut numbers = self.ropes.iter().flat_map(of_rope).chain(scales).chain([self.rms_norm_eps]);
        if !numbers.all(|number| number.is_finite() && number > 0.0) {
            return Err("its epsilon, rope theta or scales aren't numbers above zero".to_owned());
        }
        if !self.num_heads.is_multiple_of(self.num_kv_heads) {
            return Err(format!("{} heads can't share {} key heads", self.num_heads, self.num_kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("a head size of {} can't be rotated", self.head_dim));
        }
        let is_usable = |frequency: &f32| frequency.is_finite() && *frequency >= 0.0;
        for rope in &self.ropes {
            if !rope.inverse_frequencies(self.head_dim).iter().all(is_usable) {
                return Err("its rope settings give no usable frequencies".to_owned());
            }
            if let RopeScaling::Factors(factors) = &rope.scaling
                && factors.len() != self.head_dim / 2
            {
                return Err(format!("{} rope factors don't fit heads of {}", factors.len(), self.head_dim));
            }
        }
        Ok(())
    }

    /// Weights of the whole model, a tied head counted once.
    pub fn num_parameters(&self) -> u64 {
        let parts = self.parts();
        parts.iter().map(|part| part.num_values(self) as u64).sum()
    }
}
