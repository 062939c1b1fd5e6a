//! Granite 4 without experts (`GraniteMoeHybridModel`): Granite with fused inner layers, a rotation only where it is asked for,
//! and in the h models mostly layers of Mamba-2. GGUF gives models whose layers all attend the name of Granite; gate and up
//! have tensors of their own there.

use super::{Family, common, granite};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};
use crate::model::spec::{Mamba2, Mixer, Names};
use crate::ops::Activation;
use crate::ops::scan::ScanShape;

/// The width of the inner layers; `intermediate_size` is that of experts.
const INNER_SIZE: Key = Key::new("shared_intermediate_size", "");
const DEFAULT_INNER_SIZE: usize = 1024;
const INNER_SIZE_OF_GGUF: Key = Key::new("", "expert_shared_feed_forward_length");
const ROTATES: Key = Key::new("position_embedding_type", "");
/// What it was called before `layer_types`.
const LAYER_KINDS: Key = Key::new("layers_block_type", "");

/// The sizes of Mamba-2's layers begin here; GGUF files of models without such layers have them, too.
const KERNEL: Key = Key::new("mamba_d_conv", "ssm.conv_kernel");
const STATE_SIZE: Key = Key::new("mamba_d_state", "ssm.state_size");
const NUM_GROUPS: Key = Key::new("mamba_n_groups", "ssm.group_count");
const NUM_HEADS: Key = Key::new("mamba_n_heads", "ssm.time_step_rank");
const INNER_OF_SCAN: Key = Key::new("", "ssm.inner_size");
const HEAD_DIM: Key = Key::new("mamba_d_head", "");
const EXPANSION: Key = Key::new("mamba_expand", "");
const HAS_CONV_BIAS: Key = Key::new("mamba_conv_bias", "");
const HAS_BIAS: Key = Key::new("mamba_proj_bias", "");
const TIME_LIMITS: Key = Key::new("time_step_limit", "");

pub const GRANITE4: Family = Family {
    name: "Granite 4 (dense)",
    config: &["granitemoehybrid"],
    gguf: &["granitehybrid"],
    wrapped_in: &[],
    read,
    follows: &[
        keys::EMBEDDING_SCALE,
        keys::RESIDUAL_SCALE,
        keys::ATTENTION_SCALE,
        keys::LOGITS_DIVISOR,
        keys::ATTENTION_BIAS,
        keys::LAYER_TYPES,
        ROTATES,
        INNER_SIZE_OF_GGUF,
        KERNEL,
        STATE_SIZE,
        NUM_GROUPS,
        NUM_HEADS,
        INNER_OF_SCAN,
    ],
    has_paired_rows: true,
    has_norms_from_one: false,
    splits_gate_up: true,
    names: Names::new(&[
        ("mlp.gate_up_proj", "shared_mlp.input_linear"),
        ("mlp.down_proj", "shared_mlp.output_linear"),
    ]),
};

/// Whether a GGUF file of a Granite is one of these.
pub(super) fn is_it(keys: &dyn Keys) -> Result<bool, String> {
    Ok(keys.count(INNER_SIZE_OF_GGUF)?.is_some())
}

pub(super) fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let mut spec = common::read(keys, architecture, &common::Defaults::default())?;
    common::set_biases(&mut spec, keys)?;
    granite::set_factors(&mut spec, keys)?;
    let rotates = match keys.is_gguf() {
        true => granite::rotates_in_gguf(keys)?,
        false => {
            spec.intermediate_size = keys.count(INNER_SIZE)?.unwrap_or(DEFAULT_INNER_SIZE);
            match keys.text(ROTATES) {
                None => false,
                Some("rope") => true,
                Some(other) => {
                    return Err(format!("config.json has position_embedding_type = {other}, which is not known here"));
                }
            }
        }
    };
    let attends = attends(keys, architecture, spec.num_layers())?;
    let mamba2 = match attends.contains(&false) {
        true => Some(mamba2(keys, &spec)?),
        false => None,
    };
    for (layer, attends) in spec.layers.iter_mut().zip(attends) {
        layer.fuses_gate_up = true;
        layer.rope = rotates.then_some(0);
        if let Some(mamba2) = mamba2.filter(|_| !attends) {
            layer.mixer = Mixer::Mamba2(mamba2);
        }
    }
    Ok(spec)
}

/// Which layers attend; the others are Mamba-2's.
fn attends(keys: &dyn Keys, architecture: &str, num_layers: usize) -> Result<Vec<bool>, String> {
    if keys.is_gguf() && GRANITE4.gguf.contains(&architecture) {
        let heads = keys.counts(keys::NUM_KV_HEADS)?.filter(|heads| heads.len() == num_layers);
        return Ok(heads.ok_or_else(|| keys.unusable(keys::NUM_KV_HEADS))?.iter().map(|heads| *heads > 0).collect());
    }
    if keys.is_gguf() {
        return Ok(vec![true; num_layers]);
    }
    let attends = |kind: &String| match kind.as_str() {
        "attention" | "full_attention" => Ok(true),
        "mamba" | "linear_attention" => Ok(false),
        other => Err(format!("config.json has layers of the type {other}, which is not known here")),
    };
    let Some(kinds) = keys.texts(keys::LAYER_TYPES)?.or(keys.texts(LAYER_KINDS)?) else {
        return Ok(vec![false; num_layers]);
    };
    let attends = kinds.iter().map(attends).collect::<Result<Vec<_>, _>>()?;
    if attends.len() == num_layers { Ok(attends) } else { Err(keys.unusable(keys::LAYER_TYPES)) }
}

