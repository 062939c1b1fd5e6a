//! What all families have.

use crate::model::spec::keys::{self, Key, Keys, Setting};
use crate::model::spec::{Biases, LayerSpec, MAX_LAYERS, RopeScaling, RopeSpec};
use crate::model::{ModelSpec, Module};
use crate::ops::Activation;

/// What a family's models have where no file says it.
pub struct Defaults {
    /// The hidden size over the number of heads where it is `None`.
    pub head_dim: Option<usize>,
    /// The setting that names the activation of `config.json`.
    pub activation_key: &'static str,
    pub activation: Activation,
    pub ties_head: bool,
    pub rope_theta: f64,
    pub rms_norm_eps: f64,
    /// The width of the inner layers, where another setting than the usual one says it.
    pub inner_size: Option<usize>,
    /// Models may rotate a part of each head only.
    pub rotates_partly: bool,
    /// A rope scaling of the type `dynamic` with an `alpha` is meant as Hunyuan means it.
    pub scales_rope_by_alpha: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            head_dim: None,
            activation_key: "hidden_act",
            activation: Activation::Silu,
            ties_head: false,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
            inner_size: None,
            rotates_partly: false,
            scales_rope_by_alpha: false,
        }
    }
}

/// A model as Llama is: a norm before attention and one before the inner layers, every position seen and rotated.
pub fn read(keys: &dyn Keys, architecture: &str, defaults: &Defaults) -> Result<ModelSpec, String> {
    let mut spec = sizes_with(keys, architecture, defaults.inner_size)?;
    spec.head_dim = match (keys.count(keys::HEAD_DIM)?, defaults.head_dim) {
        (Some(head_dim), _) => head_dim,
        (None, Some(head_dim)) if !keys.is_gguf() => head_dim,
        (None, _) => spec.head_dim,
    };
    spec.attention_scale = 1.0 / (spec.head_dim as f64).sqrt();
    spec.activation = activation(keys, defaults)?;
    spec.rms_norm_eps = match keys.number(keys::RMS_NORM_EPS)? {
        Setting::Is(eps) => eps,
        _ if keys.is_gguf() => return Err(keys.unusable(keys::RMS_NORM_EPS)),
        _ => defaults.rms_norm_eps,
    };
    spec.ropes = vec![keys.rope(keys::ROPE, defaults.rope_theta)?];
    let rotated = keys.rotated(spec.head_dim)?.filter(|rotated| *rotated != spec.head_dim);
    if let Some(rotated) = rotated {
        if !defaults.rotates_partly {
            let setting = if keys.is_gguf() { "rope.dimension_count" } else { keys::PARTIAL_ROTARY.config };
            return Err(format!(
                "by its {setting} only {rotated} of the {} values of its heads are rotated, which is not followed in this family",
                spec.head_dim
            ));
        }
        spec.ropes[0].rotated = Some(rotated);
    }
    if matches!(spec.ropes[0].scaling, RopeScaling::Alpha(_)) && !defaults.scales_rope_by_alpha {
        return Err("the rope scaling dynamic is not known".to_owned());
    }
    spec.tie_word_embeddings = keys.ties_head(defaults.ties_head)?;
    Ok(spec)
}

/// The sizes alone, as much as can be said of a model of any family.
pub fn sizes(keys: &dyn Keys, architecture: &str) -> Result<ModelSpec, String> {
    sizes_with(keys, architecture, None)
}

fn sizes_with(keys: &dyn Keys, architecture: &str, inner_size: Option<usize>) -> Result<ModelSpec, String> {
    let (hidden_size, num_heads) = (keys.required(keys::HIDDEN_SIZE)?, keys.required(keys::NUM_HEADS)?);
    let num_layers = keys.required(keys::NUM_LAYERS)?;
    if num_layers > MAX_LAYERS {
        return Err(format!("no model has {num_layers} layers"));
    }
    let head_dim = keys.count(keys::HEAD_DIM)?.unwrap_or(hidden_size / num_heads);
    Ok(ModelSpec {
        architecture: architecture.to_owned(),
        vocab_size: keys.vocab_size()?,
        hidden_size,
        intermediate_size: match inner_size {
            Some(size) => size,
            None => keys.required(keys::INTERMEDIATE_SIZE)?,
        },
        num_heads,
        num_kv_heads: keys.count(keys::NUM_KV_HEADS)?.unwrap_or(num_heads),
        head_dim,
        input_size: None,
        attention_scale: 1.0 / (head_dim as f64).sqrt(),
        attention_softcap: None,
        final_softcap: None,
        logits_divisor: 1.0,
        activation: Activation::Silu,
        embedding_scale: 1.0,
        residual_scale: 1.0,
        rms_norm_eps: 1e-6,
        query_scale: None,
        ropes: vec![RopeSpec::new(10_000.0, RopeScaling::None)],
        context_length: keys.required(keys::CONTEXT_LENGTH)?,
        layers: vec![LayerSpec::default(); num_layers],
        tie_word_embeddings: keys.ties_head(false)?,
        is_wrapped: false,
    })
}

fn activation(keys: &dyn Keys, defaults: &Defaults) -> Result<Activation, String> {
    match keys.text(Key::new(defaults.activation_key, "")) {
        None => Ok(defaults.activation),
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some(other) => Err(format!("the activation {other} is not known")),
    }
}

/// Gives layers their windows: `default` and `slides` where the file doesn't say how wide and which.
pub fn set_windows(
    spec: &mut ModelSpec,
    keys: &dyn Keys,
    default: Option<usize>,
    slides: impl Fn(usize) -> bool,
) -> Result<(), String> {
    let window = keys.number(keys::WINDOW)?.or(default.map(|window| window as f64)).map(|window| window as usize);
    let said = keys.sliding(spec.num_layers())?;
    for (index, layer) in spec.layers.iter_mut().enumerate() {
        let does_slide = said.as_ref().map_or_else(|| slides(index), |said| said[index]);
        layer.window = window.filter(|_| does_slide);
    }
    Ok(())
}

/// Refuses a GGUF file that says no window, in families whose models have different ones: none could be guessed.
pub fn check_window_is_said(keys: &dyn Keys) -> Result<(), String> {
    let is_unsaid = keys.is_gguf() && matches!(keys.number(keys::WINDOW)?, Setting::Unsaid);
    if is_unsaid { Err(keys.unusable(keys::WINDOW)) } else { Ok(()) }
}

pub const ALL_BIASES: Biases = Biases { qkv: true, output: true, inner: true };

/// Biases where `config.json` says so (`attention_bias`, `mlp_bias`), or where GGUF has them.
pub fn set_biases(spec: &mut ModelSpec, keys: &dyn Keys) -> Result<(), String> {
    let attention = keys.flag(keys::ATTENTION_BIAS)?.unwrap_or(false);
    let inner = keys.flag(keys::MLP_BIAS)?.unwrap_or(false);
    for (index, layer) in spec.layers.iter_mut().enumerate() {
        layer.biases = Biases {
            qkv: attention || keys.has_bias(index, Module::QProj),
            output: attention || keys.has_bias(index, Module::OProj),
            inner: inner || keys.has_bias(index, Module::GateProj),
        };
    }
    Ok(())
}
