//! A chunk of one value head's tokens, forward.
//!
//! With `c` the sum of the logarithms of the decays up to a token, a chunk that begins with the state `S` has the corrections `U`
//! that solve `(1 + L)·U = β·(V − eᶜ·K·S)`, where `L` is `βᵢ·e^(cᵢ − cⱼ)·kᵢ·kⱼ` below the diagonal. It gives
//! `eᶜ·Q·S + A·U`, where `A` is `e^(cᵢ − cⱼ)·qᵢ·kⱼ` up to the diagonal, and leaves the state `e^c·S + Σ e^(c − cⱼ)·kⱼᵀ·uⱼ`.

use std::ops::Range;

use super::{CHUNK, Delta, UNIT_EPS};
use crate::ops::product::{Isa, Left, Right, Shared, Target, multiply_tile_by_tile, transpose_for_tiles};
use crate::ops::simd::{dot, exp, sigmoid, softplus, vectorized};

/// The rows of a triangular system that are solved one after the other; those before them go in by a product.
const SOLVED_AT_ONCE: usize = 8;

/// The distance between rows of scores: a power of two would put a column's values into the same few cache lines.
pub const STRIDE: usize = CHUNK + 16;

/// A value head and its key head.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    pub delta: &'a Delta<'a>,
    pub key_head: usize,
    pub value_head: usize,
    /// It is the first of its key head's.
    pub is_first: bool,
}

/// What a chunk is computed in.
#[derive(Default)]
pub struct Buffers {
    /// `[key_dim, value_dim]`: before a chunk, then after it. Empty where it is zero.
    pub state: Vec<f32>,
    pub d_state: Vec<f32>,
    /// Keys, then queries, of length one, `[2 · num, key_dim]`.
    pub kq: Vec<f32>,
    /// `L`, then `A`, `[2 · num, num]`, rows of [`STRIDE`].
    pub scores: Vec<f32>,
    /// Sums of the decays' logarithms up to each token, and how much it corrects.
    pub sums: Vec<f32>,
    pub beta: Vec<f32>,
    /// What the state answers to keys, then to queries, `[2 · num, value_dim]`.
    pub answers: Vec<f32>,
    /// The corrections, `[num, value_dim]`.
    pub u: Vec<f32>,
    /// The result before norm and gate, `[num, value_dim]`.
    pub out: Vec<f32>,
    pub scaled: Vec<f32>,
    pub tiles: Vec<f32>,
}

impl<'a> Head<'a> {
    pub fn isa(&self) -> Isa {
        self.delta.isa
    }

    pub fn dims(&self) -> (usize, usize) {
        (self.delta.shape.key_dim, self.delta.shape.value_dim)
    }

    /// A row's query, key and value as they were convolved: their columns.
    pub fn columns(&self) -> [usize; 3] {
        let (shape, (key_dim, value_dim)) = (self.delta.shape, self.dims());
        let key = self.key_head * key_dim;
        [key, shape.key_width() + key, 2 * shape.key_width() + self.value_head * value_dim]
    }

    /// The columns of the result's gate, of how much is corrected and of how fast the state fades.
    pub fn gate_columns(&self) -> [usize; 3] {
        let (shape, head) = (self.delta.shape, self.value_head);
        let heads = shape.conv_width() + shape.value_width();
        [shape.conv_width() + head * shape.value_dim, heads + head, heads + shape.num_value_heads + head]
    }

