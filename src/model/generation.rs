//! New tokens over what is cached, without gradient, in buffers that are kept from token to token.

use std::sync::Arc;

use candle_core::Result;
use rayon::prelude::*;

use super::decoder::{QkNorms, RopeTables};
use super::gradient::{Group, PackedAdapter};
use super::lora::LoraAdapter;
use super::spec::QkNorm;
use super::{Decoder, ModelSpec};
use crate::ops::attention::Cached;
use crate::ops::gated::gated_row;
use crate::ops::inference::{LinearInput, room, soft_cap};
use crate::ops::product::{Isa, Operand, Output, Weights, multiply};
use crate::ops::rms_norm::{add_normalized_row, normalize_row};
use crate::ops::{FrozenWeight, cached_attention};

/// Tokens by which a cache grows at once: a buffer that grows moves, and fresh memory is dear.
const CACHE_STEP: usize = 256;

/// How many logits a task caps.
const CAPPED_AT_ONCE: usize = 16_384;

/// Keys and values of one sequence, layer by layer, for the tokens already seen.
pub struct KvCache {
    layers: Vec<Layer>,
    len: usize,
}

/// One buffer for each head of keys, `[num_positions, head_dim]`.
#[derive(Clone)]
struct Layer {
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

impl KvCache {
    pub fn new(spec: &ModelSpec) -> Self {
        let heads = || vec![Vec::new(); spec.num_kv_heads];
        Self { layers: vec![Layer { keys: heads(), values: heads() }; spec.num_layers()], len: 0 }
    }

    /// Tokens seen.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes over what `other` has seen; memory that is there is used again.
    pub fn set(&mut self, other: &Self) {
        self.len = other.len;
        for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
            let buffers = layer.keys.iter_mut().chain(&mut layer.values);
            for (buffer, other) in buffers.zip(other.keys.iter().chain(&other.values)) {
                buffer.clear();
                append(buffer, other, other.len() / self.len.max(1));
            }
        }
    }
}

/// Rows of `width` values.
fn append(buffer: &mut Vec<f32>, rows: &[f32], width: usize) {
    let needed = buffer.len() + rows.len();
    if buffer.capacity() < needed {
        buffer.reserve_exact(needed.next_multiple_of((CACHE_STEP * width).max(1)) - buffer.len());
    }
    buffer.extend_from_slice(rows);
}

/// The forward pass of generation: agrees with [`Decoder::forward`] except for the rounding of activations where that
/// is quicker ([`crate::ops::quant::fixed`]).
pub struct Generation<'a> {
    linear: Linear<'a>,
    /// The residual stream, `[num_tokens, hidden]`.
    x: Vec<f32>,
    /// Rows of `x` that end a sequence.
    last: Vec<usize>,
    buffers: Buffers,
    /// `[num_sequences, vocab_size]`
    logits: Vec<f32>,
}

