//! A model's settings by their names in both worlds: `config.json` and the metadata of a GGUF file.

use super::{QueryScale, RopeSpec};
use crate::model::Module;

/// The names of a setting; empty where that world doesn't have it. In GGUF the architecture's name goes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub config: &'static str,
    pub gguf: &'static str,
}

impl Key {
    pub const fn new(config: &'static str, gguf: &'static str) -> Self {
        Self { config, gguf }
    }
}

pub const HIDDEN_SIZE: Key = Key::new("hidden_size", "embedding_length");
pub const INTERMEDIATE_SIZE: Key = Key::new("intermediate_size", "feed_forward_length");
pub const NUM_LAYERS: Key = Key::new("num_hidden_layers", "block_count");
pub const NUM_HEADS: Key = Key::new("num_attention_heads", "attention.head_count");
pub const NUM_KV_HEADS: Key = Key::new("num_key_value_heads", "attention.head_count_kv");
pub const HEAD_DIM: Key = Key::new("head_dim", "attention.key_length");
pub const CONTEXT_LENGTH: Key = Key::new("max_position_embeddings", "context_length");
pub const RMS_NORM_EPS: Key = Key::new("rms_norm_eps", "attention.layer_norm_rms_epsilon");
pub const WINDOW: Key = Key::new("sliding_window", "attention.sliding_window");
/// Which layers slide: names of their types, or a switch for each.
pub const LAYER_TYPES: Key = Key::new("layer_types", "attention.sliding_window_pattern");
pub const ATTENTION_SOFTCAP: Key = Key::new("attn_logit_softcapping", "attn_logit_softcapping");
pub const FINAL_SOFTCAP: Key = Key::new("final_logit_softcapping", "final_logit_softcapping");
pub const QUERY_SCALAR: Key = Key::new("query_pre_attn_scalar", "");
pub const EMBEDDING_SCALE: Key = Key::new("embedding_multiplier", "embedding_scale");
pub const RESIDUAL_SCALE: Key = Key::new("residual_multiplier", "residual_scale");
pub const ATTENTION_SCALE: Key = Key::new("attention_multiplier", "attention.scale");
/// How much queries grow with their position ([`QueryScale`]).
pub const TEMPERATURE_SCALE: Key = Key::new("", "attention.temperature_scale");
/// Biases on queries, keys, values and on what reads the attention's result.
pub const ATTENTION_BIAS: Key = Key::new("attention_bias", "");
/// Biases on gate, up and down.
pub const MLP_BIAS: Key = Key::new("mlp_bias", "");
/// Layers that guess further tokens, which Transformers leaves out; GGUF counts them among all.
pub const GUESSING_LAYERS: Key = Key::new("mtp_num_hidden_layers", "nextn_predict_layers");
/// How much of each head is rotated.
pub const PARTIAL_ROTARY: Key = Key::new("partial_rotary_factor", "");
pub const LOGITS_DIVISOR: Key = Key::new("logits_scaling", "logit_scale");
/// The rotation of the layers that see all, where there are others.
pub const ROPE: RopeKeys =
    RopeKeys { theta: Key::new("rope_theta", "rope.freq_base"), section: "full_attention", has_scaling: true };

/// The settings of the rotation of layers with a window, in `rope_parameters`.
pub const LOCAL_ROPE_SECTION: Key = Key::new("sliding_attention", "");

/// What a file says of a setting that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting<T> {
    Unsaid,
    Off,
    Is(T),
}

impl<T> Setting<T> {
    /// The family's default where nothing is said; `None` where it is off.
    pub fn or(self, default: Option<T>) -> Option<T> {
        match self {
            Self::Unsaid => default,
            Self::Off => None,
            Self::Is(value) => Some(value),
        }
    }
}

/// Where the settings of a rotation are.
#[derive(Debug, Clone, Copy)]
pub struct RopeKeys {
    pub theta: Key,
    /// The section of `rope_parameters` in `config.json`, where they differ between kinds of layers.
    pub section: &'static str,
    /// A scaling that is said once for the whole model is meant for it.
    pub has_scaling: bool,
}

/// A model's settings as a file has them. An error is a sentence that names the setting, without the file's name.
pub trait Keys {
    /// Whether it is a GGUF file, where some settings are what llama.cpp takes them to be.
    fn is_gguf(&self) -> bool;

    /// A whole number, where the file has one.
    fn count(&self, key: Key) -> Result<Option<usize>, String>;

    /// A whole number that may be zero.
    fn count_from_zero(&self, key: Key) -> Result<Option<usize>, String>;

    /// The values of a setting in those layers that have their own in `per_layer_config`, where the file has that. No other
    /// setting may be there.
    fn of_layers(&self, key: Key, num_layers: usize) -> Result<Option<Vec<Option<usize>>>, String>;

    /// A number above zero.
    fn number(&self, key: Key) -> Result<Setting<f64>, String>;

    /// A switch.
    fn flag(&self, key: Key) -> Result<Option<bool>, String>;

    /// A text; `None` also where it is something else.
    fn text(&self, key: Key) -> Option<&str>;

    /// A switch for each layer, where the file has them.
    fn switches(&self, key: Key, num_layers: usize) -> Result<Option<Vec<bool>>, String>;

    /// A list of texts, where the file has one.
    fn texts(&self, key: Key) -> Result<Option<Vec<String>>, String>;

    /// A list of whole numbers, where the file has one.
    fn counts(&self, key: Key) -> Result<Option<Vec<usize>>, String>;

    /// A lower and an upper limit, where the file has them.
    fn limits(&self, key: Key) -> Result<Option<[f64; 2]>, String>;

    /// Whether a GGUF file has the divisors of its rotary frequencies as a tensor; `config.json` says how to compute them.
    fn has_rope_factors(&self) -> bool;

    /// Whether a GGUF file has a bias for this linear layer; `config.json` says it by a switch.
    fn has_bias(&self, layer: usize, module: Module) -> bool;

    /// How many values of each head are rotated, where the file says it.
    fn rotated(&self, head_dim: usize) -> Result<Option<usize>, String>;

    /// Whether each layer has a window ([`LAYER_TYPES`]), where the file says it.
    fn sliding(&self, num_layers: usize) -> Result<Option<Vec<bool>>, String>;

    /// Rows of the embedding.
    fn vocab_size(&self) -> Result<usize, String>;

    /// The output head is the embedding; `default` where `config.json` doesn't say it.
    fn ties_head(&self, default: bool) -> Result<bool, String>;

    /// How positions are told; `theta` where `config.json` doesn't say it.
    fn rope(&self, keys: RopeKeys, theta: f64) -> Result<RopeSpec, String>;

    /// How queries grow with their position, where they do.
    fn query_scale(&self) -> Result<Option<QueryScale>, String>;

    /// That the file doesn't have what it must have.
    fn unusable(&self, key: Key) -> String;

    /// A whole number above zero that every file has.
    fn required(&self, key: Key) -> Result<usize, String> {
        self.count(key)?.filter(|count| *count > 0).ok_or_else(|| self.unusable(key))
    }
}
