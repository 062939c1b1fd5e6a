//! The decoder of all families, over frozen weights and an optional adapter. Tokens of all sequences lie back to
//! back, so there is no padding anywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::gradient::Group;
use super::lora::LoraAdapter;
use super::spec::{LayerSpec, NormPlace, Part, QkNorm};
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
    /// `head_dim / 2` values for each of the spec's rotations.
    inverse_frequencies: Vec<Vec<f32>>,
}

struct Layer {
    norms: Norms,
    /// `[out, in]` each, by [`Module`].
    linear: [Arc<FrozenWeight>; Module::ALL.len()],
    /// The biases of queries, keys and values, side by side.
    qkv_bias: Option<Arc<[f32]>>,
}

/// The norms of a block, where it has them.
pub(super) struct Norms {
    pub before_attention: Option<Arc<[f32]>>,
    pub before_inner: Option<Arc<[f32]>>,
    /// On what attention and the inner layers add to the residual stream.
    pub after_attention: Option<Arc<[f32]>>,
    pub after_inner: Option<Arc<[f32]>>,
    pub qk: Option<QkNorms>,
}

/// Norms on queries and keys before they are rotated: each goes over as many values at a time as it has.
pub(super) struct QkNorms {
    pub q: Arc<[f32]>,
    pub k: Arc<[f32]>,
}

