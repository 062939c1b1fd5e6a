//! Qwen2 and Qwen2.5 (`Qwen2Model`): Llama with biases on queries, keys and values.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};

const WINDOW: usize = 4096;
const USES_WINDOW: Key = Key::new("use_sliding_window", "");
const FULL_LAYERS: Key = Key::new("max_window_layers", "");
const DEFAULT_FULL_LAYERS: usize = 28;

pub const QWEN2: Family = Family {
    name: "Qwen2",
    config: &["qwen2"],
    gguf: &["qwen2"],
    wrapped_in: &[],
    read,
    follows: &[keys::LAYER_TYPES],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    set_windows(&mut spec, keys)?;
    spec.layers.iter_mut().for_each(|layer| layer.biases.qkv = true);
    Ok(spec)
}

/// A window where it is switched on, and then on the layers from `max_window_layers` on; GGUF has none.
pub(super) fn set_windows(spec: &mut ModelSpec, keys: &dyn Keys) -> Result<(), String> {
    if keys.is_gguf() || !keys.flag(USES_WINDOW)?.unwrap_or(false) {
        return Ok(());
    }
    let full = keys.count(FULL_LAYERS)?.unwrap_or(DEFAULT_FULL_LAYERS);
    common::set_windows(spec, keys, Some(WINDOW), |layer| layer >= full)
}
