//! Blind rating: two models' answers to the same prompts, side by side in random order without their names, and what the
//! choices come to.
//!
//! A [`Session`] is made once and never changes; what people choose is added to its file line by line, so that nothing is
//! lost and two people can rate the same session.

mod decided;
mod file;
mod pairs;
mod ratings;
mod result;
mod session;
mod statistics;

use std::path::PathBuf;

pub use decided::{LEAST_EVIDENCE, evidence};
pub use file::{append, begin, folder_of, list, read};
pub use pairs::{PairsReport, export_pairs, lock};
pub use ratings::{Choice, Line, Rated, Rating, Undo, Verdict, Which, user_name};
pub use result::{Agreement, ByRater, Positions, Summary, Tally};
pub use session::{Answered, Item, Model, Session, SessionData};

/// What can end a rating.
#[derive(Debug, thiserror::Error)]
pub enum RatingError {
    #[error("there is nothing to rate: {0}")]
    Nothing(String),
    #[error("no pair was written: {0}")]
    NoPairs(String),
    #[error("{} is not a rating session: its first line can't be read", path.display())]
    NotASession { path: PathBuf },
    #[error("{} was written by a newer version of the program", path.display())]
    Newer { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl RatingError {
    fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
