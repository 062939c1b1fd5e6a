//! The training pass: loss and adapter gradients of a batch, forward and backward written by hand, block by block, in the
//! precision asked for. The pass in candle's own operations ([`candle_pass`](super::candle_pass)) is its witness.

mod across;
mod adapter;
mod batch;
mod block;
mod branch;
mod delta;
mod head;
mod kinds;
mod linear;
mod mixer;
mod norm;
mod on_device;
mod pass;
mod scan;

use std::time::Instant;

use candle_core::{Device, Result};
use half::bf16;

use super::decoder::RopeTables;
use super::lora::LoraAdapter;
use super::spec::{Mamba2, Mixer};
use super::{Decoder, ModelSpec};
use crate::ops::product::{Element, Isa, Operand};
use crate::ops::rms_norm::normalize_row;
use crate::recipe::GradientCheckpointing;
pub(super) use adapter::PackedAdapter;
pub use batch::{ProductType, Supervised};
use block::{Block, Kept, Work};
pub use head::work_bytes as head_bytes;
pub use kinds::Look;
pub use kinds::PhaseSecs;
use kinds::{Pass, check};
use pass::BlockPass;

/// What `gradient_checkpointing = "auto"` lets activations take, in bytes, also where there is more: other programs
/// need memory, too, and computing blocks again costs time only beyond this.
const KEPT_AT_MOST: u64 = 1 << 30;

/// Bytes that a pass over `num_tokens` tokens keeps and works in, weights and adapter aside, if `num_recomputed` blocks
/// are computed again. What a step really takes ([`GradientPass::num_bytes`]) is held against it by a test.
pub fn activation_bytes(spec: &ModelSpec, product: ProductType, num_recomputed: usize, num_tokens: usize) -> u64 {
    let inner = (0..spec.num_layers()).map(|layer| spec.inner_size(layer)).max().unwrap_or_default();
    let (hidden, inner) = (spec.hidden_size as u64, inner as u64);
    let places = Places::of(spec.num_layers(), num_recomputed);
    let mut kept = vec![0; places.num];
    let (mut widest, mut mixed, mut carried) = (0, 0, 0);
    for layer in 0..spec.num_layers() {
        let widths = spec.mixer_widths(layer);
        (widest, mixed) = (widths.wide.max(widest), widths.mixed.max(mixed));
        carried = carried_width(spec, layer).max(carried);
        // Blocks that share a place leave it as large as the largest of them.
        let place = &mut kept[places.of_layer(layer)];
        *place = kept_bytes(spec, product, layer).max(*place);
    }
    let (widest, mixed) = (widest as u64, mixed as u64);
    let inputs = product.num_bytes() * hidden * spec.num_layers() as u64;
    let operands = product.num_bytes() * (hidden + hidden.max(widest) + inner + 2 * inner);
    let has_inner_bias = spec.layers.iter().any(|layer| layer.biases.inner);
    let wide =
        4 * (2 * widest + 2 * mixed + carried as u64 + if has_inner_bias { 2 * inner } else { inner } + 3 * hidden);
    let per_token = inputs + kept.iter().sum::<u64>() + operands + wide + across::num_bytes(spec, product);
    num_tokens as u64 * per_token + head::work_bytes(spec, product, num_tokens)
}

/// Values of each token that a mixer with states works in besides what all do.
fn carried_width(spec: &ModelSpec, layer: usize) -> usize {
    match spec.layers[layer].mixer {
        Mixer::DeltaNet { shape, .. } => 2 * shape.conv_width(),
        Mixer::Mamba2(Mamba2 { shape, .. }) => 2 * shape.row_width() + shape.part_width(),
        Mixer::Attention | Mixer::ShortConv { .. } => 0,
    }
}

