//! The families of models, a file and a row each. Nothing else knows a family by its name.

mod common;
mod ernie4_5;
mod exaone4;
mod gemma2;
mod gemma3;
mod gemma4;
mod granite;
mod granite4;
mod hunyuan;
mod lfm2;
mod llama;
mod ministral3;
mod mistral;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen3_5;
mod smollm3;
mod unknown;

use serde_json::Value;

use super::ModelSpec;
use super::spec::keys::{self, Key, Keys};
use super::spec::{Names, packing, text_config};

/// Families that call everything as Llama does have these.
const USUAL_NAMES: Names = Names::new(&[]);

/// What is special about a family.
pub struct Family {
    /// As people write it: `Gemma 2`.
    pub name: &'static str,
    /// What `model_type` of `config.json` calls it.
    pub config: &'static [&'static str],
    /// What `general.architecture` of a GGUF file calls it.
    pub gguf: &'static [&'static str],
    /// What `model_type` calls the models that see pictures, too, and have such a text model inside.
    pub wrapped_in: &'static [&'static str],
    /// Reads a model's settings; those that no file says are the family's.
    pub read: fn(&dyn Keys, &str) -> Result<ModelSpec, String>,
    /// Settings that this family follows and others don't have, so that elsewhere they are refused.
    pub follows: &'static [Key],
    /// GGUF has the rows of q and k in pairs, for a rotation of neighbours, and not in halves as Transformers has them.
    pub has_paired_rows: bool,
    /// What safetensors hold of a norm is its distance from one.
    pub has_norms_from_one: bool,
    /// GGUF has tensors for gate and for up where Transformers has one for both.
    pub splits_gate_up: bool,
    /// What it calls its modules and norms.
    pub names: Names,
}

/// All of them, in the order in which they are named to a person.
pub const FAMILIES: &[&Family] = &[
    &llama::LLAMA,
    &mistral::MISTRAL,
    &qwen2::QWEN2,
    &qwen3::QWEN3,
    &qwen3_5::QWEN3_5,
    &gemma2::GEMMA2,
    &gemma3::GEMMA3,
    &gemma4::GEMMA4,
    &phi3::PHI3,
    &smollm3::SMOLLM3,
    &olmo2::OLMO2,
    &granite::GRANITE,
    &granite4::GRANITE4,
    &lfm2::LFM2,
    &ministral3::MINISTRAL3,
    &exaone4::EXAONE4,
    &hunyuan::HUNYUAN,
    &ernie4_5::ERNIE4_5,
];

/// The family that a file names.
pub fn find(architecture: &str) -> Option<&'static Family> {
    let is_named = |family: &&&Family| family.config.contains(&architecture) || family.gguf.contains(&architecture);
    FAMILIES.iter().find(is_named).copied()
}

/// The family that the Hub names, which of a model that sees pictures, too, knows the outer name.
pub fn find_in_or_out_of_a_wrapper(architecture: &str) -> Option<&'static Family> {
    let wraps = |family: &&&Family| family.wrapped_in.contains(&architecture);
    find(architecture).or_else(|| FAMILIES.iter().find(wraps).copied())
}

/// `Llama, Mistral and Gemma 2`
pub fn names() -> String {
    let names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

impl ModelSpec {
    /// Reads a file's settings as its family means them; of a family that isn't known, the sizes.
    ///
    /// # Errors
    ///
    /// A sentence, without the file's name, where a setting is missing or means nothing.
    pub(super) fn read(keys: &dyn Keys, architecture: &str) -> Result<Self, String> {
        match find(architecture) {
            Some(family) => (family.read)(keys, architecture),
            None => common::sizes(keys, architecture),
        }
    }

    /// `None` for one that the decoder doesn't run.
    pub(crate) fn family(&self) -> Option<&'static Family> {
        find(&self.architecture)
    }

    /// Whether layers that guess further tokens are left out, as Transformers does it in the family.
    pub(crate) fn leaves_out_guessing(&self) -> bool {
        self.family().is_some_and(|family| family.follows.contains(&keys::GUESSING_LAYERS))
    }

    /// The family as people write it; of one that isn't known as the file does.
    pub fn family_name(&self) -> &str {
        self.family().map_or(self.architecture.as_str(), |family| family.name)
    }

    /// Why the decoder can't run this model, as a sentence.
    pub fn problem(&self, config: Option<&Value>) -> Option<String> {
        if let Some(experts) = config.and_then(unknown::experts) {
            return Some(experts);
        }
        let Some(family) = self.family() else {
            return Some(format!(
                "Models of the family {} can't be trained yet; those of the families {} can",
                self.architecture,
                names()
            ));
        };
        let config = config?;
        let outer = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        if self.is_wrapped && !family.wrapped_in.contains(&outer) {
            return Some(format!("A {} inside a model of the kind {outer} can't be trained yet", family.name));
        }
        packing::problem(config).or_else(|| unknown::problem(text_config(config), family))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_hub_s_name_of_a_model_around_a_text_model_is_known() {
        let name = |name: &str| find_in_or_out_of_a_wrapper(name).map(|family| family.name);
        assert_eq!(name("qwen3_5"), Some("Qwen3.5"));
        assert_eq!((name("qwen3"), name("qwen3_5_moe")), (Some("Qwen3"), None));
    }

    #[test]
    fn no_two_families_have_a_name_in_common() {
        for of in [|family: &Family| family.config, |family: &Family| family.gguf] {
            let names: Vec<_> = FAMILIES.iter().flat_map(|family| of(family)).collect();
            assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
        }
        assert!(names().starts_with("Llama, Mistral, ") && names().contains(" and "), "{}", names());
    }
}
