//! Gemma 2: norms after the branches, too, soft caps, and a window on every other layer (`Gemma2Model`).

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::BranchNorms;
use crate::model::spec::keys::{self, Key, Keys};
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
    wrapped_in: &[],
    read,
    follows: &[keys::ATTENTION_SOFTCAP, keys::FINAL_SOFTCAP, keys::QUERY_SCALAR, keys::WINDOW, keys::LAYER_TYPES],
    has_paired_rows: false,
    has_norms_from_one: true,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = read_as_gemma(keys, architecture, common::Defaults::default().rope_theta, LAYERS_OF_27B)?;
    spec.attention_softcap = softcap(keys, keys::ATTENTION_SOFTCAP, Some(ATTENTION_SOFTCAP))?;
    spec.final_softcap = softcap(keys, keys::FINAL_SOFTCAP, Some(FINAL_SOFTCAP))?;
    common::set_windows(&mut spec, keys, Some(WINDOW), |layer| layer.is_multiple_of(2))?;
    Ok(spec)
}

/// What Gemma 2 and 3 have in common.
pub(super) fn read_as_gemma(
    keys: &dyn Keys,
    architecture: &str,
    rope_theta: f64,
    layers_of_27b: usize,
) -> Result<ModelSpec, String> {
    let defaults = common::Defaults {
        head_dim: Some(HEAD_DIM),
        activation_key: "hidden_activation",
        activation: Activation::GeluTanh,
        ties_head: true,
        rope_theta,
        ..common::Defaults::default()
    };
    let mut spec = common::read(keys, architecture, &defaults)?;
    let divisor = match keys.is_gguf() {
        true if spec.num_layers() == layers_of_27b => (spec.hidden_size / spec.num_heads) as f64,
        true => spec.head_dim as f64,
        false => keys.number(keys::QUERY_SCALAR)?.or(None).unwrap_or(HEAD_DIM as f64),
    };
    spec.attention_scale = 1.0 / divisor.sqrt();
    spec.embedding_scale = (spec.hidden_size as f64).sqrt();
    spec.layers.iter_mut().for_each(|layer| layer.norms = BranchNorms::BOTH);
    Ok(spec)
}

/// A cap, or `default` where no file says it.
pub(super) fn softcap(keys: &dyn Keys, key: Key, default: Option<f64>) -> Result<Option<f32>, String> {
    Ok(keys.number(key)?.or(default).map(|cap| cap as f32))
}
