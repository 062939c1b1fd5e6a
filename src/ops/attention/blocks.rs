//! Causal attention by blocks of queries, on plain slices: the scores of a block exist, those of a sequence never do. The
//! backward pass makes the scores again from the kept logarithm of each softmax's sum (Dao et al. 2022).

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use super::{AttentionShape, Segments};
use crate::ops::Segment;
use crate::ops::product::{Isa, Left, Right, Shared, Target, multiply_tile_by_tile, tile_start, transpose_for_tiles};
use crate::ops::simd::{cap_all, dot, exp, exp_all, max, tanh, vectorized};

/// How many queries' scores exist at a time.
const BLOCK: usize = 64;

/// The distance between rows of scores: a power of two would put a column's values into the same few cache lines.
pub fn score_stride(num_positions: usize) -> usize {
    num_positions.next_multiple_of(16) + 16
}

/// Heads of all tokens: `[num_tokens, …]` with rows that are `stride` values apart.
#[derive(Clone, Copy)]
pub struct Heads<'a> {
    pub values: &'a [f32],
    pub stride: usize,
}

/// Rotated queries and keys, and values: `[num_tokens, heads · head_dim]` each.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub q: Heads<'a>,
    pub k: Heads<'a>,
    pub v: Heads<'a>,
}

/// What the forward pass saw and made.
#[derive(Clone, Copy)]
pub struct Forward<'a> {
    pub inputs: Inputs<'a>,
    /// `[num_tokens, num_heads · head_dim]`
    pub out: &'a [f32],
    /// `[num_tokens, num_heads]`
    pub log_sums: &'a [f32],
}

/// Where the gradients go; all are overwritten.
pub struct Gradients<'a> {
    /// The places of dq, dk and dv, with the distance between their rows.
    places: [(Shared<f32>, usize); 3],
    num_tokens: usize,
    owner: PhantomData<&'a mut f32>,
}

impl<'a> Gradients<'a> {
    /// Each in a matrix of its own, without gaps.
    pub fn separate(dq: &'a mut [f32], dk: &'a mut [f32], dv: &'a mut [f32], shape: AttentionShape) -> Self {
        let (q_width, kv_width) = (shape.q_width(), shape.kv_width());
        let num_tokens = dq.len() / q_width.max(1);
        assert!(dk.len() >= num_tokens * kv_width && dv.len() >= num_tokens * kv_width);
        let place = |values: &mut [f32], stride| (Shared(values.as_mut_ptr()), stride);
        Self { places: [place(dq, q_width), place(dk, kv_width), place(dv, kv_width)], num_tokens, owner: PhantomData }
    }

    /// Side by side in the rows of one matrix: dq, dk, dv.
    pub fn side_by_side(values: &'a mut [f32], shape: AttentionShape) -> Self {
        let (q_width, kv_width) = (shape.q_width(), shape.kv_width());
        let stride = q_width + 2 * kv_width;
        let start = values.as_mut_ptr();
        let place = |column: usize| (Shared(start.wrapping_add(column)), stride);
        Self {
            places: [place(0), place(q_width), place(q_width + kv_width)],
            num_tokens: values.len() / stride.max(1),
            owner: PhantomData,
        }
    }
}

/// Buffers of one task.
#[derive(Default)]
struct Scratch {
    keys: Vec<f32>,
    values: Vec<f32>,
    scores: Vec<f32>,
    grads: Vec<f32>,
    /// Keys and values of a sequence that shares its beginning, in one piece, and their gradients.
    joined: [Vec<f32>; 2],
    d_joined: [Vec<f32>; 2],
}