    pub fn qkv(&self, row: usize, column: usize, len: usize) -> &'a [f32] {
        &self.delta.qkv[row * self.delta.shape.conv_width() + column..][..len]
    }

    pub fn wide(&self, row: usize, column: usize, len: usize) -> &'a [f32] {
        &self.delta.wide[row * self.delta.shape.wide_width() + column..][..len]
    }

    /// What softplus reads of a row.
    pub fn step(&self, row: usize) -> f32 {
        let [_, _, column] = self.gate_columns();
        self.wide(row, column, 1)[0] + self.delta.weights.step_bias[self.value_head]
    }

    /// The results of consecutive rows, through norm and gate. The state is that before them, zero where it `is_known` not to be
    /// another; where it `is_wanted`, it becomes that after them.
    ///
    /// # Safety
    /// `out` has these rows of all value heads, and this head's columns in them are the caller's alone.
    pub unsafe fn forward(
        &self,
        rows: &Range<usize>,
        is_known: bool,
        is_wanted: bool,
        buffers: &mut Buffers,
        out: Shared<f32>,
    ) {
        let (isa, (_, value_dim), shape) = (self.isa(), self.dims(), self.delta.shape);
        let [gate, ..] = self.gate_columns();
        if !is_known {
            buffers.state.clear();
        }
        for (chunk, is_last) in chunks(rows) {
            self.load(&chunk, buffers);
            self.compute(&chunk, is_wanted || !is_last, buffers);
            for (row, result) in chunk.zip(buffers.out.chunks_exact(value_dim)) {
                let at = row * shape.value_width() + self.value_head * value_dim;
                // SAFETY: promised by the caller.
                let out = unsafe { std::slice::from_raw_parts_mut(out.get().add(at), value_dim) };
                let weights = self.delta.weights;
                norm_and_gate(isa, result, weights.norm, weights.eps, self.wide(row, gate, value_dim), out);
            }
        }
    }

    /// Keys, queries, their products and gates of a chunk.
    pub fn load(&self, rows: &Range<usize>, buffers: &mut Buffers) {
        let Buffers { kq, scores, sums, beta, tiles, .. } = buffers;
        let (isa, num, (key_dim, _), weights) = (self.isa(), rows.len(), self.dims(), self.delta.weights);
        let ([query, key, _], [_, correction, _]) = (self.columns(), self.gate_columns());
        kq.resize(2 * num * key_dim, 0.0);
        let (keys, queries) = kq.split_at_mut(num * key_dim);
        let places = keys.chunks_exact_mut(key_dim).zip(queries.chunks_exact_mut(key_dim));
        sums.clear();
        beta.clear();
        let mut sum = 0.0;
        for (row, (k, q)) in rows.clone().zip(places) {
            unit(isa, self.qkv(row, key, key_dim), 1.0, k);
            unit(isa, self.qkv(row, query, key_dim), self.delta.shape.query_scale(), q);
            sum += weights.decay[self.value_head] * softplus(self.step(row));
            sums.push(sum);
            beta.push(sigmoid(self.wide(row, correction, 1)[0]));
        }
        transpose_for_tiles(isa, (kq, key_dim), num, key_dim, tiles);
        scores.resize(2 * num * STRIDE, 0.0);
        product(isa, [2 * num, num, key_dim], rows_of(kq, key_dim), Right::Tiles(tiles), scores, STRIDE, None);
        let (of_keys, of_queries) = scores.split_at_mut(num * STRIDE);
        let both = of_keys.chunks_exact_mut(STRIDE).zip(of_queries.chunks_exact_mut(STRIDE));
        for (i, (of_keys, of_queries)) in both.enumerate() {
            fade(isa, &sums[..i], sums[i], beta[i], &mut of_keys[..i]);
            of_keys[i..num].fill(0.0);
            fade(isa, &sums[..=i], sums[i], 1.0, &mut of_queries[..=i]);
            of_queries[i + 1..num].fill(0.0);
        }
    }

    /// The corrections and results of a loaded chunk, and the state after it where that `is_wanted`.
    pub fn compute(&self, rows: &Range<usize>, is_wanted: bool, buffers: &mut Buffers) {
        let Buffers { state, kq, scores, sums, beta, answers, u, out, scaled, .. } = buffers;
        let (isa, num, (key_dim, value_dim)) = (self.isa(), rows.len(), self.dims());
        let [.., value] = self.columns();
        let has_state = !state.is_empty();
        if has_state {
            answers.resize(2 * num * value_dim, 0.0);
            let right = Right::Rows((state, value_dim));
            product(isa, [2 * num, value_dim, key_dim], rows_of(kq, key_dim), right, answers, value_dim, None);
        }
        u.resize(num * value_dim, 0.0);
        out.resize(num * value_dim, 0.0);
        for (i, row) in rows.clone().enumerate() {
            let (u, value) = (&mut u[i * value_dim..][..value_dim], self.qkv(row, value, value_dim));
            let fading = exp(sums[i]);
            match has_state {
                true => {
                    correct(isa, value, &answers[i * value_dim..][..value_dim], beta[i], fading, u);
                    let answer = &answers[(num + i) * value_dim..][..value_dim];
                    scale(isa, answer, fading, &mut out[i * value_dim..][..value_dim]);
                }
                false => scale(isa, value, beta[i], u),
            }
        }
        solve(isa, scores, num, value_dim, u);
        let of_queries = rows_of(&scores[num * STRIDE..], STRIDE);
        let right = Right::Rows((u, value_dim));
        product(isa, [num, value_dim, num], of_queries, right, out, value_dim, has_state.then_some(1.0));
        if is_wanted {
            let last = sums.last().copied().unwrap_or_default();
            scale_by_rest(isa, sums, u, value_dim, scaled);
            match has_state {
                true => multiply_all(isa, state, exp(last)),
                false => state.resize(key_dim * value_dim, 0.0),
            }
            let right = Right::Rows((scaled, value_dim));
            let keys = transposed(kq, key_dim);
            product(isa, [key_dim, value_dim, num], keys, right, state, value_dim, has_state.then_some(1.0));
        }
    }
}

