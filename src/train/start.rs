//! What a run begins with: a fresh adapter, or one that a recipe goes on from.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::error::TrainError;
use crate::model::lora::{LoraAdapter, LoraConfig};
use crate::model::{Decoder, peft};
use crate::recipe::{Lora, Plan, Recipe, RecipeError};

/// The adapter, and the plan with what is true of it in its recipe's `[lora]`.
pub fn start(decoder: &Decoder, plan: &Plan) -> Result<(LoraAdapter, Plan), TrainError> {
    let mut plan = plan.clone();
    let Some(folder) = &plan.recipe.init_adapter else {
        plan.recipe.lora_of_adapter.clear();
        let mut rng = ChaCha8Rng::seed_from_u64(plan.recipe.training.seed);
        return Ok((LoraAdapter::new(config(&plan.recipe)?, decoder.spec(), &mut rng)?, plan));
    };
    let adapter = peft::load(folder, decoder.spec())?;
    agree(&mut plan.recipe, &adapter.config)?;
    Ok((adapter, plan))
}

fn config(recipe: &Recipe) -> Result<LoraConfig, RecipeError> {
    LoraConfig::from_recipe(&recipe.lora)
        .map_err(|message| RecipeError::Invalid { key: "lora.target_modules", message })
}

/// What the recipe doesn't say is taken from the adapter; what it says must be what the adapter has.
fn agree(recipe: &mut Recipe, adapter: &LoraConfig) -> Result<(), RecipeError> {
    let theirs = adapter.to_recipe();
    let own = recipe.lora.clone();
    let same_modules = config(recipe).map(|own| own.target_modules == adapter.target_modules);
    let of_adapter = std::mem::take(&mut recipe.lora_of_adapter);
    for key in Lora::KEYS {
        let is_written = !of_adapter.contains(&key);
        let (is_same, written, has) = match key {
            "lora.r" => (own.r == theirs.r, own.r.to_string(), theirs.r.to_string()),
            "lora.lora_alpha" => {
                (own.lora_alpha == theirs.lora_alpha, own.lora_alpha.to_string(), theirs.lora_alpha.to_string())
            }
            "lora.lora_dropout" => {
                (own.lora_dropout == theirs.lora_dropout, own.lora_dropout.to_string(), theirs.lora_dropout.to_string())
            }
            _ => {
                let is_same = if is_written { matches!(same_modules, Ok(true)) } else { false };
                (is_same, own.target_modules.to_string(), theirs.target_modules.to_string())
            }
        };
        if is_written && !is_same {
            let message = format!(
                "the recipe has {written}, but the adapter that it goes on from (init_adapter) has {has}; leave the key out \
                 to take the adapter's"
            );
            return Err(RecipeError::Invalid { key, message });
        }
    }
    if of_adapter.contains(&"lora.target_modules") {
        recipe.lora.target_modules = theirs.target_modules.clone();
    }
    let target_modules = recipe.lora.target_modules.clone();
    recipe.lora = Lora { target_modules, ..theirs };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Module;
    use crate::recipe::{ModelRef, TargetModules};

    fn adapter() -> LoraConfig {
        LoraConfig {
            r: 4,
            lora_alpha: 8.0,
            lora_dropout: 0.0,
            target_modules: vec![Module::QProj, Module::VProj],
            use_rslora: false,
        }
    }

    #[test]
    fn what_is_not_written_is_the_adapters_and_what_is_written_must_agree() {
        let mut recipe = Recipe::new(ModelRef::Starter, "a".into());
        recipe.start_from("b".into());
        agree(&mut recipe, &adapter()).unwrap();
        assert_eq!(recipe.lora, adapter().to_recipe());
        assert_eq!(recipe.lora_of_adapter, [""; 0], "all is said now");
        agree(&mut recipe, &adapter()).unwrap();

        let mut other = recipe.clone();
        other.lora.lora_alpha = 16.0;
        let error = agree(&mut other, &adapter()).unwrap_err().to_string();
        assert!(error.starts_with("lora.lora_alpha: the recipe has 16, but the adapter") && error.contains("has 8"));
        other.lora_of_adapter = vec!["lora.lora_alpha"];
        agree(&mut other, &adapter()).unwrap();
        assert_eq!(other.lora.lora_alpha, 8.0);

        let mut order = recipe.clone();
        order.lora.target_modules = TargetModules::Named(vec!["v_proj".to_owned(), "q_proj".to_owned()]);
        agree(&mut order, &adapter()).unwrap();
        order.lora.target_modules = TargetModules::AllLinear;
        let error = agree(&mut order, &adapter()).unwrap_err().to_string();
        assert!(error.contains("all-linear") && error.contains("q_proj, v_proj"), "{error}");
    }
}
