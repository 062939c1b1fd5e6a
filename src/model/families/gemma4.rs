//! Gemma 4 E2B and E4B, text only (`Gemma4TextModel`): beside what Gemma 3 has, an input of its own for each block, values that
//! are normalized, wider heads in the layers that see all, and last layers that look at the keys and values of earlier ones.

use super::{Family, USUAL_NAMES, common, gemma2};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys, RopeKeys};
use crate::model::spec::{BranchNorms, QkNorm, RopeScaling};
use crate::ops::Activation;

const WINDOW: usize = 512;
const THETA: f64 = 1e6;
const LOCAL_THETA: f64 = 10_000.0;
/// One in this many layers sees all.
const PATTERN: usize = 6;
const HEAD_DIM: usize = 256;
const GLOBAL_HEAD_DIM: usize = 512;
const INPUT_SIZE: usize = 256;

const LOCAL_ROPE: RopeKeys =
    RopeKeys { theta: Key::new("", "rope.freq_base_swa"), section: "sliding_attention", has_scaling: false };
/// The heads of the layers that see all. GGUF calls those the usual ones, and has settings of its own for the others.
const WIDER_HEADS: Key = Key::new("global_head_dim", "attention.key_length");
const LOCAL_HEADS: Key = Key::new("", "attention.key_length_swa");
const LOCAL_VALUES: Key = Key::new("", "attention.value_length_swa");
const LOCAL_ROTATED: Key = Key::new("", "rope.dimension_count_swa");
const NUM_SHARING: Key = Key::new("num_kv_shared_layers", "attention.shared_kv_layers");
const INPUTS: Key = Key::new("hidden_size_per_layer_input", "embedding_length_per_layer_input");
const INPUT_VOCABULARY: Key = Key::new("vocab_size_per_layer_input", "");
const DOUBLES_INNER: Key = Key::new("use_double_wide_mlp", "");
/// Only pictures would look at what comes after them; a text doesn't.
const SEES_LATER: Key = Key::new("use_bidirectional_attention", "");
const PER_LAYER: Key = Key::new(crate::model::spec::PER_LAYER, "");

pub const GEMMA4: Family = Family {
    name: "Gemma 4",
    config: &["gemma4_text"],
    gguf: &["gemma4"],
    wrapped_in: &["gemma4"],
    read,
    follows: &[
        keys::FINAL_SOFTCAP,
        keys::WINDOW,
        keys::LAYER_TYPES,
        keys::LOCAL_ROPE_SECTION,
        LOCAL_ROPE.theta,
        LOCAL_HEADS,
        LOCAL_VALUES,
        LOCAL_ROTATED,
        NUM_SHARING,
        INPUTS,
        SEES_LATER,
        PER_LAYER,
    ],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: USUAL_NAMES,
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults {
        head_dim: Some(HEAD_DIM),
        activation_key: "hidden_activation",
        activation: Activation::GeluTanh,
        ties_head: true,
        rope_theta: THETA,
        ..common::Defaults::default()
    };
    let mut spec = common::read(keys, architecture, &defaults)?;
    match keys.text(SEES_LATER) {
        Some("vision") => {}
        None if !keys.flag(SEES_LATER)?.unwrap_or(false) => {}
        other => {
            let value = other.unwrap_or("true");
            return Err(format!("config.json has {} = {value}, which is not followed here", SEES_LATER.config));
        }
    }
    spec.attention_scale = 1.0;
    spec.embedding_scale = (spec.hidden_size as f64).sqrt();
    spec.final_softcap = gemma2::softcap(keys, keys::FINAL_SOFTCAP, None)?;
    set_kinds(&mut spec, keys)?;
    set_inputs(&mut spec, keys)?;
    share_keys(&mut spec, keys)?;
    for layer in &mut spec.layers {
        layer.norms = BranchNorms::BOTH;
        layer.qk_norm = Some(QkNorm::PerHead);
        layer.normalizes_values = layer.keys_of.is_none();
        layer.is_scaled = true;
    }
    Ok(spec)
}

