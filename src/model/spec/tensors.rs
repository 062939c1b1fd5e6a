//! The tensors that the decoder asks for, and what they are called in both worlds.

use super::{LayerSpec, Mamba2, Mixer, ModelSpec, Names, QkNorm};
use crate::model::Module;

/// A tensor of a model; layers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Embedding,
    /// What each token brings to the inputs that blocks have of their own, side by side.
    InputEmbedding,
    /// On what the inputs take from the token's embedding.
    InputsNorm,
    LastNorm,
    Head,
    Weight(usize, Module),
    Bias(usize, Module),
    Norm(usize, NormPlace),
    /// What a convolution multiplies by, `[channels, 1, kernel]`.
    Kernel(usize),
    /// How fast each head of a gated DeltaNet fades: `A` in Transformers, `−e^A` in GGUF and here.
    Decay(usize),
    /// What is added to what each of its heads reads of that.
    StepBias(usize),
    Scan(usize, ScanPart),
    /// The factor of the residual stream after a block.
    Scale(usize),
}

/// What a state space has besides its linear layers and its convolution's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScanPart {
    /// By how much states decay in a unit of time, as a logarithm; Transformers has the logarithm of its opposite.
    Decay,
    Skip,
    TimeBias,
    KernelBias,
    /// The weight of the norm behind it.
    Norm,
}

impl ScanPart {
    /// Those of a layer.
    pub(in crate::model) fn of(layer: &LayerSpec) -> impl Iterator<Item = Self> + use<> {
        let (is_there, has_bias) = match layer.mixer {
            Mixer::Mamba2(mamba2) => (true, mamba2.has_conv_bias),
            Mixer::Attention | Mixer::ShortConv { .. } | Mixer::DeltaNet { .. } => (false, false),
        };
        [Self::Decay, Self::Skip, Self::TimeBias, Self::KernelBias, Self::Norm]
            .into_iter()
            .filter(move |part| is_there && (has_bias || *part != Self::KernelBias))
    }

    /// As Transformers calls it in a block.
    fn name(self) -> &'static str {
        match self {
            Self::Decay => "mamba.A_log",
            Self::Skip => "mamba.D",
            Self::TimeBias => "mamba.dt_bias",
            Self::KernelBias => "mamba.conv1d.bias",
            Self::Norm => "mamba.norm.weight",
        }
    }

    /// As GGUF calls it in a block.
    fn gguf(self) -> &'static str {
        match self {
            Self::Decay => "ssm_a",
            Self::Skip => "ssm_d",
            Self::TimeBias => "ssm_dt.bias",
            Self::KernelBias => "ssm_conv1d.bias",
            Self::Norm => "ssm_norm.weight",
        }
    }

    fn num_values(self, mamba2: Mamba2) -> usize {
        match self {
            Self::Decay | Self::Skip | Self::TimeBias => mamba2.shape.num_heads,
            Self::KernelBias => mamba2.shape.row_width(),
            Self::Norm => mamba2.shape.inner(),
        }
    }
}

/// Where in a block a norm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NormPlace {
    BeforeMixer,
    AfterMixer,
    BeforeInner,
    AfterInner,
    /// On what a block's own input adds.
    AfterInput,
    Queries,
    Keys,
    /// On each head of a gated DeltaNet's result.
    Mixed,
}

impl NormPlace {
    /// Those of a block.
    pub(in crate::model) fn of(layer: &LayerSpec) -> impl Iterator<Item = Self> + use<> {
        let (before, after) = (layer.norms.before, layer.norms.after);
        let on_qk = layer.mixer == Mixer::Attention && layer.qk_norm.is_some();
        [
            (before, Self::BeforeMixer),
            (on_qk, Self::Queries),
            (on_qk && layer.keys_of.is_none(), Self::Keys),
            (matches!(layer.mixer, Mixer::DeltaNet { .. }), Self::Mixed),
            (after, Self::AfterMixer),
            (before, Self::BeforeInner),
            (after, Self::AfterInner),
            (layer.has_input, Self::AfterInput),
        ]
        .into_iter()
        .filter_map(|(is_there, place)| is_there.then_some(place))
    }

    /// As Transformers calls it in a block.
    fn name(self, layer: &LayerSpec, names: Names) -> &'static str {
        names.of(match self {
            Self::BeforeMixer => "input_layernorm",
            // Llama's name for the norm before the inner layers is that of another where there are norms after them.
            Self::BeforeInner if !layer.norms.after => "post_attention_layernorm",
            Self::BeforeInner => "pre_feedforward_layernorm",
            Self::AfterMixer => "post_attention_layernorm",
            Self::AfterInner => "post_feedforward_layernorm",
            Self::AfterInput => "post_per_layer_input_norm",
            Self::Queries => "self_attn.q_norm",
            Self::Keys => "self_attn.k_norm",
            Self::Mixed => "linear_attn.norm",
        })
    }

    /// As GGUF calls it in a block.
    fn gguf(self, names: Names) -> &'static str {
        names.of(match self {
            Self::BeforeMixer => "attn_norm",
            Self::BeforeInner => "ffn_norm",
            Self::AfterMixer => "post_attention_norm",
            Self::AfterInner => "post_ffw_norm",
            Self::AfterInput => "post_norm",
            Self::Queries => "attn_q_norm",
            Self::Keys => "attn_k_norm",
            Self::Mixed => "ssm_norm",
        })
    }
}

