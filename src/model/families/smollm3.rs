//! SmolLM3 (`SmolLM3Model`): Llama whose every fourth layer rotates nothing.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};

const THETA: f64 = 2e6;
/// One in this many layers has no rotation; llama.cpp knows no other interval.
const INTERVAL: usize = 4;
/// 1 for a layer that rotates.
const ROTATES: Key = Key::new("no_rope_layers", "");
const NO_ROPE_INTERVAL: Key = Key::new("no_rope_layer_interval", "");

const USES_WINDOW: Key = Key::new("use_sliding_window", "");

pub const SMOLLM3: Family = Family {
    name: "SmolLM3",
    config: &["smollm3"],
    gguf: &["smollm3"],
    wrapped_in: &[],
    read,
    follows: &[ROTATES, NO_ROPE_INTERVAL, keys::LAYER_TYPES, keys::ATTENTION_BIAS, keys::MLP_BIAS],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { ties_head: true, rope_theta: THETA, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    let interval = keys.count(NO_ROPE_INTERVAL)?.unwrap_or(INTERVAL).max(1);
    let rotates = keys.switches(ROTATES, spec.num_layers())?;
    for (index, layer) in spec.layers.iter_mut().enumerate() {
        let does_rotate = rotates.as_ref().map_or(!(index + 1).is_multiple_of(interval), |rotates| rotates[index]);
        layer.rope = does_rotate.then_some(0);
    }
    common::set_biases(&mut spec, keys)?;
    if keys.flag(USES_WINDOW)?.unwrap_or(false) {
        return Err("config.json has use_sliding_window, which is not followed in this family".to_owned());
    }
    Ok(spec)
}
