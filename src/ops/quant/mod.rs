//! Weights in ggml's block formats: unpacked for products of many rows, or multiplied with where they lie.

mod codes;
mod dot;
pub mod fixed;
mod formats;
pub(super) mod lanes;
mod unpack;

pub use codes::Coded;
pub use dot::dot_rows;
pub use unpack::{unpack_bf16, unpack_f32};
