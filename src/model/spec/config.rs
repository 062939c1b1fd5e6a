//! A spec from `config.json`, of Transformers 5 (`rope_parameters`) or before (`rope_theta`, `rope_scaling`). What a file
//! doesn't say is the family's default there.

use serde_json::Value;

use super::{
    GEMMA2_ATTENTION_SOFTCAP, GEMMA2_FINAL_SOFTCAP, GEMMA2_WINDOW, ModelSpec, RopeScaling, RopeSpec, slides_in_gemma2,
    windows,
};
use crate::ops::Activation;

/// Mistral's default.
const MISTRAL_WINDOW: usize = 4096;

impl ModelSpec {
    /// The spec of a `config.json`.
    ///
    /// # Errors
    /// Where a key is missing or has a value that isn't known here; a sentence that names it, without the file's name.
    pub fn from_config(config: &Value) -> Result<Self, String> {
        let required = |key: &str| count(config, key)?.ok_or_else(|| unusable(key));
        let architecture = config.get("model_type").and_then(Value::as_str).unwrap_or("unknown").to_owned();
        let is_gemma2 = architecture == "gemma2";
        let (hidden_size, num_heads) = (required("hidden_size")?, required("num_attention_heads")?);
        let num_layers = required("num_hidden_layers")?;
        let head_dim = count(config, "head_dim")?.unwrap_or(if is_gemma2 { 256 } else { hidden_size / num_heads });
        let scaled_dim = match is_gemma2 {
            true => positive(config, "query_pre_attn_scalar", Some(256.0))?.unwrap_or(256.0),
            false => head_dim as f64,
        };
        let softcap = |key: &str, default: f32| match is_gemma2 {
            true => positive(config, key, Some(default.into())).map(|cap| cap.map(|cap| cap as f32)),
            false => Ok(None),
        };
        let spec = Self {
            vocab_size: required("vocab_size")?,
            hidden_size,
            intermediate_size: required("intermediate_size")?,
            num_layers,
            num_heads,
            num_kv_heads: count(config, "num_key_value_heads")?.unwrap_or(num_heads),
            head_dim,
            attention_scale: 1.0 / scaled_dim.sqrt(),
            attention_softcap: softcap("attn_logit_softcapping", GEMMA2_ATTENTION_SOFTCAP)?,
            final_softcap: softcap("final_logit_softcapping", GEMMA2_FINAL_SOFTCAP)?,
            activation: activation_from_config(config, &architecture)?,
            embedding_scale: if is_gemma2 { (hidden_size as f64).sqrt() } else { 1.0 },
            has_branch_norms: is_gemma2,
            rms_norm_eps: positive(config, "rms_norm_eps", None)?.unwrap_or(1e-6),
            rope: rope_from_config(config)?,
            context_length: required("max_position_embeddings")?,
            windows: windows_from_config(config, &architecture, num_layers)?,
            tie_word_embeddings: match config.get("tie_word_embeddings") {
                None | Some(Value::Null) => is_gemma2,
                Some(is_tied) => is_tied.as_bool().ok_or_else(|| unusable("tie_word_embeddings"))?,
            },
            architecture,
        };
        spec.check()?;
        Ok(spec)
    }
}

fn unusable(key: &str) -> String {
    format!("config.json has no usable {key}")
}

/// A whole number above zero; `null` means none.
fn count(config: &Value, key: &str) -> Result<Option<usize>, String> {
    let Some(value) = config.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    let count = value.as_u64().and_then(|v| usize::try_from(v).ok()).filter(|v| *v > 0);
    count.map(Some).ok_or_else(|| unusable(key))
}

/// A number above zero; `null` means none.
fn positive(config: &Value, key: &str, default: Option<f64>) -> Result<Option<f64>, String> {
    match config.get(key) {
        None => Ok(default),
        Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|value| *value > 0.0) {
            Some(value) => Ok(Some(value)),
            None => Err(unusable(key)),
        },
    }
}

/// The activation of families that have it.
fn activation_from_config(config: &Value, architecture: &str) -> Result<Activation, String> {
    let (key, default) = match architecture {
        "gemma2" => ("hidden_activation", "gelu_pytorch_tanh"),
        "llama" | "mistral" => ("hidden_act", "silu"),
        _ => return Ok(Activation::Silu),
    };
    match config.get(key).and_then(Value::as_str).unwrap_or(default) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        other => Err(format!("the activation {other} is not known")),
    }
}

fn windows_from_config(config: &Value, architecture: &str, num_layers: usize) -> Result<Vec<Option<usize>>, String> {
    let default = match architecture {
        "mistral" => MISTRAL_WINDOW,
        "gemma2" => GEMMA2_WINDOW,
        _ => return windows(num_layers, None, |_| false),
    };
    let window = positive(config, "sliding_window", Some(default as f64))?.map(|window| window as usize);
    let Some(types) = config.get("layer_types").and_then(Value::as_array) else {
        return windows(num_layers, window, |layer| architecture != "gemma2" || slides_in_gemma2(layer));
    };
    let types: Vec<_> = types.iter().filter_map(Value::as_str).collect();
    let are_known = types.iter().all(|kind| matches!(*kind, "sliding_attention" | "full_attention"));
    if types.len() != num_layers || !are_known {
        return Err("config.json has no usable layer_types".to_owned());
    }
    windows(num_layers, window, |layer| types[layer] == "sliding_attention")
}

