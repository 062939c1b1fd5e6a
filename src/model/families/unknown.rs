//! Settings of `config.json` that change what a model computes and aren't followed here. Transformers' own classes of the
//! families ignore some of them; where one is set, the model was made by other code.

use serde_json::Value;

use super::Family;
use crate::model::spec::{PER_LAYER, keys};

/// Switched on, each means parts that nothing here computes.
const SWITCHES: &[(&str, &str)] = &[
    ("attention_bias", "biases in its linear layers"),
    ("mlp_bias", "biases in its linear layers"),
    ("qkv_bias", "biases in its linear layers"),
    ("use_bias", "biases in its linear layers"),
    ("use_qkv_bias", "biases in its linear layers"),
    ("lm_head_bias", "a bias in its head"),
    ("add_bias_linear", "biases in its linear layers"),
    ("qk_norm", "norms on its queries and keys"),
    ("use_qk_norm", "norms on its queries and keys"),
    ("qk_layernorm", "norms on its queries and keys"),
    ("use_bidirectional_attention", "attention to later tokens"),
    ("use_parallel_residual", "parallel residual streams"),
    ("parallel_attn", "parallel residual streams"),
    ("alibi", "ALiBi positions"),
    ("tie_qk_weights", "queries and keys of one weight"),
    ("attention_k_eq_v", "keys that are their values, too"),
    ("enable_moe_block", "experts of which a router chooses some for each token"),
    (PER_LAYER, "settings of their own in some layers"),
];

/// Neutral where they are 1.
const FACTORS: &[&str] = &[
    "embedding_multiplier",
    "residual_multiplier",
    "logits_scaling",
    "logit_scale",
    "lm_head_multiplier",
    "scale_depth",
    "scale_emb",
    "partial_rotary_factor",
    "rotary_pct",
];

/// Neutral only where they aren't said.
const NUMBERS: &[&str] = &["attention_multiplier", "attention_chunk_size", "attn_temperature_tuning", "no_rope_layers"];

/// Neutral where there is at most one.
const COUNTS: &[(&str, &str)] = &[
    ("num_local_experts", "experts of which a router chooses some for each token"),
    ("num_experts", "experts of which a router chooses some for each token"),
    ("n_routed_experts", "experts of which a router chooses some for each token"),
    ("moe_num_experts", "experts of which a router chooses some for each token"),
];

/// Why a model can't be run that has experts, whatever its family: a sentence with the key and its value.
pub fn experts(config: &Value) -> Option<String> {
    let is_many =
        |key: &str| config.get(key).is_some_and(|value| !value.is_null() && value.as_u64().is_none_or(|n| n > 1));
    let (key, what) = COUNTS.iter().find(|(key, _)| is_many(key))?;
    let value = shown(&config[*key]);
    Some(format!("Models with {what} can't be trained yet ({key} is {value} in its config.json)"))
}

/// A sentence with the key and its value.
pub fn problem(config: &Value, family: &Family) -> Option<String> {
    let is_followed = |key: &str| family.follows.iter().any(|followed| followed.config == key);
    let of = |key: &str| config.get(key).filter(|value| !value.is_null() && !is_followed(key));
    let has = |key: &str, what: &str| {
        Some(format!("Models with {what} can't be trained yet ({key} is {} in its config.json)", shown(of(key)?)))
    };
    let switches = SWITCHES.iter().find(|(key, _)| of(key).is_some_and(|value| *value != Value::Bool(false)));
    if let Some((key, what)) = switches {
        return has(key, what);
    }
    let is_no_factor = |key: &&&str| of(key).is_some_and(|value| value.as_f64() != Some(1.0));
    let is_said = |key: &&&str| of(key).is_some_and(|value| *value != Value::Bool(false));
    let caps = ["attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"];
    let said = || NUMBERS.iter().chain(&caps).find(is_said);
    if let Some(key) = FACTORS.iter().find(is_no_factor).or_else(said) {
        let value = shown(of(key)?);
        return Some(format!(
            "Its config.json has {key} = {value}, which is not followed here: the answers would be wrong"
        ));
    }
    if let Some(kind) = of("position_embedding_type").and_then(Value::as_str).filter(|kind| *kind != "rope") {
        return Some(format!("Its config.json has position_embedding_type = {kind}, which is not known here"));
    }
    let layers = of(keys::LAYER_TYPES.config).and_then(Value::as_array);
    if let Some(kind) =
        layers.into_iter().flatten().find(|kind| !matches!(kind.as_str(), Some("full_attention" | "attention")))
    {
        return Some(format!("Its config.json has layers of the type {}, which is not known here", shown(kind)));
    }
    let ropes = of("rope_parameters").and_then(Value::as_object);
    let is_section = |(key, value): &(&String, &Value)| {
        value.is_object() && *key != keys::ROPE.section && !is_followed(key.as_str())
    };
    if let Some((kind, _)) = ropes.and_then(|ropes| ropes.iter().find(is_section)) {
        return Some(format!("Its config.json has rope_parameters for {kind}, which are not followed in this family"));
    }
    // A class of its own, loaded in place of the family's.
    let code = of("auto_map").and_then(Value::as_object)?;
    let class = code.iter().find(|(key, _)| matches!(key.as_str(), "AutoModel" | "AutoModelForCausalLM"))?;
    Some(format!("It brings code of its own ({}), which is not run here", shown(class.1)))
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::families;

    #[test]
    fn a_setting_that_is_not_followed_is_named_and_a_neutral_one_is_not() {
        let problem = |config: &Value, family: &str| problem(config, families::find(family).unwrap());
        for (config, named) in [
            (json!({"qkv_bias": true}), "qkv_bias"),
            (json!({"qk_norm": "rms"}), "qk_norm"),
            (json!({"logits_scaling": 16.0}), "logits_scaling"),
            (json!({"attention_multiplier": 0.1}), "attention_multiplier"),
            (json!({"final_logit_softcapping": 30.0}), "final_logit_softcapping"),
            (json!({"layer_types": ["full_attention", "sliding_attention"]}), "sliding_attention"),
            (json!({"rope_parameters": {"sliding_attention": {"rope_theta": 1e4}}}), "sliding_attention"),
            (json!({"auto_map": {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}}), "modeling_own"),
        ] {
            let problem = problem(&config, "llama").unwrap_or_default();
            assert!(problem.contains(named), "{config}: {problem}");
        }
        let neutral = json!({
            "attention_bias": false, "mlp_bias": null, "num_experts": 1, "logit_scale": 1, "pretraining_tp": 2,
            "final_logit_softcapping": null, "layer_types": ["full_attention"], "auto_map": {"AutoConfig": "own.Own"},
        });
        assert_eq!(problem(&neutral, "llama"), None);
        assert_eq!(problem(&json!({"final_logit_softcapping": 30.0}), "gemma2"), None);
        assert_eq!(problem(&json!({"logits_scaling": 16.0, "attention_multiplier": 0.1}), "granite"), None);
    }
}
