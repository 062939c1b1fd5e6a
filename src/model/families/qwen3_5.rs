//! Qwen3.5, text only and without experts (`Qwen3_5TextModel`): most layers are gated DeltaNets, some attend, with a gate on
//! each head, norms on its queries and keys, and a quarter of it rotated. Pictures have three positions a token; a text's are
//! one and the same.

use super::{Family, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};
use crate::model::spec::{Mixer, Names, QkNorm};
use crate::ops::Activation;
use crate::ops::delta::DeltaShape;

const HEAD_DIM: usize = 256;
const ROTATED: f64 = 0.25;
/// One in this many layers attends.
const INTERVAL: usize = 4;

const KERNEL: Key = Key::new("linear_conv_kernel_dim", "ssm.conv_kernel");
const KEY_DIM: Key = Key::new("linear_key_head_dim", "ssm.state_size");
const KEY_HEADS: Key = Key::new("linear_num_key_heads", "ssm.group_count");
const VALUE_HEADS: Key = Key::new("linear_num_value_heads", "ssm.time_step_rank");
const VALUE_DIM: Key = Key::new("linear_value_head_dim", "");
/// All value heads together.
const VALUE_WIDTH: Key = Key::new("", "ssm.inner_size");
const GATES_HEADS: Key = Key::new("attn_output_gate", "");
const ATTENTION_INTERVAL: Key = Key::new("full_attention_interval", "full_attention_interval");
const IS_LINEAR: Key = Key::new("", "attention.recurrent_layers");
/// How the positions of pictures share the rotation.
const SECTIONS: Key = Key::new("", "rope.dimension_sections");

pub const QWEN3_5: Family = Family {
    name: "Qwen3.5",
    config: &["qwen3_5_text"],
    gguf: &["qwen35"],
    wrapped_in: &["qwen3_5"],
    read,
    follows: &[
        keys::LAYER_TYPES,
        keys::ATTENTION_BIAS,
        keys::PARTIAL_ROTARY,
        KERNEL,
        KEY_DIM,
        KEY_HEADS,
        VALUE_HEADS,
        VALUE_WIDTH,
        ATTENTION_INTERVAL,
        IS_LINEAR,
        SECTIONS,
        keys::GUESSING_LAYERS,
    ],
    has_paired_rows: false,
    has_norms_from_one: true,
    splits_gate_up: false,
    names: Names::new(&[("ffn_norm", "post_attention_norm")]),
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults { head_dim: Some(HEAD_DIM), rotates_partly: true, ..common::Defaults::default() };
    let mut spec = common::read(keys, architecture, &defaults)?;
    let num_all = spec.num_layers();
    if keys.is_gguf() {
        let num = num_all.checked_sub(keys.count(keys::GUESSING_LAYERS)?.unwrap_or(0)).filter(|num| *num > 0);
        spec.layers.truncate(num.ok_or_else(|| keys.unusable(keys::GUESSING_LAYERS))?);
    }
    if !keys.is_gguf() && keys.rotated(spec.head_dim)?.is_none() {
        spec.ropes[0].rotated = Some((spec.head_dim as f64 * ROTATED) as usize);
    }
    if keys.flag(GATES_HEADS)? == Some(false) {
        return Err("config.json has attn_output_gate = false, which is not followed here".to_owned());
    }
    if spec.activation != Activation::Silu {
        return Err("another activation than silu is not followed in its linear layers".to_owned());
    }
    common::set_biases(&mut spec, keys)?;
    let kernel = keys.count(KERNEL)?.unwrap_or(4);
    let shape = shape(keys)?;
    // A file may or may not have a switch for each layer that guesses, too.
    let is_linear = is_linear(keys, num_all).or_else(|_| is_linear(keys, spec.num_layers()))?;
    for (layer, is_linear) in spec.layers.iter_mut().zip(is_linear) {
        match is_linear {
            true => layer.mixer = Mixer::DeltaNet { kernel, shape },
            false => (layer.qk_norm, layer.gates_heads) = (Some(QkNorm::PerHead), true),
        }
    }
    Ok(spec)
}

