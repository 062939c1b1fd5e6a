//! Granite 3 (`GraniteModel`): Llama with four factors.

use super::{Family, USUAL_NAMES, common, granite4};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};

/// Whether GGUF files of this architecture rotate at all.
const ROTATES: Key = Key::new("", "rope.scaling.finetuned");

pub const GRANITE: Family = Family {
    name: "Granite",
    config: &["granite"],
    gguf: &["granite"],
    wrapped_in: &[],
    read,
    follows: &[
        keys::EMBEDDING_SCALE,
        keys::RESIDUAL_SCALE,
        keys::ATTENTION_SCALE,
        keys::LOGITS_DIVISOR,
        keys::ATTENTION_BIAS,
        keys::MLP_BIAS,
    ],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    // In GGUF, Granite 4 models whose layers all attend have this name, too.
    if keys.is_gguf() && granite4::is_it(keys)? {
        return granite4::read(keys, granite4::GRANITE4.config[0]);
    }
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    common::set_biases(&mut spec, keys)?;
    set_factors(&mut spec, keys)?;
    if !rotates_in_gguf(keys)? {
        spec.layers.iter_mut().for_each(|layer| layer.rope = None);
    }
    Ok(spec)
}

/// Where a GGUF file doesn't say it, it rotates.
pub(super) fn rotates_in_gguf(keys: &dyn Keys) -> Result<bool, String> {
    Ok(keys.flag(ROTATES)?.unwrap_or(true))
}

/// The four of all Granites.
pub(super) fn set_factors(spec: &mut ModelSpec, keys: &dyn Keys) -> Result<(), String> {
    let factor = |key: Key| Ok::<_, String>(keys.number(key)?.or(None));
    spec.embedding_scale = factor(keys::EMBEDDING_SCALE)?.unwrap_or(1.0);
    spec.residual_scale = factor(keys::RESIDUAL_SCALE)?.unwrap_or(1.0);
    spec.logits_divisor = factor(keys::LOGITS_DIVISOR)?.unwrap_or(1.0);
    // In config.json 1 where nothing is said, in GGUF one over the root of the head's size.
    let default = if keys.is_gguf() { spec.attention_scale } else { 1.0 };
    spec.attention_scale = factor(keys::ATTENTION_SCALE)?.unwrap_or(default);
    Ok(())
}
