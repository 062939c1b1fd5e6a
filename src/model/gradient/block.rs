//! One decoder block, forward and backward.

use super::adapter::{Group, PackedAdapter};
use super::linear::{Linear, Scratch};
use super::pass::{BlockPass, MIN_ROWS};
use crate::model::spec::QkNorm;
use crate::ops::attention::{Forward, Gradients, Heads, Inputs, attend, attend_back};
use crate::ops::product::{Element, Operand};
use candle_core::Result;
use rayon::prelude::*;

/// What a block's backward needs of its forward, besides its input.
#[derive(Default)]
pub struct Kept<E> {
    /// Queries and keys as their norms read them, `[num_tokens, q + kv]`; empty in models without those.
    qk: Operand<E>,
    /// Rotated queries and keys, and values: `[num_tokens, q + 2 · kv]`.
    qkv: Operand<E>,
    /// The log-sums of the attention's softmax, `[num_tokens, num_heads]`.
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

impl<E> Kept<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let Self { qk, qkv, log_sums, attention, chosen, middle, gate_up, branches, xa } = self;
        let operands =
            [qk, qkv, attention, chosen, middle, gate_up].into_iter().chain(branches).map(Operand::num_bytes);
        let vectors = [log_sums].into_iter().chain(xa).map(|values| size_of_val(values.as_slice()));
        operands.chain(vectors).sum()
    }
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

impl<E> Work<E> {
    /// The size of all buffers.
    pub fn num_bytes(&self) -> usize {
        let Self { normed, inner, dy, d_gate_up, qkv, wide, attention, d_attention, hidden, d_qkv, scratch } = self;
        let operands = [normed, inner, dy, d_gate_up].map(Operand::num_bytes);
        let vectors = [qkv, wide, attention, d_attention, hidden, d_qkv].map(|values| size_of_val(values.as_slice()));
        operands.into_iter().chain(vectors).sum::<usize>() + scratch.num_bytes()
    }
}

/// One decoder block in a pass.
pub struct Block<'a, E> {
    pub pass: &'a BlockPass<'a>,
    pub layer: usize,
    pub adapter: Option<&'a PackedAdapter<E>>,
}

