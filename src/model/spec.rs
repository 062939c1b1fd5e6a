//! What differs between models of one family, and is read from `config.json` or from GGUF metadata.

use serde_json::Value;

/// One decoder runs every model that this describes. Sizes in values, lengths in tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// As the file calls it: `llama`.
    pub architecture: String,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_layers: usize,
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub head_dim: usize,
    pub rms_norm_eps: f64,
    pub rope: RopeSpec,
    pub context_length: usize,
    /// By layer: how many tokens a query sees, itself among them; `None` for all before it.
    pub windows: Vec<Option<usize>>,
    /// The output head is the embedding.
    pub tie_word_embeddings: bool,
}

/// No model has more layers; a damaged file may say so.
const MAX_LAYERS: usize = 4096;

/// Rotary frequencies.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeSpec {
    pub theta: f64,
    pub scaling: RopeScaling,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    None,
    /// All positions divided by a factor.
    Linear {
        factor: f64,
    },
    /// Llama 3.1's (`_compute_llama3_parameters` in Transformers).
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_context: f64,
    },
    /// Divisors one by one, as GGUF stores them in `rope_freqs.weight`.
    Factors(Vec<f32>),
}

impl RopeSpec {
    /// `head_dim / 2` angles per position.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f32> {
        let plain = (0..head_dim / 2).map(|i| self.theta.powf(-(2.0 * i as f64) / head_dim as f64));
        match &self.scaling {
            RopeScaling::None => plain.map(|f| f as f32).collect(),
            RopeScaling::Linear { factor } => plain.map(|f| (f / factor) as f32).collect(),
            RopeScaling::Factors(factors) => plain.zip(factors).map(|(f, d)| (f / f64::from(*d)) as f32).collect(),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => plain
                .map(|f| {
                    let wavelength = std::f64::consts::TAU / f;
                    let smooth =
                        (original_context / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                    let smooth = smooth.clamp(0.0, 1.0);
                    ((1.0 - smooth) * f / factor + smooth * f) as f32
                })
                .collect(),
        }
    }
}

impl ModelSpec {
    /// From a `config.json`, of Transformers 5 (`rope_parameters`) or before (`rope_theta`, `rope_scaling`). The error is
    /// a sentence without the file's name.
    pub fn from_config(config: &Value) -> Result<Self, String> {
        let number = |key: &str| config.get(key).and_then(Value::as_u64).map(|v| v as usize);
        let required = |key: &str| number(key).filter(|&v| v > 0).ok_or(format!("config.json has no usable {key}"));
        let architecture = config.get("model_type").and_then(Value::as_str).unwrap_or("unknown").to_owned();
        let (hidden_size, num_heads) = (required("hidden_size")?, required("num_attention_heads")?);
        let num_layers = required("num_hidden_layers")?;
        let spec = Self {
            vocab_size: required("vocab_size")?,
            hidden_size,
            intermediate_size: required("intermediate_size")?,
            num_layers,
            num_heads,
            num_kv_heads: number("num_key_value_heads").unwrap_or(num_heads),
            head_dim: number("head_dim").unwrap_or(hidden_size / num_heads),
            rms_norm_eps: config.get("rms_norm_eps").and_then(Value::as_f64).unwrap_or(1e-6),
            rope: rope_from_config(config)?,
            context_length: required("max_position_embeddings")?,
            windows: windows(num_layers, window_from_config(config, &architecture)?, |_| true)?,
            tie_word_embeddings: config.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(false),
            architecture,
        };
        spec.check()?;
        Ok(spec)
    }

