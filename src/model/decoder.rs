//! The decoder of all families, over frozen weights and an optional adapter. Tokens of all sequences lie back to
//! back, so there is no padding anywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Result;

use super::block::Branch;
use super::spec::{LayerSpec, Mamba2, Mixer, NormPlace, Part, RopeSpec, ScanPart};
use super::weights::{self, WeightSource};
use super::{Group, ModelError, ModelSpec, Module};
use crate::ops::causal_conv::CausalConv;
use crate::ops::delta::{DeltaShape, DeltaWeights};
use crate::ops::scan::Scan;
use crate::ops::{AttentionShape, FrozenWeight, RopeTable, Segments};
use crate::task::{Task, Unit};

/// A loaded model.
pub struct Decoder {
    /// The file or folder that it was read from.
    path: PathBuf,
    spec: ModelSpec,
    embedding: Arc<FrozenWeight>,
    inputs: Option<LayerInputs>,
    layers: Vec<Layer>,
    norm: Arc<[f32]>,
    /// `[vocab_size, hidden]`; the embedding itself where the two are tied.
    head: Arc<FrozenWeight>,
    /// Half as many values as a head has rotated ones, for each of the spec's rotations: of short texts, and of long ones.
    inverse_frequencies: Vec<[Vec<f32>; 2]>,
}

struct Layer {
    norms: Norms,
    /// By [`Group`].
    groups: [Vec<Linear>; Group::ALL.len()],
    /// The biases of each group's layers, side by side.
    biases: [Option<Arc<[f32]>>; Group::ALL.len()],
    /// What a convolution multiplies by, `[kernel, channels]`: those of the token itself come last.
    kernel: Option<Arc<[f32]>>,
    delta: Option<DeltaNet>,
    scan: Option<ScanWeights>,
    /// What the residual stream is multiplied by after it.
    scale: f32,
}

/// The numbers of a gated DeltaNet.
struct DeltaNet {
    decay: Arc<[f32]>,
    step_bias: Arc<[f32]>,
    norm: Arc<[f32]>,
}

