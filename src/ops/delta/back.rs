//! The way back through the chunks of one value head.

use std::ops::Range;

use super::chunk::{
    Buffers, Head, STRIDE, chunks, multiply_all, product, rows_of, scale, scale_by_rest, solve_transposed, transposed,
    unit_back,
};
use crate::ops::product::{Right, Shared, transpose_for_tiles};
use crate::ops::simd::{dot, exp, sigmoid, vectorized};

/// Where the gradients come from and go to.
pub struct Gradients<'a> {
    /// `[num_tokens, value_width]`
    pub d_out: &'a [f32],
    /// `[num_tokens, conv_width]`
    pub d_qkv: Shared<f32>,
    /// `[num_tokens, wide_width]`
    pub d_wide: Shared<f32>,
}

/// What a way back needs of the way forward.
#[derive(Default)]
pub struct Records {
    /// The state before each chunk; of the first none where it is zero.
    states: Vec<Vec<f32>>,
    /// The corrections and results of all rows.
    u: Vec<f32>,
    out: Vec<f32>,
}

#[derive(Default)]
pub struct BackBuffers {
    /// The gradients at what the state answers to keys, then to queries, `[2 · num, value_dim]`; before that those at the
    /// triangular system's right side, and at the result.
    d_answers: Vec<f32>,
    /// That at the corrections, then at the system's right side, `[num, value_dim]`.
    d_u: Vec<f32>,
    /// At keys, then queries, of length one, `[2 · num, key_dim]`.
    d_kq: Vec<f32>,
    /// At the products of keys with keys, then of queries with keys, `[2 · num, num]`.
    d_scores: Vec<f32>,
    /// At the sums of the decays' logarithms.
    d_sums: Vec<f32>,
    /// At what goes through the sigmoid, but for its `1 − β`.
    d_beta: Vec<f32>,
}

