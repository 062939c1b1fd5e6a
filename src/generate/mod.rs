//! Answers: sampling, one answer token by token, before and after side by side, many at once, and what the model says of
//! a text token by token.

pub mod batch;
pub mod evidence;
pub mod hidden;
pub mod pair;
pub mod sampling;
pub mod session;
mod stop;

pub use batch::{Answered, answer_all, greedy_answers, greedy_doubts};
pub use evidence::{Alternative, TokenEvidence, token_evidence};
pub use hidden::mean_hidden;
pub use pair::{Answer, PairEvent, Side, compare};
pub use sampling::{Sampler, Sampling, argmax};
pub use session::{End, Session};
