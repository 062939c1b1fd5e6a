//! A few settings of the form at once.

use std::path::PathBuf;

use crate::recipe::Recipe;

/// A few settings at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    QuickLook,
    Balanced,
    Thorough,
    /// Those that suit the sample's examples.
    Sample,
}

impl Preset {
    /// For every project.
    pub const ALL: [Self; 3] = [Self::QuickLook, Self::Balanced, Self::Thorough];

    pub(super) fn apply(self, recipe: &mut Recipe) {
        // Epochs and rank; alpha is twice the rank.
        let (epochs, rank) = match self {
            Self::QuickLook => (1.0, 8),
            Self::Balanced => (3.0, 16),
            Self::Thorough => (6.0, 32),
            Self::Sample => {
                let sample = Recipe::for_starter_data(PathBuf::new());
                recipe.lora = sample.lora;
                recipe.training = sample.training;
                return;
            }
        };
        recipe.training.num_train_epochs = epochs;
        recipe.lora.r = rank;
        recipe.lora.lora_alpha = 2.0 * rank as f64;
    }

    pub(super) fn fits(self, recipe: &Recipe) -> bool {
        let mut other = recipe.clone();
        self.apply(&mut other);
        other == *recipe
    }
}