impl Norms {
    fn load(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Self, ModelError> {
        let spec = source.spec();
        let (hidden, LayerSpec { norms, qk_norm, .. }) = (spec.hidden_size, spec.layers[index]);
        let widths = qk_norm.map(|norm| match norm {
            QkNorm::PerHead | QkNorm::PerRotatedHead => [spec.head_dim; 2],
            QkNorm::AllHeads => [Module::QProj, Module::KProj].map(|module| module.shape(spec).0),
        });
        let mut norm = |place, len| finite_vector(source, Part::Norm(index, place), len);
        let mut at = |is_there: bool, place| is_there.then(|| norm(place, hidden)).transpose();
        let before_attention = at(norms.before, NormPlace::BeforeAttention)?;
        let before_inner = at(norms.before, NormPlace::BeforeInner)?;
        let after_attention = at(norms.after, NormPlace::AfterAttention)?;
        let after_inner = at(norms.after, NormPlace::AfterInner)?;
        let qk = match widths {
            Some([q, k]) => Some(QkNorms { q: norm(NormPlace::Queries, q)?, k: norm(NormPlace::Keys, k)? }),
            None => None,
        };
        Ok(Self { before_attention, before_inner, after_attention, after_inner, qk })
    }
}

fn qkv_bias(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Option<Arc<[f32]>>, ModelError> {
    if !source.spec().layers[index].qkv_bias {
        return Ok(None);
    }
    let mut bias = Vec::new();
    for module in Module::ALL.into_iter().filter(|module| module.is_qkv()) {
        let len = module.shape(source.spec()).0;
        bias.extend_from_slice(&finite_vector(source, Part::Bias(index, module), len)?);
    }
    Ok(Some(bias.into()))
}

/// The embedding. A file that ties the two and holds another head all the same is not clear about which is meant
/// (Transformers 5 then takes the other head, before 5 the embedding).
fn tied_head(
    source: &mut dyn WeightSource,
    embedding: &Arc<FrozenWeight>,
) -> std::result::Result<Arc<FrozenWeight>, ModelError> {
    match source.tied_head(embedding.rows(), embedding.cols())? {
        Some(head) if head.bytes() != embedding.bytes() => Err(ModelError::Tensor {
            path: source.path().to_owned(),
            tensor: Part::Head.name(source.spec()),
            message: "differs from the embedding, although config.json says that the two are one \
                      (tie_word_embeddings): set it to false if this head is meant, else remove the tensor"
                .to_owned(),
        }),
        _ => Ok(embedding.clone()),
    }
}

/// A norm's weight or a bias. Both are small enough to look at each value; a damaged file often shows there.
fn finite_vector(source: &mut dyn WeightSource, part: Part, len: usize) -> std::result::Result<Arc<[f32]>, ModelError> {
    let values = source.vector(part, len)?;
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values.into());
    }
    let (tensor, message) = (part.name(source.spec()), NOT_FINITE.to_owned());
    Err(ModelError::Tensor { path: source.path().to_owned(), tensor, message })
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
        let embedding = Arc::new(source.matrix(Part::Embedding, spec.vocab_size, hidden)?);
        let mut layers = Vec::with_capacity(spec.num_layers());
        for i in 0..spec.num_layers() {
            if task.is_stopped() {
                return Err(ModelError::Stopped);
            }
            let mut linear = Vec::with_capacity(Module::ALL.len());
            for module in Module::ALL {
                let (rows, cols) = module.shape(&spec);
                linear.push(Arc::new(source.matrix(Part::Weight(i, module), rows, cols)?));
            }
            let linear: [_; Module::ALL.len()] = linear
                .try_into()
                .map_err(|_| ModelError::Compute { message: "a block has a wrong number of layers".to_owned() })?;
            layers.push(Layer { norms: Norms::load(source, i)?, linear, qkv_bias: qkv_bias(source, i)? });
            task.progress(i as u64 + 1, Some(spec.num_layers() as u64), Unit::Layers);
        }
        // The head is linear: what divides its logits can as well divide what it reads.
        let divisor = spec.logits_divisor as f32;
        let norm = finite_vector(source, Part::LastNorm, hidden)?.iter().map(|value| value / divisor).collect();
        let head = match spec.tie_word_embeddings {
            true => tied_head(source, &embedding)?,
            false => Arc::new(source.matrix(Part::Head, spec.vocab_size, hidden)?),
        };
        let inverse_frequencies = spec.ropes.iter().map(|rope| rope.inverse_frequencies(spec.head_dim)).collect();
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
        let mut weights = vec![(Part::Embedding.name(&self.spec), &self.embedding)];
        for (i, layer) in self.layers.iter().enumerate() {
            for module in Module::ALL {
                weights.push((Part::Weight(i, module).name(&self.spec), &layer.linear[module as usize]));
            }
        }
        if !self.spec.tie_word_embeddings {
            weights.push((Part::Head.name(&self.spec), &self.head));
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
            window: self.spec.layers[layer].window,
            softcap: self.spec.attention_softcap,
        }
    }

    /// The rotations of tokens at these positions.
    pub(super) fn rope_tables(&self, positions: &[usize]) -> RopeTables {
        let ropes = self.inverse_frequencies.iter().zip(&self.spec.ropes);
        let tables =
            ropes.map(|(frequencies, rope)| RopeTable::scaled(frequencies, positions, rope.attention_factor()));
        let query_factors = self.spec.query_scale.map(|scale| positions.iter().map(|at| scale.at(*at)).collect());
        RopeTables { tables: tables.collect(), query_factors }
    }

    pub(super) fn eps(&self) -> f32 {
        self.spec.rms_norm_eps as f32
    }

    pub(super) fn norms(&self, layer: usize) -> &Norms {
        &self.layers[layer].norms
    }

    pub(super) fn qkv_bias(&self, layer: usize) -> Option<&[f32]> {
        self.layers[layer].qkv_bias.as_deref()
    }

    pub(super) fn layer_spec(&self, layer: usize) -> &LayerSpec {
        &self.spec.layers[layer]
    }

    pub(super) fn residual_scale(&self) -> f32 {
        self.spec.residual_scale as f32
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
        let tables = self.rope_tables(positions);
        let (eps, activation, scale) = (self.spec.rms_norm_eps, self.spec.activation, self.spec.residual_scale);
        let normed = |x: &Tensor, norm: &Option<Arc<[f32]>>| match norm {
            Some(norm) => ops::rms_norm(x, norm, eps),
            None => Ok(x.clone()),
        };
        let add = |x: Tensor, branch: Tensor, norm: &Option<Arc<[f32]>>| x + (normed(&branch, norm)? * scale)?;
        let mut x = self.embed(ids)?; // [num_tokens, hidden]
        for (i, layer) in self.layers.iter().enumerate() {
            let linear = |x: &Tensor, module: Module| adaptation.linear(x, &layer.linear[module as usize], i, module);
            let is_rotated_first = self.spec.layers[i].qk_norm == Some(QkNorm::PerRotatedHead);
            let rotate = |x: Tensor| match tables.of(&self.spec.layers[i]) {
                Some(table) => ops::rope(&x, table),
                None => Ok(x),
            };
            let place = |x: Tensor, norm: Option<&Arc<[f32]>>| match norm {
                Some(norm) if is_rotated_first => normed_parts(&rotate(x)?, norm, eps),
                Some(norm) => rotate(normed_parts(&x, norm, eps)?),
                None => rotate(x),
            };
            let norms = &layer.norms;
            let h = normed(&x, &norms.before_attention)?;
            let [q, k, v] =
                layer.biased([Module::QProj, Module::KProj, Module::VProj].map(|module| linear(&h, module)))?;
            let q = place(q, norms.qk.as_ref().map(|qk| &qk.q))?; // [num_tokens, num_heads · head_dim]
            let k = place(k, norms.qk.as_ref().map(|qk| &qk.k))?; // [num_tokens, num_kv_heads · head_dim]
            let q = match &tables.query_factors {
                Some(factors) => q.broadcast_mul(&Tensor::new(&factors[..], q.device())?.unsqueeze(1)?)?,
                None => q,
            };
            let attention = attend(i, &q, &k, &v)?;
            x = add(x, linear(&attention, Module::OProj)?, &norms.after_attention)?;
            let h = normed(&x, &norms.before_inner)?;
            let inner = ops::gated(&linear(&h, Module::GateProj)?, &linear(&h, Module::UpProj)?, activation)?;
            x = add(x, linear(&inner, Module::DownProj)?, &norms.after_inner)?;
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

/// Every so many values of a row as a row by themselves.
fn normed_parts(x: &Tensor, norm: &Arc<[f32]>, eps: f64) -> Result<Tensor> {
    let (num_tokens, width) = x.dims2()?;
    ops::rms_norm(&x.reshape((num_tokens * width / norm.len(), norm.len()))?, norm, eps)?.reshape((num_tokens, width))
}

impl Layer {
    /// Queries, keys and values with their biases.
    fn biased(&self, qkv: [Result<Tensor>; 3]) -> Result<[Tensor; 3]> {
        let [q, k, v] = qkv;
        let qkv = [q?, k?, v?];
        let Some(bias) = &self.qkv_bias else { return Ok(qkv) };
        let mut start = 0;
        let mut add = |x: &Tensor| {
            let own = &bias[start..start + x.dim(1)?];
            start += own.len();
            x.broadcast_add(&Tensor::new(own, x.device())?)
        };
        Ok([add(&qkv[0])?, add(&qkv[1])?, add(&qkv[2])?])
    }
}

/// The rotations of a batch, by [`ModelSpec::ropes`].
pub(super) struct RopeTables {
    tables: Vec<RopeTable>,
    /// What each token's queries are multiplied by, in models whose queries grow with their position.
    pub query_factors: Option<Vec<f32>>,
}

impl RopeTables {
    /// A block's; `None` where it rotates nothing.
    pub fn of(&self, layer: &LayerSpec) -> Option<&RopeTable> {
        self.tables.get(layer.rope?)
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
    use std::collections::HashSet;
    use std::path::PathBuf;

    use super::*;
    use crate::task::Unwatched;

    /// Writes down what it is asked for.
    struct Asked<'a> {
        inner: &'a mut dyn WeightSource,
        parts: HashSet<Part>,
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

        fn matrix(&mut self, part: Part, rows: usize, cols: usize) -> std::result::Result<FrozenWeight, ModelError> {
            self.parts.insert(part);
            self.inner.matrix(part, rows, cols)
        }

        fn vector(&mut self, part: Part, len: usize) -> std::result::Result<Vec<f32>, ModelError> {
            self.parts.insert(part);
            self.inner.vector(part, len)
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
            let mut asked = Asked { inner: &mut *source, parts: HashSet::new() };
            let decoder = Decoder::from_source(&mut asked, &Unwatched).unwrap();
            assert_eq!(asked.parts, decoder.spec().parts().into_iter().collect(), "{family}");
        }
    }
}
