//! New tokens over what is cached, without gradient, in buffers that are kept from token to token.

mod cache;
mod inputs;
mod scan;

use std::ops::Range;
use std::sync::Arc;

use candle_core::Result;
use rayon::prelude::*;

use super::block::{self, Branch, Steps};
use super::decoder::{QkNorms, RopeTables};
use super::gradient::PackedAdapter;
use super::lora::LoraAdapter;
use super::{Decoder, Group};
use crate::ops::attention::Cached;
use crate::ops::conv::short_conv_next;
use crate::ops::delta::{Delta, Sequence};
use crate::ops::gated::gated_row;
use crate::ops::head_gates::{gate_all, part_row};
use crate::ops::inference::{LinearInput, room, soft_cap};
use crate::ops::product::{Isa, Operand, Output, Weights, multiply};
use crate::ops::rms_norm::{add_normalized_row, normalize_row};
use crate::ops::{FrozenWeight, cached_attention};
pub use cache::KvCache;
use cache::{Layer, append};

/// How many logits a task caps.
const CAPPED_AT_ONCE: usize = 16_384;

/// The forward pass of generation: agrees with training's except for the rounding of activations where that
/// is quicker ([`crate::ops::quant::fixed`]).
pub struct Generation<'a> {
    linear: Linear<'a>,
    /// The residual stream, `[num_tokens, hidden]`.
    x: Vec<f32>,
    /// Rows of `x` that end a sequence.
    last: Vec<usize>,
    /// The inputs that blocks have of their own, `[num_tokens, num_layers · input_size]`.
    inputs: Vec<f32>,
    buffers: Buffers,
    /// `[num_sequences, vocab_size]`
    logits: Vec<f32>,
}

/// Buffers that are used anew; each keeps its purpose, and so its size.
#[derive(Default)]
struct Buffers {
    /// What the mixer reads, side by side.
    wide: Vec<f32>,
    queries: Vec<f32>,
    /// What gates the heads.
    gates: Vec<f32>,
    /// What a gated DeltaNet or a state space convolved.
    convolved: Vec<f32>,
    /// What a state space gives.
    scanned: Vec<f32>,
    /// The mixer's result.
    mixed: Vec<f32>,
    gate_up: Vec<f32>,
    /// What is added to the residual stream.
    sum: Vec<f32>,
}

/// The linear layers with their adapter.
struct Linear<'a> {
    decoder: &'a Decoder,
    isa: Isa,
    adapter: Option<PackedAdapter<f32>>,
    input: LinearInput,
    /// `x·Aᵀ`
    xa: Operand<f32>,
}

impl<'a> Generation<'a> {
    /// Prepares to generate, on the best instruction set of this CPU.
    ///
    /// # Errors
    /// Where the adapter doesn't fit the decoder.
    pub fn new(decoder: &'a Decoder, adapter: Option<&LoraAdapter>) -> Result<Self> {
        Self::on(Isa::current(), decoder, adapter)
    }

    /// Like [`Self::new`], on an instruction set of this CPU that is not its best.
    ///
    /// # Errors
    /// Where the adapter doesn't fit the decoder.
    pub fn on(isa: Isa, decoder: &'a Decoder, adapter: Option<&LoraAdapter>) -> Result<Self> {
        let adapter = match adapter {
            None => None,
            Some(adapter) => {
                let mut packed = PackedAdapter::default();
                packed.set(isa, decoder.spec(), adapter)?;
                Some(packed)
            }
        };
        Ok(Self {
            linear: Linear { decoder, isa, adapter, input: LinearInput::default(), xa: Operand::default() },
            x: Vec::new(),
            last: Vec::new(),
            inputs: Vec::new(),
            buffers: Buffers::default(),
            logits: Vec::new(),
        })
    }

