//! The decoder of all families, over frozen weights and an optional adapter. Tokens of all sequences lie back to
//! back, so there is no padding anywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::gradient::Group;
use super::lora::LoraAdapter;
use super::spec::{EMBEDDING, HEAD, LAST_NORM, linear_name, norm_name};
use super::weights::{self, WeightSource};
use super::{Dropout, ModelError, ModelSpec, Module};
use crate::ops::cross_entropy::cap_logits;
use crate::ops::{self, AttentionShape, FrozenWeight, RopeTable, Segments};
use crate::task::{Task, Unit};

/// A loaded model.
pub struct Decoder {
    /// The file or folder that it was read from.
    path: PathBuf,
    spec: ModelSpec,
    embedding: Arc<FrozenWeight>,
    layers: Vec<Layer>,
    norm: Arc<[f32]>,
    /// `[vocab_size, hidden]`; the embedding itself where the two are tied.
    head: Arc<FrozenWeight>,
    inverse_frequencies: Vec<f32>,
}

struct Layer {
    norms: Norms,
    /// `[out, in]` each, by [`Module`].
    linear: [Arc<FrozenWeight>; Module::ALL.len()],
}

/// The norms of a block.
pub(super) struct Norms {
    pub before_attention: Arc<[f32]>,
    pub before_inner: Arc<[f32]>,
    /// The norm of what attention adds to the residual stream, in models that have one; `after_inner` is that of the
    /// inner layers.
    pub after_attention: Option<Arc<[f32]>>,
    pub after_inner: Option<Arc<[f32]>>,
}

impl Norms {
    fn load(source: &mut dyn WeightSource, layer: usize) -> std::result::Result<Self, ModelError> {
        let (hidden, has_after) = (source.spec().hidden_size, source.spec().has_branch_norms);
        let mut norm = |name: &str| finite_norm(source, &norm_name(layer, name), hidden);
        // What Llama calls the norm before the inner layers is the name of another one here.
        let before_inner = if has_after { "pre_feedforward_layernorm" } else { "post_attention_layernorm" };
        Ok(Self {
            before_attention: norm("input_layernorm")?,
            before_inner: norm(before_inner)?,
            after_attention: has_after.then(|| norm("post_attention_layernorm")).transpose()?,
            after_inner: has_after.then(|| norm("post_feedforward_layernorm")).transpose()?,
        })
    }
}

/// The embedding. A file that ties the two and holds another head all the same doesn't say which is meant (Transformers
/// 5 then takes the other head, before 5 the embedding).
fn tied_head(
    source: &mut dyn WeightSource,
    embedding: &Arc<FrozenWeight>,
) -> std::result::Result<Arc<FrozenWeight>, ModelError> {
    match source.tied_head(embedding.rows(), embedding.cols())? {
        Some(head) if head.bytes() != embedding.bytes() => Err(ModelError::Tensor {
            path: source.path().to_owned(),
            tensor: HEAD.to_owned(),
            message: "differs from the embedding, although config.json says that the two are one \
                      (tie_word_embeddings): set it to false if this head is meant, else remove the tensor"
                .to_owned(),
        }),
        _ => Ok(embedding.clone()),
    }
}

/// A norm's weight. Norms are small enough to look at each value; a damaged file often shows there.
fn finite_norm(source: &mut dyn WeightSource, name: &str, len: usize) -> std::result::Result<Arc<[f32]>, ModelError> {
    let weight = source.norm(name, len)?;
    if weight.iter().all(|value| value.is_finite()) {
        return Ok(weight.into());
    }
    let message = NOT_FINITE.to_owned();
    Err(ModelError::Tensor { path: source.path().to_owned(), tensor: name.to_owned(), message })
}

/// After a tensor's name.
const NOT_FINITE: &str = "holds values that are not finite (NaN or infinity): the model is damaged; fetch it again";

/// What a forward pass runs with besides the weights.
#[derive(Default)]
pub struct Adaptation<'a> {
    pub adapter: Option<&'a LoraAdapter>,
    /// Whether to record what `backward` needs for the adapter's gradients.
    pub with_gradient: bool,
    /// Dropout on the adapter's inputs; only with the gradient.
    pub dropout: Option<Dropout>,
}

impl Decoder {
    /// Reads the weights of a GGUF file or a folder.
    ///
    /// # Errors
    /// Where a file is damaged, the model is of a kind that isn't computed here, or a tensor is missing, has another
    /// shape or isn't finite; the error names file and tensor. [`ModelError::Stopped`] where the task was stopped.
    pub fn load(path: &Path, task: &dyn Task) -> std::result::Result<Self, ModelError> {
        Self::from_source(&mut *weights::open(path)?, task)
    }