/// Attention of all segments. `out` is `[num_tokens, num_heads · head_dim]`, `log_sums` `[num_tokens, num_heads]`.
pub fn attend(
    isa: Isa,
    shape: AttentionShape,
    segments: &Segments,
    inputs: Inputs<'_>,
    out: &mut [f32],
    log_sums: &mut [f32],
) {
    let (n, dim) = (segments.num_tokens(), shape.head_dim);
    check(shape, n, inputs);
    assert!(out.len() >= n * shape.q_width() && log_sums.len() >= n * shape.num_heads);
    let (out, log_sums) = (Shared(out.as_mut_ptr()), Shared(log_sums.as_mut_ptr()));
    let tasks: Vec<_> = segments
        .iter()
        .flat_map(|segment| (0..shape.num_kv_heads).map(move |kv_head| (segment, kv_head)))
        .flat_map(|(segment, head)| (0..segment.rows.len()).step_by(BLOCK).map(move |start| (segment, head, start)))
        .collect();
    tasks.into_par_iter().with_max_len(1).for_each_init(Scratch::default, |scratch, (segment, kv_head, start)| {
        let rows = &segment.rows;
        let num = BLOCK.min(rows.len() - start);
        // Tokens of the sequence before this block, and with it.
        let before = segment.prefix.len() + start;
        // The tokens that some query of this block sees.
        let seen = shape.first_seen(before)..before + num;
        let num_seen = seen.len();
        let column = kv_head * dim;
        let [joined_k, joined_v] = &mut scratch.joined;
        let keys = inputs.k.joined(segment, seen.clone(), column, dim, joined_k);
        let values = inputs.v.joined(segment, seen.clone(), column, dim, joined_v);
        transpose_for_tiles(isa, keys, num_seen, dim, &mut scratch.keys);
        let stride = score_stride(num_seen);
        scratch.scores.resize(BLOCK * stride, 0.0);
        for head in kv_head * shape.group()..(kv_head + 1) * shape.group() {
            let queries = inputs.q.left(rows.start + start, head * dim);
            let scores = &mut scratch.scores[..num * stride];
            let target = Target::of(scores, stride);
            // SAFETY: `scores` holds `num` rows, `stride` apart, and is this task's own.
            unsafe { multiply_tile_by_tile(isa, num, num_seen, dim, queries, Right::Tiles(&scratch.keys), target) };
            for (row, scores) in scores.chunks_mut(stride).enumerate() {
                let log_sum = softmax(isa, scores, shape.visible(before + row, seen.start), shape);
                // SAFETY: the length was asserted; this token and head belong to this task.
                unsafe { *log_sums.get().add((rows.start + start + row) * shape.num_heads + head) = log_sum };
            }
            let weights = Left { values: scores, row_stride: stride, depth_stride: 1 };
            // SAFETY: these rows and the columns of this head lie inside `out` (asserted) and belong to this task.
            unsafe {
                let c = out.get().add((rows.start + start) * shape.q_width() + head * dim);
                let target = Target { c, stride: shape.q_width(), accumulate: false, alpha: 1.0 };
                multiply_tile_by_tile(isa, num, dim, num_seen, weights, Right::Rows(values), target);
            }
        }
    });
}