    /// Continues several sequences at once: `new_tokens[i]` are appended to `caches[i]`.
    ///
    /// # Errors
    /// Where caches and sequences differ in number, a sequence has no new token, or an id has no row in the embedding.
    pub fn advance(&mut self, new_tokens: &[&[u32]], caches: &mut [&mut KvCache]) -> Result<()> {
        if new_tokens.len() != caches.len() || new_tokens.iter().any(|tokens| tokens.is_empty()) {
            candle_core::bail!("each sequence needs a cache and at least one new token");
        }
        // On a thread of the pool, so that no product has to wake it.
        match self.linear.decoder.spec().switches_beyond() {
            None => rayon::scope(|_| self.advance_in_pool(new_tokens, caches, None)),
            Some(most) => self.advance_and_switch(new_tokens, caches, most),
        }
    }

    /// A text that becomes longer than `most` tokens is read anew, as a long one: its first tokens are rotated otherwise then.
    fn advance_and_switch(&mut self, new_tokens: &[&[u32]], caches: &mut [&mut KvCache], most: usize) -> Result<()> {
        let mut tokens: Vec<Vec<u32>> = new_tokens.iter().map(|tokens| tokens.to_vec()).collect();
        for (tokens, cache) in tokens.iter_mut().zip(caches.iter_mut()) {
            let is_first_long = cache.len <= most && cache.len + tokens.len() > most;
            if is_first_long && !cache.is_empty() {
                tokens.splice(0..0, cache.ids.iter().copied());
                cache.clear();
            }
            cache.ids.extend_from_slice(tokens);
        }
        let tokens: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
        rayon::scope(|_| self.advance_in_pool(&tokens, caches, Some(most)))
    }

    fn advance_in_pool(
        &mut self,
        new_tokens: &[&[u32]],
        caches: &mut [&mut KvCache],
        switches_beyond: Option<usize>,
    ) -> Result<()> {
        let decoder = self.linear.decoder;
        let positions: Vec<usize> =
            new_tokens.iter().zip(&*caches).flat_map(|(tokens, cache)| cache.len..cache.len + tokens.len()).collect();
        let is_long = |len: usize| switches_beyond.is_some_and(|most| len > most);
        let is_long = new_tokens
            .iter()
            .zip(&*caches)
            .flat_map(|(tokens, cache)| std::iter::repeat_n(is_long(cache.len + tokens.len()), tokens.len()));
        let is_long: Vec<bool> = is_long.collect();
        let ids = new_tokens.concat();
        decoder.embed_into(&ids, &mut self.x)?;
        self.make_inputs(&ids)?;
        let ends = new_tokens.iter().scan(0, |end, tokens| {
            *end += tokens.len();
            Some(*end - 1)
        });
        self.last.clear();
        self.last.extend(ends);
        let (first, others) = decoder.spec().layers.split_at(decoder.spec().last_mixing_layer() + 1);
        self.run_blocks(0..first.len(), &decoder.tables(&positions, &is_long), new_tokens, caches)?;
        if !others.is_empty() {
            // Nothing looks at the other tokens any more.
            let is_long: Vec<bool> = self.last.iter().map(|row| is_long[*row]).collect();
            let positions: Vec<usize> = self.last.iter().map(|row| positions[*row]).collect();
            self.keep_last(ids.len());
            let ends: Vec<&[u32]> = new_tokens.iter().map(|tokens| &tokens[tokens.len() - 1..]).collect();
            let tables = decoder.tables(&positions, &is_long);
            self.run_blocks(first.len()..decoder.spec().num_layers(), &tables, &ends, caches)?;
        }
        for (tokens, cache) in new_tokens.iter().zip(caches) {
            cache.len += tokens.len();
        }
        Ok(())
    }

    fn run_blocks(
        &mut self,
        layers: Range<usize>,
        tables: &RopeTables,
        new_tokens: &[&[u32]],
        caches: &mut [&mut KvCache],
    ) -> Result<()> {
        for layer in layers {
            let Self { linear, x, inputs, buffers, .. } = &mut *self;
            let (input, layer_spec) = (Input::Stream(Branch::Mixer), linear.decoder.layer_spec(layer));
            let mut steps = Advance { layer, linear, x, inputs, buffers, tables, new_tokens, caches, input };
            block::run(&mut steps, layer_spec)?;
        }
        Ok(())
    }