    /// Sizes that go together; the error is a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.num_kv_heads == 0 || !self.num_heads.is_multiple_of(self.num_kv_heads) {
            return Err(format!("{} heads can't share {} key heads", self.num_heads, self.num_kv_heads));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return Err(format!("a head size of {} can't be rotated", self.head_dim));
        }
        if let RopeScaling::Factors(factors) = &self.rope.scaling
            && factors.len() != self.head_dim / 2
        {
            return Err(format!("{} rope factors don't fit heads of {}", factors.len(), self.head_dim));
        }
        Ok(())
    }

    /// Why the decoder can't run this model, as a sentence.
    pub fn problem(&self, config: Option<&Value>) -> Option<String> {
        let name = &self.architecture;
        if !matches!(name.as_str(), "llama" | "mistral") {
            return Some(format!(
                "Models of the family {name} can't be trained yet; those of the Llama family can (Llama, SmolLM2, \
                 TinyLlama, Mistral)"
            ));
        }
        let config = config?;
        if let Some(method) = config.pointer("/quantization_config/quant_method").and_then(Value::as_str) {
            return Some(format!("{} weights are not read; use a GGUF file or the original", method.to_uppercase()));
        }
        let has_bias = |key: &str| config.get(key).and_then(Value::as_bool) == Some(true);
        if has_bias("attention_bias") || has_bias("mlp_bias") {
            return Some("Llama models with biases in their linear layers can't be trained yet".to_owned());
        }
        None
    }

    /// Weights of the whole model, a tied head counted once.
    pub fn num_parameters(&self) -> u64 {
        let linear: usize = crate::model::Module::ALL.iter().map(|m| m.shape(self)).map(|(o, i)| o * i).sum();
        let layer = linear + 2 * self.hidden_size;
        let embeddings = self.vocab_size * self.hidden_size * if self.tie_word_embeddings { 1 } else { 2 };
        (self.num_layers * layer + embeddings + self.hidden_size) as u64
    }
}

/// The window of each layer; the error is a sentence.
pub(super) fn windows(
    num_layers: usize,
    window: Option<usize>,
    slides: impl Fn(usize) -> bool,
) -> Result<Vec<Option<usize>>, String> {
    match num_layers {
        0..=MAX_LAYERS => Ok((0..num_layers).map(|layer| window.filter(|_| slides(layer))).collect()),
        _ => Err(format!("no model has {num_layers} layers")),
    }
}

/// Of the families that have one; one that isn't named is Transformers' default, and `null` means none.
fn window_from_config(config: &Value, architecture: &str) -> Result<Option<usize>, String> {
    match (architecture, config.get("sliding_window")) {
        ("mistral", None) => Ok(Some(4096)),
        ("mistral", Some(window)) if !window.is_null() => {
            let window = window.as_u64().filter(|window| *window > 0);
            window.map(|window| Some(window as usize)).ok_or("config.json has no usable sliding_window".to_owned())
        }
        _ => Ok(None),
    }
}

fn rope_from_config(config: &Value) -> Result<RopeSpec, String> {
    let parameters = config.get("rope_parameters").or_else(|| config.get("rope_scaling")).filter(|v| !v.is_null());
    let number = |key: &str| parameters.and_then(|p| p.get(key)).and_then(Value::as_f64);
    let theta = number("rope_theta").or_else(|| config.get("rope_theta").and_then(Value::as_f64)).unwrap_or(10_000.0);
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
    fn what_can_not_be_run_is_said_in_words() {
        let problem = |extra: Value| {
            let config = config(extra);
            ModelSpec::from_config(&config).unwrap().problem(Some(&config))
        };
        assert_eq!(problem(serde_json::json!({})), None);
        assert!(problem(serde_json::json!({"model_type": "qwen2"})).unwrap().contains("family qwen2"));
        assert!(problem(serde_json::json!({"attention_bias": true})).unwrap().contains("biases"));
        let gptq = serde_json::json!({"quantization_config": {"quant_method": "gptq"}});
        assert!(problem(gptq).unwrap().starts_with("GPTQ weights are not read"));
        let error = ModelSpec::from_config(&config(serde_json::json!({"hidden_size": 0}))).unwrap_err();
        assert_eq!(error, "config.json has no usable hidden_size");
    }
}