impl Part {
    /// What GGUF calls the embedding of any family, and the head.
    pub const GGUF_EMBEDDING: &str = "token_embd.weight";
    pub const GGUF_HEAD: &str = "output.weight";

    /// What Transformers calls it: `model.layers.0.self_attn.q_proj.weight`.
    pub fn name(self, spec: &ModelSpec) -> String {
        let names = spec.names();
        match self {
            Self::Embedding => "model.embed_tokens.weight".to_owned(),
            Self::InputEmbedding => "model.embed_tokens_per_layer.weight".to_owned(),
            Self::InputsNorm => "model.per_layer_projection_norm.weight".to_owned(),
            Self::LastNorm => format!("{}.weight", names.of("model.norm")),
            Self::Head => "lm_head.weight".to_owned(),
            Self::Weight(_, module) if module.is_outside() => format!("model.{}.weight", names.path(module)),
            Self::Weight(layer, module) => format!("model.layers.{layer}.{}.weight", names.path(module)),
            Self::Bias(layer, module) => format!("model.layers.{layer}.{}.bias", names.path(module)),
            Self::Norm(layer, place) => {
                format!("model.layers.{layer}.{}.weight", place.name(&spec.layers[layer], names))
            }
            Self::Kernel(layer) => match spec.layers[layer].mixer {
                Mixer::DeltaNet { .. } => format!("model.layers.{layer}.linear_attn.conv1d.weight"),
                Mixer::Mamba2(_) => format!("model.layers.{layer}.mamba.conv1d.weight"),
                Mixer::Attention | Mixer::ShortConv { .. } => format!("model.layers.{layer}.conv.conv.weight"),
            },
            Self::Decay(layer) => format!("model.layers.{layer}.linear_attn.A_log"),
            Self::StepBias(layer) => format!("model.layers.{layer}.linear_attn.dt_bias"),
            Self::Scan(layer, part) => format!("model.layers.{layer}.{}", part.name()),
            Self::Scale(layer) => format!("model.layers.{layer}.layer_scalar"),
        }
    }

    /// What GGUF calls it: `blk.0.attn_q.weight`. Some families have two tensors there whose rows follow each other here.
    pub fn gguf(self, spec: &ModelSpec) -> Vec<String> {
        let splits = spec.family().is_some_and(|family| family.splits_gate_up);
        match self {
            Self::Weight(layer, Module::GateUpProj) if splits => {
                [Module::GateProj, Module::UpProj].map(|module| Self::Weight(layer, module).gguf_name(spec)).to_vec()
            }
            part => vec![part.gguf_name(spec)],
        }
    }

    fn gguf_name(self, spec: &ModelSpec) -> String {
        match self {
            Self::Embedding => Self::GGUF_EMBEDDING.to_owned(),
            Self::InputEmbedding => "per_layer_token_embd.weight".to_owned(),
            Self::InputsNorm => "per_layer_proj_norm.weight".to_owned(),
            Self::LastNorm => format!("{}.weight", spec.names().of("output_norm")),
            Self::Head => Self::GGUF_HEAD.to_owned(),
            Self::Weight(_, module) if module.is_outside() => format!("{}.weight", module.gguf_name()),
            Self::Weight(layer, module) => format!("blk.{layer}.{}.weight", module.gguf_name()),
            Self::Bias(layer, module) => format!("blk.{layer}.{}.bias", module.gguf_name()),
            Self::Norm(layer, place) => format!("blk.{layer}.{}.weight", place.gguf(spec.names())),
            Self::Kernel(layer) => match spec.layers[layer].mixer {
                Mixer::DeltaNet { .. } | Mixer::Mamba2(_) => format!("blk.{layer}.ssm_conv1d.weight"),
                Mixer::Attention | Mixer::ShortConv { .. } => format!("blk.{layer}.shortconv.conv.weight"),
            },
            Self::Decay(layer) => format!("blk.{layer}.ssm_a"),
            Self::StepBias(layer) => format!("blk.{layer}.ssm_dt.bias"),
            Self::Scan(layer, part) => format!("blk.{layer}.{}", part.gguf()),
            Self::Scale(layer) => format!("blk.{layer}.layer_output_scale.weight"),
        }
    }