    /// The logits of each sequence's next token, `[num_sequences, vocab_size]`, after [`Generation::advance`].
    ///
    /// # Errors
    /// Where the output head is of a type that can't be unpacked.
    pub fn logits(&mut self) -> Result<&mut [f32]> {
        rayon::scope(|_| self.make_logits())
    }

    fn make_logits(&mut self) -> Result<&mut [f32]> {
        let Linear { decoder, isa, input, .. } = &mut self.linear;
        let (hidden, vocab_size) = (decoder.spec().hidden_size, decoder.head().rows());
        let head = [(decoder.head(), 0)];
        input.fill(*isa, self.last.len(), &head, |row, out| {
            let x = &self.x[self.last[row] * hidden..][..hidden];
            normalize_row(*isa, x, decoder.last_norm(), decoder.eps(), out);
        });
        let logits = room(&mut self.logits, self.last.len() * vocab_size);
        input.multiply(*isa, &head, logits, vocab_size)?;
        if let Some(cap) = decoder.spec().final_softcap {
            logits.par_chunks_mut(CAPPED_AT_ONCE).for_each(|logits| soft_cap(*isa, logits, cap));
        }
        Ok(logits)
    }
}

/// A block on its way forward. Rows are made where they are multiplied, so that none is written in between.
struct Advance<'a, 'b, 'c> {
    layer: usize,
    linear: &'a mut Linear<'b>,
    x: &'a mut [f32],
    inputs: &'a [f32],
    buffers: &'a mut Buffers,
    tables: &'a RopeTables,
    new_tokens: &'a [&'a [u32]],
    caches: &'a mut [&'c mut KvCache],
    input: Input,
}

/// What the next product reads.
#[derive(Clone, Copy)]
enum Input {
    /// The residual stream through the branch's first norm.
    Stream(Branch),
    Mixed,
    Gated,
    /// The block's own input through its gate.
    OwnGated,
}

impl Advance<'_, '_, '_> {
    /// The group's result for the rows that are due, in the buffer of its own.
    fn product(&mut self, group: Group) -> Result<()> {
        let (layer, decoder, isa, x) = (self.layer, self.linear.decoder, self.linear.isa, &*self.x);
        let (spec, norms) = (decoder.spec(), decoder.norms(layer));
        let (hidden, inner) = (spec.hidden_size, spec.inner_size(layer));
        let num_tokens = x.len() / hidden;
        let Buffers { wide, mixed, gate_up, sum, .. } = &mut *self.buffers;
        let out = match self.input {
            Input::Stream(branch) => {
                let out = if branch == Branch::Mixer { wide } else { gate_up };
                self.linear.multiply(layer, group, num_tokens, out, |row, out| {
                    normalize(isa, &x[row * hidden..][..hidden], norms.before(branch), decoder.eps(), out);
                })?
            }
            Input::Mixed => {
                let width = spec.mixer_widths(layer).mixed;
                self.linear.multiply(layer, group, num_tokens, sum, |row, out| {
                    out.copy_from_slice(&mixed[row * width..][..width]);
                })?
            }
            Input::Gated => self.linear.multiply(layer, group, num_tokens, sum, |row, out| {
                let (gate, up) = gate_up[row * 2 * inner..][..2 * inner].split_at(inner);
                gated_row(isa, spec.activation, gate, up, out);
            })?,
            Input::OwnGated => {
                let (inputs, width, size) = (self.inputs, self.inputs.len() / num_tokens, spec.input_size.unwrap_or(1));
                self.linear.multiply(layer, group, num_tokens, sum, |row, out| {
                    let (gate, input) = (&gate_up[row * size..][..size], &inputs[row * width + layer * size..][..size]);
                    gated_row(isa, spec.activation, gate, input, out);
                })?
            }
        };
        if let Some(bias) = decoder.bias(layer, group) {
            let rows = out.chunks_exact_mut(bias.len());
            rows.flat_map(|row| row.iter_mut().zip(bias)).for_each(|(value, bias)| *value += bias);
        }
        Ok(())
    }

    fn num_tokens(&self) -> usize {
        self.x.len() / self.linear.decoder.spec().hidden_size
    }

    /// Queries, and keys and values where the block makes some, of all tokens, and their widths.
    fn qkv(&mut self) -> (&mut [f32], usize, usize) {
        let decoder = self.linear.decoder;
        let (q_width, kv_width) =
            (decoder.attention_shape(self.layer).q_width(), decoder.spec().own_kv_width(self.layer));
        let len = self.num_tokens() * (q_width + 2 * kv_width);
        (&mut self.buffers.wide[..len], q_width, kv_width)
    }
}

