//! Gemma 2: norms after the branches, too, soft caps, and a window on every other layer (`Gemma2Model`).

use super::{Family, common};
use crate::model::ModelSpec;
use crate::model::spec::BranchNorms;
use crate::model::spec::keys::{self, Keys};
use crate::ops::Activation;

const WINDOW: usize = 4096;
const ATTENTION_SOFTCAP: f64 = 50.0;
const FINAL_SOFTCAP: f64 = 30.0;
const HEAD_DIM: usize = 256;
/// The layers of the 27B, which alone divides its queries by the hidden size over the heads; GGUF has no key for it.
const LAYERS_OF_27B: usize = 46;

pub const GEMMA2: Family = Family {
    name: "Gemma 2",
    config: &["gemma2"],
    gguf: &["gemma2"],
    read,
    follows: &[keys::ATTENTION_SOFTCAP, keys::FINAL_SOFTCAP, keys::QUERY_SCALAR, keys::WINDOW, keys::LAYER_TYPES],
    has_paired_rows: false,
    has_norms_from_one: true,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults {
        head_dim: Some(HEAD_DIM),
        activation_key: "hidden_activation",
        activation: Activation::GeluTanh,
        ties_head: true,
        ..common::Defaults::default()
    };
    let mut spec = common::read(keys, architecture, &defaults)?;
    let divisor = match keys.is_gguf() {
        true if spec.num_layers() == LAYERS_OF_27B => (spec.hidden_size / spec.num_heads) as f64,
        true => spec.head_dim as f64,
        false => keys.number(keys::QUERY_SCALAR)?.or(None).unwrap_or(HEAD_DIM as f64),
    };
    spec.attention_scale = 1.0 / divisor.sqrt();
    let cap = |key, default| Ok::<_, String>(keys.number(key)?.or(Some(default)).map(|cap| cap as f32));
    spec.attention_softcap = cap(keys::ATTENTION_SOFTCAP, ATTENTION_SOFTCAP)?;
    spec.final_softcap = cap(keys::FINAL_SOFTCAP, FINAL_SOFTCAP)?;
    spec.embedding_scale = (spec.hidden_size as f64).sqrt();
    common::set_windows(&mut spec, keys, Some(WINDOW), |layer| layer.is_multiple_of(2))?;
    spec.layers.iter_mut().for_each(|layer| layer.norms = BranchNorms::BOTH);
    Ok(spec)
}
