//! A recipe, checked and resolved: what will run, with no question left open.

use std::path::{Path, PathBuf};

use super::params::PARAMS;
use super::{Data, Evaluation, Lora, ModelRef, Recipe, RecipeError, Training};

/// Held out of the training file where a recipe says nothing.
const DEFAULT_VALIDATION_SPLIT: f64 = 0.1;

/// Built once from a [`Recipe`], where its model is and where the run is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The model as the person named it.
    pub base_model: ModelRef,
    /// The GGUF file or the folder that `base_model` stands for.
    pub model_path: PathBuf,
    /// The run's folder: recipe, metrics, checkpoints.
    pub run_dir: PathBuf,
    /// The file with the training examples.
    pub train: PathBuf,
    pub validation: Validation,
    pub adapter: AdapterFrom,
    pub training: Training,
    pub evaluation: Evaluation,
    /// Bytes that the run may take; [`Plan::NO_LIMIT`] for what there is.
    pub memory_limit: u64,
}

/// Where the held-out examples come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    File(PathBuf),
    /// A share of the training file.
    Share(f64),
}

impl Validation {
    /// What a recipe's data come to.
    pub fn of(data: &Data) -> Self {
        match (&data.validation, data.validation_split) {
            (Some(path), _) => Self::File(path.clone()),
            (None, share) => Self::Share(share.unwrap_or(DEFAULT_VALIDATION_SPLIT)),
        }
    }
}

/// What is trained: a new adapter, or one that is there.
#[derive(Debug, Clone, PartialEq)]
pub enum AdapterFrom {
    New(Lora),
    /// A folder in PEFT's format. What it says of itself must agree with `lora`, except for the keys that the recipe
    /// leaves to it; once it is read, none are left.
    Folder {
        path: PathBuf,
        lora: Lora,
        left_to_it: Vec<&'static str>,
    },
}

impl AdapterFrom {
    fn of(recipe: &Recipe) -> Self {
        let lora = recipe.lora.clone();
        match &recipe.init_adapter {
            None => Self::New(lora),
            Some(path) => Self::Folder { path: path.clone(), lora, left_to_it: recipe.lora_of_adapter.clone() },
        }
    }

    pub fn lora(&self) -> &Lora {
        match self {
            Self::New(lora) | Self::Folder { lora, .. } => lora,
        }
    }

    /// The folder of the adapter that the run begins with; `None` for a new one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::New(_) => None,
            Self::Folder { path, .. } => Some(path),
        }
    }
}

impl Plan {
    pub const NO_LIMIT: u64 = u64::MAX;

    /// # Errors
    /// Where the recipe has a value out of its range, or values that don't go together.
    pub fn new(recipe: Recipe, model_path: PathBuf, run_dir: PathBuf) -> Result<Self, RecipeError> {
        recipe.check()?;
        Ok(Self {
            validation: Validation::of(&recipe.data),
            adapter: AdapterFrom::of(&recipe),
            base_model: recipe.base_model,
            model_path,
            run_dir,
            train: recipe.data.train,
            training: recipe.training,
            evaluation: recipe.evaluation,
            memory_limit: Self::NO_LIMIT,
        })
    }

    /// The recipe that says all of this.
    pub fn recipe(&self) -> Recipe {
        let (validation, validation_split) = match &self.validation {
            Validation::File(path) => (Some(path.clone()), None),
            Validation::Share(share) => (None, Some(*share)),
        };
        let lora_of_adapter = match &self.adapter {
            AdapterFrom::New(_) => Vec::new(),
            AdapterFrom::Folder { left_to_it, .. } => left_to_it.clone(),
        };
        Recipe {
            version: Recipe::VERSION,
            base_model: self.base_model.clone(),
            init_adapter: self.adapter.folder().map(Path::to_owned),
            data: Data { train: self.train.clone(), validation, validation_split },
            lora: self.adapter.lora().clone(),
            lora_of_adapter,
            training: self.training.clone(),
            evaluation: self.evaluation.clone(),
        }
    }

    /// The recipe as it is kept with the run: files inside the run's folder by their place in it, so that the folder can
    /// be moved.
    pub fn recipe_of_run(&self) -> Recipe {
        let mut recipe = self.recipe();
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

    /// Where the recipe that is kept in the run's folder says something else, in words; `with_lora` compares the adapter's
    /// settings, too.
    pub fn difference(&self, kept: &Recipe, with_lora: bool) -> Option<String> {
        let own = self.recipe_of_run();
        let facts = |recipe: &Recipe| {
            let place = |path: &Path| path.display().to_string();
            let validation = match Validation::of(&recipe.data) {
                Validation::File(path) => place(&path),
                Validation::Share(share) => format!("a share of {share}"),
            };
            let init_adapter = recipe.init_adapter.as_deref().map_or_else(|| "none".to_owned(), place);
            let train = place(&recipe.data.train);
            let first = [
                ("base_model", recipe.base_model.to_string()),
                ("init_adapter", init_adapter),
                ("data.train", train),
                ("data.validation", validation),
            ];
            let compared = PARAMS.iter().filter(|param| with_lora || !param.key.starts_with("lora."));
            let rest = compared.map(|param| (param.key, (param.get)(recipe).to_string()));
            first.into_iter().chain(rest).collect::<Vec<_>>()
        };
        let (there, here) = (facts(kept), facts(&own));
        let differs = there.iter().zip(&here).find(|(there, here)| there != here);
        differs.map(|((key, there), (_, here))| format!("its {key} is {there}, not {here}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::TooLong;

    fn plan(recipe: Recipe) -> Plan {
        Plan::new(recipe, "m.gguf".into(), "run".into()).unwrap()
    }

    #[test]
    fn a_plan_says_what_its_recipe_said_and_what_that_left_open() {
        let mut recipe = Recipe::for_starter_data("run/data/train.jsonl".into());
        recipe.start_from("adapter".into());
        let of = |recipe: &Recipe| plan(recipe.clone()).recipe();
        assert_eq!(of(&recipe).data.validation_split, Some(DEFAULT_VALIDATION_SPLIT));
        recipe.data.validation_split = Some(0.2);
        assert_eq!(of(&recipe), recipe);
        recipe.data = Data { validation: Some("v.jsonl".into()), validation_split: None, ..recipe.data };
        assert_eq!(of(&recipe), recipe);
        recipe.init_adapter = None;
        recipe.lora_of_adapter.clear();
        assert_eq!(of(&recipe), recipe);
        assert_eq!(plan(recipe).recipe_of_run().data.train, Path::new("data/train.jsonl"));
    }

    #[test]
    fn another_recipe_is_known_by_the_first_key_that_differs() {
        let plan = plan(Recipe::for_starter_data("run/data/train.jsonl".into()));
        let mut kept = plan.recipe_of_run();
        assert_eq!(plan.difference(&kept, true), None);
        // Runs of version 1 left it so.
        kept.data.validation_split = None;
        assert_eq!(plan.difference(&kept, true), None);
        kept.training.too_long = TooLong::CutRight;
        assert_eq!(plan.difference(&kept, true).unwrap(), "its training.too_long is cut_right, not drop");
        kept.lora.r = 3;
        assert_eq!(plan.difference(&kept, true).unwrap(), "its lora.r is 3, not 16");
        assert!(plan.difference(&kept, false).unwrap().contains("too_long"));
        kept.data.validation_split = Some(0.5);
        assert!(plan.difference(&kept, true).unwrap().starts_with("its data.validation is a share of 0.5"));
    }
}
