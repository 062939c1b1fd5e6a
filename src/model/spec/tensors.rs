//! Which tensors the decoder asks for, by their names in Transformers.

use super::ModelSpec;
use crate::model::Module;

/// What the token embedding, the last norm and the head are called.
pub const EMBEDDING: &str = "model.embed_tokens.weight";
pub const LAST_NORM: &str = "model.norm.weight";
pub const HEAD: &str = "lm_head.weight";

/// `model.layers.0.self_attn.q_proj.weight`
pub fn linear_name(layer: usize, module: Module) -> String {
    format!("model.layers.{layer}.{}.weight", module.path())
}

/// `model.layers.0.input_layernorm.weight`
pub fn norm_name(layer: usize, norm: &str) -> String {
    format!("model.layers.{layer}.{norm}.weight")
}

impl ModelSpec {
    /// All of them; a head that is tied to the embedding has no tensor of its own.
    pub fn tensor_names(&self) -> Vec<String> {
        let norms: &[&str] = match self.has_branch_norms {
            true => &[
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
            ],
            false => &["input_layernorm", "post_attention_layernorm"],
        };
        let mut names = vec![EMBEDDING.to_owned(), LAST_NORM.to_owned()];
        names.extend((!self.tie_word_embeddings).then(|| HEAD.to_owned()));
        for layer in 0..self.num_layers {
            names.extend(Module::ALL.iter().map(|module| linear_name(layer, *module)));
            names.extend(norms.iter().map(|norm| norm_name(layer, norm)));
        }
        names
    }
}
