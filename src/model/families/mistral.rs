//! Mistral 7B and what is built as it is: Llama with a window.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Keys};

/// Where `config.json` says nothing.
const WINDOW: usize = 4096;

pub const MISTRAL: Family = Family {
    name: "Mistral",
    config: &["mistral"],
    // llama.cpp calls it llama.
    gguf: &[],
    wrapped_in: &["mistral3"],
    read,
    follows: &[keys::LAYER_TYPES],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    common::set_windows(&mut spec, keys, Some(WINDOW), |_| true)?;
    Ok(spec)
}
