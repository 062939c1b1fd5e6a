//! LFM2 and LFM2.5 (`Lfm2Model`): most layers are short convolutions, some attend, with norms on each head's queries and keys.

use super::{Family, common};
use crate::model::ModelSpec;
use crate::model::spec::keys::{self, Key, Keys};
use crate::model::spec::{Mixer, Names, QkNorm};

const THETA: f64 = 1e6;
const KERNEL: Key = Key::new("conv_L_cache", "shortconv.l_cache");
const DEFAULT_KERNEL: usize = 3;
const ATTENTION_LAYERS: Key = Key::new("full_attn_idxs", "");
const HAS_CONV_BIAS: Key = Key::new("conv_bias", "");
const EPS: Key = Key::new("norm_eps", "");
/// Older names of `intermediate_size` and `tie_word_embeddings`, which go before those.
const INNER_SIZE: Key = Key::new("block_ff_dim", "");
const TIES_HEAD: Key = Key::new("tie_embedding", "");
const ADJUSTS: Key = Key::new("block_auto_adjust_ff_dim", "");
const MULTIPLIER: Key = Key::new("block_ffn_dim_multiplier", "");
const MULTIPLE_OF: Key = Key::new("block_multiple_of", "");
const DEFAULT_MULTIPLE_OF: usize = 256;

pub const LFM2: Family = Family {
    name: "LFM2",
    config: &["lfm2"],
    gguf: &["lfm2"],
    wrapped_in: &["lfm2_vl"],
    read,
    follows: &[keys::LAYER_TYPES, KERNEL],
    has_paired_rows: false,
    has_norms_from_one: false,
    splits_gate_up: false,
    names: Names::new(&[
        ("model.norm", "model.embedding_norm"),
        ("output_norm", "token_embd_norm"),
        ("input_layernorm", "operator_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.q_norm", "self_attn.q_layernorm"),
        ("self_attn.k_norm", "self_attn.k_layernorm"),
        ("self_attn.o_proj", "self_attn.out_proj"),
        ("mlp.gate_proj", "feed_forward.w1"),
        ("mlp.up_proj", "feed_forward.w3"),
        ("mlp.down_proj", "feed_forward.w2"),
    ]),
};

fn read(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    let defaults = common::Defaults {
        ties_head: keys.flag(TIES_HEAD)?.unwrap_or(true),
        rope_theta: THETA,
        rms_norm_eps: keys.number(EPS)?.or(None).unwrap_or(1e-5),
        inner_size: keys.count(INNER_SIZE)?,
        ..common::Defaults::default()
    };
    let mut spec = common::read(keys, architecture, &defaults)?;
    if !keys.is_gguf() {
        spec.intermediate_size = inner_size(keys, spec.intermediate_size)?;
        spec.tie_word_embeddings = keys.flag(TIES_HEAD)?.unwrap_or(spec.tie_word_embeddings);
    }
    if keys.flag(HAS_CONV_BIAS)?.unwrap_or(false) {
        return Err("config.json has conv_bias, which is not followed here".to_owned());
    }
    let kernel = keys.count(KERNEL)?.unwrap_or(DEFAULT_KERNEL);
    let attends = attends(keys, spec.num_layers())?;
    for (layer, attends) in spec.layers.iter_mut().zip(attends) {
        match attends {
            true => layer.qk_norm = Some(QkNorm::PerHead),
            false => layer.mixer = Mixer::ShortConv { kernel },
        }
    }
    Ok(spec)
}

/// Which layers attend; the others convolve.
fn attends(keys: &dyn Keys, num_layers: usize) -> Result<Vec<bool>, String> {
    if keys.is_gguf() {
        let heads = keys.counts(keys::NUM_KV_HEADS)?.filter(|heads| heads.len() == num_layers);
        return Ok(heads.ok_or_else(|| keys.unusable(keys::NUM_KV_HEADS))?.iter().map(|heads| *heads > 0).collect());
    }
    let unusable = || keys.unusable(keys::LAYER_TYPES);
    if let Some(kinds) = keys.texts(keys::LAYER_TYPES)? {
        let attends = |kind: &String| match kind.as_str() {
            "full_attention" => Some(true),
            "conv" => Some(false),
            _ => None,
        };
        let attends: Option<Vec<_>> = kinds.iter().map(attends).collect();
        return attends.filter(|attends| attends.len() == num_layers).ok_or_else(unusable);
    }
    let Some(those) = keys.counts(ATTENTION_LAYERS)? else { return Ok(vec![true; num_layers]) };
    match those.iter().all(|layer| *layer < num_layers) {
        true => Ok((0..num_layers).map(|layer| those.contains(&layer)).collect()),
        false => Err(keys.unusable(ATTENTION_LAYERS)),
    }
}

/// The width of the inner layers, which `config.json` says before it is cut to two thirds and rounded up; as in Transformers
/// each product is cut to a whole number.
fn inner_size(keys: &dyn Keys, said: usize) -> Result<usize, String> {
    if !keys.flag(ADJUSTS)?.unwrap_or(true) {
        return Ok(said);
    }
    let cut = (2 * said) / 3;
    let Some(multiplier) = keys.number(MULTIPLIER)?.or(Some(1.0)) else { return Ok(cut) };
    let multiple = keys.count(MULTIPLE_OF)?.unwrap_or(DEFAULT_MULTIPLE_OF);
    Ok(((multiplier * cut as f64) as usize).next_multiple_of(multiple))
}
