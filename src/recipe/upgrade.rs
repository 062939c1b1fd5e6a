//! Recipes of earlier versions, brought to today's.

use super::{Recipe, TooLong};

/// What every recipe that a run of version 1 wrote has in `[training]`: each run writes all its settings out.
const WRITTEN_BY_RUNS_OF_1: [&str; 17] = [
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "learning_rate",
    "lr_scheduler_type",
    "warmup_ratio",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "max_length",
    "packing",
    "shuffle",
    "seed",
    "train_on",
];

impl Recipe {
    /// Brings one of version 1 to today's that was kept among settings, where every key it had is written.
    pub fn of_settings(self) -> Self {
        let version = if self.version == 1 { Self::VERSION } else { self.version };
        Self { version, ..self }
    }
}

/// Brings a recipe that was read from `table` to today's version. Returns what a person should know of it; nothing where
/// the recipe is of today's version, or of one that isn't known.
///
/// Version 1 began without `too_long`: its runs cut long examples at their end, and a run continues as it began. Since
/// the key is there, runs write it, and what leaves it out means what version 2 means.
pub(super) fn upgrade(recipe: &mut Recipe, table: &toml::Table) -> Option<String> {
    if recipe.version != 1 {
        return None;
    }
    recipe.version = Recipe::VERSION;
    let is_written = |key: &str| table.get("training").is_some_and(|training| training.get(key).is_some());
    if is_written("too_long") || !WRITTEN_BY_RUNS_OF_1.into_iter().all(is_written) {
        return Some("a recipe of version 1, read as version 2, which means the same".to_owned());
    }
    recipe.training.too_long = TooLong::CutRight;
    let words = "a run's recipe of version 1, read as version 2; longer examples are cut at their end, as it was then \
                 (too_long = \"cut_right\")";
    Some(words.to_owned())
}
