//! The selective state space of Mamba-2 (Dao & Gu 2024): each head carries a matrix from token to token, which decays by
//! `e^(a·dt)` and takes in `dt · B·xᵀ`; what it gives is `C` times the matrix, plus `d · x`. Heads of a group share B and C.
//!
//! Sequences go through in chunks: within one, all tokens look at each other as in attention; only between chunks the
//! matrix is carried. So nearly all of it are products of matrices.

mod back;
mod forward;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::attention::{Heads, score_stride};
use super::product::{Isa, Left, Right, Target, multiply_tile_by_tile, transpose_for_tiles};
use super::simd::{add_product, exp, multiply_row, sigmoid, softplus, vectorized};
use super::{Segment, Segments};
pub use back::{ScanGradients, scan_back};
pub use forward::{scan, scan_next};

/// Tokens that look at each other directly.
const CHUNK: usize = 64;

/// Rows of a lower triangle that are multiplied at a time, whatever of them is above the diagonal.
const STEP: usize = 16;

/// Columns that the heads of a task have together, at most.
const TASK_COLUMNS: usize = 256;

/// Heads and their sizes. A token's row is `[x | B | C]`: `num_heads · head_dim` values, and twice `num_groups · state_size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanShape {
    pub num_heads: usize,
    pub head_dim: usize,
    /// `num_heads` is a multiple of it.
    pub num_groups: usize,
    pub state_size: usize,
}

impl ScanShape {
    /// Values of all heads.
    pub fn inner(&self) -> usize {
        self.num_heads * self.head_dim
    }

    /// Values of a token's row.
    pub fn row_width(&self) -> usize {
        self.inner() + 2 * self.num_groups * self.state_size
    }

    /// Values that hold what a sequence carries from token to token.
    pub fn state_len(&self) -> usize {
        self.blocks().iter().map(|block| block.state_len(*self)).sum()
    }

    /// Values of each token that [`scan_back`] sums up.
    pub fn part_width(&self) -> usize {
        self.blocks().len() * 2 * self.state_size
    }

    /// Bytes that the tasks of [`scan_back`] hold at a time on so many threads, at most: above all states at the beginnings of
    /// chunks.
    pub fn task_bytes(&self, num_tokens: usize, num_threads: usize) -> usize {
        let blocks = self.blocks();
        let largest = blocks.iter().map(|block| block.state_len(*self)).max().unwrap_or_default();
        let states = num_tokens.div_ceil(CHUNK) + 4;
        let each = states * largest + CHUNK * (6 * TASK_COLUMNS.max(self.head_dim) + 4 * self.state_size + 4 * CHUNK);
        size_of::<f32>() * each * num_threads
    }

    /// All heads in blocks, each of one group.
    fn blocks(&self) -> Vec<HeadBlock> {
        let in_group = self.num_heads / self.num_groups.max(1);
        let most = (TASK_COLUMNS / self.head_dim.max(1)).max(1);
        let each = in_group.div_ceil(in_group.div_ceil(most).max(1)).max(1);
        let of_group = |group: usize| {
            let (start, end) = (group * in_group, (group + 1) * in_group);
            (start..end).step_by(each).map(move |first| HeadBlock { first, num: each.min(end - first), group })
        };
        (0..self.num_groups).flat_map(of_group).collect()
    }
}

/// Heads that one task takes together.
#[derive(Debug, Clone, Copy)]
struct HeadBlock {
    first: usize,
    num: usize,
    group: usize,
}

impl HeadBlock {
    /// Values of the state of these heads, `[state_size, stride]`.
    fn state_len(&self, shape: ScanShape) -> usize {
        row_stride(self.num * shape.head_dim) * shape.state_size
    }
}

/// The distance between rows of this many values: by a power of two a column's values would share a few cache lines.
fn row_stride(width: usize) -> usize {
    width.next_multiple_of(16) + 16
}

/// What is the same for all tokens; by head.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    pub shape: ScanShape,
    /// By how much states decay in a unit of time, as a logarithm: below zero.
    pub a: &'a [f32],
    pub d: &'a [f32],
    pub dt_bias: &'a [f32],
    /// Between which values times lie.
    pub dt_limits: [f32; 2],
}

/// What a scan reads of the tokens.
#[derive(Clone, Copy)]
pub struct ScanInputs<'a> {
    /// `[num_tokens, row_width]`
    pub rows: &'a [f32],
    /// The times of each token before their bias and softplus, one a head.
    pub dt: Heads<'a>,
}

/// Segments that begin with the same rows, the shared segment first.
fn families(segments: &Segments) -> impl Iterator<Item = &[Segment]> {
    segments.iter().as_slice().chunk_by(|_, next| !next.prefix.is_empty())
}

