//! Qwen3 (`Qwen3Model`): Llama with a norm on each head's queries and keys.

use super::{Family, USUAL_NAMES, common, qwen2};
use crate::model::ModelSpec;
use crate::model::spec::QkNorm;
use crate::model::spec::keys::{self, Keys};

const HEAD_DIM: usize = 128;

pub const QWEN3: Family = Family {
    name: "Qwen3",
    config: &["qwen3"],
    gguf: &["qwen3"],
    wrapped_in: &[],
    read,
    follows: &[keys::LAYER_TYPES, keys::ATTENTION_BIAS],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { head_dim: Some(HEAD_DIM), ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    qwen2::set_windows(&mut spec, keys)?;
    common::set_biases(&mut spec, keys)?;
    spec.layers.iter_mut().for_each(|layer| layer.qk_norm = Some(QkNorm::PerHead));
    Ok(spec)
}
