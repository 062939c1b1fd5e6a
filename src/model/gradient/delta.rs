//! A block's gated DeltaNet, and the gates on the heads of its attention, forward and backward.

use rayon::prelude::*;

use super::block::{Block, Kept, Work, fit};
use super::pass::MIN_ROWS;
use crate::ops::causal_conv::Columns;
use crate::ops::delta::Delta;
use crate::ops::head_gates::{gate_row, gate_row_back, gradient_of_gates, join_row, part_row};
use crate::ops::product::Element;

impl<E: Element> Block<'_, E> {
    /// `work.wide` without the gates beside its queries, which are kept.
    pub(super) fn part_gates(&self, kept: &mut Kept<E>, work: &mut Work<E>) {
        let (isa, n, shape) =
            (self.pass.isa, self.pass.segments.num_tokens(), self.pass.decoder.attention_shape(self.layer));
        let (q_width, kv_width) = (shape.q_width(), 2 * shape.kv_width());
        // The gradient's place is free on the way forward.
        let Work { wide, d_wide: parted, .. } = work;
        fit(parted, n * (q_width + kv_width));
        kept.gates.resize(n, q_width);
        let stride = kept.gates.stride();
        let to = parted.par_chunks_mut(q_width + kv_width).zip(kept.gates.data_mut().par_chunks_mut(stride));
        to.zip(wide.par_chunks(2 * q_width + kv_width)).with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; q_width],
            |gates, ((qkv, kept), row)| {
                part_row(shape, row, qkv, gates);
                E::narrow(isa, gates, &mut kept[..q_width]);
            },
        );
        std::mem::swap(wide, parted);
    }

    /// `work.mixed` times the sigmoids of the gates that are kept.
    pub(super) fn gate_heads(&self, kept: &mut Kept<E>, work: &mut Work<E>) {
        let (isa, width) = (self.pass.isa, self.pass.decoder.attention_shape(self.layer).q_width());
        let rows = work.mixed.par_chunks_mut(width).zip(kept.gates.data().par_chunks(kept.gates.stride()));
        rows.with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; width],
            |gates, (mixed, kept)| {
                E::widen_all(isa, &kept[..width], gates);
                gate_row(isa, gates, mixed);
            },
        );
        kept.mixed.set(isa, &work.mixed, work.mixed.len() / width, width);
    }

    /// `work.mixed` and its gradient `work.d_mixed`, as they were before the gates.
    pub(super) fn gate_heads_back(&self, kept: &Kept<E>, work: &mut Work<E>) {
        let (isa, width) = (self.pass.isa, self.pass.decoder.attention_shape(self.layer).q_width());
        let gates = kept.gates.data().par_chunks(kept.gates.stride());
        let rows = work.mixed.par_chunks_mut(width).zip(work.d_mixed.par_chunks_mut(width)).zip(gates);
        rows.with_min_len(MIN_ROWS).for_each_init(
            || vec![0.0; width],
            |gates, ((mixed, d_mixed), kept)| {
                E::widen_all(isa, &kept[..width], gates);
                gate_row_back(isa, gates, mixed, d_mixed);
            },
        );
    }

    /// `work.d_wide` with the gradients at the gates, after [`Self::gate_heads_back`].
    pub(super) fn join_gates_back(&self, kept: &Kept<E>, work: &mut Work<E>) {
        let (isa, shape) = (self.pass.isa, self.pass.decoder.attention_shape(self.layer));
        let (q_width, kv_width) = (shape.q_width(), 2 * shape.kv_width());
        let Work { wide: joined, mixed, d_wide, d_mixed, .. } = work;
        fit(joined, d_wide.len() / (q_width + kv_width) * (2 * q_width + kv_width));
        let gates = kept.gates.data().par_chunks(kept.gates.stride());
        let heads = mixed.par_chunks(q_width).zip(d_mixed.par_chunks(q_width)).zip(gates);
        let rows = joined.par_chunks_mut(2 * q_width + kv_width).zip(d_wide.par_chunks(q_width + kv_width));
        rows.zip(heads).with_min_len(MIN_ROWS).for_each_init(
            || (vec![0.0; q_width], vec![0.0; q_width]),
            |(gates, d_gates), ((joined, d_qkv), ((mixed, d_mixed), kept))| {
                E::widen_all(isa, &kept[..q_width], gates);
                gradient_of_gates(isa, gates, mixed, d_mixed, d_gates);
                join_row(shape, d_qkv, d_gates, joined);
            },
        );
        std::mem::swap(joined, d_wide);
    }

    /// `work.mixed` from what a gated DeltaNet convolves and its gates in `work.wide`.
    pub(super) fn delta(&self, kept: &mut Kept<E>, work: &mut Work<E>) {
        let (isa, segments) = (self.pass.isa, self.pass.segments);
        let Some((shape, weights, conv)) = self.pass.decoder.delta(self.layer) else { return };
        let (n, stride) = (segments.num_tokens(), shape.wide_width());
        let Work { wide, mixed, convolved, .. } = work;
        kept.wide.set(isa, wide, n, stride);
        fit(convolved, n * shape.conv_width());
        conv.forward(isa, segments, Columns { values: wide, stride, column: 0 }, convolved);
        fit(mixed, n * shape.value_width());
        Delta { isa, shape, weights, qkv: convolved, wide }.forward(segments, mixed);
        kept.mixed.set(isa, mixed, n, shape.value_width());
    }

    /// The gradient at that, `work.d_wide`, from the one at its result, `work.d_mixed`.
    pub(super) fn delta_back(&self, kept: &Kept<E>, work: &mut Work<E>) {
        let (isa, segments) = (self.pass.isa, self.pass.segments);
        let Some((shape, weights, conv)) = self.pass.decoder.delta(self.layer) else { return };
        let (n, stride) = (segments.num_tokens(), shape.wide_width());
        let Work { wide, convolved, d_wide, d_mixed, d_convolved, .. } = work;
        kept.wide.widen_into(isa, wide);
        let input = Columns { values: wide, stride, column: 0 };
        fit(convolved, n * shape.conv_width());
        conv.forward(isa, segments, input, convolved);
        fit(d_convolved, convolved.len());
        fit(d_wide, wide.len());
        Delta { isa, shape, weights, qkv: convolved, wide }.back(segments, d_mixed, d_convolved, d_wide);
        conv.back(isa, segments, input, d_convolved, d_wide, [stride, 0]);
    }
}