impl Steps for Advance<'_, '_, '_> {
    fn read(&mut self, branch: Branch) -> Result<()> {
        self.input = Input::Stream(branch);
        Ok(())
    }

    fn multiply(&mut self, group: Group) -> Result<()> {
        self.product(group)
    }

    /// In place: rows become shorter, each is read before another is written there.
    fn part_gates(&mut self) -> Result<()> {
        let (shape, num_tokens) = (self.linear.decoder.attention_shape(self.layer), self.num_tokens());
        let (q_width, kv_width) = (shape.q_width(), 2 * shape.kv_width());
        let Buffers { wide, gates, .. } = &mut *self.buffers;
        let (gates, mut row) = (room(gates, num_tokens * q_width), vec![0.0; 2 * q_width + kv_width]);
        for (token, gates) in gates.chunks_exact_mut(q_width).enumerate() {
            row.copy_from_slice(&wide[token * (2 * q_width + kv_width)..][..2 * q_width + kv_width]);
            part_row(shape, &row, &mut wide[token * (q_width + kv_width)..][..q_width + kv_width], gates);
        }
        Ok(())
    }

    fn gate_heads(&mut self) -> Result<()> {
        let len = self.num_tokens() * self.linear.decoder.attention_shape(self.layer).q_width();
        let Buffers { gates, mixed, .. } = &mut *self.buffers;
        gate_all(self.linear.isa, &gates[..len], &mut mixed[..len]);
        Ok(())
    }

    fn delta(&mut self) -> Result<()> {
        let (layer, isa, num_tokens) = (self.layer, self.linear.isa, self.num_tokens());
        let Some((shape, weights, conv)) = self.linear.decoder.delta(layer) else { return Err(other_layer()) };
        let Buffers { wide, convolved, mixed, .. } = &mut *self.buffers;
        let (channels, stride) = (shape.conv_width(), shape.wide_width());
        let (convolved, out) = (room(convolved, num_tokens * channels), room(mixed, num_tokens * shape.value_width()));
        let wide = &wide[..num_tokens * stride];
        let mut rows = wide.chunks_exact(stride).zip(convolved.chunks_exact_mut(channels));
        let (mut sequences, mut end) = (Vec::with_capacity(self.caches.len()), 0);
        for (tokens, cache) in self.new_tokens.iter().zip(self.caches.iter_mut()) {
            let Layer::DeltaNet { earlier, state } = &mut cache.layers[layer] else { return Err(other_layer()) };
            for (wide, convolved) in rows.by_ref().take(tokens.len()) {
                conv.next(isa, &wide[..channels], earlier, convolved);
            }
            sequences.push(Sequence { rows: end..end + tokens.len(), state });
            end += tokens.len();
        }
        Delta { isa, shape, weights, qkv: convolved, wide }.advance(sequences, out);
        self.input = Input::Mixed;
        Ok(())
    }

    fn rotate(&mut self) -> Result<()> {
        let (isa, tables) = (self.linear.isa, self.tables);
        let layer = self.linear.decoder.layer_spec(self.layer);
        let (qkv, q_width, kv_width) = self.qkv();
        if let Some(table) = tables.of(layer) {
            table.rotate(isa, qkv, q_width + 2 * kv_width, q_width + kv_width, 1.0);
        }
        Ok(())
    }

    fn normalize_heads(&mut self) -> Result<()> {
        let (isa, decoder, layer) = (self.linear.isa, self.linear.decoder, self.layer);
        let (qkv, q_width, kv_width) = self.qkv();
        if let Some(norms) = &decoder.norms(layer).qk {
            normalize_qk(isa, norms, decoder.eps(), qkv, [q_width, kv_width]);
        }
        Ok(())
    }

    fn scale_queries(&mut self) -> Result<()> {
        let tables = self.tables;
        let (qkv, q_width, kv_width) = self.qkv();
        if let Some(factors) = &tables.query_factors {
            let rows = qkv.chunks_exact_mut(q_width + 2 * kv_width).zip(factors);
            rows.for_each(|(row, factor)| row[..q_width].iter_mut().for_each(|value| *value *= factor));
        }
        Ok(())
    }

    fn attend(&mut self) -> Result<()> {
        let (layer, isa, num_tokens) = (self.layer, self.linear.isa, self.num_tokens());
        let shape = self.linear.decoder.attention_shape(layer);
        let spec = self.linear.decoder.spec();
        let (q_width, kv_width) = (shape.q_width(), spec.own_kv_width(layer));
        let keys_of = spec.layers[layer].keys_of;
        let Buffers { wide, queries, mixed, .. } = &mut *self.buffers;
        queries.clear();
        let mut rows = wide[..num_tokens * (q_width + 2 * kv_width)].chunks_exact(q_width + 2 * kv_width);
        for (tokens, cache) in self.new_tokens.iter().zip(self.caches.iter_mut()) {
            if keys_of.is_some() {
                rows.by_ref().take(tokens.len()).for_each(|row| queries.extend_from_slice(row));
                continue;
            }
            let Layer::Attention { keys, values } = &mut cache.layers[layer] else { return Err(other_layer()) };
            for row in rows.by_ref().take(tokens.len()) {
                queries.extend_from_slice(&row[..q_width]);
                let heads = row[q_width..].chunks_exact(shape.head_dim);
                for (buffer, head) in keys.iter_mut().chain(&mut *values).zip(heads) {
                    append(buffer, head, shape.head_dim);
                }
            }
        }
        let mut sequences = Vec::with_capacity(self.caches.len());
        let (mut q, mut out) = (&queries[..], room(mixed, num_tokens * q_width));
        for (tokens, cache) in self.new_tokens.iter().zip(&*self.caches) {
            let (own_q, later_q) = q.split_at(tokens.len() * q_width);
            let (own_out, later_out) = out.split_at_mut(tokens.len() * q_width);
            (q, out) = (later_q, later_out);
            let Layer::Attention { keys, values } = &cache.layers[keys_of.unwrap_or(layer)] else {
                return Err(other_layer());
            };
            sequences.push(Cached { q: own_q, keys, values, out: own_out });
        }
        cached_attention(isa, shape, sequences);
        self.input = Input::Mixed;
        Ok(())
    }

    fn convolve(&mut self) -> Result<()> {
        let (layer, isa, decoder) = (self.layer, self.linear.isa, self.linear.decoder);
        let (hidden, kernel, num_tokens) = (decoder.spec().hidden_size, decoder.kernel(layer), self.num_tokens());
        let Buffers { wide, mixed, .. } = &mut *self.buffers;
        let out = room(mixed, num_tokens * hidden);
        let mut rows = wide.chunks_exact(3 * hidden).zip(out.chunks_exact_mut(hidden));
        for (tokens, cache) in self.new_tokens.iter().zip(self.caches.iter_mut()) {
            let Layer::ShortConv { state } = &mut cache.layers[layer] else { return Err(other_layer()) };
            for (wide, out) in rows.by_ref().take(tokens.len()) {
                short_conv_next(isa, kernel, wide, state, out);
            }
        }
        self.input = Input::Mixed;
        Ok(())
    }

    fn scan(&mut self) -> Result<()> {
        self.scan_states()
    }

    fn gate(&mut self) -> Result<()> {
        self.input = Input::Gated;
        Ok(())
    }

    fn gate_input(&mut self) -> Result<()> {
        self.input = Input::OwnGated;
        Ok(())
    }

    fn scale(&mut self) -> Result<()> {
        let factor = self.linear.decoder.scale(self.layer);
        self.x.iter_mut().for_each(|value| *value *= factor);
        Ok(())
    }

    fn add(&mut self, group: Group, branch: Branch) -> Result<()> {
        self.product(group)?;
        let (decoder, isa) = (self.linear.decoder, self.linear.isa);
        let sum = &self.buffers.sum[..self.x.len()];
        add(decoder, isa, self.x, sum, decoder.norms(self.layer).after(branch));
        Ok(())
    }
}