impl Head<'_> {
    /// The way forward again, with all that the way back needs; the state as for [`Head::forward`].
    pub fn record(
        &self,
        rows: &Range<usize>,
        is_known: bool,
        is_wanted: bool,
        buffers: &mut Buffers,
        records: &mut Records,
    ) {
        if !is_known {
            buffers.state.clear();
        }
        let chunks = chunks(rows);
        if records.states.len() < chunks.len() {
            records.states.resize_with(chunks.len(), Vec::new);
        }
        records.u.clear();
        records.out.clear();
        for ((chunk, is_last), state) in chunks.zip(&mut records.states) {
            state.clone_from(&buffers.state);
            self.load(&chunk, buffers);
            self.compute(&chunk, is_wanted || !is_last, buffers);
            records.u.extend_from_slice(&buffers.u);
            records.out.extend_from_slice(&buffers.out);
        }
    }

    /// The gradients of consecutive rows that were recorded. `d_state` is that at the state after them, empty for zero; where the
    /// state before them `is_known`, it becomes that there.
    ///
    /// # Safety
    /// The gradients have all of these rows, and this head's columns in them are the caller's alone.
    pub unsafe fn back(
        &self,
        rows: &Range<usize>,
        is_known: bool,
        (buffers, back): (&mut Buffers, &mut BackBuffers),
        records: &Records,
        gradients: &Gradients<'_>,
    ) {
        let (_, value_dim) = self.dims();
        for ((chunk, _), state) in chunks(rows).zip(&records.states).rev() {
            let at = (chunk.start - rows.start) * value_dim..(chunk.end - rows.start) * value_dim;
            let (u, out) = (&records.u[at.clone()], &records.out[at]);
            self.load(&chunk, buffers);
            let is_wanted = is_known || chunk.start > rows.start;
            let (recorded, buffers) = (Recorded { state, u, out }, (&mut *buffers, &mut *back));
            // SAFETY: promised by the caller.
            unsafe { self.chunk_back(&chunk, is_wanted, recorded, buffers, gradients) };
        }
    }

    /// # Safety
    /// That of [`Head::back`].
    unsafe fn chunk_back(
        &self,
        rows: &Range<usize>,
        is_wanted: bool,
        recorded: Recorded<'_>,
        (buffers, back): (&mut Buffers, &mut BackBuffers),
        gradients: &Gradients<'_>,
    ) {
        let (isa, num, (key_dim, value_dim), shape) = (self.isa(), rows.len(), self.dims(), self.delta.shape);
        let Recorded { state, u, out } = recorded;
        let Buffers { d_state, kq, scores, sums, beta, scaled, tiles, .. } = buffers;
        let BackBuffers { d_answers, d_u, d_kq, d_scores, d_sums, d_beta } = back;
        let (has_state, has_d_state) = (!state.is_empty(), !d_state.is_empty());
        let ([.., value], [gate, ..]) = (self.columns(), self.gate_columns());
        let last = sums.last().copied().unwrap_or_default();
        let row_of = |i: usize| i * value_dim..(i + 1) * value_dim;
        let place = |to: &Shared<f32>, row: usize, width: usize, column: usize, len: usize| {
            // SAFETY: promised by the caller; each place is used by itself.
            unsafe { std::slice::from_raw_parts_mut(to.get().add(row * width + column), len) }
        };
        d_sums.clear();
        d_sums.resize(num, 0.0);
        d_beta.clear();
        d_beta.resize(num, 0.0);

        // At the results, from behind norm and gate.
        d_answers.resize(2 * num * value_dim, 0.0);
        let (d_right, d_results) = d_answers.split_at_mut(num * value_dim);
        for (i, row) in rows.clone().enumerate() {
            let d_gate = place(&gradients.d_wide, row, shape.wide_width(), gate, value_dim);
            let d_out = &gradients.d_out[row * shape.value_width() + self.value_head * value_dim..][..value_dim];
            let (weights, d_result) = (self.delta.weights, &mut d_results[row_of(i)]);
            let inputs = [&out[row_of(i)], weights.norm, self.wide(row, gate, value_dim), d_out];
            norm_and_gate_back(isa, inputs, weights.eps, [d_result, d_gate]);
        }

        // At the corrections: through the state that they leave, and through the results.
        d_u.resize(num * value_dim, 0.0);
        if has_d_state {
            let right = Right::Rows((d_state, value_dim));
            product(isa, [num, value_dim, key_dim], rows_of(kq, key_dim), right, d_u, value_dim, None);
            for (i, sum) in sums.iter().enumerate() {
                let d_u = &mut d_u[row_of(i)];
                multiply_all(isa, d_u, exp(last - sum));
                let through = dot_product(isa, d_u, &u[row_of(i)]);
                d_sums[i] -= through;
                d_sums[num - 1] += through;
            }
            if has_state {
                d_sums[num - 1] += exp(last) * dot_product(isa, state, d_state);
            }
        }
        let of_queries = transposed(&scores[num * STRIDE..], STRIDE);
        let right = Right::Rows((d_results, value_dim));
        product(isa, [num, value_dim, num], of_queries, right, d_u, value_dim, has_d_state.then_some(1.0));
        solve_transposed(isa, scores, num, value_dim, d_u);
        d_right.copy_from_slice(d_u);

        // At the products of keys and queries with keys.
        transpose_for_tiles(isa, (u, value_dim), num, value_dim, tiles);
        d_scores.resize(2 * num * STRIDE, 0.0);
        let right = Right::Tiles(tiles);
        product(isa, [2 * num, num, value_dim], rows_of(d_answers, value_dim), right, d_scores, STRIDE, None);
        let (of_keys, of_queries) = d_scores.split_at_mut(num * STRIDE);
        for i in 0..num {
            let (before, at) = (&sums[..=i], sums[i]);
            let (d_keys, d_queries) = (&mut of_keys[i * STRIDE..][..num], &mut of_queries[i * STRIDE..][..num]);
            let scores = [&scores[i * STRIDE..][..i], &scores[(num + i) * STRIDE..][..=i]];
            let of_key = fade_back(isa, &before[..i], at, [-1.0, beta[i]], scores[0], &mut d_keys[..i], d_sums);
            d_keys[i..].fill(0.0);
            let of_query = fade_back(isa, before, at, [1.0, 1.0], scores[1], &mut d_queries[..=i], d_sums);
            d_queries[i + 1..].fill(0.0);
            d_sums[i] += of_key + of_query;
            d_beta[i] += of_key;
        }

        // At the values; and at what the state answered.
        let (d_keys, d_queries) = d_answers.split_at_mut(num * value_dim);
        for (i, row) in rows.clone().enumerate() {
            let (d_u, fading) = (&d_u[row_of(i)], exp(sums[i]));
            let d_value = place(&gradients.d_qkv, row, shape.conv_width(), value, value_dim);
            scale(isa, d_u, beta[i], d_value);
            d_beta[i] += dot_product(isa, d_value, self.qkv(row, value, value_dim));
            multiply_all(isa, &mut d_keys[row_of(i)], -beta[i] * fading);
            multiply_all(isa, &mut d_queries[row_of(i)], fading);
        }

        // At keys and queries.
        d_kq.resize(2 * num * key_dim, 0.0);
        if has_state {
            transpose_for_tiles(isa, (state, value_dim), key_dim, value_dim, tiles);
            let right = Right::Tiles(tiles);
            product(isa, [2 * num, key_dim, value_dim], rows_of(d_answers, value_dim), right, d_kq, key_dim, None);
            for i in 0..2 * num {
                let at = i * key_dim..(i + 1) * key_dim;
                let through = dot_product(isa, &d_kq[at.clone()], &kq[at]);
                d_sums[i % num] += through;
                if i < num {
                    d_beta[i] += through;
                }
            }
        }
        let keys = Right::Rows((kq, key_dim));
        let added = has_state.then_some(1.0);
        product(isa, [2 * num, key_dim, num], rows_of(d_scores, STRIDE), keys, d_kq, key_dim, added);
        product(isa, [num, key_dim, 2 * num], transposed(d_scores, STRIDE), keys, d_kq, key_dim, Some(1.0));
        if has_d_state {
            scale_by_rest(isa, sums, u, value_dim, scaled);
            transpose_for_tiles(isa, (d_state, value_dim), key_dim, value_dim, tiles);
            let right = Right::Tiles(tiles);
            product(isa, [num, key_dim, value_dim], rows_of(scaled, value_dim), right, d_kq, key_dim, Some(1.0));
        }

        // At the state before.
        if is_wanted {
            match has_d_state {
                true => multiply_all(isa, d_state, exp(last)),
                false => d_state.resize(key_dim * value_dim, 0.0),
            }
            let right = Right::Rows((d_answers, value_dim));
            let added = has_d_state.then_some(1.0);
            product(isa, [key_dim, value_dim, 2 * num], transposed(kq, key_dim), right, d_state, value_dim, added);
        }

        let ([query, key, _], [_, correction, step]) = (self.columns(), self.gate_columns());
        let (decay, mut sum) = (self.delta.weights.decay[self.value_head], 0.0);
        for (i, row) in rows.clone().enumerate().rev() {
            sum += d_sums[i];
            let width = shape.wide_width();
            place(&gradients.d_wide, row, width, correction, 1)[0] = (1.0 - beta[i]) * d_beta[i];
            place(&gradients.d_wide, row, width, step, 1)[0] = sum * decay * sigmoid(self.step(row));
            for (column, scale, i) in [(key, 1.0, i), (query, shape.query_scale(), num + i)] {
                let to = place(&gradients.d_qkv, row, shape.conv_width(), column, key_dim);
                let grad = &d_kq[i * key_dim..][..key_dim];
                unit_back(isa, self.qkv(row, column, key_dim), scale, grad, !self.is_first, to);
            }
        }
    }
}

