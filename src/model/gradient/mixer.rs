//! What lets tokens see each other, forward and backward: attention, or a short convolution.

use super::block::{Block, Kept, Work, fit, gather, scatter};
use crate::model::spec::QkNorm;
use crate::ops::attention::{Forward, Gradients, Heads, Inputs, attend, attend_back};
use crate::ops::conv::{short_conv, short_conv_back};
use crate::ops::product::Element;

impl<E: Element> Block<'_, E> {
    /// `work.mixed`, and what its way back needs, from queries, keys and values in `work.wide`.
    pub(super) fn attend(&self, kept: &mut Kept<E>, work: &mut Work<E>) {
        let (pass, layer) = (self.pass, self.layer);
        let (isa, segments, shape) = (pass.isa, pass.segments, pass.decoder.attention_shape(layer));
        let (n, widths) = (segments.num_tokens(), pass.qkv_widths(layer));
        let [q_width, _, qkv_width] = widths;
        let Work { wide, mixed, across, .. } = work;
        kept.wide.set(isa, wide, n, qkv_width);
        mixed.resize(n * q_width, 0.0);
        kept.log_sums.resize(n * shape.num_heads, 0.0);
        if pass.decoder.spec().lends_keys(layer) {
            across.lend(layer, wide, widths);
        }
        let inputs = match pass.decoder.layer_spec(layer).keys_of {
            None => inputs(wide, widths),
            Some(from) => across.inputs(from, wide, q_width),
        };
        attend(isa, shape, segments, inputs, mixed, &mut kept.log_sums);
        if let Some(rows) = pass.given_rows(layer) {
            gather(mixed, q_width, rows);
        }
        if !pass.decoder.layer_spec(layer).gates_heads {
            kept.mixed.set(isa, mixed, mixed.len() / q_width, q_width);
        }
    }

    /// The gradient at what the linear layers made of queries, keys and values, `work.d_wide`, from that at the attention's
    /// result, `work.d_mixed`.
    pub(super) fn attend_back(&self, kept: &Kept<E>, work: &mut Work<E>) {
        let (pass, layer) = (self.pass, self.layer);
        let (isa, shape, n) = (pass.isa, pass.decoder.attention_shape(layer), pass.segments.num_tokens());
        let widths = pass.qkv_widths(layer);
        let [q_width, ..] = widths;
        let gates_heads = pass.decoder.layer_spec(layer).gates_heads;
        kept.mixed.widen_into(isa, &mut work.mixed);
        if gates_heads {
            self.gate_heads_back(kept, work);
        }
        let Work { wide, mixed, d_wide, d_mixed, across, .. } = work;
        kept.wide.widen_into(isa, wide);
        if let Some(rows) = pass.given_rows(layer) {
            scatter(mixed, q_width, rows, n);
            scatter(d_mixed, q_width, rows, n);
        }
        fit(d_wide, wide.len());
        let forward = Forward { inputs: inputs(wide, widths), out: mixed, log_sums: &kept.log_sums };
        match pass.decoder.layer_spec(layer).keys_of {
            None => attend_back(isa, shape, pass.segments, forward, d_mixed, Gradients::side_by_side(d_wide, shape)),
            Some(from) => across.attend_back(pass, shape, from, forward, d_mixed, d_wide),
        }
        if pass.decoder.spec().lends_keys(layer) {
            across.add_lent(layer, d_wide, widths);
        }
        pass.scale_queries(layer, d_wide);
        let is_rotated_first = pass.decoder.layer_spec(layer).qk_norm == Some(QkNorm::PerRotatedHead);
        if !is_rotated_first {
            pass.rotate(layer, d_wide, -1.0);
        }
        if let Some(norms) = &pass.decoder.norms(layer).qk {
            pass.normalize_qk_back(norms, &kept.qk, widths, d_wide);
        }
        if is_rotated_first {
            pass.rotate(layer, d_wide, -1.0);
        }
        if let Some(rows) = pass.given_rows(layer) {
            gather(d_wide, q_width, rows);
        }
        if gates_heads {
            self.join_gates_back(kept, work);
        }
    }

    /// `work.mixed` from a convolution's gates and input in `work.wide`.
    pub(super) fn convolve(&self, kept: &mut Kept<E>, work: &mut Work<E>) {
        let (isa, segments, hidden) = (self.pass.isa, self.pass.segments, self.pass.decoder.spec().hidden_size);
        let n = segments.num_tokens();
        kept.wide.set(isa, &work.wide, n, 3 * hidden);
        work.mixed.resize(n * hidden, 0.0);
        short_conv(isa, self.pass.decoder.kernel(self.layer), segments, &work.wide, &mut work.mixed);
        kept.mixed.set(isa, &work.mixed, n, hidden);
    }

    /// The gradient at gates and input, `work.d_wide`, from that at the convolution's result, `work.d_mixed`.
    pub(super) fn convolve_back(&self, kept: &Kept<E>, work: &mut Work<E>) {
        let Work { wide, d_wide, d_mixed, .. } = work;
        kept.wide.widen_into(self.pass.isa, wide);
        d_wide.resize(wide.len(), 0.0);
        let kernel = self.pass.decoder.kernel(self.layer);
        short_conv_back(self.pass.isa, kernel, self.pass.segments, wide, d_mixed, d_wide);
    }
}

/// Queries, keys and values side by side.
fn inputs(qkv: &[f32], [q_width, kv_width, stride]: [usize; 3]) -> Inputs<'_> {
    let from = |column: usize| Heads { values: qkv.get(column..).unwrap_or_default(), stride };
    Inputs { q: from(0), k: from(q_width), v: from(q_width + kv_width) }
}