impl DeltaNet {
    fn load(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Option<Self>, ModelError> {
        let Mixer::DeltaNet { .. } = source.spec().layers[index].mixer else { return Ok(None) };
        let mut vector = |part: Part| {
            let len = part.num_values(source.spec());
            finite_vector(source, part, len)
        };
        let (decay, step_bias) = (vector(Part::Decay(index))?, vector(Part::StepBias(index))?);
        Ok(Some(Self { decay, step_bias, norm: vector(Part::Norm(index, NormPlace::Mixed))? }))
    }
}

/// What a state space has besides its linear layers and its convolution's kernel.
struct ScanWeights {
    mamba2: Mamba2,
    /// By [`ScanPart`]; empty where the layer doesn't have it.
    parts: [Arc<[f32]>; 5],
}

impl ScanWeights {
    fn load(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Option<Self>, ModelError> {
        let layer = source.spec().layers[index];
        let Mixer::Mamba2(mamba2) = layer.mixer else { return Ok(None) };
        let mut parts = [const { Vec::new() }; 5].map(Arc::from);
        for part in ScanPart::of(&layer) {
            let wanted = Part::Scan(index, part);
            let len = wanted.num_values(source.spec());
            parts[part as usize] = finite_vector(source, wanted, len)?;
        }
        Ok(Some(Self { mamba2, parts }))
    }
}

/// A state space as kernels take it: its convolution, what it carries, and the weight of its norm.
pub(super) struct StateSpace<'a> {
    pub mamba2: Mamba2,
    pub conv: CausalConv<'a>,
    pub scan: Scan<'a>,
    pub norm: &'a [f32],
}

/// What the inputs that blocks have of their own are made of, besides the linear layer that is counted with the first block.
pub(super) struct LayerInputs {
    /// `[vocab_size, num_layers · input_size]`
    embedding: Arc<FrozenWeight>,
    /// On what comes from a token's embedding, halved in its square: the two parts of an input count alike.
    pub norm: Arc<[f32]>,
    /// What its rows are multiplied by.
    scale: f32,
    /// The norm's epsilon where what it reads isn't scaled.
    pub eps: f32,
}

impl LayerInputs {
    fn load(source: &mut dyn WeightSource) -> std::result::Result<Option<Self>, ModelError> {
        let spec = source.spec();
        let Some(size) = spec.input_size.filter(|_| spec.layers.iter().any(|layer| layer.has_input)) else {
            return Ok(None);
        };
        let (rows, cols) = (spec.vocab_size, spec.num_layers() * size);
        // The norm reads a product times 1/√hidden; without that factor its epsilon is as many times larger.
        let eps = (spec.rms_norm_eps * spec.hidden_size as f64) as f32;
        let embedding = Arc::new(source.matrix(Part::InputEmbedding, rows, cols)?);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let norm = finite_vector(source, Part::InputsNorm, size)?.iter().map(|value| value * half).collect();
        Ok(Some(Self { embedding, norm, scale: (size as f32).sqrt() * half, eps }))
    }
}

/// A linear layer of a block.
pub(super) struct Linear {
    pub module: Module,
    /// Its first column in the result of its group.
    pub column: usize,
    /// `[out, in]`
    pub weight: Arc<FrozenWeight>,
}

impl Layer {
    fn load(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Self, ModelError> {
        let mut groups = [const { Vec::new() }; Group::ALL.len()];
        let mut biases = [const { None }; Group::ALL.len()];
        for group in Group::ALL {
            let (columns, width) = source.spec().columns(index, group);
            let mut bias = Vec::new();
            for (module, column) in columns {
                let (rows, cols) = source.spec().shape(index, module);
                let weight = Arc::new(source.matrix(Part::Weight(index, module), rows, cols)?);
                groups[group as usize].push(Linear { module, column, weight });
                if source.spec().layers[index].has_bias(module) {
                    bias.resize(column, 0.0);
                    bias.extend_from_slice(&finite_vector(source, Part::Bias(index, module), rows)?);
                }
            }
            if !bias.is_empty() {
                bias.resize(width, 0.0);
                biases[group as usize] = Some(bias.into());
            }
        }
        let scale = match source.spec().layers[index].is_scaled {
            true => finite_vector(source, Part::Scale(index), 1)?.first().copied().unwrap_or(1.0),
            false => 1.0,
        };
        let (norms, kernel) = (Norms::load(source, index)?, kernel(source, index)?);
        let (delta, scan) = (DeltaNet::load(source, index)?, ScanWeights::load(source, index)?);
        Ok(Self { norms, groups, biases, kernel, delta, scan, scale })
    }
}

/// The norms of a block, where it has them.
pub(super) struct Norms {
    pub before_mixer: Option<Arc<[f32]>>,
    pub before_inner: Option<Arc<[f32]>>,
    /// On what the mixer and the inner layers add to the residual stream.
    pub after_mixer: Option<Arc<[f32]>>,
    pub after_inner: Option<Arc<[f32]>>,
    /// On what the block's own input adds.
    pub after_input: Option<Arc<[f32]>>,
    pub qk: Option<QkNorms>,
}

/// Norms on queries, and on keys and values where the block makes some: each goes over as many values at a time as it has.
pub(super) struct QkNorms {
    pub q: Arc<[f32]>,
    pub k: Option<Arc<[f32]>>,
    /// It has no weights: they are ones.
    pub v: Option<Arc<[f32]>>,
}

impl QkNorms {
    /// Each with the width of what it is on, of queries and keys or values as wide as these.
    pub fn parts(&self, q_width: usize, kv_width: usize) -> impl Iterator<Item = (&[f32], usize)> {
        let others = [&self.k, &self.v].into_iter().filter_map(move |norm| Some((&**norm.as_ref()?, kv_width)));
        [(&*self.q, q_width)].into_iter().chain(others)
    }

