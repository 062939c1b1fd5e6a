//! What the tests of the window have in common.

pub mod made;
mod states;

pub use states::*;