    fn from_source(source: &mut dyn WeightSource, task: &dyn Task) -> std::result::Result<Self, ModelError> {
        let (path, spec) = (source.path().to_owned(), source.spec().clone());
        if let Some(problem) = source.problem() {
            return Err(ModelError::Unsupported { path, message: problem });
        }
        let hidden = spec.hidden_size;
        let embedding = Arc::new(source.matrix(EMBEDDING, spec.vocab_size, hidden)?);
        let mut layers = Vec::with_capacity(spec.num_layers);
        for i in 0..spec.num_layers {
            if task.is_stopped() {
                return Err(ModelError::Stopped);
            }
            let mut linear = Vec::with_capacity(Module::ALL.len());
            for module in Module::ALL {
                let (rows, cols) = module.shape(&spec);
                linear.push(Arc::new(source.matrix(&linear_name(i, module), rows, cols)?));
            }
            let linear: [_; Module::ALL.len()] = linear
                .try_into()
                .map_err(|_| ModelError::Compute { message: "a block has a wrong number of layers".to_owned() })?;
            layers.push(Layer { norms: Norms::load(source, i)?, linear });
            task.progress(i as u64 + 1, Some(spec.num_layers as u64), Unit::Layers);
        }
        let norm = finite_norm(source, LAST_NORM, hidden)?;
        let head = match spec.tie_word_embeddings {
            true => tied_head(source, &embedding)?,
            false => Arc::new(source.matrix(HEAD, spec.vocab_size, hidden)?),
        };
        let inverse_frequencies = spec.rope.inverse_frequencies(spec.head_dim);
        Ok(Self { path, spec, embedding, layers, norm, head, inverse_frequencies })
    }

    /// The error when something computed with these weights is not finite: it says whether the weights are damaged.
    /// Looks at all of them.
    pub fn not_finite(&self, what: &str) -> ModelError {
        self.damage().unwrap_or_else(|| {
            let message =
                format!("{what} is not a finite number, although all weights of the model are: they are too large");
            ModelError::Compute { message }
        })
    }

    /// An error that names a weight which holds NaN or infinity; `None` where there is none. Looks at all of them.
    pub fn damage(&self) -> Option<ModelError> {
        let damaged = self.frozen_weights().into_iter().find(|(_, weight)| !weight.is_finite().unwrap_or(false));
        damaged.map(|(tensor, _)| ModelError::Tensor {
            path: self.path.clone(),
            tensor,
            message: NOT_FINITE.to_owned(),
        })
    }

    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Every frozen matrix, `[out, in]`, with its name in Transformers; a tied head counts once.
    pub fn frozen_weights(&self) -> Vec<(String, &Arc<FrozenWeight>)> {
        let mut weights = vec![(EMBEDDING.to_owned(), &self.embedding)];
        for (i, layer) in self.layers.iter().enumerate() {
            for module in Module::ALL {
                weights.push((linear_name(i, module), &layer.linear[module as usize]));
            }
        }
        if !self.spec.tie_word_embeddings {
            weights.push((HEAD.to_owned(), &self.head));
        }
        weights
    }

    /// Hidden rows after the last norm, `[num_tokens, hidden_size]`.
    ///
    /// # Errors
    /// Where the segments don't cover the tokens, or an id has no row in the embedding.
    pub fn forward(&self, ids: &[u32], segments: &Segments, adaptation: Adaptation<'_>) -> Result<Tensor> {
        if segments.num_tokens() != ids.len() {
            candle_core::bail!("{} tokens don't fit segments of {}", ids.len(), segments.num_tokens());
        }
        self.run(ids, &segments.positions(), adaptation, |layer, q, k, v| {
            ops::causal_attention(q, k, v, self.attention_shape(layer), segments)
        })
    }

    /// Logits of hidden rows, without gradient: from `[num_rows, hidden_size]` to `[num_rows, vocab_size]`.
    ///
    /// # Errors
    /// Where the rows are not `hidden_size` wide.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        cap_logits(ops::frozen_linear(&hidden.detach(), &self.head)?, self.spec.final_softcap)
    }

    /// The summed cross-entropy, in nats, of hidden rows `[num_rows, hidden_size]` against the `num_rows` next tokens.
    ///
    /// # Errors
    /// Where rows and targets differ in number, or a target is outside the vocabulary.
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

    /// Runs the blocks; `attend` is given the layer and its q, k (both rotated) and v. Gives `[num_tokens, hidden]`.
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
            if *id as usize >= self.embedding.rows() {
                candle_core::bail!(
                    "the token with the id {id} has no row in the embedding of {}",
                    self.embedding.rows()
                );
            }
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
        let scale = adapter.scale(pair);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;
    use crate::task::Unwatched;

    /// Writes down what it is asked for.
    struct Asked<'a> {
        inner: &'a mut dyn WeightSource,
        names: BTreeSet<String>,
    }

    impl WeightSource for Asked<'_> {
        fn path(&self) -> &Path {
            self.inner.path()
        }

        fn spec(&self) -> &ModelSpec {
            self.inner.spec()
        }

        fn problem(&self) -> Option<String> {
            self.inner.problem()
        }

        fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> std::result::Result<FrozenWeight, ModelError> {
            self.names.insert(name.to_owned());
            self.inner.matrix(name, rows, cols)
        }

        fn norm(&mut self, name: &str, len: usize) -> std::result::Result<Vec<f32>, ModelError> {
            self.names.insert(name.to_owned());
            self.inner.norm(name, len)
        }

        fn tied_head(&mut self, rows: usize, cols: usize) -> std::result::Result<Option<FrozenWeight>, ModelError> {
            self.inner.tied_head(rows, cols)
        }
    }

    #[test]
    fn the_spec_names_exactly_the_tensors_that_are_asked_for() {
        for family in ["llama", "mistral_window", "gemma2", "cases/_model"] {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family);
            let mut source = weights::open(&folder).unwrap();
            let mut asked = Asked { inner: &mut *source, names: BTreeSet::new() };
            let decoder = Decoder::from_source(&mut asked, &Unwatched).unwrap();
            assert_eq!(asked.names, decoder.spec().tensor_names().into_iter().collect(), "{family}");
        }
    }
}
