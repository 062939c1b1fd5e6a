//! Kernels for the CPU, each with its backward, on flat batches: tokens of all sequences lie back to back
//! (`[num_tokens, features]`), and [`Segments`] says where each sequence begins. No row is padding.
//!
//! Each kernel has a twin in candle's own operations ([`plain`]) that is the witness of its test.
//! The only place for `unsafe`.
#![expect(unsafe_code, reason = "kernels over raw slices; each block says why it is sound")]

pub mod attention;
pub mod causal_conv;
pub mod conv;
pub mod cross_entropy;
pub mod delta;
mod frozen;
pub mod gated;
pub mod gated_norm;
pub mod head_gates;
pub mod inference;
pub mod plain;
pub mod product;
pub mod quant;
pub mod rms_norm;
pub mod rope;
pub mod scan;
pub mod segments;
mod simd;
pub mod storage;
#[cfg(test)]
mod testing;

pub use attention::{AttentionShape, cached_attention};
pub use frozen::FrozenWeight;
pub use gated::Activation;
pub use quant::{WeightType, unread_name};
pub use rope::RopeTable;
pub use segments::{Segment, Segments};