/// The gradients at queries, keys and values; `grad` is that at the result, `[num_tokens, num_heads · head_dim]`.
pub fn attend_back(
    isa: Isa,
    shape: AttentionShape,
    segments: &Segments,
    forward: Forward<'_>,
    grad: &[f32],
    gradients: Gradients<'_>,
) {
    let (n, q_width) = (segments.num_tokens(), shape.q_width());
    check(shape, n, forward.inputs);
    assert!(forward.out.len() >= n * q_width && grad.len() >= n * q_width);
    assert!(forward.log_sums.len() >= n * shape.num_heads);
    let places = gradients.places;
    assert!(gradients.num_tokens >= n, "gradients of fewer tokens");
    // Several sequences add to the gradients of a beginning that they share: each writes down its part.
    let part_width = 2 * shape.kv_width();
    let mut end = 0;
    let parts: Vec<_> = segments
        .iter()
        .map(|segment| {
            let start = end;
            end += segment.prefix.len() * part_width;
            start
        })
        .collect();
    let mut shared = vec![0.0; end];
    let place = Shared(shared.as_mut_ptr());
    let tasks: Vec<_> = segments
        .iter()
        .zip(&parts)
        .flat_map(|(segment, part)| (0..shape.num_kv_heads).map(move |kv_head| (segment, *part, kv_head)))
        .collect();
    tasks.into_par_iter().with_max_len(1).for_each_init(Scratch::default, |scratch, (segment, part, kv_head)| {
        BackTask { isa, shape, forward, grad, places, segment, kv_head }.run(scratch);
        for (i, d_joined) in scratch.d_joined.iter().enumerate() {
            let rows = d_joined.chunks_exact(shape.head_dim).take(segment.prefix.len());
            for (row, values) in rows.enumerate() {
                let at = part + row * part_width + i * shape.kv_width() + kv_head * shape.head_dim;
                // SAFETY: `shared` has a row of `part_width` for each token of this prefix from `part` on; this head's
                // columns in it belong to this task.
                unsafe { std::slice::from_raw_parts_mut(place.get().add(at), shape.head_dim) }.copy_from_slice(values);
            }
        }
    });
    for (segment, part) in segments.iter().zip(parts) {
        for (token, part) in segment.prefix.clone().zip(shared[part..].chunks_exact(part_width)) {
            for ((place, stride), part) in places[1..].iter().zip(part.chunks_exact(shape.kv_width())) {
                // SAFETY: this token's row lies inside the gradients (asserted); all tasks have ended.
                let sum = unsafe { std::slice::from_raw_parts_mut(place.get().add(token * stride), part.len()) };
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        }
    }
}

/// The gradients of one kv head of one sequence.
struct BackTask<'a> {
    isa: Isa,
    shape: AttentionShape,
    forward: Forward<'a>,
    grad: &'a [f32],
    /// The places of dq, dk and dv, with their strides.
    places: [(Shared<f32>, usize); 3],
    segment: &'a Segment,
    kv_head: usize,
}

