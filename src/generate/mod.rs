//! Answers: sampling, one answer token by token, before and after side by side.

pub mod sampling;

pub use sampling::Sampling;
