//! From the rows of files to examples of the project.

mod arrivals;
#[cfg(test)]
mod bad_days;
mod candidates;
mod intake;
pub mod known;
mod turn;
