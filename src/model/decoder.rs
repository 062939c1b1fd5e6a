//! The decoder of all families, over frozen weights and an optional adapter. Tokens of all sequences lie back to
//! back, so there is no padding anywhere.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::gradient::Group;
use super::lora::LoraAdapter;
use super::weights::{self, WeightSource};
use super::{Dropout, ModelError, ModelSpec, Module};
use crate::ops::cross_entropy::cap_logits;
use crate::ops::{self, AttentionShape, FrozenWeight, RopeTable, Segments};
use crate::task::{Task, Unit};

/// A loaded model.
pub struct Decoder {
    spec: ModelSpec,
    embedding: Arc<FrozenWeight>,
    layers: Vec<Layer>,
    norm: Arc<[f32]>,
    /// The embedding itself where the two are tied.
    head: Arc<FrozenWeight>,
    inverse_frequencies: Vec<f32>,
}

struct Layer {
    norms: Norms,
    /// By [`Module`].
    linear: [Arc<FrozenWeight>; Module::ALL.len()],
}

/// The norms of a block.
pub(super) struct Norms {
    pub before_attention: Arc<[f32]>,
    pub before_inner: Arc<[f32]>,
    /// On what attention and the inner layers add to the residual stream, in models that have them there.
    pub after_attention: Option<Arc<[f32]>>,
    pub after_inner: Option<Arc<[f32]>>,
}

impl Norms {
    fn load(source: &mut dyn WeightSource, layer: usize) -> std::result::Result<Self, ModelError> {
        let (hidden, has_after) = (source.spec().hidden_size, source.spec().has_branch_norms);
        let mut norm = |name: &str| source.norm(&format!("model.layers.{layer}.{name}.weight"), hidden).map(Arc::from);
        // The name that Llama has for the norm before the inner layers is here that of another.
        let before_inner = if has_after { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
        Ok(Self {
            before_attention: norm("input_layernorm")?,
            before_inner: norm(before_inner)?,
            after_attention: has_after.then(|| norm("post_attention_layernorm")).transpose()?,
            after_inner: has_after.then(|| norm("post_feedforward_layernorm")).transpose()?,
        })
    }
}

/// What a forward pass runs with besides the weights.
#[derive(Default)]
pub struct Adaptation<'a> {
    pub adapter: Option<&'a LoraAdapter>,
    /// Records what `backward` needs for the adapter's gradients.
    pub with_gradient: bool,
    /// Only with the gradient.
    pub dropout: Option<Dropout>,
}

impl Decoder {
    /// Reads the weights of a GGUF file or a folder.
    pub fn load(path: &Path, task: &dyn Task) -> std::result::Result<Self, ModelError> {
        let mut source = weights::open(path)?;
        let spec = source.spec().clone();
        if let Some(problem) = spec.problem(None) {
            return Err(ModelError::Unsupported { path: path.into(), message: problem });
        }
        let hidden = spec.hidden_size;
        let embedding = Arc::new(source.matrix("model.embed_tokens.weight", spec.vocab_size, hidden)?);
        let mut layers = Vec::with_capacity(spec.num_layers);
        for i in 0..spec.num_layers {
            if task.is_cancelled() {
                return Err(ModelError::Cancelled);
            }
            let mut linear = Vec::with_capacity(Module::ALL.len());
            for module in Module::ALL {
                let (rows, cols) = module.shape(&spec);
                let name = format!("model.layers.{i}.{}.weight", module.path());
                linear.push(Arc::new(source.matrix(&name, rows, cols)?));
            }
            let linear: [_; Module::ALL.len()] = linear
                .try_into()
                .map_err(|_| ModelError::Compute { message: "a block has a wrong number of layers".to_owned() })?;
            layers.push(Layer { norms: Norms::load(&mut *source, i)?, linear });
            task.progress(i as u64 + 1, Some(spec.num_layers as u64), Unit::Steps);
        }
        let norm = source.norm("model.norm.weight", hidden)?.into();
        let head = match spec.tie_word_embeddings {
            true => embedding.clone(),
            false => Arc::new(source.matrix("lm_head.weight", spec.vocab_size, hidden)?),
        };
        let inverse_frequencies = spec.rope.inverse_frequencies(spec.head_dim);
        Ok(Self { spec, embedding, layers, norm, head, inverse_frequencies })
    }

    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Every frozen matrix with its name in Transformers; a tied head counts once.
    pub fn frozen_weights(&self) -> Vec<(String, &Arc<FrozenWeight>)> {
        let mut weights = vec![("model.embed_tokens.weight".to_owned(), &self.embedding)];
        for (i, layer) in self.layers.iter().enumerate() {
            for module in Module::ALL {
                let name = format!("model.layers.{i}.{}.weight", module.path());
                weights.push((name, &layer.linear[module as usize]));
            }
        }
        if !self.spec.tie_word_embeddings {
            weights.push(("lm_head.weight".to_owned(), &self.head));
        }
        weights
    }

    /// Hidden rows after the last norm, `[num_tokens, hidden_size]`.
    pub fn forward(&self, ids: &[u32], segments: &Segments, adaptation: Adaptation<'_>) -> Result<Tensor> {
        if segments.num_tokens() != ids.len() {
            candle_core::bail!("{} tokens don't fit segments of {}", ids.len(), segments.num_tokens());
        }
        self.run(ids, &segments.positions(), adaptation, |layer, q, k, v| {
            ops::causal_attention(q, k, v, self.attention_shape(layer), segments)
        })
    }

