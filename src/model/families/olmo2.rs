//! OLMo 2 and 3 (`Olmo2Model`, `Olmo3Model`): norms only after the branches, and on all queries and all keys of a token
//! together; in OLMo 3 three layers with a window to one that sees all, which alone has its rotation stretched.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys, RopeKeys};
use crate::model::spec::{BranchNorms, QkNorm};

const WINDOW: usize = 4096;
const PATTERN: usize = 4;
const THETA: f64 = 10_000.0;
const THETA_OF_OLMO3: f64 = 500_000.0;
const LOCAL_ROPE: RopeKeys = RopeKeys { section: "sliding_attention", has_scaling: false, ..keys::ROPE };
const LOCAL_THETA_OF_GGUF: Key = Key::new("", "rope.freq_base_swa");

pub const OLMO2: Family = Family {
    name: "OLMo 2 and 3",
    config: &["olmo2", "olmo3"],
    // Both; a 3 has a window.
    gguf: &["olmo2"],
    wrapped_in: &[],
    read,
    follows: &[keys::WINDOW, keys::LAYER_TYPES, keys::LOCAL_ROPE_SECTION, LOCAL_THETA_OF_GGUF, keys::ATTENTION_BIAS],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let is_3 = architecture == "olmo3" || (keys.is_gguf() && keys.count(keys::WINDOW)?.is_some());
    let theta = if is_3 { THETA_OF_OLMO3 } else { THETA };
    let defaults = common::Defaults { rms_norm_eps: 1e-5, rope_theta: theta, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    if is_3 {
        common::set_windows(&mut spec, keys, Some(WINDOW), |layer| !(layer + 1).is_multiple_of(PATTERN))?;
        let mut local = keys.rope(LOCAL_ROPE, theta)?;
        if let Some(theta) = keys.number(LOCAL_THETA_OF_GGUF)?.or(None) {
            local.theta = theta;
        }
        spec.ropes.push(local);
    }
    for layer in &mut spec.layers {
        layer.norms = BranchNorms::AFTER;
        layer.qk_norm = Some(QkNorm::AllHeads);
        layer.rope = Some(usize::from(layer.window.is_some()));
    }
    common::set_biases(&mut spec, keys)?;
    Ok(spec)
}