fn other_layer() -> candle_core::Error {
    candle_core::Error::Msg("this cache belongs to another model".to_owned())
}

/// A row through a norm, or as it is.
fn normalize(isa: Isa, x: &[f32], norm: &Option<Arc<[f32]>>, eps: f32, out: &mut [f32]) {
    match norm {
        Some(norm) => normalize_row(isa, x, norm, eps, out),
        None => out.copy_from_slice(x),
    }
}

/// The queries, keys and values of every row through their norms, where they have some.
fn normalize_qk(isa: Isa, norms: &QkNorms, eps: f32, qkv: &mut [f32], [q_width, kv_width]: [usize; 2]) {
    let mut before = vec![0.0; q_width.max(kv_width)];
    for row in qkv.chunks_exact_mut(q_width + 2 * kv_width) {
        let mut rest = row;
        for (norm, width) in norms.parts(q_width, kv_width) {
            let (values, later) = std::mem::take(&mut rest).split_at_mut(width);
            rest = later;
            for part in values.chunks_exact_mut(norm.len()) {
                let before = &mut before[..part.len()];
                before.copy_from_slice(part);
                normalize_row(isa, before, norm, eps, part);
            }
        }
    }
}

/// Adds a branch's result, scaled and through its norm where the model has those.
fn add(decoder: &Decoder, isa: Isa, x: &mut [f32], sum: &[f32], norm: &Option<Arc<[f32]>>) {
    let scale = decoder.residual_scale();
    match norm {
        None if scale == 1.0 => x.iter_mut().zip(sum).for_each(|(x, sum)| *x += sum),
        None => x.iter_mut().zip(sum).for_each(|(x, sum)| *x += scale * sum),
        Some(norm) => {
            let rows = x.chunks_exact_mut(norm.len()).zip(sum.chunks_exact(norm.len()));
            rows.for_each(|(x, sum)| add_normalized_row(isa, sum, norm, decoder.eps(), scale, x));
        }
    }
}