/// The chunks of rows, and whether each is the last.
pub fn chunks(
    rows: &Range<usize>,
) -> impl DoubleEndedIterator<Item = (Range<usize>, bool)> + ExactSizeIterator + use<> {
    let end = rows.end;
    rows.clone().step_by(CHUNK).map(move |start| (start..(start + CHUNK).min(end), start + CHUNK >= end))
}

/// Rows that lie back to back, or with a distance.
pub fn rows_of(values: &[f32], stride: usize) -> Left<'_> {
    Left { values, row_stride: stride, depth_stride: 1 }
}

/// The columns of such rows.
pub fn transposed(values: &[f32], stride: usize) -> Left<'_> {
    Left { values, row_stride: 1, depth_stride: stride }
}

/// `out = left · right`, or `out += factor · left · right`, for `[rows, columns, depth]`.
pub fn product(
    isa: Isa,
    [rows, cols, depth]: [usize; 3],
    left: Left<'_>,
    right: Right<'_>,
    out: &mut [f32],
    stride: usize,
    added: Option<f32>,
) {
    assert!(rows == 0 || (cols <= stride && (rows - 1) * stride + cols <= out.len()), "a result without its place");
    let target = Target { c: out.as_mut_ptr(), stride, accumulate: added.is_some(), alpha: added.unwrap_or(1.0) };
    // SAFETY: the rows lie inside `out`, which nothing else can see.
    unsafe { multiply_tile_by_tile(isa, rows, cols, depth, left, right, target) };
}

/// `scaled[j] = e^(last − sums[j]) · u[j]`: what of each correction is left at the end.
pub fn scale_by_rest(isa: Isa, sums: &[f32], u: &[f32], value_dim: usize, scaled: &mut Vec<f32>) {
    scaled.resize(u.len(), 0.0);
    let last = sums.last().copied().unwrap_or_default();
    for ((sum, u), scaled) in sums.iter().zip(u.chunks_exact(value_dim)).zip(scaled.chunks_exact_mut(value_dim)) {
        scale(isa, u, exp(last - sum), scaled);
    }
}

/// `(1 + L)·u = u₀` in place, `L` being what lies below the diagonal.
fn solve(isa: Isa, lower: &[f32], num: usize, width: usize, u: &mut [f32]) {
    for start in (0..num).step_by(SOLVED_AT_ONCE) {
        let rows = SOLVED_AT_ONCE.min(num - start);
        let (done, rest) = u.split_at_mut(start * width);
        let lower = &lower[start * STRIDE..];
        if start > 0 {
            let done = Right::Rows((done, width));
            product(isa, [rows, width, start], rows_of(lower, STRIDE), done, rest, width, Some(-1.0));
        }
        solve_rows(isa, &lower[start..], &mut rest[..rows * width], width);
    }
}

