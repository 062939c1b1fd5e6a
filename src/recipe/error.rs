//! What is wrong with a recipe.

use std::path::PathBuf;

/// What is wrong with a recipe; the message names the key and what it may be.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {message}", path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("{key} is {value}, but it must be {allowed}")]
    Range { key: &'static str, value: String, allowed: String },
    #[error("{key}: {message}")]
    Invalid { key: &'static str, message: String },
    #[error("{}, line {line}: {source}", path.display())]
    At { path: PathBuf, line: usize, source: Box<RecipeError> },
}