/// The sizes of the state spaces.
fn mamba2(keys: &dyn Keys, spec: &ModelSpec) -> Result<Mamba2, String> {
    let count = |key: Key, default: usize| match keys.is_gguf() {
        true => keys.required(key),
        false => Ok(keys.count(key)?.unwrap_or(default)),
    };
    if keys.flag(HAS_BIAS)?.unwrap_or(false) {
        return Err("config.json has mamba_proj_bias, which is not followed here".to_owned());
    }
    if spec.activation != Activation::Silu {
        return Err(
            "config.json has Mamba layers with another activation than silu, which is not followed here".to_owned()
        );
    }
    let num_heads = count(NUM_HEADS, 128)?;
    let (inner, setting) = match keys.is_gguf() {
        true => (keys.required(INNER_OF_SCAN)?, INNER_OF_SCAN),
        false => (count(EXPANSION, 2)?.saturating_mul(spec.hidden_size), HEAD_DIM),
    };
    let said = if keys.text(HEAD_DIM) == Some("auto") { None } else { keys.count(HEAD_DIM)? };
    let head_dim = said.unwrap_or(inner / num_heads);
    if num_heads.checked_mul(head_dim) != Some(inner) {
        return Err(keys.unusable(setting));
    }
    let limits = keys.limits(TIME_LIMITS)?.unwrap_or([0.0, f64::INFINITY]);
    Ok(Mamba2 {
        shape: ScanShape {
            num_heads,
            head_dim,
            num_groups: count(NUM_GROUPS, 1)?,
            state_size: count(STATE_SIZE, 256)?,
        },
        kernel: count(KERNEL, 4)?,
        has_conv_bias: keys.flag(HAS_CONV_BIAS)?.unwrap_or(true),
        time_limits: limits.map(|limit| limit as f32),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(extra: &Value) -> Value {
        let mut config = json!({
            "model_type": "granitemoehybrid", "vocab_size": 8, "hidden_size": 16, "shared_intermediate_size": 32,
            "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64,
            "mamba_n_heads": 4, "mamba_d_state": 8, "layer_types": ["mamba", "attention"], "num_local_experts": 0,
        });
        let (map, extra) = (config.as_object_mut().unwrap(), extra.as_object().unwrap().clone());
        map.extend(extra);
        config
    }

    #[test]
    fn layers_of_both_kinds_are_read_in_old_and_new_words() {
        let spec = ModelSpec::from_config(&config(&json!({}))).unwrap();
        let Mixer::Mamba2(mamba2) = spec.layers[0].mixer else { panic!("{:?}", spec.layers[0]) };
        let shape = ScanShape { num_heads: 4, head_dim: 8, num_groups: 1, state_size: 8 };
        let time_limits = [0.0, f32::INFINITY];
        assert_eq!(mamba2, Mamba2 { shape, kernel: 4, has_conv_bias: true, time_limits });
        assert_eq!((spec.layers[1].mixer, spec.intermediate_size), (Mixer::Attention, 32));
        let renamed = json!({
            "layer_types": ["linear_attention", "full_attention"], "mamba_d_head": "auto",
            "time_step_limit": [0.0, {"__float__": "Infinity"}],
        });
        assert_eq!(ModelSpec::from_config(&config(&renamed)), Ok(spec));
        let all = ModelSpec::from_config(&config(&json!({"layer_types": null}))).unwrap();
        assert!(all.layers.iter().all(|layer| layer.mixer == Mixer::Mamba2(mamba2)), "where nothing is said");
        let limited = ModelSpec::from_config(&config(&json!({"time_step_limit": [0.01, 0.5]}))).unwrap();
        assert_eq!(limited.layers[0].mixer, Mixer::Mamba2(Mamba2 { time_limits: [0.01, 0.5], ..mamba2 }));
    }

    #[test]
    fn what_is_not_followed_is_named() {
        for (extra, named) in [
            (json!({"layer_types": ["mamba", "conv"]}), "layers of the type conv"),
            (json!({"layer_types": ["mamba"]}), "layer_types"),
            (json!({"mamba_proj_bias": true}), "mamba_proj_bias"),
            (json!({"hidden_act": "gelu_pytorch_tanh"}), "another activation than silu"),
            (json!({"mamba_d_head": 7}), "mamba_d_head"),
            (json!({"mamba_n_groups": 3}), "can't share 3 groups"),
            (json!({"mamba_d_state": 1 << 20}), "no model has state spaces"),
            (json!({"mamba_d_conv": 65}), "no model has convolutions"),
            (json!({"time_step_limit": [1.0, 0.5]}), "time_step_limit"),
            (json!({"time_step_limit": [0.0, "much"]}), "time_step_limit"),
        ] {
            let error = ModelSpec::from_config(&config(&extra)).unwrap_err();
            assert!(error.contains(named), "{extra}: {error}");
        }
        let config = config(&json!({"num_local_experts": 8}));
        let problem = ModelSpec::from_config(&config).unwrap().problem(Some(&config)).unwrap_or_default();
        assert!(problem.contains("num_local_experts"), "{problem}");
    }
}
