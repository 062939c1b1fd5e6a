//! Answers: sampling, one answer token by token, before and after side by side, many at once.

pub mod batch;
pub mod pair;
pub mod sampling;
pub mod session;

pub use batch::{greedy_answers, greedy_doubts};
pub use pair::{Answer, PairEvent, Side, compare};
pub use sampling::{Sampler, Sampling, argmax};
pub use session::Session;