fn chunks(rows: &Range<usize>) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator + use<> {
    let (start, end) = (rows.start, rows.end);
    (0..rows.len().div_ceil(CHUNK)).map(move |i| start + i * CHUNK..(start + (i + 1) * CHUNK).min(end))
}

/// A task: some heads, of some sequences.
#[derive(Clone, Copy)]
struct Task<'a> {
    isa: Isa,
    scan: Scan<'a>,
    inputs: ScanInputs<'a>,
    block: HeadBlock,
}

/// What a task reads of a chunk: B and C, `[num, row_stride(state_size)]`, and times, `[num, heads]`.
#[derive(Default)]
struct Read {
    b: Vec<f32>,
    c: Vec<f32>,
    dt: Vec<f32>,
    /// Sums of `a · dt` from the chunk's first token to each.
    sums: Vec<f32>,
    /// `e` to the power of the sums: what is left, at each token, of the state before the chunk.
    decays: Vec<f32>,
    /// What is left of each token at the chunk's end.
    left: Vec<f32>,
    /// What is left of the state before the chunk at its end, by column of the task.
    total: Vec<f32>,
}

impl Read {
    /// A head's sums, [`CHUNK`] of them.
    fn sums_of(&self, head: usize, num_heads: usize, to: &mut Vec<f32>) {
        to.clear();
        to.extend(self.sums.iter().skip(head).step_by(num_heads));
    }
}

impl<'a> Task<'a> {
    fn new(isa: Isa, scan: Scan<'a>, inputs: ScanInputs<'a>, block: HeadBlock) -> Self {
        let (shape, dt) = (scan.shape, inputs.dt);
        assert!([scan.a, scan.d, scan.dt_bias].iter().all(|values| values.len() == shape.num_heads));
        assert!(inputs.rows.len().is_multiple_of(shape.row_width()));
        let n = inputs.rows.len() / shape.row_width();
        assert!(n == 0 || dt.values.len() >= (n - 1) * dt.stride + shape.num_heads);
        Self { isa, scan, inputs, block }
    }

    /// The columns that its heads have together.
    fn width(&self) -> usize {
        self.block.num * self.scan.shape.head_dim
    }

    /// The distance between rows of its columns.
    fn stride(&self) -> usize {
        row_stride(self.width())
    }

    fn state_len(&self) -> usize {
        self.block.state_len(self.scan.shape)
    }