fn shape(keys: &dyn Keys) -> Result<DeltaShape, String> {
    let size = |key: Key, default: usize| match (keys.count(key)?, keys.is_gguf()) {
        (Some(size), _) => Ok(size),
        (None, false) => Ok(default),
        (None, true) => Err(keys.unusable(key)),
    };
    let (num_key_heads, num_value_heads, key_dim) = (size(KEY_HEADS, 16)?, size(VALUE_HEADS, 32)?, size(KEY_DIM, 128)?);
    let value_dim = match keys.is_gguf() {
        false => size(VALUE_DIM, 128)?,
        true => {
            let width = size(VALUE_WIDTH, 0)?;
            let dim = width.checked_div(num_value_heads).filter(|dim| dim * num_value_heads == width);
            dim.ok_or_else(|| keys.unusable(VALUE_WIDTH))?
        }
    };
    // llama.cpp repeats key heads row by row.
    Ok(DeltaShape { num_key_heads, num_value_heads, key_dim, value_dim, is_tiled: keys.is_gguf() })
}

/// Which layers are gated DeltaNets; the others attend.
fn is_linear(keys: &dyn Keys, num_layers: usize) -> Result<Vec<bool>, String> {
    if let Some(is_linear) = keys.switches(IS_LINEAR, num_layers)? {
        return Ok(is_linear);
    }
    let kinds = if keys.is_gguf() { None } else { keys.texts(keys::LAYER_TYPES)? };
    let Some(kinds) = kinds else {
        let interval = keys.count(ATTENTION_INTERVAL)?.unwrap_or(INTERVAL).max(1);
        return Ok((1..=num_layers).map(|layer| !layer.is_multiple_of(interval)).collect());
    };
    let is_linear = |kind: &String| match kind.as_str() {
        "linear_attention" => Some(true),
        "full_attention" => Some(false),
        _ => None,
    };
    let is_linear: Option<Vec<_>> = kinds.iter().map(is_linear).collect();
    is_linear.filter(|kinds| kinds.len() == num_layers).ok_or_else(|| keys.unusable(keys::LAYER_TYPES))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(extra: &Value) -> Result<ModelSpec, String> {
        let mut config = json!({
            "model_type": "qwen3_5_text", "vocab_size": 8, "hidden_size": 16, "intermediate_size": 16,
            "num_hidden_layers": 5, "num_attention_heads": 2, "max_position_embeddings": 64,
        });
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        ModelSpec::from_config(&config)
    }

    #[test]
    fn what_a_config_does_not_say_is_the_default() {
        let spec = read(&json!({})).unwrap();
        let attends: Vec<bool> = spec.layers.iter().map(|layer| layer.mixer == Mixer::Attention).collect();
        assert_eq!(attends, [false, false, false, true, false], "one in four");
        assert_eq!((spec.head_dim, spec.ropes[0].rotated), (256, Some(64)));
        let shape = spec.delta().unwrap();
        assert_eq!((shape.num_key_heads, shape.num_value_heads, shape.key_dim, shape.value_dim), (16, 32, 128, 128));
        let spec = read(&json!({"full_attention_interval": 2, "mtp_num_hidden_layers": 1})).unwrap();
        assert!(spec.layers[1].gates_heads && spec.num_layers() == 5, "those that guess aren't counted");
    }

    #[test]
    fn what_is_not_followed_is_named() {
        for (config, named) in [
            (json!({"attn_output_gate": false}), "attn_output_gate"),
            (json!({"hidden_act": "gelu_pytorch_tanh"}), "silu"),
            (json!({"layer_types": ["full_attention"]}), "layer_types"),
            (json!({"layer_types": vec!["sliding_attention"; 5]}), "layer_types"),
            (json!({"linear_num_key_heads": 3, "linear_num_value_heads": 4}), "4 value heads"),
            (json!({"linear_conv_kernel_dim": 65}), "convolutions"),
            (json!({"linear_key_head_dim": 1u64 << 40}), "linear attention"),
        ] {
            let error = read(&config).unwrap_err();
            assert!(error.contains(named), "{config}: {error}");
        }
    }
}