impl<E: Element> Block<'_, E> {
    /// `x += attention(norm(x)); x += inner(norm(x))`, each through another norm where the model has it. `x` is
    /// `[num_tokens, hidden]`; after the last block it has [`BlockPass::last_rows`] only.
    pub fn forward(&self, x: &mut Vec<f32>, kept: &mut Kept<E>, work: &mut Work<E>) -> Result<()> {
        let (pass, layer) = (self.pass, self.layer);
        let (spec, isa, n) = (pass.decoder.spec(), pass.isa, pass.segments.num_tokens());
        let norms = pass.decoder.norms(layer);
        let shape = pass.decoder.attention_shape(layer);
        let (q_width, kv_width, inner) = (shape.q_width(), shape.kv_width(), spec.intermediate_size);
        let qkv_width = q_width + 2 * kv_width;
        let Work { normed, qkv, attention, hidden, scratch, .. } = work;

        pass.normalize(x, &norms.before_attention, normed);
        qkv.resize(n * qkv_width, 0.0);
        self.linear(Group::Qkv).forward(normed.view(), &mut kept.xa[0], qkv, false, scratch)?;
        if let Some(bias) = pass.decoder.qkv_bias(layer) {
            add_bias(qkv, bias);
        }
        let is_rotated_first = pass.decoder.layer_spec(layer).qk_norm == Some(QkNorm::PerRotatedHead);
        let rotate = |qkv: &mut [f32]| pass.rotate(layer, qkv, shape, 1.0);
        if is_rotated_first {
            rotate(qkv);
        }
        if let Some(norms) = &norms.qk {
            pass.normalize_qk(norms, qkv, [q_width, kv_width], &mut kept.qk);
        }
        if !is_rotated_first {
            rotate(qkv);
        }
        pass.scale_queries(qkv, shape);
        kept.qkv.set(isa, qkv, n, qkv_width);
        attention.resize(n * q_width, 0.0);
        kept.log_sums.resize(n * shape.num_heads, 0.0);
        attend(isa, shape, pass.segments, inputs(qkv, q_width, kv_width), attention, &mut kept.log_sums);
        kept.attention.set(isa, attention, n, q_width);
        let rows = pass.wanted_rows(layer);
        if let Some(rows) = rows {
            gather(attention, q_width, rows);
            gather(x, spec.hidden_size, rows);
            kept.chosen.set(isa, attention, rows.len(), q_width);
        }
        let attended = if rows.is_some() { &kept.chosen } else { &kept.attention };
        let (to, add) = pass.branch_target(&norms.after_attention, x, hidden);
        self.linear(Group::Output).forward(attended.view(), &mut kept.xa[1], to, add, scratch)?;
        pass.add_branch(&norms.after_attention, hidden, &mut kept.branches[0], x);
        kept.middle.set(isa, x, x.len() / spec.hidden_size, spec.hidden_size);

        pass.normalize(x, &norms.before_inner, normed);
        let Kept { gate_up, xa, .. } = kept;
        self.linear(Group::GateUp).forward_rounded(normed.view(), &mut xa[2], gate_up, scratch)?;
        pass.inner(&kept.gate_up, inner, &mut work.inner);
        let (to, add) = pass.branch_target(&norms.after_inner, x, hidden);
        self.linear(Group::Down).forward(work.inner.view(), &mut kept.xa[3], to, add, scratch)?;
        pass.add_branch(&norms.after_inner, hidden, &mut kept.branches[1], x);
        Ok(())
    }

    /// `dx` is the gradient at the block's result and becomes that at its input, of all rows.
    pub fn backward(
        &self,
        input: &Operand<E>,
        kept: &Kept<E>,
        work: &mut Work<E>,
        dx: &mut Vec<f32>,
        gradients: &mut [Vec<f32>],
    ) -> Result<()> {
        let (pass, layer) = (self.pass, self.layer);
        let (spec, isa, n) = (pass.decoder.spec(), pass.isa, pass.segments.num_tokens());
        let norms = pass.decoder.norms(layer);
        let shape = pass.decoder.attention_shape(layer);
        let (q_width, kv_width, inner) = (shape.q_width(), shape.kv_width(), spec.intermediate_size);
        let Work { normed, dy, d_gate_up, qkv, wide, attention, d_attention, hidden, d_qkv, scratch, .. } = work;
        let num_results = dx.len() / spec.hidden_size;
        pass.branch_back(&norms.after_inner, &kept.branches[1], dx, hidden, dy);
        wide.resize(num_results * inner, 0.0);
        self.linear(Group::Down).back(dy, &kept.xa[3], wide, gradients, scratch)?;
        pass.inner_back(&kept.gate_up, inner, wide, &mut work.inner, d_gate_up);
        self.linear(Group::Down).adapter_back(work.inner.view(), gradients, scratch);
        let normed_middle = pass.normalize_kept(&kept.middle, &norms.before_inner, normed);
        hidden.resize(dx.len(), 0.0);
        self.linear(Group::GateUp).back(d_gate_up, &kept.xa[2], hidden, gradients, scratch)?;
        self.linear(Group::GateUp).adapter_back(normed_middle.view(), gradients, scratch);
        pass.normalize_back(&kept.middle, &norms.before_inner, hidden, dx);

        pass.branch_back(&norms.after_attention, &kept.branches[0], dx, hidden, dy);
        d_attention.resize(num_results * q_width, 0.0);
        self.linear(Group::Output).back(dy, &kept.xa[1], d_attention, gradients, scratch)?;
        let rows = pass.wanted_rows(layer);
        let attended = if rows.is_some() { &kept.chosen } else { &kept.attention };
        self.linear(Group::Output).adapter_back(attended.view(), gradients, scratch);
        if let Some(rows) = rows {
            scatter(d_attention, q_width, rows, n);
            scatter(dx, spec.hidden_size, rows, n);
        }
        kept.qkv.widen_into(isa, qkv);
        kept.attention.widen_into(isa, attention);
        d_qkv.resize(qkv.len(), 0.0);
        let forward = Forward { inputs: inputs(qkv, q_width, kv_width), out: attention, log_sums: &kept.log_sums };
        let places = Gradients::side_by_side(d_qkv, shape);
        attend_back(isa, shape, pass.segments, forward, d_attention, places);
        let qkv_width = q_width + 2 * kv_width;
        pass.scale_queries(d_qkv, shape);
        let is_rotated_first = pass.decoder.layer_spec(layer).qk_norm == Some(QkNorm::PerRotatedHead);
        if !is_rotated_first {
            pass.rotate(layer, d_qkv, shape, -1.0);
        }
        if let Some(norms) = &norms.qk {
            pass.normalize_qk_back(norms, &kept.qk, [q_width, kv_width], d_qkv);
        }
        if is_rotated_first {
            pass.rotate(layer, d_qkv, shape, -1.0);
        }
        dy.set(isa, d_qkv, n, qkv_width);
        let normed_input = pass.normalize_kept(input, &norms.before_attention, normed);
        hidden.resize(dx.len(), 0.0);
        self.linear(Group::Qkv).back(dy, &kept.xa[0], hidden, gradients, scratch)?;
        self.linear(Group::Qkv).adapter_back(normed_input.view(), gradients, scratch);
        pass.normalize_back(input, &norms.before_attention, hidden, dx);
        Ok(())
    }

    fn linear(&self, group: Group) -> Linear<'_, E> {
        let packed = self.adapter.map(|adapter| adapter.group(self.layer, group));
        Linear { pass: self.pass, layer: self.layer, group, packed }
    }
}

/// Adds the same bias to every row.
fn add_bias(rows: &mut [f32], bias: &[f32]) {
    let rows = rows.par_chunks_mut(bias.len()).with_min_len(MIN_ROWS);
    rows.for_each(|row| row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias));
}

/// Queries, keys and values side by side.
fn inputs(qkv: &[f32], q_width: usize, kv_width: usize) -> Inputs<'_> {
    let stride = q_width + 2 * kv_width;
    let from = |column: usize| Heads { values: qkv.get(column..).unwrap_or_default(), stride };
    Inputs { q: from(0), k: from(q_width), v: from(q_width + kv_width) }
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