    /// Its shape in GGUF.
    pub fn gguf_dims(self, spec: &ModelSpec) -> Vec<usize> {
        let dims = self.dims(spec);
        let mixer = |layer: usize| spec.layers.get(layer).map(|layer| layer.mixer);
        match (self, &dims[..]) {
            (Self::Scan(_, ScanPart::Decay | ScanPart::Skip), [heads]) => vec![*heads, 1],
            (Self::Scan(layer, ScanPart::Norm), [width]) => match mixer(layer) {
                Some(Mixer::Mamba2(Mamba2 { shape, .. })) => vec![shape.num_groups, width / shape.num_groups.max(1)],
                _ => dims,
            },
            (_, [rows, 1, cols]) => vec![*rows, *cols],
            _ => dims,
        }
    }

    /// Its shape in Transformers.
    pub fn dims(self, spec: &ModelSpec) -> Vec<usize> {
        match self {
            Self::Embedding | Self::Head => vec![spec.vocab_size, spec.hidden_size],
            Self::InputEmbedding => {
                vec![spec.vocab_size, spec.num_layers().saturating_mul(spec.input_size.unwrap_or_default())]
            }
            Self::InputsNorm => vec![spec.input_size.unwrap_or_default()],
            Self::Scale(_) => vec![1],
            Self::Weight(layer, module) => {
                let (outputs, inputs) = spec.shape(layer, module);
                vec![outputs, inputs]
            }
            Self::Bias(layer, module) => vec![spec.shape(layer, module).0],
            Self::Norm(layer, NormPlace::Queries) => vec![spec.qk_norm_width(layer, Module::QProj)],
            Self::Norm(layer, NormPlace::Keys) => vec![spec.qk_norm_width(layer, Module::KProj)],
            Self::Norm(_, NormPlace::Mixed) => vec![spec.delta().map_or(0, |shape| shape.value_dim)],
            Self::LastNorm | Self::Norm(..) => vec![spec.hidden_size],
            Self::Kernel(layer) => match spec.layers[layer].mixer {
                Mixer::ShortConv { kernel } => vec![spec.hidden_size, 1, kernel],
                Mixer::DeltaNet { kernel, shape } => vec![shape.conv_width(), 1, kernel],
                Mixer::Mamba2(Mamba2 { shape, kernel, .. }) => vec![shape.row_width(), 1, kernel],
                Mixer::Attention => Vec::new(),
            },
            Self::Decay(_) | Self::StepBias(_) => vec![spec.delta().map_or(0, |shape| shape.num_value_heads)],
            Self::Scan(layer, part) => match spec.layers[layer].mixer {
                Mixer::Mamba2(mamba2) => vec![part.num_values(mamba2)],
                Mixer::Attention | Mixer::ShortConv { .. } | Mixer::DeltaNet { .. } => Vec::new(),
            },
        }
    }

    /// How many values it has.
    pub fn num_values(self, spec: &ModelSpec) -> usize {
        self.dims(spec).iter().product()
    }
}

impl ModelSpec {
    /// All tensors; a head that is tied to the embedding has none of its own.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part::Embedding, Part::LastNorm];
        parts.extend((!self.tie_word_embeddings).then_some(Part::Head));
        let has_inputs = self.layers.iter().any(|layer| layer.has_input);
        parts.extend([Part::InputEmbedding, Part::InputsNorm].into_iter().filter(|_| has_inputs));
        for (index, layer) in self.layers.iter().enumerate() {
            parts.extend(layer.modules().map(|module| Part::Weight(index, module)));
            let biased = layer.modules().filter(|module| layer.has_bias(*module));
            parts.extend(biased.map(|module| Part::Bias(index, module)));
            parts.extend(NormPlace::of(layer).map(|place| Part::Norm(index, place)));
            parts.extend((layer.mixer != Mixer::Attention).then_some(Part::Kernel(index)));
            if let Mixer::DeltaNet { .. } = layer.mixer {
                parts.extend([Part::Decay(index), Part::StepBias(index)]);
            }
            parts.extend(ScanPart::of(layer).map(|part| Part::Scan(index, part)));
            parts.extend(layer.is_scaled.then_some(Part::Scale(index)));
        }
        parts
    }

    /// Tensors that files may have although no product is made with them: those for keys and values in layers that look at
    /// another's.
    pub fn unused_parts(&self) -> Vec<Part> {
        let of = |layer| {
            let weights = [Module::KProj, Module::VProj].map(|module| Part::Weight(layer, module));
            weights.into_iter().chain([Part::Norm(layer, NormPlace::Keys)])
        };
        let layers = self.layers.iter().enumerate();
        layers.filter(|(_, layer)| layer.keys_of.is_some()).flat_map(|(layer, _)| of(layer)).collect()
    }

    /// Values that the norm on a layer's queries or keys has.
    fn qk_norm_width(&self, layer: usize, module: Module) -> usize {
        match self.layers[layer].qk_norm {
            Some(QkNorm::AllHeads) => self.shape(layer, module).0,
            Some(QkNorm::PerHead | QkNorm::PerRotatedHead) => self.head_dim(layer),
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
            NormPlace::of(&layer)
                .map(|place| (place.name(&layer, Names::default()), place.gguf(Names::default())))
                .collect::<Vec<_>>()
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
