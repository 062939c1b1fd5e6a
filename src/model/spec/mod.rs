//! What differs between models and families, and is read from `config.json` or from GGUF metadata.

mod config;
mod tensors;
mod unknown;

use serde_json::Value;

pub use self::tensors::{EMBEDDING, HEAD, LAST_NORM, linear_name, norm_name};
use crate::ops::Activation;

/// One decoder runs every model that this describes. Sizes in values, lengths in tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The family as the file calls it: `llama`.
    pub architecture: String,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_layers: usize,
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub head_dim: usize,
    /// What products of queries and keys are multiplied by, usually `1/√head_dim`.
    pub attention_scale: f64,
    /// Scores of attention become `cap · tanh(score / cap)`.
    pub attention_softcap: Option<f32>,
    /// Logits become `cap · tanh(logit / cap)`.
    pub final_softcap: Option<f32>,
    pub activation: Activation,
    /// What the embeddings of tokens are multiplied by, but not the head that is tied to them.
    pub embedding_scale: f64,
    /// Whether what attention and the inner layers add goes through a norm of its own.
    pub has_branch_norms: bool,
    pub rms_norm_eps: f64,
    pub rope: RopeSpec,
    pub context_length: usize,
    /// By layer: how many tokens a query sees, itself among them; `None` for all before it.
    pub windows: Vec<Option<usize>>,
    /// Whether the output head is the embedding.
    pub tie_word_embeddings: bool,
}

/// No model has more layers; a damaged file may claim them.
const MAX_LAYERS: usize = 4096;

/// No model is wider, has more tokens or reads more of them: products of these sizes stay far from overflowing.
const MAX_WIDTH: usize = 1 << 20;
const MAX_VOCABULARY: usize = 1 << 26;
const MAX_CONTEXT: usize = 1 << 31;

/// What Gemma 2 has where nothing else is said.
pub(super) const GEMMA2_WINDOW: usize = 4096;
pub(super) const GEMMA2_ATTENTION_SOFTCAP: f32 = 50.0;
pub(super) const GEMMA2_FINAL_SOFTCAP: f32 = 30.0;

/// Whether a layer of Gemma 2 has a window: every other one has.
pub(super) fn slides_in_gemma2(layer: usize) -> bool {
    layer.is_multiple_of(2)
}

/// Rotary frequencies.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeSpec {
    pub theta: f64,
    pub scaling: RopeScaling,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    None,
    /// All positions are divided by a factor.
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
    /// Checks that sizes are from 1 on and go together.
    ///
    /// # Errors
    /// Where a size is out of range or doesn't fit another; a sentence.
    pub fn check(&self) -> Result<(), String> {
        for (what, size, most) in [
            ("tokens in its vocabulary", self.vocab_size, MAX_VOCABULARY),
            ("values in a hidden row", self.hidden_size, MAX_WIDTH),
            ("values in an inner row", self.intermediate_size, MAX_WIDTH),
            ("layers", self.num_layers, MAX_LAYERS),
            ("heads", self.num_heads, MAX_WIDTH),
            ("key heads", self.num_kv_heads, MAX_WIDTH),
            ("values in a head", self.head_dim, MAX_WIDTH),
            ("values in all heads", self.num_heads.saturating_mul(self.head_dim), MAX_WIDTH),
            ("tokens in its context", self.context_length, MAX_CONTEXT),
        ] {
            if !(1..=most).contains(&size) {
                return Err(format!("no model has {size} {what}"));
            }
        }
        let numbers = [self.rms_norm_eps, self.rope.theta, self.attention_scale, self.embedding_scale];
        if !numbers.iter().all(|number| number.is_finite() && *number > 0.0) {
            return Err("its epsilon, rope theta or scales aren't numbers above zero".to_owned());
        }
        if !self.num_heads.is_multiple_of(self.num_kv_heads) {
            return Err(format!("{} heads can't share {} key heads", self.num_heads, self.num_kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("a head size of {} can't be rotated", self.head_dim));
        }
        let is_usable = |frequency: &f32| frequency.is_finite() && *frequency >= 0.0;
        if !self.rope.inverse_frequencies(self.head_dim).iter().all(is_usable) {
            return Err("its rope settings give no usable frequencies".to_owned());
        }
        if let RopeScaling::Factors(factors) = &self.rope.scaling
            && factors.len() != self.head_dim / 2
        {
            return Err(format!("{} rope factors don't fit heads of {}", factors.len(), self.head_dim));
        }
        Ok(())
    }

    /// Whether the decoder runs models that call themselves so.
    pub fn is_known_family(architecture: &str) -> bool {
        matches!(architecture, "llama" | "mistral" | "gemma2")
    }

    /// Why the decoder can't run this model, as a sentence.
    pub fn problem(&self, config: Option<&Value>) -> Option<String> {
        let name = &self.architecture;
        if !Self::is_known_family(name) {
            return Some(format!(
                "Models of the family {name} can't be trained yet; those of the families Llama (with SmolLM2 and \
                 TinyLlama), Mistral and Gemma 2 can"
            ));
        }
        let config = config?;
        if let Some(method) = config.pointer("/quantization_config/quant_method").and_then(Value::as_str) {
            return Some(format!("{} weights are not read; use a GGUF file or the original", method.to_uppercase()));
        }
        if config.get("quantization_config").is_some_and(|quantization| !quantization.is_null()) {
            return Some(
                "Its weights are quantised in a way that is not read; use a GGUF file or the original".to_owned(),
            );
        }
        unknown::problem(config, name)
    }

    /// Weights of the whole model, a tied head counted once.
    pub fn num_parameters(&self) -> u64 {
        let linear: usize = crate::model::Module::ALL.iter().map(|m| m.shape(self)).map(|(o, i)| o * i).sum();
        let layer = linear + if self.has_branch_norms { 4 } else { 2 } * self.hidden_size;
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
