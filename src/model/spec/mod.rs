//! What differs between models and families, and is read from `config.json` or from GGUF metadata.

mod config;
pub(crate) mod keys;
mod layer;
mod names;
pub(crate) mod packing;
mod rope;
mod tensors;

pub(super) use self::config::PER_LAYER;
pub use self::config::text_config;
pub use self::layer::{Biases, BranchNorms, LayerSpec, Mamba2, Mixer, QkNorm};
pub use self::names::Names;
pub(crate) use self::names::WRAPPED;
pub use self::rope::{LongRope, RopeScaling, RopeSpec, Yarn};
pub use self::tensors::{NormPlace, Part, ScanPart};
use super::{Group, Module};
use crate::ops::Activation;
use crate::ops::delta::DeltaShape;
use crate::ops::scan::ScanShape;

/// One decoder runs every model that this describes. Sizes in values, lengths in tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The family as the file calls it: `llama`.
    pub architecture: String,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub head_dim: usize,
    /// Values of the inputs that blocks have of their own, where some have one.
    pub input_size: Option<usize>,
    /// What products of queries and keys are multiplied by, usually `1/√head_dim`.
    pub attention_scale: f64,
    /// Scores of attention become `cap · tanh(score / cap)`.
    pub attention_softcap: Option<f32>,
    /// Logits become `cap · tanh(logit / cap)`.
    pub final_softcap: Option<f32>,
    /// Logits are divided by it.
    pub logits_divisor: f64,
    pub activation: Activation,
    /// What the embeddings of tokens are multiplied by, but not the head that is tied to them.
    pub embedding_scale: f64,
    /// On what attention and the inner layers add to the residual stream.
    pub residual_scale: f64,
    pub rms_norm_eps: f64,
    /// The rotations that the layers choose from.
    pub ropes: Vec<RopeSpec>,
    pub query_scale: Option<QueryScale>,
    pub context_length: usize,
    pub layers: Vec<LayerSpec>,
    /// The output head is the embedding.
    pub tie_word_embeddings: bool,
    /// It is the text model inside a model that sees pictures, too.
    pub is_wrapped: bool,
}

/// Queries that grow with their position: they are multiplied by `1 + beta · ln(1 + ⌊position / context⌋)`, as in Llama 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryScale {
    pub beta: f64,
    /// In tokens.
    pub context: f64,
}

impl QueryScale {
    /// What the queries of a position are multiplied by.
    pub fn at(self, position: usize) -> f32 {
        (1.0 + self.beta * (position as f64 / self.context).floor().ln_1p()) as f32
    }
}

/// How many values of a token a mixer reads and makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixerWidths {
    pub wide: usize,
    pub mixed: usize,
}

/// Checks the sizes of gated DeltaNet.
fn check_delta(shape: DeltaShape) -> Result<(), String> {
    let DeltaShape { num_key_heads, num_value_heads, key_dim, value_dim, .. } = shape;
    for (what, heads, dim) in [("keys", num_key_heads, key_dim), ("values", num_value_heads, value_dim)] {
        if heads == 0 || dim == 0 || heads.saturating_mul(dim) > MAX_WIDTH {
            return Err(format!("no model has {heads} heads of {dim} {what} in its linear attention"));
        }
    }
    match num_value_heads.is_multiple_of(num_key_heads) {
        true => Ok(()),
        false => Err(format!("{num_value_heads} value heads can't share {num_key_heads} key heads")),
    }
}

/// No model has more layers; a damaged file may say so.
pub(super) const MAX_LAYERS: usize = 4096;

/// No model is wider, has more tokens or reads more of them: products of these sizes stay far from overflowing.
const MAX_WIDTH: usize = 1 << 20;
const MAX_VOCABULARY: usize = 1 << 26;
const MAX_CONTEXT: usize = 1 << 31;
const MAX_KERNEL: usize = 64;
/// What a head of a state space carries from token to token has no more rows.
const MAX_STATE: usize = 4096;

impl ModelSpec {
    pub fn num_layers(&self) -> usize {
        self.layers.len()
    }

    /// The number of tokens beyond which a text is rotated otherwise, in models that do that.
    pub fn switches_beyond(&self) -> Option<usize> {
        self.ropes.iter().find_map(RopeSpec::switches_beyond)
    }

    /// What the family calls its modules and norms.
    pub fn names(&self) -> Names {
        self.family().map(|family| family.names).unwrap_or_default().wrapped(self.is_wrapped)
    }

    /// Values of a layer's heads.
    pub fn head_dim(&self, layer: usize) -> usize {
        self.layers[layer].head_dim.unwrap_or(self.head_dim)
    }

    /// Values of a layer's inner rows.
    pub fn inner_size(&self, layer: usize) -> usize {
        self.layers[layer].inner_size.unwrap_or(self.intermediate_size)
    }

