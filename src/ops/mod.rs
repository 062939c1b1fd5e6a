//! Differentiable kernels for the CPU, each with its backward, on flat batches: tokens of all sequences lie back to back
//! (`[num_tokens, features]`), and [`Segments`] says where each sequence begins. No row is padding.
//!
//! Each kernel has a plain-candle twin (`*_plain`) that is the witness of its test.
//! The only place for `unsafe`.
#![expect(unsafe_code, reason = "kernels over raw slices; each block says why it is sound")]

pub mod attention;
pub mod cross_entropy;
mod frozen;
pub mod gated;
pub mod inference;
pub mod linear;
pub mod matmul;
pub mod product;
pub mod quant;
pub mod rms_norm;
pub mod rope;
pub mod segments;
mod simd;
pub mod storage;
#[cfg(test)]
mod testing;

pub use attention::{AttentionShape, cached_attention, causal_attention};
pub use cross_entropy::cross_entropy;
pub use frozen::FrozenWeight;
pub use gated::{Activation, gated};
pub use linear::{frozen_linear, lora_linear};
pub use quant::{WeightType, unread_name};
pub use rms_norm::rms_norm;
pub use rope::{RopeTable, rope};
pub use segments::{Segment, Segments};
