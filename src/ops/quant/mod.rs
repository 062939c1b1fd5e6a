//! Weights in ggml's block formats: unpacked for products of many rows, or multiplied with where they lie.

mod codes;
mod dot;
pub mod fixed;
mod formats;
mod grids;
pub(super) mod lanes;
mod low_bit;
mod types;
mod unpack;

pub use codes::Coded;
pub use dot::dot_rows;
#[cfg(test)]
pub(super) use formats::testing;
pub use types::{WeightType, unread_name};
pub use unpack::{unpack_bf16, unpack_f32};
