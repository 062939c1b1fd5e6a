//! A recipe, checked and resolved: what will run, with no question left open.

use std::path::PathBuf;

use super::Recipe;

/// Built once from a [`Recipe`] and where the run is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub recipe: Recipe,
    /// The run's folder: recipe, metrics, checkpoints.
    pub run_dir: PathBuf,
}
