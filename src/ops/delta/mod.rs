//! The gated delta rule (Yang et al. 2025), as Qwen3.5's linear layers compute it: each value head keeps a state that answers
//! keys with values. A token lets it fade, corrects what it answers to its key by a part of the error, and asks it by its query.
//!
//! Computed by chunks of tokens: within one, the corrections solve a triangular system, and all else are products of matrices.

mod back;
mod chunk;
mod run;
#[cfg(test)]
mod tests;

use super::product::Isa;
pub use run::{Sequence, scratch_bytes};

/// Tokens that are computed together.
pub const CHUNK: usize = 64;

/// Added to the squares of a query or key before it gets length one.
pub const UNIT_EPS: f32 = 1e-6;

/// Heads and their sizes; `num_value_heads` is a multiple of `num_key_heads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeltaShape {
    pub num_key_heads: usize,
    pub num_value_heads: usize,
    pub key_dim: usize,
    pub value_dim: usize,
    /// The value heads of a key head lie one in each row of key heads, and not next to each other.
    pub is_tiled: bool,
}

impl DeltaShape {
    /// Values of a token's queries, and as many of its keys.
    pub fn key_width(&self) -> usize {
        self.num_key_heads * self.key_dim
    }

    pub fn value_width(&self) -> usize {
        self.num_value_heads * self.value_dim
    }

    /// What is convolved: queries, keys and values.
    pub fn conv_width(&self) -> usize {
        2 * self.key_width() + self.value_width()
    }

    /// What a layer reads of a token: what is convolved, the gates of the result, and for each value head how much it
    /// corrects and how fast it fades.
    pub fn wide_width(&self) -> usize {
        self.conv_width() + self.value_width() + 2 * self.num_value_heads
    }

    /// Values of all states.
    pub fn state_len(&self) -> usize {
        self.num_value_heads * self.head_state_len()
    }

    fn head_state_len(&self) -> usize {
        self.key_dim * self.value_dim
    }

    /// Value heads of a key head.
    pub fn group(&self) -> usize {
        self.num_value_heads / self.num_key_heads.max(1)
    }

    /// The key head that a value head goes with.
    pub fn key_head(&self, value_head: usize) -> usize {
        if self.is_tiled { value_head % self.num_key_heads } else { value_head / self.group() }
    }

    fn value_head(&self, key_head: usize, place: usize) -> usize {
        if self.is_tiled { place * self.num_key_heads + key_head } else { key_head * self.group() + place }
    }

    /// What queries are multiplied by.
    pub fn query_scale(&self) -> f32 {
        1.0 / (self.key_dim as f32).sqrt()
    }
}

/// A layer's own numbers.
#[derive(Debug, Clone, Copy)]
pub struct DeltaWeights<'a> {
    /// `−e^A` of each value head: how fast it fades.
    pub decay: &'a [f32],
    /// What is added before softplus, of each value head.
    pub step_bias: &'a [f32],
    /// The norm on each value head's result.
    pub norm: &'a [f32],
    pub eps: f32,
}

/// A layer over a batch.
#[derive(Debug, Clone, Copy)]
pub struct Delta<'a> {
    pub isa: Isa,
    pub shape: DeltaShape,
    pub weights: DeltaWeights<'a>,
    /// Queries, keys and values, convolved: `[num_tokens, conv_width]`.
    pub qkv: &'a [f32],
    /// `[num_tokens, wide_width]`, of which the columns after those that were convolved are read.
    pub wide: &'a [f32],
}
