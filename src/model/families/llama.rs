//! Llama 2 and 3, SmolLM2, TinyLlama and what else goes by that name; in GGUF also Mistral.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};

/// `config.json` of a Llama may name a window, which Transformers doesn't follow.
const WINDOW_OF_GGUF: Key = Key::new("", keys::WINDOW.gguf);

pub const LLAMA: Family = Family {
    name: "Llama",
    config: &["llama"],
    gguf: &["llama"],
    wrapped_in: &[],
    read,
    follows: &[WINDOW_OF_GGUF, keys::ATTENTION_BIAS, keys::MLP_BIAS],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    if keys.is_gguf() && keys.count(keys::WINDOW)?.is_some() {
        common::set_windows(&mut spec, keys, None, |_| true)?;
    }
    common::set_biases(&mut spec, keys)?;
    Ok(spec)
}