    /// The values of a token that belong to these heads.
    fn x(&self, row: usize) -> &'a [f32] {
        let shape = self.scan.shape;
        &self.inputs.rows[row * shape.row_width() + self.block.first * shape.head_dim..][..self.width()]
    }

    fn b_column(&self) -> usize {
        self.scan.shape.inner() + self.block.group * self.scan.shape.state_size
    }

    fn c_column(&self) -> usize {
        self.b_column() + self.scan.shape.num_groups * self.scan.shape.state_size
    }

    /// A token's B or C.
    fn shared(&self, row: usize, column: usize) -> &'a [f32] {
        &self.inputs.rows[row * self.scan.shape.row_width() + column..][..self.scan.shape.state_size]
    }

    /// The distance between rows of B and C as they were read.
    fn size_stride(&self) -> usize {
        row_stride(self.scan.shape.state_size)
    }

    /// B or C of a chunk, from a token on.
    fn left<'b>(&self, read: &'b [f32], from: usize) -> Left<'b> {
        Left { values: &read[from * self.size_stride()..], row_stride: self.size_stride(), depth_stride: 1 }
    }

    fn left_transposed<'b>(&self, read: &'b [f32]) -> Left<'b> {
        Left { values: read, row_stride: 1, depth_stride: self.size_stride() }
    }

    fn heads(&self) -> Range<usize> {
        self.block.first..self.block.first + self.block.num
    }

    fn read(&self, rows: &Range<usize>, read: &mut Read) {
        for (to, column) in [(&mut read.b, self.b_column()), (&mut read.c, self.c_column())] {
            to.resize(CHUNK * self.size_stride(), 0.0);
            for (to, row) in to.chunks_exact_mut(self.size_stride()).zip(rows.clone()) {
                to[..self.scan.shape.state_size].copy_from_slice(self.shared(row, column));
            }
        }
        self.read_times(rows, read);
    }

    fn read_times(&self, rows: &Range<usize>, read: &mut Read) {
        let (num, heads, dim) = (self.block.num, self.heads(), self.scan.shape.head_dim);
        let Scan { a, dt_bias, dt_limits, .. } = self.scan;
        read.dt.resize(CHUNK * num, 0.0);
        read.sums.resize(CHUNK * num, 0.0);
        read.decays.resize(CHUNK * num, 0.0);
        read.left.resize(CHUNK * num, 0.0);
        for (i, row) in rows.clone().enumerate() {
            let raw = &self.inputs.dt.values[row * self.inputs.dt.stride..][heads.clone()];
            for (h, raw) in raw.iter().enumerate() {
                let dt = softplus(raw + dt_bias[heads.start + h]).clamp(dt_limits[0], dt_limits[1]);
                let before = if i == 0 { 0.0 } else { read.sums[(i - 1) * num + h] };
                read.dt[i * num + h] = dt;
                read.sums[i * num + h] = before + a[heads.start + h] * dt;
            }
        }
        let used = rows.len() * num;
        let (sums, last) = (&read.sums[..used], &read.sums[used - num..used]);
        decays(self.isa, sums, last, &mut read.decays[..used], &mut read.left[..used]);
        read.total.clear();
        let ends = &read.decays[used - num..used];
        ends.iter().for_each(|end| read.total.extend(std::iter::repeat_n(*end, dim)));
    }

    /// The products of each C of a chunk with each B up to it, `[num, score_stride]`; what lies above the diagonal is arbitrary.
    fn score(&self, num: usize, read: &Read, tiles: &mut Vec<f32>, scores: &mut Vec<f32>) {
        let (depth, stride) = (self.scan.shape.state_size, score_stride(CHUNK));
        scores.resize(CHUNK * stride, 0.0);
        transpose_for_tiles(self.isa, (&read.b, self.size_stride()), num, depth, tiles);
        for start in (0..num).step_by(STEP) {
            let end = (start + STEP).min(num);
            let left = self.left(&read.c, start);
            let to = &mut scores[start * stride..];
            product(self.isa, [end - start, end, depth], left, Right::Tiles(tiles), (to, stride), false);
        }
    }

    /// `x` of a chunk, each row times a factor by head, `[num, stride]`.
    fn scale_x(&self, rows: &Range<usize>, factors: &[f32], out: &mut Vec<f32>) {
        let (num, stride, dim) = (self.block.num, self.stride(), self.scan.shape.head_dim);
        out.resize(CHUNK * stride, 0.0);
        let lines = out.chunks_exact_mut(stride).zip(factors.chunks_exact(num));
        for (row, (out, factors)) in rows.clone().zip(lines) {
            scale_heads(self.isa, self.x(row), factors, dim, out);
        }
    }

    /// The state after a chunk; `moved` is `dt · x`, and becomes what is left of it at the end. Without a state before, `state`
    /// is overwritten.
    fn advance(&self, num: usize, read: &Read, moved: &mut [f32], state: &mut [f32], has_state: bool) {
        let (isa, stride, dim) = (self.isa, self.stride(), self.scan.shape.head_dim);
        let lines = moved.chunks_exact_mut(stride).zip(read.left.chunks_exact(self.block.num));
        lines.take(num).for_each(|(moved, left)| scale_heads_by(isa, moved, left, dim));
        if has_state {
            state.chunks_exact_mut(stride).for_each(|row| multiply_row(isa, &read.total, row));
        }
        let dims = [self.scan.shape.state_size, self.width(), num];
        let left = self.left_transposed(&read.b);
        product(isa, dims, left, Right::Rows((moved, stride)), (state, stride), has_state);
    }
}

/// `to = left · right`, or `to += …`, of `[rows, cols, depth]`.
fn product(
    isa: Isa,
    [rows, cols, depth]: [usize; 3],
    left: Left<'_>,
    right: Right<'_>,
    (to, stride): (&mut [f32], usize),
    accumulate: bool,
) {
    assert!(
        rows == 0 || (cols <= stride && (rows - 1) * stride + cols <= to.len()),
        "the result reaches past its place"
    );
    let target = Target { c: to.as_mut_ptr(), stride, accumulate, alpha: 1.0 };
    // SAFETY: the result lies inside `to`, which is borrowed for writing alone.
    unsafe { multiply_tile_by_tile(isa, rows, cols, depth, left, right, target) }
}