    /// Values of the heads that a rotation is for; [`ModelSpec::check`] sees to it that they are the same in all layers.
    pub fn rotated_head_dim(&self, rope: usize) -> usize {
        let layer = self.layers.iter().position(|layer| layer.rope == Some(rope));
        layer.map_or(self.head_dim, |layer| self.head_dim(layer))
    }

    /// The values of keys, and of values, that a layer makes of a token; none where it looks at those of another.
    pub fn own_kv_width(&self, layer: usize) -> usize {
        let makes_some = self.layers[layer].mixer == Mixer::Attention && self.layers[layer].keys_of.is_none();
        if makes_some { self.num_kv_heads * self.head_dim(layer) } else { 0 }
    }

    /// The values that a cache keeps of each token.
    pub fn num_cached_values(&self) -> usize {
        (0..self.num_layers()).map(|layer| 2 * self.own_kv_width(layer)).sum()
    }

    /// Whether other layers look at a layer's keys and values.
    pub fn lends_keys(&self, layer: usize) -> bool {
        self.layers.iter().any(|other| other.keys_of == Some(layer))
    }

    /// The last layer in which a token is more than its own row: later ones need only the rows whose results are wanted.
    pub fn last_mixing_layer(&self) -> usize {
        self.layers.iter().rposition(|layer| layer.keys_of.is_none()).unwrap_or_default()
    }

    /// The linear layers that occur in a block, in [`Module::ALL`]'s order.
    pub fn modules(&self) -> Vec<Module> {
        let occurs = |module: &Module| self.layers.iter().any(|layer| layer.modules().any(|own| own == *module));
        Module::ALL.into_iter().filter(occurs).collect()
    }

    /// The heads of its layers of gated DeltaNet, if it has such; all have the same.
    pub fn delta(&self) -> Option<DeltaShape> {
        self.layers.iter().find_map(|layer| match layer.mixer {
            Mixer::DeltaNet { shape, .. } => Some(shape),
            _ => None,
        })
    }

    /// Outputs and inputs of a linear layer, whose weight is `[outputs, inputs]`.
    pub fn shape(&self, layer: usize, module: Module) -> (usize, usize) {
        let (hidden, inner) = (self.hidden_size, self.inner_size(layer));
        let (q, kv) = (self.num_heads * self.head_dim(layer), self.num_kv_heads * self.head_dim(layer));
        let input = self.input_size.unwrap_or_default();
        let of_delta = |width: fn(&DeltaShape) -> usize| self.delta().as_ref().map_or(0, width);
        match module {
            Module::QProj => (q, hidden),
            Module::GatedQProj => (2 * q, hidden),
            Module::KProj | Module::VProj => (kv, hidden),
            Module::QkvProj => (q + 2 * kv, hidden),
            Module::OProj => (hidden, q),
            Module::ConvInProj => (3 * hidden, hidden),
            Module::ConvOutProj => (hidden, hidden),
            Module::DeltaQkvProj => (of_delta(DeltaShape::conv_width), hidden),
            Module::DeltaGateProj => (of_delta(DeltaShape::value_width), hidden),
            Module::DeltaBetaProj | Module::DeltaStepProj => (of_delta(|shape| shape.num_value_heads), hidden),
            Module::DeltaOutProj => (hidden, of_delta(DeltaShape::value_width)),
            Module::ScanInProj => (self.mamba2().map_or(0, |mamba2| mamba2.wide()), hidden),
            Module::ScanOutProj => (hidden, self.mamba2().map_or(0, |mamba2| mamba2.shape.inner())),
            Module::GateProj | Module::UpProj => (inner, hidden),
            Module::GateUpProj => (2 * inner, hidden),
            Module::DownProj => (hidden, inner),
            Module::InputsProj => (self.num_layers() * input, hidden),
            Module::InputGate => (input, hidden),
            Module::InputProj => (hidden, input),
        }
    }

    /// The state space that layers of this model have; it is the same in all.
    fn mamba2(&self) -> Option<Mamba2> {
        self.layers.iter().find_map(|layer| match layer.mixer {
            Mixer::Mamba2(mamba2) => Some(mamba2),
            _ => None,
        })
    }

    /// The heads of the state spaces that layers of this model have.
    pub fn scan_shape(&self) -> Option<ScanShape> {
        self.mamba2().map(|mamba2| mamba2.shape)
    }

    /// The shapes of all linear layers.
    pub fn shapes(&self) -> impl Iterator<Item = (Module, (usize, usize))> {
        let layers = self.layers.iter().enumerate();
        layers.flat_map(move |(index, layer)| layer.modules().map(move |module| (module, self.shape(index, module))))
    }

    /// How many values of a token a layer's mixer reads and makes.
    pub fn mixer_widths(&self, layer: usize) -> MixerWidths {
        let (_, wide) = self.columns(layer, Group::MixerIn);
        let out = self.layers[layer].modules().find(|module| module.group() == Group::MixerOut);
        MixerWidths { wide, mixed: out.map_or(0, |module| self.shape(layer, module).1) }
    }