impl BackTask<'_> {
    /// Those of a shared beginning's keys and values are left in the scratch.
    fn run(&self, scratch: &mut Scratch) {
        let Self { isa, shape, segment, .. } = *self;
        let Inputs { k, v, .. } = self.forward.inputs;
        let (len, dim, column) = (segment.len(), shape.head_dim, self.kv_head * shape.head_dim);
        let Scratch { keys, values, scores, grads, joined: [joined_k, joined_v], d_joined } = scratch;
        let k = k.joined(segment, 0..len, column, dim, joined_k);
        transpose_for_tiles(isa, k, len, dim, keys);
        transpose_for_tiles(isa, v.joined(segment, 0..len, column, dim, joined_v), len, dim, values);
        scores.resize(BLOCK * score_stride(len), 0.0);
        grads.resize(BLOCK * score_stride(len), 0.0);
        let (rows, [_, d_keys, d_values]) = (&segment.rows, self.places);
        let is_joined = !segment.prefix.is_empty();
        let targets = [d_keys, d_values].into_iter().zip(d_joined.iter_mut()).map(|((place, stride), d_joined)| {
            d_joined.resize(if is_joined { len * dim } else { 0 }, 0.0);
            match is_joined {
                true => (Shared(d_joined.as_mut_ptr()), dim),
                false => (Shared(place.get().wrapping_add(rows.start * stride + column)), stride),
            }
        });
        let targets: Vec<_> = targets.collect();
        let group = shape.group();
        // From the last block on: it reaches to the last key, so that the first product overwrites and the others add.
        // Keys before those that it sees begin at zero.
        let unseen = self.first_key(rows.len().saturating_sub(1) / BLOCK * BLOCK);
        for (place, stride) in &targets {
            for row in 0..unseen {
                // SAFETY: as for the products in `block`, which write to these rows.
                unsafe { std::slice::from_raw_parts_mut(place.get().add(row * stride), dim) }.fill(0.0);
            }
        }
        for (i, start) in (0..rows.len()).step_by(BLOCK).rev().enumerate() {
            for head in self.kv_head * group..(self.kv_head + 1) * group {
                let is_first = i == 0 && head == self.kv_head * group;
                let block = Block { start, head, keys: k, key_tiles: keys, value_tiles: values, accumulate: !is_first };
                self.block(block, scores, grads, &targets);
            }
        }
        if !is_joined {
            return;
        }
        for ((place, stride), d_joined) in [d_keys, d_values].into_iter().zip(d_joined) {
            for (row, values) in rows.clone().zip(d_joined.chunks_exact(dim).skip(segment.prefix.len())) {
                // SAFETY: the rows of this segment and the columns of this head lie inside the gradients (asserted by
                // `attend_back`) and belong to this task.
                let to = unsafe { std::slice::from_raw_parts_mut(place.get().add(row * stride + column), dim) };
                to.copy_from_slice(values);
            }
        }
    }

    /// Where the keys begin that the block of queries from `start` on needs: those that it sees, from a whole tile on.
    fn first_key(&self, start: usize) -> usize {
        tile_start(self.isa, self.shape.first_seen(self.segment.prefix.len() + start))
    }

    /// The part of one head's block of queries; `targets` are the first rows of dk and dv of this sequence and head.
    fn block(&self, block: Block<'_>, scores: &mut [f32], grads: &mut [f32], targets: &[(Shared<f32>, usize)]) {
        let Self { isa, shape, forward, segment, .. } = *self;
        let Block { start, head, accumulate, .. } = block;
        let (dim, rows) = (shape.head_dim, &segment.rows);
        let (num, before) = (BLOCK.min(rows.len() - start), segment.prefix.len() + start);
        let (first_key, first) = (self.first_key(start), rows.start + start);
        let num_keys = before + num - first_key;
        let (width, stride) = (shape.q_width(), score_stride(num_keys));
        let queries = forward.inputs.q.left(first, head * dim);
        let d_out = Heads { values: self.grad, stride: width };
        let (scores, grads) = (&mut scores[..num * stride], &mut grads[..num * stride]);
        // SAFETY: both buffers hold `num` rows, `stride` apart, and are this task's own.
        unsafe {
            let keys = Right::Tiles(&block.key_tiles[first_key * dim..]);
            let values = Right::Tiles(&block.value_tiles[first_key * dim..]);
            let d_out = d_out.left(first, head * dim);
            multiply_tile_by_tile(isa, num, num_keys, dim, queries, keys, Target::of(scores, stride));
            multiply_tile_by_tile(isa, num, num_keys, dim, d_out, values, Target::of(grads, stride));
        }
        for (row, (scores, grads)) in scores.chunks_mut(stride).zip(grads.chunks_mut(stride)).enumerate() {
            let at = (first + row) * width + head * dim;
            let shared = dot_product(isa, &self.grad[at..at + dim], &forward.out[at..at + dim]);
            let log_sum = forward.log_sums[(first + row) * shape.num_heads + head];
            let visible = shape.visible(before + row, first_key);
            score_gradients(isa, scores, grads, visible, shape, log_sum, shared);
        }
        let weights = Left { values: scores, row_stride: 1, depth_stride: stride };
        let grads_t = Left { values: grads, row_stride: 1, depth_stride: stride };
        let grads = Left { values: grads, row_stride: stride, depth_stride: 1 };
        let (dq, dq_stride) = self.places[0];
        // SAFETY: the rows of this segment and the columns of these heads lie inside the gradients (asserted by
        // `attend_back`) and belong to this task, as do buffers of its own.
        unsafe {
            let target = |c: *mut f32, stride, accumulate| Target { c, stride, accumulate, alpha: 1.0 };
            let to_q = target(dq.get().add(first * dq_stride + head * dim), dq_stride, false);
            let (keys, key_stride) = block.keys;
            let keys = Right::Rows((&keys[first_key * key_stride..], key_stride));
            multiply_tile_by_tile(isa, num, dim, num_keys, grads, keys, to_q);
            let queries = forward.inputs.q.right(first, head * dim);
            for ((place, stride), (left, right)) in
                targets.iter().zip([(grads_t, queries), (weights, d_out.right(first, head * dim))])
            {
                let to = target(place.get().add(first_key * stride), *stride, accumulate);
                multiply_tile_by_tile(isa, num_keys, dim, num, left, Right::Rows(right), to);
            }
        }
    }
}

