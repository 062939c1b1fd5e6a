//! One decoder block, forward and backward.

use std::sync::Arc;

use candle_core::Result;
use rayon::prelude::*;

use super::adapter::{Group, PackedAdapter, PackedGroup};
use crate::model::{Decoder, Dropout, Module};
use crate::ops::attention::{Forward, Gradients, Heads, Inputs, attend, attend_back};
use crate::ops::gated::{gated_row, gated_row_and_back};
use crate::ops::product::{Back, Element, Isa, Operand, Output, Rows, Weights};
use crate::ops::product::{multiply, multiply_back, multiply_rounded, multiply_transposed};
use crate::ops::rms_norm::{normalize_row, normalize_row_back};
use crate::ops::{FrozenWeight, RopeTable, Segments};

/// Rows that a task of an element-wise pass takes at least.
pub(super) const MIN_ROWS: usize = 8;

/// What a block's backward needs of its forward, besides its input.
#[derive(Default)]
pub struct Kept<E> {
    /// Rotated queries and keys, and values: `[num_tokens, q + 2 · kv]`.
    qkv: Operand<E>,
    /// Of the attention's softmax, `[num_tokens, num_heads]`.
    log_sums: Vec<f32>,
    /// The attention's result, `[num_tokens, q]`.
    attention: Operand<E>,
    /// Its rows whose results count, if not all of them do.
    chosen: Operand<E>,
    /// The residual stream between attention and the inner layers, `[num_tokens, hidden]`.
    middle: Operand<E>,
    /// `[num_tokens, 2 · inner]`
    gate_up: Operand<E>,
    /// What attention and the inner layers add to the stream, before their norms; empty in models without those.
    branches: [Operand<E>; 2],
    /// `x·Aᵀ` of each group.
    xa: [Vec<f32>; Group::ALL.len()],
}

/// Buffers that every block uses anew.
#[derive(Default)]
pub struct Work<E> {
    normed: Operand<E>,
    inner: Operand<E>,
    dy: Operand<E>,
    d_gate_up: Operand<E>,
    qkv: Vec<f32>,
    wide: Vec<f32>,
    attention: Vec<f32>,
    d_attention: Vec<f32>,
    /// What is added to the stream, and gradients there.
    hidden: Vec<f32>,
    d_qkv: Vec<f32>,
    scratch: Scratch<E>,
}

/// Of the adapter's part in a linear layer.
#[derive(Default)]
struct Scratch<E> {
    /// The adapter's input with some of its values hidden.
    dropped: Operand<E>,
    /// What comes back to it.
    d_dropped: Vec<f32>,
    /// `x·Aᵀ`
    xa: Operand<E>,
    /// `scale · dy·B`
    dxa: Vec<f32>,
    dxa_operand: Operand<E>,
    /// `[r, out]`
    db: Vec<f32>,
}

/// What all blocks of a pass share.
pub struct BlockPass<'a> {
    pub decoder: &'a Decoder,
    pub isa: Isa,
    /// Frozen weights are multiplied in whole numbers of 8 bits.
    pub int8: bool,
    pub segments: &'a Segments,
    pub table: &'a RopeTable,
    /// The rows, in ascending order, whose results are wanted of the last block, if not all are: only attention needs
    /// the others there.
    pub last_rows: Option<&'a [u32]>,
    pub dropout: Option<Dropout>,
}

