//! From the rows of files to examples of the project.

mod arrivals;
mod candidates;
mod intake;
pub mod known;