    /// The values of a row that go through a norm, the first ones.
    pub fn width(&self, q_width: usize, kv_width: usize) -> usize {
        self.parts(q_width, kv_width).map(|(_, width)| width).sum()
    }
}

impl Norms {
    fn load(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Self, ModelError> {
        let wanted: Vec<NormPlace> = NormPlace::of(&source.spec().layers[index]).collect();
        let mut norm = |place: NormPlace| {
            let part = Part::Norm(index, place);
            let len = part.num_values(source.spec());
            wanted.contains(&place).then(|| finite_vector(source, part, len)).transpose()
        };
        let [before_mixer, after_mixer] = [norm(NormPlace::BeforeMixer)?, norm(NormPlace::AfterMixer)?];
        let [before_inner, after_inner] = [norm(NormPlace::BeforeInner)?, norm(NormPlace::AfterInner)?];
        let after_input = norm(NormPlace::AfterInput)?;
        let (q, k) = (norm(NormPlace::Queries)?, norm(NormPlace::Keys)?);
        let v = source.spec().layers[index].normalizes_values.then(|| vec![1.0; source.spec().head_dim(index)].into());
        let qk = q.map(|q| QkNorms { q, k, v });
        Ok(Self { before_mixer, before_inner, after_mixer, after_inner, after_input, qk })
    }

    pub fn before(&self, branch: Branch) -> &Option<Arc<[f32]>> {
        match branch {
            Branch::Mixer => &self.before_mixer,
            Branch::Inner => &self.before_inner,
            Branch::Input => &None,
        }
    }

    pub fn after(&self, branch: Branch) -> &Option<Arc<[f32]>> {
        match branch {
            Branch::Mixer => &self.after_mixer,
            Branch::Inner => &self.after_inner,
            Branch::Input => &self.after_input,
        }
    }
}

/// A convolution's weights, in the file `[channels, 1, kernel]`.
fn kernel(source: &mut dyn WeightSource, index: usize) -> std::result::Result<Option<Arc<[f32]>>, ModelError> {
    let kernel = match source.spec().layers[index].mixer {
        Mixer::Attention => return Ok(None),
        Mixer::ShortConv { kernel } | Mixer::DeltaNet { kernel, .. } | Mixer::Mamba2(Mamba2 { kernel, .. }) => kernel,
    };
    let part = Part::Kernel(index);
    let len = part.num_values(source.spec());
    let values = finite_vector(source, part, len)?;
    Ok(Some((0..kernel).flat_map(|tap| values.iter().skip(tap).step_by(kernel)).copied().collect()))
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
        let inputs = LayerInputs::load(source)?;
        let mut layers = Vec::with_capacity(spec.num_layers());
        for i in 0..spec.num_layers() {
            if task.is_stopped() {
                return Err(ModelError::Stopped);
            }
            layers.push(Layer::load(source, i)?);
            task.progress(i as u64 + 1, Some(spec.num_layers() as u64), Unit::Layers);
        }
        // The head is linear: what divides its logits can as well divide what it reads.
        let divisor = spec.logits_divisor as f32;
        let norm = finite_vector(source, Part::LastNorm, hidden)?.iter().map(|value| value / divisor).collect();
        let head = match spec.tie_word_embeddings {
            true => tied_head(source, &embedding)?,
            false => Arc::new(source.matrix(Part::Head, spec.vocab_size, hidden)?),
        };
        let of_rope = |(index, rope): (usize, &RopeSpec)| {
            [false, true].map(|is_long| rope.inverse_frequencies(spec.rotated_head_dim(index), is_long))
        };
        let inverse_frequencies = spec.ropes.iter().enumerate().map(of_rope).collect();
        Ok(Self { path, spec, embedding, inputs, layers, norm, head, inverse_frequencies })
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
        weights.extend(self.inputs.iter().map(|of| (Part::InputEmbedding.name(&self.spec), &of.embedding)));
        for (i, layer) in self.layers.iter().enumerate() {
            for Linear { module, weight, .. } in layer.groups.iter().flatten() {
                weights.push((Part::Weight(i, *module).name(&self.spec), weight));
            }
        }
        if !self.spec.tie_word_embeddings {
            weights.push((Part::Head.name(&self.spec), &self.head));
        }
        weights
    }

    pub(super) fn attention_shape(&self, layer: usize) -> AttentionShape {
        AttentionShape {
            num_heads: self.spec.num_heads,
            num_kv_heads: self.spec.num_kv_heads,
            head_dim: self.spec.head_dim(layer),
            scale: self.spec.attention_scale as f32,
            window: self.spec.layers[layer].window,
            softcap: self.spec.attention_softcap,
        }
    }

    /// The rotations of the tokens of sequences.
    ///
    /// # Errors
    /// Where a beginning is shared by sequences that are rotated otherwise.
    pub(super) fn rope_tables(&self, segments: &Segments) -> Result<RopeTables> {
        let positions = segments.positions();
        let lengths = match self.spec.switches_beyond() {
            Some(most) => segments.is_longer_than(most).ok_or_else(|| {
                let message = format!("sequences up to {most} tokens and longer ones can't share a beginning");
                candle_core::Error::Msg(message)
            })?,
            None => vec![false; positions.len()],
        };
        Ok(self.tables(&positions, &lengths))
    }