impl BlockPass<'_> {
    /// `x += attention(norm(x)); x += inner(norm(x))`, each through another norm where the model has it; of the last block, `x` then has [`BlockPass::last_rows`] only.
    pub fn forward<E: Element>(
        &self,
        layer: usize,
        adapter: Option<&PackedAdapter<E>>,
        x: &mut Vec<f32>,
        kept: &mut Kept<E>,
        work: &mut Work<E>,
    ) -> Result<()> {
        let (spec, isa, n) = (self.decoder.spec(), self.isa, self.segments.num_tokens());
        let norms = self.decoder.norms(layer);
        let shape = self.decoder.attention_shape(layer);
        let (q_width, kv_width, inner) = (shape.q_width(), shape.kv_width(), spec.intermediate_size);
        let qkv_width = q_width + 2 * kv_width;
        let Work { normed, qkv, attention, hidden, scratch, .. } = work;
        let linear = |group, x: Rows<'_, E>, xa: &mut _, out: &mut [f32], add, scratch: &mut _| {
            self.linear(layer, group, adapter, x, xa, out, add, scratch)
        };

        self.normalize(x, &norms.before_attention, normed);
        qkv.resize(n * qkv_width, 0.0);
        linear(Group::Qkv, normed.view(), &mut kept.xa[0], qkv, false, scratch)?;
        self.table.rotate(isa, qkv, qkv_width, q_width + kv_width, 1.0);
        kept.qkv.set(isa, qkv, n, qkv_width);
        attention.resize(n * q_width, 0.0);
        kept.log_sums.resize(n * shape.num_heads, 0.0);
        attend(isa, shape, self.segments, inputs(qkv, q_width, kv_width), attention, &mut kept.log_sums);
        kept.attention.set(isa, attention, n, q_width);
        let rows = self.wanted_rows(layer);
        if let Some(rows) = rows {
            gather(attention, q_width, rows);
            gather(x, spec.hidden_size, rows);
            kept.chosen.set(isa, attention, rows.len(), q_width);
        }
        let attended = if rows.is_some() { &kept.chosen } else { &kept.attention };
        let (to, add) = branch_target(&norms.after_attention, x, hidden);
        linear(Group::Output, attended.view(), &mut kept.xa[1], to, add, scratch)?;
        self.add_branch(&norms.after_attention, hidden, &mut kept.branches[0], x);
        kept.middle.set(isa, x, x.len() / spec.hidden_size, spec.hidden_size);

        self.normalize(x, &norms.before_inner, normed);
        let Kept { gate_up, xa, .. } = kept;
        self.linear_rounded(layer, Group::GateUp, adapter, normed.view(), &mut xa[2], gate_up, scratch)?;
        self.inner(&kept.gate_up, inner, &mut work.inner);
        let (to, add) = branch_target(&norms.after_inner, x, hidden);
        linear(Group::Down, work.inner.view(), &mut kept.xa[3], to, add, scratch)?;
        self.add_branch(&norms.after_inner, hidden, &mut kept.branches[1], x);
        Ok(())
    }

    /// `dx` is the gradient at the block's result and becomes that at its input, of all rows.
    #[expect(clippy::too_many_arguments, reason = "a block's state, whose parts have different owners")]
    pub fn backward<E: Element>(
        &self,
        layer: usize,
        adapter: Option<&PackedAdapter<E>>,
        input: &Operand<E>,
        kept: &Kept<E>,
        work: &mut Work<E>,
        dx: &mut Vec<f32>,
        gradients: &mut [Vec<f32>],
    ) -> Result<()> {
        let (spec, isa, n) = (self.decoder.spec(), self.isa, self.segments.num_tokens());
        let norms = self.decoder.norms(layer);
        let shape = self.decoder.attention_shape(layer);
        let (q_width, kv_width, inner) = (shape.q_width(), shape.kv_width(), spec.intermediate_size);
        let Work { normed, dy, d_gate_up, qkv, wide, attention, d_attention, hidden, d_qkv, scratch, .. } = work;
        let linear_back = |group, dy: &Operand<E>, xa: &[f32], dx: &mut [f32], gradients: &mut _, scratch: &mut _| {
            self.linear_back(layer, group, adapter, dy, xa, dx, gradients, scratch)
        };
        let adapter_back = |group, x: Rows<'_, E>, gradients: &mut _, scratch: &mut Scratch<E>| {
            self.adapter_back(layer, group, adapter, x, gradients, scratch);
        };

        let num_results = dx.len() / spec.hidden_size;
        self.branch_back(&norms.after_inner, &kept.branches[1], dx, hidden, dy);
        wide.resize(num_results * inner, 0.0);
        linear_back(Group::Down, dy, &kept.xa[3], wide, gradients, scratch)?;
        self.inner_back(&kept.gate_up, inner, wide, &mut work.inner, d_gate_up);
        adapter_back(Group::Down, work.inner.view(), gradients, scratch);
        self.normalize_kept(&kept.middle, &norms.before_inner, normed);
        hidden.resize(dx.len(), 0.0);
        linear_back(Group::GateUp, d_gate_up, &kept.xa[2], hidden, gradients, scratch)?;
        adapter_back(Group::GateUp, normed.view(), gradients, scratch);
        self.normalize_back(&kept.middle, &norms.before_inner, hidden, dx);

        self.branch_back(&norms.after_attention, &kept.branches[0], dx, hidden, dy);
        d_attention.resize(num_results * q_width, 0.0);
        linear_back(Group::Output, dy, &kept.xa[1], d_attention, gradients, scratch)?;
        let rows = self.wanted_rows(layer);
        let attended = if rows.is_some() { &kept.chosen } else { &kept.attention };
        adapter_back(Group::Output, attended.view(), gradients, scratch);
        if let Some(rows) = rows {
            scatter(d_attention, q_width, rows, n);
            scatter(dx, spec.hidden_size, rows, n);
        }
        kept.qkv.widen_into(isa, qkv);
        kept.attention.widen_into(isa, attention);
        d_qkv.resize(qkv.len(), 0.0);
        let forward = Forward { inputs: inputs(qkv, q_width, kv_width), out: attention, log_sums: &kept.log_sums };
        let places = Gradients::side_by_side(d_qkv, shape);
        attend_back(isa, shape, self.segments, forward, d_attention, places);
        let qkv_width = q_width + 2 * kv_width;
        self.table.rotate(isa, d_qkv, qkv_width, q_width + kv_width, -1.0);
        dy.set(isa, d_qkv, n, qkv_width);
        self.normalize_kept(input, &norms.before_attention, normed);
        hidden.resize(dx.len(), 0.0);
        linear_back(Group::Qkv, dy, &kept.xa[0], hidden, gradients, scratch)?;
        adapter_back(Group::Qkv, normed.view(), gradients, scratch);
        self.normalize_back(input, &norms.before_attention, hidden, dx);
        Ok(())
    }

    /// `out = x·Wᵀ + scale · x·Aᵀ·Bᵀ` for every layer of the group, or `out += …`; keeps `x·Aᵀ`.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn linear<E: Element>(
        &self,
        layer: usize,
        group: Group,
        adapter: Option<&PackedAdapter<E>>,
        x: Rows<'_, E>,
        kept_xa: &mut Vec<f32>,
        out: &mut [f32],
        accumulate: bool,
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let outputs = self.outputs(layer, group, adapter, x, kept_xa, scratch)?;
        multiply(self.isa, x, &outputs, out, group.columns(self.decoder.spec()).1, accumulate)
    }

    /// The same, rounded to the type of the product.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn linear_rounded<E: Element>(
        &self,
        layer: usize,
        group: Group,
        adapter: Option<&PackedAdapter<E>>,
        x: Rows<'_, E>,
        kept_xa: &mut Vec<f32>,
        out: &mut Operand<E>,
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let outputs = self.outputs(layer, group, adapter, x, kept_xa, scratch)?;
        multiply_rounded(self.isa, x, &outputs, out, group.columns(self.decoder.spec()).1)
    }

    /// Makes `x·Aᵀ` and says what is to be multiplied.
    fn outputs<'b, E: Element>(
        &'b self,
        layer: usize,
        group: Group,
        adapter: Option<&'b PackedAdapter<E>>,
        x: Rows<'_, E>,
        kept_xa: &mut Vec<f32>,
        scratch: &'b mut Scratch<E>,
    ) -> Result<Vec<Output<'b, E>>> {
        let isa = self.isa;
        let packed = adapter.map(|adapter| adapter.group(layer, group));
        if let Some(packed) = packed
            && packed.width > 0
        {
            kept_xa.resize(x.num_rows() * packed.width, 0.0);
            let output = Output { weights: Weights::Packed(&packed.a), adapter: None, column: 0 };
            let input = self.dropped(layer, group, x, &mut scratch.dropped);
            multiply(isa, input, &[output], kept_xa, packed.width, false)?;
            scratch.xa.set(isa, kept_xa, x.num_rows(), packed.width);
        }
        let xa = &scratch.xa;
        let (columns, _) = group.columns(self.decoder.spec());
        let outputs = group.modules().iter().zip(columns).map(|(module, column)| {
            let pair = packed.and_then(|packed| packed.pair(*module));
            let adapter = pair.map(|pair| (xa.columns(pair.column, pair.r), &pair.b));
            let weight = self.decoder.linear(layer, *module);
            Output { weights: self.weights(weight), adapter, column }
        });
        Ok(outputs.collect())
    }

    /// The gradient at the group's input and at its adapters' B; leaves `scale · dy·B` in the scratch.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn linear_back<E: Element>(
        &self,
        layer: usize,
        group: Group,
        adapter: Option<&PackedAdapter<E>>,
        dy: &Operand<E>,
        xa: &[f32],
        dx: &mut [f32],
        gradients: &mut [Vec<f32>],
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let (isa, spec, n) = (self.isa, self.decoder.spec(), dy.view().num_rows());
        let (columns, _) = group.columns(spec);
        let packed = adapter.map(|adapter| adapter.group(layer, group));
        let dy_of = |module: Module, column: usize| dy.columns(column, module.shape(spec).0);
        if let Some(packed) = packed
            && packed.width > 0
        {
            scratch.dxa.clear();
            scratch.dxa.resize(n * packed.width, 0.0);
            for (module, column) in group.modules().iter().zip(&columns) {
                let Some(pair) = packed.pair(*module) else { continue };
                let (dy, (outputs, _), r) = (dy_of(*module, *column), module.shape(spec), pair.r);
                let output = Output { weights: Weights::Packed(&pair.b_back), adapter: None, column: pair.column };
                multiply(isa, dy, &[output], &mut scratch.dxa, packed.width, false)?;
                // dB = scale · dyᵀ·(x·Aᵀ), made as its transpose, whose rows are few.
                scratch.db.resize(r * outputs, 0.0);
                let xa = Rows::new(xa.get(pair.column..).unwrap_or_default(), n, r, packed.width);
                multiply_transposed(isa, xa, dy, &mut scratch.db, pair.scale, false);
                add_transposed(&scratch.db, r, outputs, &mut gradients[pair.gradient + 1]);
            }
            scratch.dxa_operand.set(isa, &scratch.dxa, n, packed.width);
        }
        let terms = group.modules().iter().zip(&columns).map(|(module, column)| {
            let pair = packed.and_then(|packed| packed.pair(*module));
            let adapter = pair.map(|pair| (scratch.dxa_operand.columns(pair.column, pair.r), &pair.a_back));
            let adapter = adapter.filter(|_| self.dropout.is_none());
            Back { dy: dy_of(*module, *column), weight: self.decoder.linear(layer, *module), adapter, int8: self.int8 }
        });
        multiply_back(isa, &terms.collect::<Vec<_>>(), dx, false)?;
        match (self.dropout, packed) {
            (Some(dropout), Some(packed)) => self.dropped_back(dropout, layer, group, packed, dx, scratch),
            _ => Ok(()),
        }
    }

    /// The adapter's input: `x`, or a copy with some of its values hidden.
    fn dropped<'b, E: Element>(
        &self,
        layer: usize,
        group: Group,
        x: Rows<'b, E>,
        copy: &'b mut Operand<E>,
    ) -> Rows<'b, E> {
        let Some(dropout) = self.dropout else { return x };
        let (isa, cols) = (self.isa, x.num_cols());
        copy.resize(x.num_rows(), cols);
        let stride = copy.stride();
        copy.data_mut().par_chunks_mut(stride).enumerate().with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; cols], vec![0.0; cols]),
            |(wide, factors), (row, copy)| {
                E::widen_all(isa, x.row(row), wide);
                dropout.factors(layer, group as usize, self.row_in_batch(layer, group, row), factors);
                wide.iter_mut().zip(&*factors).for_each(|(value, factor)| *value *= factor);
                E::narrow(isa, wide, &mut copy[..cols]);
            },
        );
        copy.view()
    }

    /// Adds to `dx` what comes back through the adapter, at the values that weren't hidden.
    fn dropped_back<E: Element>(
        &self,
        dropout: Dropout,
        layer: usize,
        group: Group,
        packed: &PackedGroup<E>,
        dx: &mut [f32],
        scratch: &mut Scratch<E>,
    ) -> Result<()> {
        let Some(first) = packed.pairs.first() else { return Ok(()) };
        let (_, cols) = first.module.shape(self.decoder.spec());
        scratch.d_dropped.clear();
        scratch.d_dropped.resize(dx.len(), 0.0);
        for pair in &packed.pairs {
            let output = Output { weights: Weights::Packed(&pair.a_back), adapter: None, column: 0 };
            let dxa = scratch.dxa_operand.columns(pair.column, pair.r);
            multiply(self.isa, dxa, &[output], &mut scratch.d_dropped, cols, true)?;
        }
        let rows = dx.par_chunks_mut(cols).zip(scratch.d_dropped.par_chunks(cols)).enumerate();
        rows.with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; cols],
            |factors, (row, (dx, d_dropped))| {
                dropout.factors(layer, group as usize, self.row_in_batch(layer, group, row), factors);
                dx.iter_mut().zip(d_dropped).zip(&*factors).for_each(|((dx, d), factor)| *dx += d * factor);
            },
        );
        Ok(())
    }

    /// As this pass multiplies with it.
    pub fn weights<'b, E>(&self, weight: &'b FrozenWeight) -> Weights<'b, E> {
        if self.int8 { Weights::Int8(weight) } else { Weights::Frozen(weight) }
    }

    /// The rows that the block's result has, if not all.
    fn wanted_rows(&self, layer: usize) -> Option<&[u32]> {
        self.last_rows.filter(|_| layer + 1 == self.decoder.spec().num_layers)
    }

    /// Where a row of a group's input stands in the batch.
    fn row_in_batch(&self, layer: usize, group: Group, row: usize) -> usize {
        let rows = self.wanted_rows(layer).filter(|_| group != Group::Qkv);
        rows.map_or(row, |rows| rows[row] as usize)
    }

    /// The gradients of the group's A: `(scale · dy·B)ᵀ·x`, after [`BlockPass::linear_back`] of the same group.
    fn adapter_back<E: Element>(
        &self,
        layer: usize,
        group: Group,
        adapter: Option<&PackedAdapter<E>>,
        x: Rows<'_, E>,
        gradients: &mut [Vec<f32>],
        scratch: &mut Scratch<E>,
    ) {
        let Some(adapter) = adapter else { return };
        let packed = adapter.group(layer, group);
        let x = self.dropped(layer, group, x, &mut scratch.dropped);
        for pair in &packed.pairs {
            let dxa = scratch.dxa.get(pair.column..).unwrap_or_default();
            let dxa = Rows::new(dxa, x.num_rows(), pair.r, packed.width);
            multiply_transposed(self.isa, dxa, x, &mut gradients[pair.gradient], 1.0, true);
        }
    }

    fn normalize<E: Element>(&self, x: &[f32], weight: &[f32], out: &mut Operand<E>) {
        let (isa, eps, hidden) = (self.isa, self.decoder.eps(), weight.len());
        out.resize(x.len() / hidden, hidden);
        let stride = out.stride();
        out.data_mut().par_chunks_mut(stride).zip(x.par_chunks(hidden)).with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; hidden],
            |normed, (out, x)| {
                normalize_row(isa, x, weight, eps, normed);
                E::narrow(isa, normed, &mut out[..hidden]);
            },
        );
    }

    /// The same from values that were kept.
    fn normalize_kept<E: Element>(&self, x: &Operand<E>, weight: &[f32], out: &mut Operand<E>) {
        let (isa, eps, hidden) = (self.isa, self.decoder.eps(), weight.len());
        out.resize(x.view().num_rows(), hidden);
        let stride = out.stride();
        out.data_mut().par_chunks_mut(stride).zip(x.data().par_chunks(stride)).with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; hidden], vec![0.0; hidden]),
            |(wide, normed), (out, x)| {
                E::widen_all(isa, &x[..hidden], wide);
                normalize_row(isa, wide, weight, eps, normed);
                E::narrow(isa, normed, &mut out[..hidden]);
            },
        );
    }

    /// Adds to `dx` what comes back through a norm.
    pub(super) fn normalize_back<E: Element>(&self, x: &Operand<E>, weight: &[f32], grad: &[f32], dx: &mut [f32]) {
        let (isa, eps, hidden) = (self.isa, self.decoder.eps(), weight.len());
        let rows = dx.par_chunks_mut(hidden).zip(grad.par_chunks(hidden)).zip(x.data().par_chunks(x.stride()));
        rows.with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; hidden],
            |wide, ((dx, grad), x)| {
                E::widen_all(isa, &x[..hidden], wide);
                normalize_row_back(isa, wide, weight, eps, grad, dx);
            },
        );
    }

    /// `activation(gate) · up`
    fn inner<E: Element>(&self, gate_up: &Operand<E>, inner: usize, out: &mut Operand<E>) {
        let (isa, activation) = (self.isa, self.decoder.spec().activation);
        out.resize(gate_up.view().num_rows(), inner);
        let stride = out.stride();
        let rows = out.data_mut().par_chunks_mut(stride).zip(gate_up.data().par_chunks(gate_up.stride()));
        rows.with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; 2 * inner], vec![0.0; inner]),
            |(wide, result), (out, gate_up)| {
                E::widen_all(isa, &gate_up[..2 * inner], wide);
                let (gate, up) = wide.split_at(inner);
                gated_row(isa, activation, gate, up, result);
                E::narrow(isa, result, &mut out[..inner]);
            },
        );
    }

    /// The same again, and the gradients at gate and up.
    fn inner_back<E: Element>(
        &self,
        gate_up: &Operand<E>,
        inner: usize,
        grad: &[f32],
        out: &mut Operand<E>,
        d_gate_up: &mut Operand<E>,
    ) {
        let (isa, activation) = (self.isa, self.decoder.spec().activation);
        let n = gate_up.view().num_rows();
        out.resize(n, inner);
        d_gate_up.resize(n, 2 * inner);
        let (out_stride, stride) = (out.stride(), d_gate_up.stride());
        let outputs = out.data_mut().par_chunks_mut(out_stride).zip(d_gate_up.data_mut().par_chunks_mut(stride));
        let inputs = gate_up.data().par_chunks(stride).zip(grad.par_chunks(inner));
        outputs.zip(inputs).with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; 2 * inner], vec![0.0; 2 * inner], vec![0.0; inner]),
            |(wide, grads, result), ((out, d_gate_up), (gate_up, grad))| {
                E::widen_all(isa, &gate_up[..2 * inner], wide);
                let ((gate, up), (d_gate, d_up)) = (wide.split_at(inner), grads.split_at_mut(inner));
                gated_row_and_back(isa, activation, [gate, up], grad, result, [d_gate, d_up]);
                E::narrow(isa, result, &mut out[..inner]);
                E::narrow(isa, grads, &mut d_gate_up[..2 * inner]);
            },
        );
    }
}

