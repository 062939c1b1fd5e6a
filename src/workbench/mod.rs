//! What can be done with a project as a whole: a use case a file. The engine's jobs and the command line call the same
//! functions; none of them knows a thread or a window.

pub mod checks;
pub mod data_export;
mod error;
pub mod evaluate;
pub mod monitor;
pub mod rating;
pub mod report;
pub mod reviewers;
pub mod scores;
pub mod statistics;
pub mod train;

pub use error::WorkbenchError;