/// Bytes that a block keeps of each token besides its input.
fn kept_bytes(spec: &ModelSpec, product: ProductType, layer: usize) -> u64 {
    let (hidden, inner, widths) = (spec.hidden_size, spec.inner_size(layer), spec.mixer_widths(layer));
    let (q, kv) = (spec.num_heads * spec.head_dim(layer), spec.own_kv_width(layer));
    let layer = &spec.layers[layer];
    let branches = if layer.norms.after { 2 * hidden } else { 0 };
    // The stream once more, what is added to it, and the gate.
    let input = if layer.has_input { 2 * hidden + spec.input_size.unwrap_or_default() } else { 0 };
    let (qk, log_sums) = match layer.mixer {
        Mixer::Attention if layer.qk_norm.is_some() => {
            (q + if layer.normalizes_values { 2 * kv } else { kv }, spec.num_heads)
        }
        Mixer::Attention => (0, spec.num_heads),
        Mixer::ShortConv { .. } | Mixer::DeltaNet { .. } => (0, 0),
        Mixer::Mamba2(_) => (widths.mixed, 0),
    };
    let values = widths.wide + widths.mixed + qk + hidden + 2 * inner + branches + input;
    product.num_bytes() * values as u64 + 4 * log_sums as u64
}

/// How many blocks a pass over `num_tokens` tokens computes again: all, none, or as few as stay below half of the
/// memory that is free and below [`KEPT_AT_MOST`].
pub fn num_recomputed(
    setting: GradientCheckpointing,
    spec: &ModelSpec,
    product: ProductType,
    num_tokens: usize,
    available: u64,
) -> usize {
    let limit = KEPT_AT_MOST.min(available / 2);
    match setting {
        GradientCheckpointing::On => spec.num_layers(),
        GradientCheckpointing::Off => 0,
        GradientCheckpointing::Auto => (0..spec.num_layers())
            .find(|num| activation_bytes(spec, product, *num, num_tokens) <= limit)
            .unwrap_or(spec.num_layers()),
    }
}

/// Where each block's activations are kept: the first blocks, which are computed again, share one place.
#[derive(Clone, Copy)]
struct Places {
    num: usize,
    num_recomputed: usize,
}

impl Places {
    fn of(num_layers: usize, num_recomputed: usize) -> Self {
        let num_recomputed = num_recomputed.min(num_layers);
        Self { num: num_layers - num_recomputed.saturating_sub(1), num_recomputed }
    }

    fn of_layer(self, layer: usize) -> usize {
        (layer + 1).saturating_sub(self.num_recomputed.max(1))
    }
}

/// Everything that a training pass keeps between steps: buffers are filled anew and not asked for again.
pub struct GradientPass(Box<dyn Pass + Send>);

impl GradientPass {
    /// A pass that keeps only the input of the first `num_recomputed` blocks and computes them again on the way back
    /// (Chen et al. 2016); for all blocks that is a third more work for a tenth of the memory.
    pub fn new(product: ProductType, num_recomputed: usize) -> Self {
        Self::on(Isa::current(), product, num_recomputed)
    }

    /// Like [`Self::new`], on an instruction set of this CPU that is not its best.
    pub fn on(isa: Isa, product: ProductType, num_recomputed: usize) -> Self {
        match product {
            ProductType::F32 => Self(Box::new(State::<f32>::new(isa, num_recomputed, false))),
            ProductType::Bf16 => Self(Box::new(State::<bf16>::new(isa, num_recomputed, false))),
            ProductType::Int8 => Self(Box::new(State::<bf16>::new(isa, num_recomputed, true))),
        }
    }

    /// A pass in candle's own operations on a device, with a copy of the weights there.
    ///
    /// # Errors
    /// Where the device has too little memory.
    pub fn on_device(decoder: &Decoder, device: &Device) -> Result<Self> {
        Ok(Self(Box::new(on_device::OnDevice::new(decoder, device)?)))
    }

    /// Takes the adapter's weights as they are now; call it after each of their updates.
    ///
    /// # Errors
    /// Where the adapter doesn't fit the decoder.
    pub fn set_adapter(&mut self, decoder: &Decoder, adapter: &LoraAdapter) -> Result<()> {
        in_pool(|| self.0.set_adapter(decoder, adapter))
    }

    /// The seconds spent so far, for benchmarks.
    pub fn phases(&self) -> PhaseSecs {
        self.0.phases()
    }

    /// The size of all that it keeps and works in, except for its copy of the adapter: after a step, what
    /// [`activation_bytes`] foretold.
    pub fn num_bytes(&self) -> usize {
        self.0.num_bytes()
    }

