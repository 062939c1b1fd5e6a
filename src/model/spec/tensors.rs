//! The tensors that the decoder asks for, and what they are called in both worlds.

use super::{LayerSpec, ModelSpec, QkNorm};
use crate::model::Module;

/// A tensor of a model; layers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Embedding,
    LastNorm,
    Head,
    Weight(usize, Module),
    Bias(usize, Module),
    Norm(usize, NormPlace),
}

/// Where in a block a norm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NormPlace {
    BeforeAttention,
    AfterAttention,
    BeforeInner,
    AfterInner,
    Queries,
    Keys,
}

impl NormPlace {
    /// Those of a block.
    fn of(layer: &LayerSpec) -> impl Iterator<Item = Self> {
        let (before, after) = (layer.norms.before, layer.norms.after);
        let on_qk = layer.qk_norm.is_some();
        [
            (before, Self::BeforeAttention),
            (on_qk, Self::Queries),
            (on_qk, Self::Keys),
            (after, Self::AfterAttention),
            (before, Self::BeforeInner),
            (after, Self::AfterInner),
        ]
        .into_iter()
        .filter_map(|(is_there, place)| is_there.then_some(place))
    }

    /// As Transformers calls it in a block.
    fn name(self, layer: &LayerSpec) -> &'static str {
        match self {
            Self::BeforeAttention => "input_layernorm",
            // Llama's name for the norm before the inner layers is that of another where there are norms after them.
            Self::BeforeInner if !layer.norms.after => "post_attention_layernorm",
            Self::BeforeInner => "pre_feedforward_layernorm",
            Self::AfterAttention => "post_attention_layernorm",
            Self::AfterInner => "post_feedforward_layernorm",
            Self::Queries if layer.qk_norm == Some(QkNorm::PerRotatedHead) => "self_attn.query_layernorm",
            Self::Keys if layer.qk_norm == Some(QkNorm::PerRotatedHead) => "self_attn.key_layernorm",
            Self::Queries => "self_attn.q_norm",
            Self::Keys => "self_attn.k_norm",
        }
    }

    /// As GGUF calls it in a block.
    fn gguf(self) -> &'static str {
        match self {
            Self::BeforeAttention => "attn_norm",
            Self::BeforeInner => "ffn_norm",
            Self::AfterAttention => "post_attention_norm",
            Self::AfterInner => "post_ffw_norm",
            Self::Queries => "attn_q_norm",
            Self::Keys => "attn_k_norm",
        }
    }
}

impl Part {
    /// What Transformers calls it: `model.layers.0.self_attn.q_proj.weight`.
    pub fn name(self, spec: &ModelSpec) -> String {
        match self {
            Self::Embedding => "model.embed_tokens.weight".to_owned(),
            Self::LastNorm => "model.norm.weight".to_owned(),
            Self::Head => "lm_head.weight".to_owned(),
            Self::Weight(layer, module) => format!("model.layers.{layer}.{}.weight", module.path()),
            Self::Bias(layer, module) => format!("model.layers.{layer}.{}.bias", module.path()),
            Self::Norm(layer, place) => format!("model.layers.{layer}.{}.weight", place.name(&spec.layers[layer])),
        }
    }

    /// What GGUF calls it: `blk.0.attn_q.weight`.
    pub fn gguf(self) -> String {
        match self {
            Self::Embedding => "token_embd.weight".to_owned(),
            Self::LastNorm => "output_norm.weight".to_owned(),
            Self::Head => "output.weight".to_owned(),
            Self::Weight(layer, module) => format!("blk.{layer}.{}.weight", module.gguf_name()),
            Self::Bias(layer, module) => format!("blk.{layer}.{}.bias", module.gguf_name()),
            Self::Norm(layer, place) => format!("blk.{layer}.{}.weight", place.gguf()),
        }
    }

    /// How many values it has.
    pub fn num_values(self, spec: &ModelSpec) -> usize {
        match self {
            Self::Embedding | Self::Head => spec.vocab_size * spec.hidden_size,
            Self::LastNorm => spec.hidden_size,
            Self::Weight(_, module) => {
                let (outputs, inputs) = module.shape(spec);
                outputs * inputs
            }
            Self::Bias(_, module) => module.shape(spec).0,
            Self::Norm(layer, NormPlace::Queries) => spec.qk_norm_width(layer, Module::QProj),
            Self::Norm(layer, NormPlace::Keys) => spec.qk_norm_width(layer, Module::KProj),
            Self::Norm(..) => spec.hidden_size,
        }
    }
}

impl ModelSpec {
    /// All tensors; a head that is tied to the embedding has none of its own.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::Embedding, Part::LastNorm];
        parts.extend((!self.tie_word_embeddings).then_some(Part::Head));
        for (index, layer) in self.layers.iter().enumerate() {
            parts.extend(Module::ALL.map(|module| Part::Weight(index, module)));
            let biased = Module::ALL.into_iter().filter(|module| layer.qkv_bias && module.is_qkv());
            parts.extend(biased.map(|module| Part::Bias(index, module)));
            parts.extend(NormPlace::of(layer).map(|place| Part::Norm(index, place)));
        }
        parts
    }

    /// Values that the norm on a layer's queries or keys has.
    fn qk_norm_width(&self, layer: usize, module: Module) -> usize {
        match self.layers[layer].qk_norm {
            Some(QkNorm::AllHeads) => module.shape(self).0,
            Some(QkNorm::PerHead | QkNorm::PerRotatedHead) => self.head_dim,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::BranchNorms;

    #[test]
    fn the_norm_before_the_inner_layers_gives_its_name_away() {
        let of = |norms| {
            let layer = LayerSpec { norms, ..LayerSpec::default() };
            NormPlace::of(&layer).map(|place| (place.name(&layer), place.gguf())).collect::<Vec<_>>()
        };
        let [input, after_attention] =
            [("input_layernorm", "attn_norm"), ("post_attention_layernorm", "post_attention_norm")];
        let after_inner = ("post_feedforward_layernorm", "post_ffw_norm");
        assert_eq!(of(BranchNorms::BEFORE), [input, ("post_attention_layernorm", "ffn_norm")]);
        assert_eq!(of(BranchNorms::AFTER), [after_attention, after_inner]);
        assert_eq!(
            of(BranchNorms::BOTH),
            [input, after_attention, ("pre_feedforward_layernorm", "ffn_norm"), after_inner]
        );
    }
}
