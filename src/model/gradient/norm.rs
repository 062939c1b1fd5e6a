//! Norms of a training pass, forward and backward, each on what a block may or may not have a norm on.

use std::sync::Arc;

use rayon::prelude::*;

use super::pass::{BlockPass, MIN_ROWS};
use crate::model::decoder::QkNorms;
use crate::ops::product::{Element, Operand};
use crate::ops::rms_norm::{normalize_row, normalize_row_back};

impl BlockPass<'_> {
    /// Every row of `x` through a norm, or as it is.
    pub(super) fn normalize<E: Element>(&self, x: &[f32], norm: &Option<Arc<[f32]>>, out: &mut Operand<E>) {
        let (isa, eps, hidden) = (self.isa, self.decoder.eps(), self.decoder.spec().hidden_size);
        let Some(weight) = norm else { return out.set(isa, x, x.len() / hidden, hidden) };
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

    /// Like [`BlockPass::normalize`], from values that were kept; without a norm it is they.
    pub(super) fn normalize_kept<'a, E: Element>(
        &self,
        x: &'a Operand<E>,
        norm: &Option<Arc<[f32]>>,
        out: &'a mut Operand<E>,
    ) -> &'a Operand<E> {
        let Some(weight) = norm else { return x };
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
        out
    }

    /// Adds to `dx` what comes back through a norm.
    pub(super) fn normalize_back<E: Element>(
        &self,
        x: &Operand<E>,
        norm: &Option<Arc<[f32]>>,
        grad: &[f32],
        dx: &mut [f32],
    ) {
        let Some(weight) = norm else {
            return dx.par_iter_mut().zip(grad).with_min_len(1 << 14).for_each(|(dx, grad)| *dx += grad);
        };
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

    /// The queries and keys of every row through their norms, and values where they have one; `kept` keeps what they were.
    pub(super) fn normalize_qk<E: Element>(
        &self,
        norms: &QkNorms,
        qkv: &mut [f32],
        [q_width, kv_width, qkv_width]: [usize; 3],
        kept: &mut Operand<E>,
    ) {
        let (isa, eps, width) = (self.isa, self.decoder.eps(), norms.width(q_width, kv_width));
        kept.resize(qkv.len() / qkv_width, width);
        let stride = kept.stride();
        qkv.par_chunks_mut(qkv_width).zip(kept.data_mut().par_chunks_mut(stride)).with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; width],
            |before, (row, kept)| {
                before.copy_from_slice(&row[..width]);
                E::narrow(isa, before, &mut kept[..width]);
                for (weight, part, before) in parts(norms, &mut row[..width], before, [q_width, kv_width]) {
                    normalize_row(isa, before, weight, eps, part);
                }
            },
        );
    }

    /// The gradients at queries, keys and values before their norms, in place of those after.
    pub(super) fn normalize_qk_back<E: Element>(
        &self,
        norms: &QkNorms,
        kept: &Operand<E>,
        [q_width, kv_width, qkv_width]: [usize; 3],
        d_qkv: &mut [f32],
    ) {
        let (isa, eps, width) = (self.isa, self.decoder.eps(), norms.width(q_width, kv_width));
        let rows = d_qkv.par_chunks_mut(qkv_width).zip(kept.data().par_chunks(kept.stride()));
        rows.with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; width], vec![0.0; width]),
            |(before, grad), (row, kept)| {
                E::widen_all(isa, &kept[..width], before);
                grad.copy_from_slice(&row[..width]);
                row[..width].fill(0.0);
                let mut grads = &grad[..];
                for (weight, d_part, before) in parts(norms, &mut row[..width], before, [q_width, kv_width]) {
                    let (grad, later) = grads.split_at(weight.len());
                    grads = later;
                    normalize_row_back(isa, before, weight, eps, grad, d_part);
                }
            },
        );
    }
}

/// What each norm of a row's queries, keys and values goes over, in their order: its weight, the place in `row`, and the
/// values in `other`.
fn parts<'a>(
    norms: &'a QkNorms,
    row: &'a mut [f32],
    other: &'a [f32],
    [q_width, kv_width]: [usize; 2],
) -> impl Iterator<Item = (&'a [f32], &'a mut [f32], &'a [f32])> {
    let (mut row, mut other) = (row, other);
    norms.parts(q_width, kv_width).flat_map(move |(weight, width)| {
        let (own, later) = std::mem::take(&mut row).split_at_mut(width);
        let (own_other, later_other) = other.split_at(width);
        (row, other) = (later, later_other);
        let places = own.chunks_mut(weight.len()).zip(own_other.chunks(weight.len()));
        places.map(move |(row, other)| (weight, row, other))
    })
}