    /// The summed cross-entropy of the batch's supervised rows, in nats.
    ///
    /// # Errors
    /// As for [`Self::losses`].
    pub fn loss(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<f64> {
        Ok(self.losses(decoder, batch)?.iter().sum())
    }

    /// The cross-entropy of each of the batch's supervised rows, `[num_rows]`, in nats.
    ///
    /// # Errors
    /// Where segments or targets don't fit the batch, or an id is outside the vocabulary.
    pub fn losses(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f64>> {
        in_pool(|| self.0.losses(decoder, batch))
    }

    /// Shows the logits of each of the batch's supervised rows, `[vocab_size]`, in their order; targets don't matter.
    ///
    /// # Errors
    /// As for [`Self::losses`].
    pub fn logits(&mut self, decoder: &Decoder, batch: Supervised<'_>, look: Look<'_>) -> Result<()> {
        in_pool(|| self.0.logits(decoder, batch, look))
    }

    /// The hidden states of each token after the last norm, `[num_tokens, hidden]`: Transformers' `last_hidden_state`.
    /// Supervised rows don't matter.
    ///
    /// # Errors
    /// As for [`Self::losses`].
    pub fn hidden(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f32>> {
        in_pool(|| self.0.hidden(decoder, batch))
    }

    /// Like [`GradientPass::loss`], and adds `weight` times its gradient to `gradients`: those of
    /// [`LoraAdapter::named_vars`], in that order, each flat with its tensor's shape.
    ///
    /// # Errors
    /// As for [`Self::losses`].
    pub fn add_gradients(
        &mut self,
        decoder: &Decoder,
        batch: Supervised<'_>,
        weight: f64,
        gradients: &mut [Vec<f32>],
    ) -> Result<f64> {
        in_pool(|| self.0.add_gradients(decoder, batch, weight, gradients))
    }
}

/// Runs `f` on a thread of the pool: it then leads its products without waking others up for each.
fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}

struct State<E> {
    isa: Isa,
    num_recomputed: usize,
    /// Whether frozen weights are multiplied in whole numbers of 8 bits.
    int8: bool,
    phases: PhaseSecs,
    adapter: Option<PackedAdapter<E>>,
    /// The input of each block.
    inputs: Vec<Operand<E>>,
    /// What each block's backward needs besides, by [`Places`].
    kept: Vec<Kept<E>>,
    work: Work<E>,
    head: head::HeadWork<E>,
    /// The residual stream, `[num_tokens, hidden]`.
    x: Vec<f32>,
    /// Its gradient.
    dx: Vec<f32>,
}

impl<E: Element> State<E> {
    fn new(isa: Isa, num_recomputed: usize, int8: bool) -> Self {
        Self {
            isa,
            num_recomputed,
            int8,
            phases: PhaseSecs::default(),
            adapter: None,
            inputs: Vec::new(),
            kept: Vec::new(),
            work: Work::default(),
            head: head::HeadWork::default(),
            x: Vec::new(),
            dx: Vec::new(),
        }
    }

    fn block_pass<'a>(
        &self,
        decoder: &'a Decoder,
        batch: Supervised<'a>,
        tables: &'a RopeTables,
        last: &'a Option<LastRows>,
    ) -> BlockPass<'a> {
        let last_rows = last.as_ref().map(|last| last.rows.as_slice());
        let Self { isa, int8, .. } = *self;
        let (segments, last_mixing) = (batch.segments, decoder.spec().last_mixing_layer());
        BlockPass { decoder, isa, int8, segments, tables, last_rows, last_mixing, dropout: batch.dropout }
    }

    fn places(&self, spec: &ModelSpec, keep_all: bool) -> Places {
        Places::of(spec.num_layers(), if keep_all { self.num_recomputed } else { spec.num_layers() })
    }

