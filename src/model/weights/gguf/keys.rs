//! The metadata of a model: numbers of whatever width, and settings that nothing here would follow.

use candle_core::quantized::gguf_file::Value;

use super::GgufFile;
use crate::model::ModelSpec;

/// What the spec is made of, or what says nothing about the arithmetic; after the architecture's name.
const KNOWN: &[&str] = &[
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_log_multiplier",
    // Whose file the weights came from.
    "tensor_data_layout",
    "vocab_size",
];

/// Factors that leave all as it is when they are 1.
const FACTORS: &[&str] =
    &["embedding_scale", "logit_scale", "residual_scale", "rope.scale_linear", "rope.scaling.attn_factor"];

/// A whole number of any width, not below zero.
pub(super) fn whole(value: &Value) -> Option<u64> {
    match *value {
        Value::U8(v) => Some(v.into()),
        Value::U16(v) => Some(v.into()),
        Value::U32(v) => Some(v.into()),
        Value::U64(v) => Some(v),
        Value::I8(v) => u64::try_from(v).ok(),
        Value::I16(v) => u64::try_from(v).ok(),
        Value::I32(v) => u64::try_from(v).ok(),
        Value::I64(v) => u64::try_from(v).ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match *value {
        Value::F32(v) => Some(v.into()),
        Value::F64(v) => Some(v),
        _ => whole(value).map(|v| v as f64),
    }
}

impl GgufFile {
    /// A length or a number of things, where the file says one. Of those that have one for each layer it is the first
    /// above zero.
    pub(super) fn count(&self, key: &str) -> Result<Option<usize>, String> {
        let usable = |value: &Value| whole(value).filter(|v| *v < 1 << 31).map(|v| v as usize);
        let unusable = || format!("its metadata have no usable {key}");
        let Some(value) = self.value(key) else { return Ok(None) };
        let Value::Array(values) = value else { return usable(value).ok_or_else(unusable).map(Some) };
        let counts: Option<Vec<usize>> = values.iter().map(usable).collect();
        let first = |counts: Vec<usize>| counts.iter().find(|count| **count > 0).or(counts.first()).copied();
        counts.and_then(first).ok_or_else(unusable).map(Some)
    }

    /// A number with a fraction, where the file says one.
    pub(super) fn fraction(&self, key: &str) -> Result<Option<f64>, String> {
        let Some(value) = self.value(key) else { return Ok(None) };
        float(value).filter(|v| v.is_finite()).ok_or_else(|| format!("its metadata have no usable {key}")).map(Some)
    }

    /// Why a model can't be run that has experts, whatever its family.
    pub(super) fn experts(&self, spec: &ModelSpec) -> Option<String> {
        let key = format!("{}.expert_count", spec.architecture);
        self.number(&key).filter(|number| *number > 0).map(|_| with_experts(&key))
    }

    /// A setting that changes what is computed and is not followed here, as a sentence; one that changes nothing is none.
    pub(super) fn unknown_key(&self, spec: &ModelSpec) -> Option<String> {
        let prefix = format!("{}.", self.text("general.architecture").unwrap_or(&spec.architecture));
        let is_followed = |name: &str| spec.family().is_some_and(|of| of.follows.iter().any(|key| key.gguf == name));
        let metadata = &self.parts.first().header.metadata;
        let mut unknown: Vec<_> = metadata
            .iter()
            .filter_map(|(key, value)| Some((key, key.strip_prefix(&prefix)?, value)))
            .filter(|(_, name, value)| !KNOWN.contains(name) && !is_followed(name) && !is_neutral(name, value))
            .map(|(key, _, value)| (key, value))
            .collect();
        unknown.sort_by_key(|(key, _)| *key);
        if let Some((key, _)) = unknown.iter().find(|(key, _)| key.contains("expert")) {
            return Some(with_experts(key));
        }
        let (key, value) = unknown.first()?;
        Some(format!(
            "Its setting {key} ({}) is not known here, and the answers could be wrong without it",
            shown(value)
        ))
    }
}

fn with_experts(key: &str) -> String {
    format!(
        "The model has experts of which a router chooses some for each token ({key}), and models like that can't be trained \
         yet"
    )
}

/// Nothing is scaled, switched on or counted.
fn is_neutral(name: &str, value: &Value) -> bool {
    match value {
        Value::Bool(is_on) => *is_on == (name == "attention.causal"),
        Value::String(text) => text.is_empty() || text == "none",
        Value::Array(values) => values.is_empty(),
        value => float(value).is_some_and(|v| v == 0.0 || (v == 1.0 && FACTORS.contains(&name))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.chars().take(40).collect(),
        Value::Bool(is_on) => is_on.to_string(),
        Value::Array(values) => format!("a list of {}", values.len()),
        value => float(value).map(|v| v.to_string()).unwrap_or_default(),
    }
}
