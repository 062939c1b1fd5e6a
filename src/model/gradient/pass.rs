//! What all blocks of a training pass share, and their element-wise parts, forward and backward.

use rayon::prelude::*;

use super::adapter::Group;
use crate::model::{Decoder, Dropout};
use crate::ops::gated::{gated_row, gated_row_and_back};
use crate::ops::product::{Element, Isa, Operand, Weights};
use crate::ops::rms_norm::{normalize_row, normalize_row_back};
use crate::ops::{FrozenWeight, RopeTable, Segments};

/// Rows that a task of an element-wise pass takes at least.
pub const MIN_ROWS: usize = 8;

/// What all blocks of a pass share.
pub struct BlockPass<'a> {
    pub decoder: &'a Decoder,
    pub isa: Isa,
    /// Whether frozen weights are multiplied in whole numbers of 8 bits.
    pub int8: bool,
    pub segments: &'a Segments,
    pub table: &'a RopeTable,
    /// The rows, in ascending order, whose results are wanted of the last block, if not all are: only attention needs
    /// the others there.
    pub last_rows: Option<&'a [u32]>,
    pub dropout: Option<Dropout>,
}

impl BlockPass<'_> {
    /// The weight as this pass multiplies by it.
    pub fn weights<'b, E>(&self, weight: &'b FrozenWeight) -> Weights<'b, E> {
        if self.int8 { Weights::Int8(weight) } else { Weights::Frozen(weight) }
    }

    /// The rows that the block's result has, if not all.
    pub fn wanted_rows(&self, layer: usize) -> Option<&[u32]> {
        self.last_rows.filter(|_| layer + 1 == self.decoder.spec().num_layers)
    }

    /// The index in the batch of a row of a group's input.
    pub fn row_in_batch(&self, layer: usize, group: Group, row: usize) -> usize {
        let rows = self.wanted_rows(layer).filter(|_| group != Group::Qkv);
        rows.map_or(row, |rows| rows[row] as usize)
    }

    /// Every row of `x` through a norm.
    pub fn normalize<E: Element>(&self, x: &[f32], weight: &[f32], out: &mut Operand<E>) {
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

    /// Like [`BlockPass::normalize`], from values that were kept.
    pub fn normalize_kept<E: Element>(&self, x: &Operand<E>, weight: &[f32], out: &mut Operand<E>) {
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

    /// Adds to `dx` what comes back through a norm: `x`, `grad` and `dx` are `[rows, hidden]`.
    pub fn normalize_back<E: Element>(&self, x: &Operand<E>, weight: &[f32], grad: &[f32], dx: &mut [f32]) {
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

    /// `activation(gate) · up`: from `[rows, 2 · inner]` to `[rows, inner]`.
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