    /// Through all blocks; `self.x` holds the last one's result. `keep_all` is for a backward pass.
    fn forward(&mut self, pass: &BlockPass<'_>, ids: &[u32], keep_all: bool) -> Result<()> {
        let spec = pass.decoder.spec();
        pass.decoder.embed_into(ids, &mut self.x)?;
        let places = self.places(spec, keep_all);
        // A look at held-out examples leaves what steps keep where it is: asked for anew, it would lie beside its old place.
        let num_kept = if keep_all { places.num } else { places.num.max(self.kept.len()) };
        self.kept.resize_with(num_kept, Kept::default);
        if keep_all {
            self.inputs.resize_with(spec.num_layers(), Operand::default);
        }
        let Work { across, scratch, .. } = &mut self.work;
        across.make_inputs(pass, ids, &self.x, self.adapter.as_ref(), scratch)?;
        for layer in 0..spec.num_layers() {
            if keep_all {
                self.inputs[layer].set(pass.isa, &self.x, self.x.len() / spec.hidden_size, spec.hidden_size);
            }
            let kept = &mut self.kept[places.of_layer(layer)];
            let block = Block { pass, layer, adapter: self.adapter.as_ref() };
            block.forward(&mut self.x, kept, &mut self.work)?;
        }
        Ok(())
    }
}

/// What the last block has to make of a batch: the supervised rows, each once and in order, and where each of
/// [`Supervised::rows`] is among them.
struct LastRows {
    rows: Vec<u32>,
    places: Vec<u32>,
}

impl LastRows {
    /// `None` if there is nothing to leave out.
    fn of(batch: Supervised<'_>) -> Option<Self> {
        let mut rows = batch.rows.to_vec();
        rows.sort_unstable();
        rows.dedup();
        if rows.is_empty() || rows.len() == batch.ids.len() {
            return None;
        }
        let places = batch.rows.iter().map(|row| rows.partition_point(|known| known < row) as u32).collect();
        Some(Self { rows, places })
    }

    /// The batch as the head takes it: the rows are those that the last block made.
    fn batch<'a>(of: &'a Option<Self>, batch: Supervised<'a>) -> Supervised<'a> {
        match of {
            Some(last) => Supervised { rows: &last.places, ..batch },
            None => batch,
        }
    }
}

impl<E: Element> Pass for State<E> {
    fn phases(&self) -> PhaseSecs {
        self.phases
    }

    fn num_bytes(&self) -> usize {
        let inputs: usize = self.inputs.iter().map(Operand::num_bytes).sum();
        let kept: usize = self.kept.iter().map(Kept::num_bytes).sum();
        let stream = size_of_val(self.x.as_slice()) + size_of_val(self.dx.as_slice());
        inputs + kept + self.work.num_bytes() + self.head.num_bytes() + stream
    }

    fn set_adapter(&mut self, decoder: &Decoder, adapter: &LoraAdapter) -> Result<()> {
        let packed = self.adapter.get_or_insert_with(PackedAdapter::default);
        packed.set(self.isa, decoder.spec(), adapter)
    }