    /// A layer's modules of a group, each with its first column in the group's result, and the result's width.
    pub fn columns(&self, layer: usize, group: Group) -> (Vec<(Module, usize)>, usize) {
        let mut width = 0;
        let modules = self.layers[layer].modules().filter(|module| module.group() == group);
        let columns = modules.map(|module| {
            let start = width;
            width += self.shape(layer, module).0;
            (module, start)
        });
        let columns = columns.collect();
        (columns, width)
    }

    /// Checks that sizes are from 1 on and go together.
    ///
    /// # Errors
    /// Where a size is out of range or doesn't fit another; a sentence.
    pub fn check(&self) -> Result<(), String> {
        for (what, size, most) in [
            ("tokens in its vocabulary", self.vocab_size, MAX_VOCABULARY),
            ("values in a hidden row", self.hidden_size, MAX_WIDTH),
            ("values in an inner row", self.intermediate_size, MAX_WIDTH),
            ("layers", self.num_layers(), MAX_LAYERS),
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
        let scales = [self.attention_scale, self.embedding_scale, self.residual_scale, self.logits_divisor];
        let of_rope = |rope: &RopeSpec| [rope.theta, f64::from(rope.attention_factor())];
        let mut numbers = self.ropes.iter().flat_map(of_rope).chain(scales).chain([self.rms_norm_eps]);
        if !numbers.all(|number| number.is_finite() && number > 0.0) {
            return Err("its epsilon, rope theta or scales aren't numbers above zero".to_owned());
        }
        if !self.num_heads.is_multiple_of(self.num_kv_heads) {
            return Err(format!("{} heads can't share {} key heads", self.num_heads, self.num_kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("a head size of {} can't be rotated", self.head_dim));
        }
        let has_long_kernel = |layer: &LayerSpec| match layer.mixer {
            Mixer::Attention => false,
            Mixer::ShortConv { kernel } | Mixer::DeltaNet { kernel, .. } | Mixer::Mamba2(Mamba2 { kernel, .. }) => {
                !(1..=MAX_KERNEL).contains(&kernel)
            }
        };
        if self.layers.iter().any(has_long_kernel) {
            return Err(format!("no model has convolutions over more than {MAX_KERNEL} tokens"));
        }
        if let Some(shape) = self.delta() {
            check_delta(shape)?;
        }
        if let Some(shape) = self.scan_shape() {
            check_scan(shape)?;
        }
        self.check_layers()?;
        self.ropes.iter().enumerate().try_for_each(|(index, rope)| rope.check(self.rotated_head_dim(index)))
    }

    /// Checks what layers have of their own.
    fn check_layers(&self) -> Result<(), String> {
        let is_size = |size: usize| (1..=MAX_WIDTH).contains(&size);
        for (index, layer) in self.layers.iter().enumerate() {
            let (head_dim, inner) = (self.head_dim(index), self.inner_size(index));
            let widest = self.num_heads.saturating_mul(head_dim);
            if !head_dim.is_multiple_of(2) || ![head_dim, inner, widest].into_iter().all(is_size) {
                return Err(format!("no model has a layer with heads of {head_dim} and inner rows of {inner} values"));
            }
            if layer.rope.is_some_and(|rope| self.rotated_head_dim(rope) != head_dim) {
                return Err("layers with heads of different sizes can't share a rotation".to_owned());
            }
            let lends = |from: usize| from < index && self.own_kv_width(from) == self.num_kv_heads * head_dim;
            if layer.keys_of.is_some_and(|from| !lends(from)) {
                return Err(format!("layer {index} has no keys and values, and none that fit come before it"));
            }
        }
        let has_inputs = self.layers.iter().any(|layer| layer.has_input);
        let width = self.num_layers().saturating_mul(self.input_size.unwrap_or_default());
        match !has_inputs || is_size(width) {
            true => Ok(()),
            false => Err(format!("no model has {width} values in the inputs of its layers")),
        }
    }

    /// Weights of the whole model, a tied head counted once.
    pub fn num_parameters(&self) -> u64 {
        let parts = self.parts();
        parts.iter().map(|part| part.num_values(self) as u64).sum()
    }
}

fn check_scan(shape: ScanShape) -> Result<(), String> {
    let ScanShape { num_heads, head_dim, num_groups, state_size } = shape;
    let products = [num_heads.saturating_mul(head_dim), num_groups.saturating_mul(state_size)];
    if !products.iter().all(|size| (1..=MAX_WIDTH).contains(size)) || state_size > MAX_STATE {
        return Err(format!(
            "no model has state spaces of {num_heads} heads with {head_dim} values and {state_size} states"
        ));
    }
    match num_heads.is_multiple_of(num_groups) {
        true => Ok(()),
        false => Err(format!("{num_heads} heads of a state space can't share {num_groups} groups")),
    }
}
