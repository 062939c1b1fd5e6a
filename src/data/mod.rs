//! Labelled examples: what one is, how files become examples, how they are split.

pub mod example;
pub mod import;

pub use example::{Example, Message, Role, Split};