    fn losses(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f64>> {
        check(decoder, batch)?;
        let tables = decoder.rope_tables(batch.segments)?;
        let last = LastRows::of(batch);
        // Gradients bear rounding; what is told of a model shall not have it.
        let pass = BlockPass { int8: false, ..self.block_pass(decoder, batch, &tables, &last) };
        self.forward(&pass, batch.ids, false)?;
        self.head.losses(&pass, &self.x, LastRows::batch(&last, batch), None)
    }

    fn logits(&mut self, decoder: &Decoder, batch: Supervised<'_>, look: Look<'_>) -> Result<()> {
        check(decoder, batch)?;
        let tables = decoder.rope_tables(batch.segments)?;
        let last = LastRows::of(batch);
        let pass = BlockPass { int8: false, ..self.block_pass(decoder, batch, &tables, &last) };
        self.forward(&pass, batch.ids, false)?;
        self.head.each_logits(&pass, &self.x, LastRows::batch(&last, batch).rows, look)
    }

    fn hidden(&mut self, decoder: &Decoder, batch: Supervised<'_>) -> Result<Vec<f32>> {
        check(decoder, batch)?;
        let tables = decoder.rope_tables(batch.segments)?;
        let pass = BlockPass { int8: false, ..self.block_pass(decoder, batch, &tables, &None) };
        self.forward(&pass, batch.ids, false)?;
        let (isa, norm, eps) = (self.isa, decoder.last_norm(), decoder.eps());
        let mut hidden = vec![0.0; self.x.len()];
        let size = decoder.spec().hidden_size;
        let rows = hidden.chunks_exact_mut(size).zip(self.x.chunks_exact(size));
        rows.for_each(|(hidden, x)| normalize_row(isa, x, norm, eps, hidden));
        Ok(hidden)
    }

    fn add_gradients(
        &mut self,
        decoder: &Decoder,
        batch: Supervised<'_>,
        weight: f64,
        gradients: &mut [Vec<f32>],
    ) -> Result<f64> {
        check(decoder, batch)?;
        let tables = decoder.rope_tables(batch.segments)?;
        let last = LastRows::of(batch);
        let pass = self.block_pass(decoder, batch, &tables, &last);
        let started = Instant::now();
        self.forward(&pass, batch.ids, true)?;
        let forward_secs = started.elapsed().as_secs_f64();
        self.phases.forward += forward_secs;
        self.dx.clear();
        self.dx.resize(self.x.len(), 0.0);
        let losses =
            self.head.losses(&pass, &self.x, LastRows::batch(&last, batch), Some((weight as f32, &mut self.dx)))?;
        let before_backward = started.elapsed().as_secs_f64();
        self.phases.head += before_backward - forward_secs;
        let places = self.places(decoder.spec(), true);
        self.work.across.begin_back();
        for layer in (0..decoder.spec().num_layers()).rev() {
            let kept = &mut self.kept[places.of_layer(layer)];
            let block = Block { pass: &pass, layer, adapter: self.adapter.as_ref() };
            if layer < places.num_recomputed {
                self.inputs[layer].widen_into(pass.isa, &mut self.x);
                block.forward(&mut self.x, kept, &mut self.work)?;
            }
            block.backward(&self.inputs[layer], kept, &mut self.work, &mut self.dx, gradients)?;
        }
        let Work { across, scratch, .. } = &mut self.work;
        across.inputs_back(&pass, self.adapter.as_ref(), gradients, scratch)?;
        self.phases.backward += started.elapsed().as_secs_f64() - before_backward;
        // In order, so that the same batch always gives the same bits.
        Ok(losses.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ModelSpec {
        let config = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 49152, "hidden_size": 576,
            "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
            "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "hidden_act": "silu",
        });
        ModelSpec::from_config(&config).unwrap()
    }

    #[test]
    fn as_few_blocks_are_computed_again_as_the_memory_asks_for() {
        let (spec, plenty) = (spec(), 64 << 30);
        let auto = |num_tokens, available| {
            num_recomputed(GradientCheckpointing::Auto, &spec, ProductType::Bf16, num_tokens, available)
        };
        assert_eq!(auto(8 * 128, plenty), 0);
        let some = auto(4096, plenty);
        assert!((1..30).contains(&some), "{some}");
        let bytes = |num| activation_bytes(&spec, ProductType::Bf16, num, 4096);
        assert!(bytes(some) <= KEPT_AT_MOST && bytes(some - 1) > KEPT_AT_MOST);
        assert!(auto(4096, 1 << 30) > some, "less memory, more work");
        assert_eq!(auto(4096, 0), 30);
        for (setting, expected) in [(GradientCheckpointing::On, 30), (GradientCheckpointing::Off, 0)] {
            assert_eq!(num_recomputed(setting, &spec, ProductType::F32, 4096, 0), expected);
        }
    }

    #[test]
    fn blocks_that_are_computed_again_share_a_place() {
        let places = |num_recomputed| {
            let places = Places::of(4, num_recomputed);
            (places.num, (0..4).map(|layer| places.of_layer(layer)).collect::<Vec<_>>())
        };
        assert_eq!(places(0), (4, vec![0, 1, 2, 3]));
        assert_eq!(places(1), (4, vec![0, 1, 2, 3]));
        assert_eq!(places(3), (2, vec![0, 0, 0, 1]));
        assert_eq!(places(9), (1, vec![0, 0, 0, 0]));
    }
}