/// `(1 + Lᵀ)·u = u₀` in place.
pub fn solve_transposed(isa: Isa, lower: &[f32], num: usize, width: usize, u: &mut [f32]) {
    for start in (0..num).step_by(SOLVED_AT_ONCE).rev() {
        let end = (start + SOLVED_AT_ONCE).min(num);
        let (rest, done) = u.split_at_mut(end * width);
        let rows = &mut rest[start * width..];
        if end < num {
            let left = transposed(&lower[end * STRIDE + start..], STRIDE);
            product(isa, [end - start, width, num - end], left, Right::Rows((done, width)), rows, width, Some(-1.0));
        }
        solve_rows_transposed(isa, &lower[start * STRIDE + start..], rows, width);
    }
}

vectorized! {
    /// A query or key of length `scale`.
    fn unit(isa: Isa, x: &[f32], scale: f32, out: &mut [f32]) {
        let factor = scale / (dot(x, x) + UNIT_EPS).sqrt();
        out.iter_mut().zip(x).for_each(|(out, x)| *out = factor * x);
    }

    /// The gradient at such a `x`, or what is added to it.
    pub fn unit_back(isa: Isa, x: &[f32], scale: f32, grad: &[f32], adds: bool, dx: &mut [f32]) {
        let inverse = 1.0 / (dot(x, x) + UNIT_EPS).sqrt();
        let shrink = scale * inverse * inverse * inverse * dot(x, grad);
        for ((dx, x), grad) in dx.iter_mut().zip(x).zip(grad) {
            *dx = if adds { *dx } else { 0.0 } + scale * inverse * grad - shrink * x;
        }
    }

    /// `value · factor · e^(at − sum)`
    fn fade(isa: Isa, sums: &[f32], at: f32, factor: f32, values: &mut [f32]) {
        values.iter_mut().zip(sums).for_each(|(value, sum)| *value *= factor * exp(at - sum));
    }

    /// `beta · (value − fading · answer)`
    fn correct(isa: Isa, value: &[f32], answer: &[f32], beta: f32, fading: f32, out: &mut [f32]) {
        for ((out, value), answer) in out.iter_mut().zip(value).zip(answer) {
            *out = beta * (value - fading * answer);
        }
    }

    pub fn scale(isa: Isa, values: &[f32], factor: f32, out: &mut [f32]) {
        out.iter_mut().zip(values).for_each(|(out, value)| *out = factor * value);
    }

    pub fn multiply_all(isa: Isa, values: &mut [f32], factor: f32) {
        values.iter_mut().for_each(|value| *value *= factor);
    }

    fn solve_rows(isa: Isa, lower: &[f32], u: &mut [f32], width: usize) {
        for i in 1..u.len() / width {
            let (done, row) = u.split_at_mut(i * width);
            let row = &mut row[..width];
            for (factor, done) in lower[i * STRIDE..][..i].iter().zip(done.chunks_exact(width)) {
                row.iter_mut().zip(done).for_each(|(value, done)| *value -= factor * done);
            }
        }
    }

    fn solve_rows_transposed(isa: Isa, lower: &[f32], u: &mut [f32], width: usize) {
        for i in (1..u.len() / width).rev() {
            let (rest, done) = u.split_at_mut(i * width);
            let done = &done[..width];
            for (factor, row) in lower[i * STRIDE..][..i].iter().zip(rest.chunks_exact_mut(width)) {
                row.iter_mut().zip(done).for_each(|(value, done)| *value -= factor * done);
            }
        }
    }

    /// `x / rms(x) · weight · silu(gate)`
    fn norm_and_gate(isa: Isa, x: &[f32], weight: &[f32], eps: f32, gate: &[f32], out: &mut [f32]) {
        let scale = 1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt();
        for (((out, x), weight), gate) in out.iter_mut().zip(x).zip(weight).zip(gate) {
            *out = x * scale * weight * gate * sigmoid(*gate);
        }
    }
}
