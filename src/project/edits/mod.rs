//! Changes of the examples. Each is a step of undo, kept in the journal with what was there before.

pub mod apply;
pub mod edit;
mod history;
mod not_faults;
mod replace;
mod resplit;