/// A block of queries of one head, and what all blocks of its sequence share.
struct Block<'a> {
    /// Its first row among the sequence's own.
    start: usize,
    head: usize,
    keys: (&'a [f32], usize),
    key_tiles: &'a [f32],
    value_tiles: &'a [f32],
    /// Whether dk and dv hold sums already.
    accumulate: bool,
}

impl<'a> Heads<'a> {
    fn left(&self, row: usize, column: usize) -> Left<'a> {
        Left { values: &self.values[row * self.stride + column..], row_stride: self.stride, depth_stride: 1 }
    }

    fn right(&self, row: usize, column: usize) -> (&'a [f32], usize) {
        (&self.values[row * self.stride + column..], self.stride)
    }

    /// Some rows of a sequence: where they lie, or copied to `room` where its beginning is elsewhere.
    fn joined<'b>(
        &self,
        segment: &Segment,
        positions: Range<usize>,
        column: usize,
        dim: usize,
        room: &'b mut Vec<f32>,
    ) -> (&'b [f32], usize)
    where
        'a: 'b,
    {
        if segment.prefix.is_empty() {
            return self.right(segment.rows.start + positions.start, column);
        }
        room.clear();
        let rows = segment.prefix.clone().chain(segment.rows.clone());
        for row in rows.skip(positions.start).take(positions.len()) {
            room.extend_from_slice(&self.values[row * self.stride + column..][..dim]);
        }
        (room, dim)
    }
}

fn check(shape: AttentionShape, n: usize, inputs: Inputs<'_>) {
    for (heads, width) in [(inputs.q, shape.q_width()), (inputs.k, shape.kv_width()), (inputs.v, shape.kv_width())] {
        assert!(n == 0 || (width <= heads.stride && (n - 1) * heads.stride + width <= heads.values.len()));
    }
}

vectorized! {
    /// Softmax of one query's visible scores, `[num_positions]`, scaled and capped; the others become 0. Returns the
    /// logarithm of the sum.
    pub fn softmax(isa: Isa, scores: &mut [f32], visible: Range<usize>, shape: AttentionShape) -> f32 {
        scores[..visible.start].fill(0.0);
        scores[visible.end..].fill(0.0);
        let visible = &mut scores[visible];
        let mut scale = shape.scale;
        if let Some(cap) = shape.softcap {
            cap_all(visible, scale, cap);
            scale = 1.0;
        }
        let top = scale * max(visible);
        let sum = exp_all(visible, scale, top);
        let inverse = 1.0 / sum;
        visible.iter_mut().for_each(|score| *score *= inverse);
        top + sum.ln()
    }

    fn dot_product(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
        dot(a, b)
    }

    /// Turns scores into weights, and their gradients into the gradients of the products of queries and keys.
    fn score_gradients(
        isa: Isa,
        scores: &mut [f32],
        grads: &mut [f32],
        visible: Range<usize>,
        shape: AttentionShape,
        log_sum: f32,
        shared: f32,
    ) {
        for values in [&mut *scores, &mut *grads] {
            values[..visible.start].fill(0.0);
            values[visible.end..].fill(0.0);
        }
        let (scores, grads, scale) = (&mut scores[visible.clone()], &mut grads[visible], shape.scale);
        if let Some(cap) = shape.softcap {
            for (grad, score) in grads.iter_mut().zip(scores) {
                let capped = tanh(scale / cap * *score);
                *score = exp(cap * capped - log_sum);
                *grad = scale * *score * (*grad - shared) * (1.0 - capped * capped);
            }
            return;
        }
        exp_all(scores, scale, log_sum);
        for (grad, weight) in grads.iter_mut().zip(scores) {
            *grad = scale * *weight * (*grad - shared);
        }
    }
}