impl Linear<'_> {
    /// `x·Wᵀ + scale · x·Aᵀ·Bᵀ` for every layer of the group, side by side; `make` writes the rows of `x`.
    fn multiply<'b>(
        &mut self,
        layer: usize,
        group: Group,
        num_rows: usize,
        out: &'b mut Vec<f32>,
        make: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Result<&'b mut [f32]> {
        let (decoder, isa) = (self.decoder, self.isa);
        let layers = decoder.linear(layer, group);
        let width = layers.iter().map(|linear| linear.weight.rows()).sum::<usize>();
        let weights: Vec<(&FrozenWeight, usize)> =
            layers.iter().map(|linear| (&*linear.weight, linear.column)).collect();
        self.input.fill(isa, num_rows, &weights, make);
        let out = room(out, num_rows * width);
        self.input.multiply(isa, &weights, out, width)?;
        let Some(adapter) = &self.adapter else { return Ok(out) };
        let packed = adapter.group(layer, group);
        if packed.width == 0 {
            return Ok(out);
        }
        let x = self.input.view();
        self.xa.resize(num_rows, packed.width);
        let output = Output { weights: Weights::Packed(&packed.a), adapter: None, column: 0 };
        multiply(isa, x, &[output], self.xa.data_mut(), packed.width, false)?;
        let outputs: Vec<_> = layers
            .iter()
            .filter_map(|linear| {
                let pair = packed.pair(linear.module)?;
                let part = Some((self.xa.columns(pair.column, pair.r), &pair.b));
                Some(Output { weights: Weights::None(linear.weight.rows()), adapter: part, column: linear.column })
            })
            .collect();
        multiply(isa, x, &outputs, out, width, true)?;
        Ok(out)
    }
}