    /// `[num_rows, vocab_size]` of hidden rows, without gradient.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        cap_logits(ops::frozen_linear(&hidden.detach(), &self.head)?, self.spec.final_softcap)
    }

    /// The summed cross-entropy of hidden rows against the next tokens.
    pub fn cross_entropy(&self, hidden: &Tensor, targets: &[u32], with_gradient: bool) -> Result<Tensor> {
        ops::cross_entropy(hidden, &self.head, targets, self.spec.final_softcap, with_gradient)
    }

    pub(super) fn attention_shape(&self, layer: usize) -> AttentionShape {
        AttentionShape {
            num_heads: self.spec.num_heads,
            num_kv_heads: self.spec.num_kv_heads,
            head_dim: self.spec.head_dim,
            scale: self.spec.attention_scale as f32,
            window: self.spec.windows[layer],
            softcap: self.spec.attention_softcap,
        }
    }

    pub(super) fn inverse_frequencies(&self) -> &[f32] {
        &self.inverse_frequencies
    }

    pub(super) fn eps(&self) -> f32 {
        self.spec.rms_norm_eps as f32
    }

    pub(super) fn norms(&self, layer: usize) -> &Norms {
        &self.layers[layer].norms
    }

    pub(super) fn last_norm(&self) -> &[f32] {
        &self.norm
    }

    pub(super) fn linear(&self, layer: usize, module: Module) -> &FrozenWeight {
        &self.layers[layer].linear[module as usize]
    }

    pub(super) fn head(&self) -> &FrozenWeight {
        &self.head
    }

    /// The blocks; `attend` is given the layer and its q, k (both rotated) and v.
    fn run(
        &self,
        ids: &[u32],
        positions: &[usize],
        adaptation: Adaptation<'_>,
        mut attend: impl FnMut(usize, &Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let table = RopeTable::new(&self.inverse_frequencies, positions);
        let (eps, activation) = (self.spec.rms_norm_eps, self.spec.activation);
        let add = |x: Tensor, branch: Tensor, norm: &Option<Arc<[f32]>>| match norm {
            Some(norm) => x + ops::rms_norm(&branch, norm, eps)?,
            None => x + branch,
        };
        let mut x = self.embed(ids)?; // [num_tokens, hidden]
        for (i, layer) in self.layers.iter().enumerate() {
            let linear = |x: &Tensor, module: Module| adaptation.linear(x, &layer.linear[module as usize], i, module);
            let h = ops::rms_norm(&x, &layer.norms.before_attention, eps)?;
            let q = ops::rope(&linear(&h, Module::QProj)?, &table)?; // [num_tokens, num_heads · head_dim]
            let k = ops::rope(&linear(&h, Module::KProj)?, &table)?; // [num_tokens, num_kv_heads · head_dim]
            let v = linear(&h, Module::VProj)?;
            let attention = attend(i, &q, &k, &v)?;
            x = add(x, linear(&attention, Module::OProj)?, &layer.norms.after_attention)?;
            let h = ops::rms_norm(&x, &layer.norms.before_inner, eps)?;
            let inner = ops::gated(&linear(&h, Module::GateProj)?, &linear(&h, Module::UpProj)?, activation)?;
            x = add(x, linear(&inner, Module::DownProj)?, &layer.norms.after_inner)?;
        }
        ops::rms_norm(&x, &self.norm, eps)
    }

    fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        let mut rows = Vec::new();
        self.embed_into(ids, &mut rows)?;
        Tensor::from_vec(rows, (ids.len(), self.spec.hidden_size), &Device::Cpu)
    }

    /// The embedding of each token as the first block takes it, `[num_tokens, hidden_size]`.
    pub(super) fn embed_into(&self, ids: &[u32], rows: &mut Vec<f32>) -> Result<()> {
        let hidden = self.spec.hidden_size;
        rows.resize(ids.len() * hidden, 0.0);
        for (row, id) in rows.chunks_mut(hidden).zip(ids) {
            self.embedding.row_into(*id as usize, row)?;
        }
        let scale = self.spec.embedding_scale as f32;
        if scale != 1.0 {
            rows.iter_mut().for_each(|value| *value *= scale);
        }
        Ok(())
    }
}

impl Adaptation<'_> {
    fn linear(&self, x: &Tensor, weight: &Arc<FrozenWeight>, layer: usize, module: Module) -> Result<Tensor> {
        let Some((adapter, pair)) = self.adapter.and_then(|a| Some((a, a.pair(layer, module)?))) else {
            return ops::frozen_linear(x, weight);
        };
        let scale = adapter.config.scale();
        if !self.with_gradient {
            return ops::lora_linear(x, weight, &pair.a.as_detached_tensor(), &pair.b.as_detached_tensor(), scale);
        }
        let Some(dropout) = self.dropout else {
            return ops::lora_linear(x, weight, &pair.a, &pair.b, scale);
        };
        let (rows, cols) = x.dims2()?;
        let mut factors = vec![0.0f32; rows * cols];
        for (row, factors) in factors.chunks_exact_mut(cols).enumerate() {
            dropout.factors(layer, Group::of(module) as usize, row, factors);
        }
        let dropped = (x * Tensor::from_vec(factors, (rows, cols), x.device())?)?;
        let adapted = dropped.matmul(&pair.a.t()?)?.matmul(&pair.b.t()?)?;
        ops::frozen_linear(x, weight)? + (adapted * scale)?
    }
}
