//! Gemma 3, text only (`Gemma3TextModel`): norms after the branches and on queries and keys, five layers with a window to one
//! that sees all, each kind with a rotation of its own.

use super::{Family, USUAL_NAMES, common, gemma2};
use crate::model::ModelSpec;
use crate::model::spec::QkNorm;
use crate::model::spec::keys::{self, Key, Keys, RopeKeys};

const WINDOW: usize = 4096;
const THETA: f64 = 1e6;
const LOCAL_THETA: f64 = 10_000.0;
/// One in this many layers sees all.
const PATTERN: usize = 6;
/// The layers of the 27B, which alone divides its queries by the hidden size over the heads; GGUF has no key for it.
const LAYERS_OF_27B: usize = 62;

const LOCAL_ROPE: RopeKeys = RopeKeys {
    theta: Key::new("rope_local_base_freq", "rope.freq_base_swa"),
    section: "sliding_attention",
    has_scaling: false,
};
const SLIDING_PATTERN: Key = Key::new("sliding_window_pattern", "");

pub const GEMMA3: Family = Family {
    name: "Gemma 3",
    config: &["gemma3_text"],
    gguf: &["gemma3"],
    wrapped_in: &["gemma3"],
    read,
    follows: &[
        keys::ATTENTION_SOFTCAP,
        keys::FINAL_SOFTCAP,
        keys::QUERY_SCALAR,
        keys::WINDOW,
        keys::LAYER_TYPES,
        LOCAL_ROPE.theta,
        keys::LOCAL_ROPE_SECTION,
        SLIDING_PATTERN,
    ],
    has_paired_rows: false,
    has_norms_from_one: true,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = gemma2::read_as_gemma(keys, architecture, THETA, LAYERS_OF_27B)?;
    spec.attention_softcap = gemma2::softcap(keys, keys::ATTENTION_SOFTCAP, None)?;
    spec.final_softcap = gemma2::softcap(keys, keys::FINAL_SOFTCAP, None)?;
    let pattern = keys.count(SLIDING_PATTERN)?.unwrap_or(PATTERN).max(1);
    common::check_window_is_said(keys)?;
    common::set_windows(&mut spec, keys, Some(WINDOW), |layer| !(layer + 1).is_multiple_of(pattern))?;
    spec.ropes.push(keys.rope(LOCAL_ROPE, LOCAL_THETA)?);
    for layer in &mut spec.layers {
        layer.qk_norm = Some(QkNorm::PerHead);
        layer.rope = Some(usize::from(layer.window.is_some()));
    }
    Ok(spec)
}
