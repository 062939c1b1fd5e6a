//! Phi-3, 3.5 and 4 mini (`Phi3Model`): Llama with fused weights; longer texts rotated otherwise than short ones, and in Phi-4 not
//! all of a head.

use super::{Family, USUAL_NAMES, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};

pub const PHI3: Family = Family {
    name: "Phi-3 and Phi-4 mini",
    config: &["phi3"],
    gguf: &["phi3"],
    wrapped_in: &[],
    read,
    follows: &[keys::WINDOW, keys::PARTIAL_ROTARY, GGUF_ATTENTION_FACTOR],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

const GGUF_ATTENTION_FACTOR: Key = Key::new("", "rope.scaling.attn_factor");

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { rms_norm_eps: 1e-5, rotates_partly: true, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    // llama.cpp reads the window of its files and switches it off.
    if !keys.is_gguf() {
        common::set_windows(&mut spec, keys, None, |_| true)?;
    }
    for layer in &mut spec.layers {
        layer.fuses_qkv = true;
        layer.fuses_gate_up = true;
    }
    Ok(spec)
}
