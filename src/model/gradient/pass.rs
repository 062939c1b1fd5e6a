//! What all blocks of a training pass share, and their element-wise parts, forward and backward.

use rayon::prelude::*;

use crate::model::decoder::RopeTables;
use crate::model::{Decoder, Dropout, Group};
use crate::ops::gated::{gated_row, gated_row_and_back};
use crate::ops::product::{Element, Isa, Operand, Weights};
use crate::ops::{FrozenWeight, Segments};

/// Rows that a task of an element-wise pass takes at least.
pub const MIN_ROWS: usize = 8;

/// What all blocks of a pass share.
pub struct BlockPass<'a> {
    pub decoder: &'a Decoder,
    pub isa: Isa,
    /// Whether frozen weights are multiplied in whole numbers of 8 bits.
    pub int8: bool,
    pub segments: &'a Segments,
    pub tables: &'a RopeTables,
    /// The rows, in ascending order, whose results are wanted of the last block, if not all are: from the last block on in which
    /// tokens see each other's rows only attention needs the others.
    pub last_rows: Option<&'a [u32]>,
    /// The last block in which tokens see each other's rows.
    pub last_mixing: usize,
    pub dropout: Option<Dropout>,
}

impl BlockPass<'_> {
    /// The weight as this pass multiplies by it.
    pub fn weights<'b, E>(&self, weight: &'b FrozenWeight) -> Weights<'b, E> {
        if self.int8 { Weights::Int8(weight) } else { Weights::Frozen(weight) }
    }

    /// The rows that the block keeps after its mixer, if it doesn't keep all that it is given.
    pub fn wanted_rows(&self, layer: usize) -> Option<&[u32]> {
        self.last_rows.filter(|_| layer == self.last_mixing)
    }

    /// The rows of the batch that the block is given, if not all.
    pub fn given_rows(&self, layer: usize) -> Option<&[u32]> {
        self.last_rows.filter(|_| layer > self.last_mixing)
    }

    /// The widths of a layer's queries, of its own keys, and of these with its values.
    pub fn qkv_widths(&self, layer: usize) -> [usize; 3] {
        let (q_width, kv_width) =
            (self.decoder.attention_shape(layer).q_width(), self.decoder.spec().own_kv_width(layer));
        [q_width, kv_width, q_width + 2 * kv_width]
    }

    /// Rotates the queries and own keys of every row of `qkv`, `[num_tokens, q + 2 · kv]`, where the layer does; `sign` −1 turns
    /// back, as gradients do.
    pub fn rotate(&self, layer: usize, qkv: &mut [f32], sign: f32) {
        if let Some(table) = self.tables.of(self.decoder.layer_spec(layer)) {
            let [q_width, kv_width, qkv_width] = self.qkv_widths(layer);
            table.rotate(self.isa, qkv, qkv_width, q_width + kv_width, sign);
        }
    }

    /// Multiplies the queries of every row of `qkv` by their position's factor, in models that have one; their gradients
    /// likewise.
    pub fn scale_queries(&self, layer: usize, qkv: &mut [f32]) {
        let Some(factors) = &self.tables.query_factors else { return };
        let [q_width, _, qkv_width] = self.qkv_widths(layer);
        let rows = qkv.par_chunks_mut(qkv_width).zip(factors).with_min_len(MIN_ROWS);
        rows.for_each(|(row, factor)| row[..q_width].iter_mut().for_each(|value| *value *= factor));
    }

    /// The index in the batch of a row of a group's input.
    pub fn row_in_batch(&self, layer: usize, group: Group, row: usize) -> usize {
        let rows = self.wanted_rows(layer).filter(|_| !matches!(group, Group::MixerIn | Group::Inputs));
        let rows = rows.or(self.given_rows(layer));
        rows.map_or(row, |rows| rows[row] as usize)
    }

    /// `activation(gate) · up`
    pub fn inner<E: Element>(&self, gate_up: &Operand<E>, inner: usize, out: &mut Operand<E>) {
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

    /// `activation(gate) · up` again, `[rows, inner]`, and the gradients at gate and up, `[rows, 2 · inner]`, from
    /// `grad`, `[rows, inner]`.
    pub fn inner_back<E: Element>(
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