/// Queries, keys and values side by side.
fn inputs(qkv: &[f32], q_width: usize, kv_width: usize) -> Inputs<'_> {
    let stride = q_width + 2 * kv_width;
    let from = |column: usize| Heads { values: qkv.get(column..).unwrap_or_default(), stride };
    Inputs { q: from(0), k: from(q_width), v: from(q_width + kv_width) }
}

/// `to[col, row] += from[row, col]`
fn add_transposed(from: &[f32], rows: usize, cols: usize, to: &mut [f32]) {
    for (col, to) in to.chunks_exact_mut(rows).enumerate() {
        for (row, to) in to.iter_mut().enumerate() {
            *to += from[row * cols + col];
        }
    }
}

/// Keeps these rows, which ascend, and no others.
fn gather(values: &mut Vec<f32>, width: usize, rows: &[u32]) {
    for (to, from) in rows.iter().enumerate() {
        let from = *from as usize * width;
        values.copy_within(from..from + width, to * width);
    }
    values.truncate(rows.len() * width);
}

/// Puts rows back to where [`gather`] took them from, among zeros.
fn scatter(values: &mut Vec<f32>, width: usize, rows: &[u32], num_rows: usize) {
    values.resize(num_rows * width, 0.0);
    for (from, to) in rows.iter().map(|row| *row as usize).enumerate().rev().filter(|(from, to)| from != to) {
        values.copy_within(from * width..(from + 1) * width, to * width);
        values[from * width..][..width].fill(0.0);
    }
}

/// Where what a branch adds is written: onto the residual stream, or beside it where a norm comes between; and whether
/// it is added.
pub(super) fn branch_target<'a>(
    norm: &Option<Arc<[f32]>>,
    x: &'a mut [f32],
    branch: &'a mut Vec<f32>,
) -> (&'a mut [f32], bool) {
    if norm.is_none() {
        return (x, true);
    }
    branch.resize(x.len(), 0.0);
    (branch, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_rows_are_scattered_to_their_places() {
        let mut values: Vec<f32> = (0..10).map(|i| i as f32).collect();
        gather(&mut values, 2, &[0, 3, 4]);
        assert_eq!(values, [0.0, 1.0, 6.0, 7.0, 8.0, 9.0]);
        scatter(&mut values, 2, &[0, 3, 4], 5);
        assert_eq!(values, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 6.0, 7.0, 8.0, 9.0]);
    }
}
