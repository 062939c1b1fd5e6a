//! Granite 3 (`GraniteModel`): Llama with four factors.

use super::{Family, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};

/// Whether GGUF files of this architecture rotate at all; where they don't say it, they do.
const ROTATES: Key = Key::new("", "rope.scaling.finetuned");

pub const GRANITE: Family = Family {
    name: "Granite",
    config: &["granite"],
    gguf: &["granite"],
    read,
    follows: &[keys::EMBEDDING_SCALE, keys::RESIDUAL_SCALE, keys::ATTENTION_SCALE, keys::LOGITS_DIVISOR],
    has_paired_rows: true,
    has_norms_from_one: false,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    let factor = |key: Key| Ok::<_, String>(keys.number(key)?.or(None));
    spec.embedding_scale = factor(keys::EMBEDDING_SCALE)?.unwrap_or(1.0);
    spec.residual_scale = factor(keys::RESIDUAL_SCALE)?.unwrap_or(1.0);
    spec.logits_divisor = factor(keys::LOGITS_DIVISOR)?.unwrap_or(1.0);
    // In config.json 1 where nothing is said, in GGUF one over the root of the head's size.
    let default = if keys.is_gguf() { spec.attention_scale } else { 1.0 };
    spec.attention_scale = factor(keys::ATTENTION_SCALE)?.unwrap_or(default);
    if keys.flag(ROTATES)? == Some(false) {
        spec.layers.iter_mut().for_each(|layer| layer.rope = None);
    }
    Ok(spec)
}
