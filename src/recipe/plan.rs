//! A recipe, checked and resolved: what will run, with no question left open.

use std::path::{Path, PathBuf};

use super::{ModelRef, Recipe, RecipeError};

/// Held out of the training file where a recipe says nothing.
const DEFAULT_VALIDATION_SPLIT: f64 = 0.1;

/// Built once from a [`Recipe`], where its model lies and where the run is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub recipe: Recipe,
    /// The GGUF file or the folder that `recipe.base_model` stands for.
    pub model_path: PathBuf,
    /// The run's folder: recipe, metrics, checkpoints.
    pub run_dir: PathBuf,
    pub validation: Validation,
    /// Bytes that the run may take; `None` for what there is.
    pub memory_limit: Option<u64>,
}

/// Where the held-out examples come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    File(PathBuf),
    /// A share of the training file.
    Share(f64),
}

impl Plan {
    pub fn new(recipe: Recipe, model_path: PathBuf, run_dir: PathBuf) -> Result<Self, RecipeError> {
        recipe.check()?;
        let validation = match (&recipe.data.validation, recipe.data.validation_split) {
            (Some(path), _) => Validation::File(path.clone()),
            (None, share) => Validation::Share(share.unwrap_or(DEFAULT_VALIDATION_SPLIT)),
        };
        Ok(Self { recipe, model_path, run_dir, validation, memory_limit: None })
    }

    /// The recipe as it is kept with the run: files inside the run's folder by their place in it, so that the folder can
    /// be moved.
    pub fn recipe_of_run(&self) -> Recipe {
        let mut recipe = self.recipe.clone();
        let inside = |path: &Path| match path.strip_prefix(&self.run_dir) {
            Ok(inside) => inside.to_owned(),
            Err(_) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        };
        recipe.data.train = inside(&recipe.data.train);
        recipe.data.validation = recipe.data.validation.as_deref().map(inside);
        recipe.init_adapter = recipe.init_adapter.as_deref().map(inside);
        recipe.base_model = match recipe.base_model {
            ModelRef::Gguf(path) => ModelRef::Gguf(inside(&path)),
            ModelRef::Folder(path) => ModelRef::Folder(inside(&path)),
            other => other,
        };
        recipe
    }
}