fn rope_from_config(config: &Value) -> Result<RopeSpec, String> {
    let parameters = config.get("rope_parameters").or_else(|| config.get("rope_scaling")).filter(|v| !v.is_null());
    let number = |key: &str| parameters.and_then(|p| p.get(key)).and_then(Value::as_f64);
    let theta = match parameters.map(|parameters| positive(parameters, "rope_theta", None)).transpose()?.flatten() {
        Some(theta) => theta,
        None => positive(config, "rope_theta", None)?.unwrap_or(10_000.0),
    };
    if number("partial_rotary_factor").is_some_and(|factor| factor != 1.0) {
        return Err("config.json has a partial_rotary_factor, which is not followed here".to_owned());
    }
    let needed = |key: &str| number(key).ok_or(format!("config.json has no {key} for its rope scaling"));
    let kind = parameters.and_then(|p| p.get("rope_type").or_else(|| p.get("type"))).and_then(Value::as_str);
    let scaling = match kind {
        None | Some("default") => RopeScaling::None,
        Some("linear") => RopeScaling::Linear { factor: needed("factor")? },
        Some("llama3") => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_context: needed("original_max_position_embeddings")?,
        },
        Some(other) => return Err(format!("the rope scaling {other} is not known")),
    };
    Ok(RopeSpec { theta, scaling })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: Value) -> Value {
        let mut config = serde_json::json!({
            "model_type": "llama", "vocab_size": 8, "hidden_size": 12, "intermediate_size": 16,
            "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 64,
        });
        let (map, extra) = (config.as_object_mut().unwrap(), extra.as_object().unwrap().clone());
        map.extend(extra);
        config
    }

    #[test]
    fn both_styles_of_rope_settings_give_the_same_spec() {
        let scaling = |extra: Value| ModelSpec::from_config(&config(extra)).unwrap().rope;
        let old = serde_json::json!({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}});
        let new = serde_json::json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}});
        assert_eq!(scaling(old), scaling(new));
        assert_eq!(scaling(serde_json::json!({"rope_scaling": null})).theta, 10_000.0);
    }

    #[test]
    fn a_window_is_read_where_the_family_has_one() {
        let windows = |extra: Value| ModelSpec::from_config(&config(extra)).map(|spec| spec.windows);
        let mistral = |window: Value| windows(serde_json::json!({"model_type": "mistral", "sliding_window": window}));
        assert_eq!(mistral(8.into()), Ok(vec![Some(8); 2]));
        assert_eq!(mistral(Value::Null), Ok(vec![None; 2]));
        assert_eq!(windows(serde_json::json!({"model_type": "mistral"})), Ok(vec![Some(4096); 2]));
        assert_eq!(windows(serde_json::json!({"sliding_window": 8})), Ok(vec![None; 2]), "Llama has none");
        assert_eq!(mistral(0.into()), Err("config.json has no usable sliding_window".to_owned()));
        assert_eq!(
            windows(serde_json::json!({"num_hidden_layers": 1u64 << 60})).unwrap_err(),
            format!("no model has {} layers", 1u64 << 60)
        );
    }

    #[test]
    fn what_gemma_2_does_not_say_is_its_default() {
        let gemma2 = |extra: Value| {
            let mut config = config(extra);
            config["model_type"] = "gemma2".into();
            ModelSpec::from_config(&config)
        };
        let spec = gemma2(serde_json::json!({"num_hidden_layers": 3, "head_dim": 4})).unwrap();
        assert_eq!(spec.windows, [Some(4096), None, Some(4096)]);
        assert_eq!((spec.attention_softcap, spec.final_softcap), (Some(50.0), Some(30.0)));
        assert_eq!((spec.attention_scale, spec.activation), (1.0 / 16.0, Activation::GeluTanh));
        assert!(spec.tie_word_embeddings && spec.has_branch_norms);
        let layer_types = serde_json::json!(["full_attention", "sliding_attention"]);
        let said = serde_json::json!({
            "layer_types": layer_types, "sliding_window": 8, "final_logit_softcapping": null,
            "attn_logit_softcapping": 5.0, "query_pre_attn_scalar": 4,
        });
        let spec = gemma2(said).unwrap();
        assert_eq!((spec.windows, spec.attention_scale), (vec![None, Some(8)], 0.5));
        assert_eq!((spec.attention_softcap, spec.final_softcap), (Some(5.0), None));
        let error = gemma2(serde_json::json!({"layer_types": ["full_attention", "chunked_attention"]})).unwrap_err();
        assert_eq!(error, "config.json has no usable layer_types");
    }

    #[test]
    fn what_can_not_be_run_is_said_in_words() {
        let problem = |extra: Value| {
            let config = config(extra);
            ModelSpec::from_config(&config).unwrap().problem(Some(&config))
        };
        assert_eq!(problem(serde_json::json!({})), None);
        assert!(problem(serde_json::json!({"model_type": "qwen2"})).unwrap().contains("family qwen2"));
        assert!(problem(serde_json::json!({"attention_bias": true})).unwrap().contains("attention_bias"));
        let error = ModelSpec::from_config(&config(serde_json::json!({"hidden_act": "relu2"}))).unwrap_err();
        assert_eq!(error, "the activation relu2 is not known");
        let gptq = serde_json::json!({"quantization_config": {"quant_method": "gptq"}});
        assert!(problem(gptq).unwrap().starts_with("GPTQ weights are not read"));
        let error = ModelSpec::from_config(&config(serde_json::json!({"hidden_size": 0}))).unwrap_err();
        assert_eq!(error, "config.json has no usable hidden_size");
    }
}