/// Which layers slide, and what the two kinds have of their own.
fn set_kinds(spec: &mut ModelSpec, keys: &dyn Keys) -> Result<(), String> {
    let num_layers = spec.num_layers();
    common::check_window_is_said(keys)?;
    let window = keys.count(keys::WINDOW)?.unwrap_or(WINDOW);
    let mut slides = match keys.sliding(num_layers)? {
        Some(slides) => slides,
        None if keys.is_gguf() => return Err(keys.unusable(keys::LAYER_TYPES)),
        None => (0..num_layers).map(|layer| !(layer + 1).is_multiple_of(PATTERN)).collect(),
    };
    // As in Transformers, whatever its kind is said to be.
    if let Some(last) = slides.last_mut().filter(|_| !keys.is_gguf()) {
        *last = false;
    }
    let wide = spec.head_dim;
    let own = keys.of_layers(keys::HEAD_DIM, num_layers)?;
    let global = if keys.is_gguf() { wide } else { keys.count(WIDER_HEADS)?.unwrap_or(GLOBAL_HEAD_DIM) };
    if keys.is_gguf() {
        spec.head_dim = keys.required(LOCAL_HEADS)?;
        for key in [LOCAL_VALUES, LOCAL_ROTATED] {
            if keys.count(key)?.is_some_and(|other| other != spec.head_dim) {
                return Err(keys.unusable(key));
            }
        }
    }
    if keys.is_gguf() && !keys.has_rope_factors() {
        return Err("it has no tensor rope_freqs.weight, which alone says how much of each head is rotated".to_owned());
    }
    spec.ropes.push(keys.rope(LOCAL_ROPE, LOCAL_THETA)?);
    let is_proportional = matches!(spec.ropes[0].scaling, RopeScaling::Proportional { .. });
    if !keys.is_gguf() && !is_proportional {
        return Err(format!("config.json has no usable rope_parameters for {}", keys::ROPE.section));
    }
    for (index, (layer, slides)) in spec.layers.iter_mut().zip(slides).enumerate() {
        let head_dim = match &own {
            Some(own) => own[index],
            None => Some(global).filter(|_| !slides),
        };
        layer.head_dim = head_dim.filter(|head_dim| *head_dim != spec.head_dim);
        layer.window = slides.then_some(window);
        layer.rope = Some(usize::from(slides));
    }
    Ok(())
}

/// The inputs that blocks have of their own.
fn set_inputs(spec: &mut ModelSpec, keys: &dyn Keys) -> Result<(), String> {
    let default = if keys.is_gguf() { 0 } else { INPUT_SIZE };
    let size = keys.count_from_zero(INPUTS)?.unwrap_or(default);
    if size == 0 {
        return Ok(());
    }
    if keys.count_from_zero(INPUT_VOCABULARY)?.is_some_and(|num_tokens| num_tokens != spec.vocab_size) {
        return Err(keys.unusable(INPUT_VOCABULARY));
    }
    spec.input_size = Some(size);
    for (index, layer) in spec.layers.iter_mut().enumerate() {
        layer.has_input = true;
        layer.makes_inputs = index == 0;
    }
    Ok(())
}

