//! Qwen3 (`Qwen3Model`): Llama with a norm on each head's queries and keys.

use super::{Family, common, qwen2};
use crate::model::ModelSpec;
use crate::model::spec::QkNorm;
use crate::model::spec::keys::{self, Keys};

const HEAD_DIM: usize = 128;

pub const QWEN3: Family = Family {
    name: "Qwen3",
    config: &["qwen3"],
    gguf: &["qwen3"],
    read,
    follows: &[keys::LAYER_TYPES],
    has_paired_rows: false,
    has_norms_from_one: false,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { head_dim: Some(HEAD_DIM), ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    qwen2::set_windows(&mut spec, keys)?;
    spec.layers.iter_mut().for_each(|layer| layer.qk_norm = Some(QkNorm::PerHead));
    Ok(spec)
}