/// `to += lower · right`, where of `lower`, `[num, score_stride]`, only what is not above the diagonal counts, and that is zero
/// up to the end of each [`STEP`]; or of its transpose.
fn triangle(
    isa: Isa,
    (lower, num, is_transposed): (&[f32], usize, bool),
    cols: usize,
    (right, right_stride): (&[f32], usize),
    (to, stride): (&mut [f32], usize),
) {
    let lower_stride = score_stride(CHUNK);
    for start in (0..num).step_by(STEP) {
        let end = (start + STEP).min(num);
        let to = (&mut to[start * stride..], stride);
        if is_transposed {
            let left =
                Left { values: &lower[start * lower_stride + start..], row_stride: 1, depth_stride: lower_stride };
            let right = Right::Rows((&right[start * right_stride..], right_stride));
            product(isa, [end - start, cols, num - start], left, right, to, true);
        } else {
            let left = Left { values: &lower[start * lower_stride..], row_stride: lower_stride, depth_stride: 1 };
            product(isa, [end - start, cols, end], left, Right::Rows((right, right_stride)), to, true);
        }
    }
}

/// `eˣ`, and nothing where that is so little that products with it would lie below what f32 holds in full: those take a CPU
/// many times as long.
#[inline(always)]
fn fade(x: f32) -> f32 {
    const LEAST: f32 = -50.0;
    if x < LEAST { 0.0 } else { exp(x) }
}

/// The sum of few values, in pairs.
#[inline(always)]
fn sum_of(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        let (lanes, others) = lanes.split_at_mut(half);
        lanes.iter_mut().zip(&*others).for_each(|(lane, other)| *lane += other);
    }
    lanes[0]
}

/// `Σ a · b` of few values: [`dot`](super::simd::dot) is for many.
#[inline(always)]
fn short_dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut lanes = [0.0f32; 16];
    for (a, b) in a.iter().zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    sum_of(lanes) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