/// The last layers look at the keys and values of the last one of their kind before them, and may have wider inner rows.
fn share_keys(spec: &mut ModelSpec, keys: &dyn Keys) -> Result<(), String> {
    let num_sharing = match keys.count_from_zero(NUM_SHARING)? {
        Some(num) => num,
        // Files may hold keys and values of the layers that borrow some: nothing else would tell.
        None if keys.is_gguf() => return Err(keys.unusable(NUM_SHARING)),
        None => 0,
    };
    let Some(first) = spec.num_layers().checked_sub(num_sharing) else { return Err(keys.unusable(NUM_SHARING)) };
    let (own, sharing) = spec.layers.split_at_mut(first);
    for layer in sharing.iter_mut() {
        let lender = own.iter().rposition(|other| other.window == layer.window);
        layer.keys_of = Some(lender.ok_or_else(|| keys.unusable(NUM_SHARING))?);
    }
    if keys.is_gguf() {
        // One number where all layers have the same.
        let widths = keys.counts(keys::INTERMEDIATE_SIZE).ok().flatten().unwrap_or_default();
        let usual = spec.intermediate_size;
        for (layer, width) in spec.layers.iter_mut().zip(widths) {
            layer.inner_size = Some(width).filter(|width| *width != usual);
        }
    } else if keys.flag(DOUBLES_INNER)?.unwrap_or(false) {
        sharing.iter_mut().for_each(|layer| layer.inner_size = Some(spec.intermediate_size.saturating_mul(2)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// E2B's shape, with other settings beside and in place of its own.
    fn read_with(extra: Value) -> Result<ModelSpec, String> {
        let kinds = |layer: usize| if layer % 5 == 4 { "full_attention" } else { "sliding_attention" };
        let mut config = json!({
            "model_type": "gemma4_text", "vocab_size": 262144, "hidden_size": 1536, "intermediate_size": 6144,
            "num_hidden_layers": 35, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256,
            "global_head_dim": 512, "num_kv_shared_layers": 20, "use_double_wide_mlp": true,
            "hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": 262144, "max_position_embeddings": 131072,
            "layer_types": (0..35).map(kinds).collect::<Vec<_>>(), "final_logit_softcapping": 30.0,
            "rope_parameters": {
                "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        });
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let spec = ModelSpec::from_config(&config)?;
        spec.problem(Some(&config)).map_or(Ok(spec), Err)
    }

    #[test]
    fn the_last_layers_look_at_the_keys_of_the_last_ones_of_their_kind() {
        let spec = read_with(json!({})).unwrap();
        let lenders: Vec<_> = spec.layers.iter().map(|layer| layer.keys_of).collect();
        assert_eq!(lenders[..15], [None; 15]);
        assert_eq!(lenders[15..21], [Some(13), Some(13), Some(13), Some(13), Some(14), Some(13)]);
        assert_eq!([13, 14, 15, 19].map(|layer| spec.head_dim(layer)), [256, 512, 256, 512]);
        assert_eq!([13, 14, 15, 19].map(|layer| spec.inner_size(layer)), [6144, 6144, 12288, 12288]);
        assert_eq!((spec.last_mixing_layer(), spec.num_cached_values()), (14, 2 * (12 * 256 + 3 * 512)));
        // Half of them are looked up by token.
        assert!((4.5e9..4.8e9).contains(&(spec.num_parameters() as f64)), "{}", spec.num_parameters());
        let frequencies = spec.ropes[0].inverse_frequencies(512, false);
        assert_eq!((frequencies.len(), frequencies.iter().filter(|f| **f > 0.0).count()), (256, 64));
    }

    #[test]
    fn what_larger_models_have_besides_is_refused_by_name() {
        for (extra, named) in [
            (json!({"attention_k_eq_v": true}), "attention_k_eq_v"),
            (json!({"enable_moe_block": true}), "enable_moe_block"),
            (json!({"use_bidirectional_attention": "all"}), "use_bidirectional_attention"),
            (json!({"use_bidirectional_attention": true}), "use_bidirectional_attention"),
            (json!({"per_layer_config": {"4": {"num_key_value_heads": 2}}}), "num_key_value_heads in per_layer_config"),
            (json!({"per_layer_config": {"99": {"head_dim": 2}}}), "per_layer_config"),
            (json!({"num_kv_shared_layers": 36}), "num_kv_shared_layers"),
            (json!({"num_kv_shared_layers": 35}), "num_kv_shared_layers"),
            (json!({"vocab_size_per_layer_input": 1000}), "vocab_size_per_layer_input"),
            (json!({"rope_parameters": null}), "rope_parameters"),
        ] {
            let refused = read_with(extra.clone()).unwrap_err();
            assert!(refused.contains(named), "{extra}: {refused}");
        }
        assert!(read_with(json!({"use_bidirectional_attention": "vision"})).is_ok());
        let plain = read_with(json!({"num_kv_shared_layers": 0, "hidden_size_per_layer_input": 0})).unwrap();
        assert!(plain.input_size.is_none() && plain.last_mixing_layer() == 34);
    }
}