/// Buffers that are used anew; each keeps its purpose, and so its size.
#[derive(Default)]
struct Buffers {
    /// Queries, keys and values, side by side.
    qkv: Vec<f32>,
    queries: Vec<f32>,
    attention: Vec<f32>,
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
        rayon::scope(|_| self.advance_in_pool(new_tokens, caches))
    }

    fn advance_in_pool(&mut self, new_tokens: &[&[u32]], caches: &mut [&mut KvCache]) -> Result<()> {
        let decoder = self.linear.decoder;
        let positions: Vec<usize> =
            new_tokens.iter().zip(&*caches).flat_map(|(tokens, cache)| cache.len..cache.len + tokens.len()).collect();
        let tables = decoder.rope_tables(&positions);
        decoder.embed_into(&new_tokens.concat(), &mut self.x)?;
        for layer in 0..decoder.spec().num_layers() {
            self.attend(layer, &tables, new_tokens, caches)?;
            self.inner(layer)?;
        }
        let mut end = 0;
        self.last.clear();
        for (tokens, cache) in new_tokens.iter().zip(caches) {
            cache.len += tokens.len();
            end += tokens.len();
            self.last.push(end - 1);
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

    /// `x += attention(norm(x))`, or a norm of it
    fn attend(
        &mut self,
        layer: usize,
        tables: &RopeTables,
        new_tokens: &[&[u32]],
        caches: &mut [&mut KvCache],
    ) -> Result<()> {
        let (decoder, isa, hidden) = (self.linear.decoder, self.linear.isa, self.linear.decoder.spec().hidden_size);
        let shape = decoder.attention_shape(layer);
        let (q_width, kv_width) = (shape.q_width(), shape.kv_width());
        let Buffers { qkv, queries, attention, sum, .. } = &mut self.buffers;
        let (num_tokens, width, x) = (self.x.len() / hidden, q_width + 2 * kv_width, &mut self.x);
        let norms = decoder.norms(layer);
        let qkv = self.linear.multiply(layer, Group::Qkv, num_tokens, qkv, |row, out| {
            normalize(isa, &x[row * hidden..][..hidden], &norms.before_attention, decoder.eps(), out);
        })?;
        if let Some(bias) = decoder.qkv_bias(layer) {
            qkv.chunks_exact_mut(width)
                .flat_map(|row| row.iter_mut().zip(bias))
                .for_each(|(value, bias)| *value += bias);
        }
        let layer_spec = decoder.layer_spec(layer);
        let is_rotated_first = layer_spec.qk_norm == Some(QkNorm::PerRotatedHead);
        let rotate = |qkv: &mut [f32]| {
            if let Some(table) = tables.of(layer_spec) {
                table.rotate(isa, qkv, width, q_width + kv_width, 1.0);
            }
        };
        if is_rotated_first {
            rotate(qkv);
        }
        if let Some(norms) = &norms.qk {
            normalize_qk(isa, norms, decoder.eps(), qkv, [q_width, kv_width]);
        }
        if !is_rotated_first {
            rotate(qkv);
        }
        if let Some(factors) = &tables.query_factors {
            let rows = qkv.chunks_exact_mut(width).zip(factors);
            rows.for_each(|(row, factor)| row[..q_width].iter_mut().for_each(|value| *value *= factor));
        }

        queries.clear();
        let mut rows = qkv.chunks_exact(width);
        for (tokens, cache) in new_tokens.iter().zip(caches.iter_mut()) {
            let Layer { keys, values } = &mut cache.layers[layer];
            for row in rows.by_ref().take(tokens.len()) {
                queries.extend_from_slice(&row[..q_width]);
                let heads = row[q_width..].chunks_exact(shape.head_dim);
                for (buffer, head) in keys.iter_mut().chain(&mut *values).zip(heads) {
                    append(buffer, head, shape.head_dim);
                }
            }
        }
        let mut sequences = Vec::with_capacity(caches.len());
        let attention = room(attention, num_tokens * q_width);
        let (mut q, mut out) = (&queries[..], &mut *attention);
        for (tokens, cache) in new_tokens.iter().zip(&*caches) {
            let (own_q, later_q) = q.split_at(tokens.len() * q_width);
            let (own_out, later_out) = out.split_at_mut(tokens.len() * q_width);
            (q, out) = (later_q, later_out);
            let Layer { keys, values } = &cache.layers[layer];
            sequences.push(Cached { q: own_q, keys, values, out: own_out });
        }
        cached_attention(isa, shape, sequences);
        let sum = self.linear.multiply(layer, Group::Output, num_tokens, sum, |row, out| {
            out.copy_from_slice(&attention[row * q_width..][..q_width]);
        })?;
        add(decoder, isa, x, sum, &norms.after_attention);
        Ok(())
    }

    /// `x += down(activation(gate(norm(x))) · up(norm(x)))`, or a norm of it
    fn inner(&mut self, layer: usize) -> Result<()> {
        let (decoder, isa, spec) = (self.linear.decoder, self.linear.isa, self.linear.decoder.spec());
        let (hidden, inner, norms) = (spec.hidden_size, spec.intermediate_size, decoder.norms(layer));
        let Buffers { gate_up, sum, .. } = &mut self.buffers;
        let (num_tokens, x) = (self.x.len() / hidden, &mut self.x);
        let gate_up = self.linear.multiply(layer, Group::GateUp, num_tokens, gate_up, |row, out| {
            normalize(isa, &x[row * hidden..][..hidden], &norms.before_inner, decoder.eps(), out);
        })?;
        let sum = self.linear.multiply(layer, Group::Down, num_tokens, sum, |row, out| {
            let (gate, up) = gate_up[row * 2 * inner..][..2 * inner].split_at(inner);
            gated_row(isa, spec.activation, gate, up, out);
        })?;
        add(decoder, isa, x, sum, &norms.after_inner);
        Ok(())
    }
}

/// A row through a norm, or as it is.
fn normalize(isa: Isa, x: &[f32], norm: &Option<Arc<[f32]>>, eps: f32, out: &mut [f32]) {
    match norm {
        Some(norm) => normalize_row(isa, x, norm, eps, out),
        None => out.copy_from_slice(x),
    }
}

/// The queries and keys of every row through their norms.
fn normalize_qk(isa: Isa, norms: &QkNorms, eps: f32, qkv: &mut [f32], [q_width, kv_width]: [usize; 2]) {
    let mut before = vec![0.0; q_width.max(kv_width)];
    for row in qkv.chunks_exact_mut(q_width + 2 * kv_width) {
        let (q, rest) = row.split_at_mut(q_width);
        for (norm, values) in [(&norms.q, q), (&norms.k, &mut rest[..kv_width])] {
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
        let (columns, width) = group.columns(decoder.spec());
        let modules = || group.modules().iter().zip(&columns);
        let weights: Vec<(&FrozenWeight, usize)> =
            modules().map(|(module, column)| (decoder.linear(layer, *module), *column)).collect();
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
        let outputs: Vec<_> = modules()
            .filter_map(|(module, column)| {
                let pair = packed.pair(*module)?;
                let part = Some((self.xa.columns(pair.column, pair.r), &pair.b));
                Some(Output { weights: Weights::None(module.shape(decoder.spec()).0), adapter: part, column: *column })
            })
            .collect();
        multiply(isa, x, &outputs, out, width, true)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::{CACHE_STEP, append};

    #[test]
    fn a_cache_grows_by_many_rows_at_once() {
        let mut buffer = Vec::new();
        append(&mut buffer, &[1.0; 6], 3);
        let capacity = buffer.capacity();
        assert!(capacity >= 3 * CACHE_STEP);
        for _ in 2..CACHE_STEP {
            append(&mut buffer, &[2.0; 3], 3);
        }
        assert_eq!((buffer.len(), buffer.capacity()), (3 * CACHE_STEP, capacity));
        append(&mut buffer, &[3.0; 3], 3);
        assert_eq!(buffer[3 * CACHE_STEP - 1..], [2.0, 3.0, 3.0, 3.0]);
    }
}