vectorized! {
    /// `e` to the power of each sum, and of what is left from it to the last, `[num, heads]`.
    fn decays(isa: Isa, sums: &[f32], last: &[f32], decays: &mut [f32], left: &mut [f32]) {
        decays.iter_mut().zip(sums).for_each(|(decay, sum)| *decay = fade(*sum));
        for (left, sums) in left.chunks_exact_mut(last.len()).zip(sums.chunks_exact(last.len())) {
            left.iter_mut().zip(sums).zip(last).for_each(|((left, sum), last)| *left = fade(last - sum));
        }
    }

    /// Each head's values times its factor.
    fn scale_heads(isa: Isa, x: &[f32], factors: &[f32], dim: usize, out: &mut [f32]) {
        for ((out, x), factor) in out.chunks_exact_mut(dim).zip(x.chunks_exact(dim)).zip(factors) {
            out.iter_mut().zip(x).for_each(|(out, x)| *out = factor * x);
        }
    }

    fn scale_heads_by(isa: Isa, values: &mut [f32], factors: &[f32], dim: usize) {
        for (values, factor) in values.chunks_exact_mut(dim).zip(factors) {
            values.iter_mut().for_each(|value| *value *= factor);
        }
    }

    /// `out = out · factor + x · skip`, by head.
    fn skip_heads(isa: Isa, x: &[f32], skips: &[f32], factors: &[f32], dim: usize, out: &mut [f32]) {
        let heads = out.chunks_exact_mut(dim).zip(x.chunks_exact(dim)).zip(skips.iter().zip(factors));
        for ((out, x), (skip, factor)) in heads {
            out.iter_mut().zip(x).for_each(|(out, x)| *out = factor * *out + skip * x);
        }
    }

    /// Scores of a chunk, decayed from each token to each later one; zero above the diagonal, to the end of a step. `sums` are a
    /// head's, [`CHUNK`] of them, of which `num` count.
    fn decay_scores(isa: Isa, num: usize, scores: &[f32], sums: &[f32], weights: &mut [f32]) {
        let stride = score_stride(CHUNK);
        let rows = weights.chunks_exact_mut(stride).zip(scores.chunks_exact(stride)).zip(sums);
        for (i, ((weights, scores), own)) in rows.enumerate().take(num) {
            let end = (i + 1).next_multiple_of(STEP);
            let steps = weights[..end].as_chunks_mut::<STEP>().0.iter_mut().zip(scores.as_chunks::<STEP>().0);
            for ((weights, scores), sums) in steps.zip(sums.as_chunks::<STEP>().0) {
                for ((weight, score), sum) in weights.iter_mut().zip(scores).zip(sums) {
                    *weight = score * fade(own - sum);
                }
            }
            weights[i + 1..end].fill(0.0);
        }
    }

    /// One token through the states of a task's heads, `[state_size, stride]`; `decays` and `moved` (`dt · x`) are by column.
    fn step_states(isa: Isa, states: &mut [f32], decays: &[f32], moved: &[f32], bc: [&[f32]; 2], out: &mut [f32]) {
        const LANES: usize = 32;
        let (width, stride) = (out.len(), row_stride(out.len()));
        let [b, c] = bc;
        let (wide, narrow) = out.as_chunks_mut::<LANES>();
        let done = wide.len() * LANES;
        for (at, out) in wide.iter_mut().enumerate() {
            let column = at * LANES;
            let mut sums = [0.0f32; LANES];
            let (Some(decays), Some(moved)) = (decays[column..].first_chunk(), moved[column..].first_chunk()) else { return };
            let (decays, moved): (&[f32; LANES], &[f32; LANES]) = (decays, moved);
            for ((row, b), c) in states.chunks_exact_mut(stride).zip(b).zip(c) {
                for (i, state) in row[column..column + LANES].iter_mut().enumerate() {
                    *state = decays[i] * *state + b * moved[i];
                    sums[i] += c * *state;
                }
            }
            *out = sums;
        }
        narrow.fill(0.0);
        for ((row, b), c) in states.chunks_exact_mut(stride).zip(b).zip(c) {
            let columns = row[done..width].iter_mut().zip(&decays[done..]).zip(&moved[done..]).zip(&mut *narrow);
            for (((state, decay), moved), out) in columns {
                *state = decay * *state + b * moved;
                *out += c * *state;
            }
        }
    }

    /// Products of each head's values, added to a sum a head.
    fn dot_heads(isa: Isa, a: &[f32], b: &[f32], dim: usize, sums: &mut [f32]) {
        for ((a, b), sum) in a.chunks_exact(dim).zip(b.chunks_exact(dim)).zip(sums) {
            *sum += short_dot(a, b);
        }
    }

    /// Adds a row to a sum of rows, and returns its product with another.
    fn add_and_dot(isa: Isa, row: &[f32], other: &[f32], sum: &mut [f32]) -> f32 {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        short_dot(row, other)
    }

    /// One head's way back through [`decay_scores`], from scores, sums and the gradients at its weights, which are made again: adds
    /// those at the scores, and to `d_sums`, [`CHUNK`] values, the sums of `grads · weights` over rows less those over columns.
    fn decay_scores_back(
        isa: Isa,
        num: usize,
        inputs: [&[f32]; 3],
        weights: &mut [f32],
        d_scores: &mut [f32],
        d_sums: &mut [f32],
    ) {
        let [scores, sums, grads] = inputs;
        let stride = score_stride(CHUNK);
        let rows = weights.chunks_exact_mut(stride).zip(scores.chunks_exact(stride)).zip(grads.chunks_exact(stride));
        for (i, (((weights, scores), grads), d_scores)) in rows.zip(d_scores.chunks_exact_mut(stride)).enumerate().take(num) {
            let (own, end) = (sums[i], (i + 1).next_multiple_of(STEP));
            let mut lanes = [0.0f32; STEP];
            let inputs = scores[..end].as_chunks::<STEP>().0.iter().zip(grads.as_chunks::<STEP>().0);
            let outputs = weights.as_chunks_mut::<STEP>().0.iter_mut().zip(d_scores.as_chunks_mut::<STEP>().0);
            let by_column = sums.as_chunks::<STEP>().0.iter().zip(d_sums.as_chunks_mut::<STEP>().0);
            for (at, (((scores, grads), (weights, d_scores)), (sums, d_sums))) in
                inputs.zip(outputs).zip(by_column).enumerate()
            {
                let num_seen = i + 1 - at * STEP;
                let read = scores.iter().zip(grads).zip(sums).enumerate();
                let written = weights.iter_mut().zip(d_scores).zip(d_sums).zip(&mut lanes);
                for ((k, ((score, grad), sum)), (((weight, d_score), d_sum), lane)) in read.zip(written) {
                    let is_seen = k < num_seen;
                    let decay = if is_seen { fade(own - sum) } else { 0.0 };
                    let grad = if is_seen { *grad } else { 0.0 };
                    *weight = score * decay;
                    *d_score += grad * decay;
                    *d_sum -= grad * *weight;
                    *lane += grad * *weight;
                }
            }
            d_sums[i] += sum_of(lanes);
        }
    }

    /// The gradient at `x` from that at `dt · x` and that at the result, by head.
    fn x_back(isa: Isa, d_moved: &[f32], dt: &[f32], d_out: &[f32], skips: &[f32], dim: usize, dx: &mut [f32]) {
        let heads = dx.chunks_exact_mut(dim).zip(d_moved.chunks_exact(dim)).zip(d_out.chunks_exact(dim));
        for (((dx, d_moved), d_out), (dt, skip)) in heads.zip(dt.iter().zip(skips)) {
            dx.iter_mut().zip(d_moved).zip(d_out).for_each(|((dx, d_moved), d_out)| *dx = dt * d_moved + skip * d_out);
        }
    }
}