/// What was recorded of a chunk.
struct Recorded<'a> {
    /// Before it; empty for zero.
    state: &'a [f32],
    u: &'a [f32],
    out: &'a [f32],
}

vectorized! {
    fn dot_product(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
        dot(a, b)
    }

    /// From the gradients at faded products, times `sign`, to those at the products and at the sums of the decays. Returns that
    /// at the sum of the row's own token.
    fn fade_back(
        isa: Isa,
        sums: &[f32],
        at: f32,
        factors: [f32; 2],
        scores: &[f32],
        grads: &mut [f32],
        d_sums: &mut [f32],
    ) -> f32 {
        let [sign, factor] = factors;
        let mut own = 0.0;
        for (((sum, score), grad), d_sum) in sums.iter().zip(scores).zip(grads).zip(d_sums) {
            let through = sign * *grad * score;
            *d_sum -= through;
            own += through;
            *grad *= sign * factor * exp(at - sum);
        }
        own
    }

    /// From a row before its norm, the norm's weight, its gate and the gradient after both, to those at the row and at the gate.
    fn norm_and_gate_back(isa: Isa, inputs: [&[f32]; 4], eps: f32, gradients: [&mut [f32]; 2]) {
        let ([x, weight, gate, grad], [dx, d_gate]) = (inputs, gradients);
        let scale = 1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt();
        let values = x.iter().zip(weight).zip(gate).zip(grad);
        for ((((x, weight), gate), grad), (dx, d_gate)) in values.zip(dx.iter_mut().zip(d_gate)) {
            let sigmoid = sigmoid(*gate);
            *d_gate = grad * x * scale * weight * sigmoid * (1.0 + gate * (1.0 - sigmoid));
            *dx = grad * weight * gate * sigmoid;
        }
        let shrink = dot(x, dx) * scale * scale * scale / x.len() as f32;
        dx.iter_mut().zip(x).for_each(|(dx, x)| *dx = *dx * scale - x * shrink);
    }
}