    /// The rotations of tokens at these positions, each of a long text or not ([`ModelSpec::switches_beyond`]).
    pub(super) fn tables(&self, positions: &[usize], is_long: &[bool]) -> RopeTables {
        let places = || positions.iter().copied().zip(is_long.iter().copied());
        let ropes = self.inverse_frequencies.iter().zip(&self.spec.ropes).enumerate();
        let tables = ropes.map(|(index, ([short, long], rope))| {
            let head_dim = self.spec.rotated_head_dim(index);
            let angles = places().flat_map(|(position, is_long)| {
                let frequencies = if is_long { long } else { short };
                frequencies.iter().map(move |frequency| position as f32 * frequency)
            });
            RopeTable::new(angles, head_dim, short.len(), rope.attention_factor(), rope.is_adjacent)
        });
        let query_factors = self.spec.query_scale.map(|scale| positions.iter().map(|at| scale.at(*at)).collect());
        RopeTables { tables: tables.collect(), query_factors }
    }

    pub(super) fn eps(&self) -> f32 {
        self.spec.rms_norm_eps as f32
    }

    pub(super) fn norms(&self, layer: usize) -> &Norms {
        &self.layers[layer].norms
    }

    pub(super) fn bias(&self, layer: usize, group: Group) -> Option<&[f32]> {
        self.layers[layer].biases[group as usize].as_deref()
    }

    /// The state space of a layer that has one.
    pub(super) fn state_space(&self, layer: usize) -> Option<StateSpace<'_>> {
        let ScanWeights { mamba2, parts } = self.layers[layer].scan.as_ref()?;
        let part = |part: ScanPart| &*parts[part as usize];
        let bias = part(ScanPart::KernelBias);
        let Mamba2 { shape, time_limits, .. } = *mamba2;
        Some(StateSpace {
            mamba2: *mamba2,
            conv: CausalConv {
                kernel: self.kernel(layer),
                bias: (!bias.is_empty()).then_some(bias),
                channels: shape.row_width(),
            },
            scan: Scan {
                shape,
                a: part(ScanPart::Decay),
                d: part(ScanPart::Skip),
                dt_bias: part(ScanPart::TimeBias),
                dt_limits: time_limits,
            },
            norm: part(ScanPart::Norm),
        })
    }

    /// A convolution's weights, `[kernel, channels]`; empty in layers that attend.
    pub(super) fn kernel(&self, layer: usize) -> &[f32] {
        self.layers[layer].kernel.as_deref().unwrap_or_default()
    }

    /// The numbers of a layer's gated DeltaNet, and its convolution; `None` in other layers.
    pub(super) fn delta(&self, layer: usize) -> Option<(DeltaShape, DeltaWeights<'_>, CausalConv<'_>)> {
        let Mixer::DeltaNet { shape, .. } = self.spec.layers[layer].mixer else { return None };
        let DeltaNet { decay, step_bias, norm } = self.layers[layer].delta.as_ref()?;
        let weights = DeltaWeights { decay, step_bias, norm, eps: self.eps() };
        Some((shape, weights, CausalConv { kernel: self.kernel(layer), bias: None, channels: shape.conv_width() }))
    }

    pub(super) fn layer_spec(&self, layer: usize) -> &LayerSpec {
        &self.spec.layers[layer]
    }

    /// What the residual stream is multiplied by after a block.
    pub(super) fn scale(&self, layer: usize) -> f32 {
        self.layers[layer].scale
    }

    /// What the inputs that blocks have of their own are made of, where they have some.
    pub(super) fn inputs(&self) -> Option<&LayerInputs> {
        self.inputs.as_ref()
    }

    pub(super) fn residual_scale(&self) -> f32 {
        self.spec.residual_scale as f32
    }

    pub(super) fn last_norm(&self) -> &[f32] {
        &self.norm
    }

    /// The linear layers of a group of a block.
    pub(super) fn linear(&self, layer: usize, group: Group) -> &[Linear] {
        &self.layers[layer].groups[group as usize]
    }

    pub(super) fn head(&self) -> &FrozenWeight {
        &self.head
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

impl LayerInputs {
    /// A token's part of the inputs of all blocks, `[num_layers · input_size]`: one that [`Decoder::embed_into`] has embedded.
    pub fn embed_row(&self, id: u32, row: &mut [f32]) -> Result<()> {
        self.embedding.row_into(id as usize, row)?;
        row.iter_mut().for_each(|value| *value *= self.scale);
        Ok(())
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
        let like_llama = ["llama", "mistral_window", "gemma2", "cases/_model", "phi4_mini", "granite4"];
        for family in like_llama.into_iter().chain(["lfm2", "qwen3_5", "granite4_h", "gemma4"]) {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family);
            let mut source = weights::open(&folder).unwrap();
            let mut asked = Asked { inner: &mut *source, parts: HashSet::new() };
            let decoder = Decoder::from_source(&mut asked, &Unwatched).unwrap();
            assert_eq!(asked.parts, decoder.spec().parts().into_iter().collect(), "{family}");
        }
    }
}
