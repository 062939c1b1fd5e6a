//! What a run begins with: a fresh adapter, or one that a recipe continues.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::error::TrainError;
use crate::model::lora::{LoraAdapter, LoraConfig};
use crate::model::{Decoder, ModelSpec, peft};
use crate::recipe::{AdapterFrom, Lora, Plan, RecipeError};
use crate::run::checkpoints::undamaged;

/// The adapter, and the plan with what is true of it.
pub fn start(decoder: &Decoder, plan: &Plan) -> Result<(LoraAdapter, Plan), TrainError> {
    match &plan.adapter {
        AdapterFrom::New(lora) => {
            let mut rng = ChaCha8Rng::seed_from_u64(plan.training.seed);
            Ok((LoraAdapter::new(config(lora, decoder.spec())?, decoder.spec(), &mut rng)?, plan.clone()))
        }
        AdapterFrom::Folder { path, lora, left_to_it } => {
            let adapter = peft::load(undamaged(path)?, decoder.spec())?;
            let lora = agreed(lora, left_to_it, &adapter.config, decoder.spec())?;
            let from = AdapterFrom::Folder { path: path.clone(), lora, left_to_it: Vec::new() };
            Ok((adapter, Plan { adapter: from, ..plan.clone() }))
        }
    }
}

fn config(lora: &Lora, spec: &ModelSpec) -> Result<LoraConfig, RecipeError> {
    LoraConfig::from_recipe(lora, spec).map_err(|message| RecipeError::Invalid { key: "lora.target_modules", message })
}

/// What the recipe leaves to the adapter is taken from it; what the recipe says must be what the adapter has.
fn agreed(
    own: &Lora,
    left_to_it: &[&'static str],
    adapter: &LoraConfig,
    spec: &ModelSpec,
) -> Result<Lora, RecipeError> {
    let theirs = adapter.to_recipe(spec);
    for key in Lora::KEYS.into_iter().filter(|key| !left_to_it.contains(key)) {
        let (is_same, written, has) = match key {
            "lora.r" => (own.r == theirs.r, own.r.to_string(), theirs.r.to_string()),
            "lora.lora_alpha" => {
                (own.lora_alpha == theirs.lora_alpha, own.lora_alpha.to_string(), theirs.lora_alpha.to_string())
            }
            "lora.lora_dropout" => {
                (own.lora_dropout == theirs.lora_dropout, own.lora_dropout.to_string(), theirs.lora_dropout.to_string())
            }
            _ => {
                let is_same = config(own, spec).is_ok_and(|own| own.target_modules == adapter.target_modules);
                (is_same, own.target_modules.to_string(), theirs.target_modules.to_string())
            }
        };
        if !is_same {
            let message = format!(
                "the recipe has {written}, but the adapter that it begins with (init_adapter) has {has}; leave the key out \
                 to take the adapter's"
            );
            return Err(RecipeError::Invalid { key, message });
        }
    }
    // The same modules stay in the order in which the recipe has them.
    let is_left = left_to_it.contains(&"lora.target_modules");
    let target_modules = if is_left { theirs.target_modules.clone() } else { own.target_modules.clone() };
    Ok(Lora { target_modules, ..theirs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Module;
    use crate::recipe::TargetModules;

    fn adapter() -> LoraConfig {
        LoraConfig {
            r: 4,
            lora_alpha: 8.0,
            lora_dropout: 0.0,
            target_modules: vec![Module::QProj, Module::VProj],
            use_rslora: false,
        }
    }

    fn spec() -> ModelSpec {
        let config = serde_json::json!({
            "model_type": "llama", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 64,
        });
        ModelSpec::from_config(&config).unwrap()
    }

    #[test]
    fn what_is_not_written_is_the_adapters_and_what_is_written_must_agree() {
        let lora = agreed(&Lora::default(), &Lora::KEYS, &adapter(), &spec()).unwrap();
        assert_eq!(lora, adapter().to_recipe(&spec()));
        assert_eq!(agreed(&lora, &[], &adapter(), &spec()).unwrap(), lora);

        let other = Lora { lora_alpha: 16.0, ..lora.clone() };
        let error = agreed(&other, &[], &adapter(), &spec()).unwrap_err().to_string();
        assert!(error.starts_with("lora.lora_alpha: the recipe has 16, but the adapter") && error.contains("has 8"));
        assert_eq!(agreed(&other, &["lora.lora_alpha"], &adapter(), &spec()).unwrap().lora_alpha, 8.0);

        let named = TargetModules::Named(vec!["v_proj".to_owned(), "q_proj".to_owned()]);
        let order = Lora { target_modules: named, ..lora.clone() };
        assert_eq!(agreed(&order, &[], &adapter(), &spec()).unwrap(), order);
        let all = Lora { target_modules: TargetModules::AllLinear, ..lora };
        let error = agreed(&all, &[], &adapter(), &spec()).unwrap_err().to_string();
        assert!(error.contains("all-linear") && error.contains("q_proj, v_proj"), "{error}");
    }
}
