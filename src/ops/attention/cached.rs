//! Attention of new tokens over what is cached, without gradient: for generation.

use std::ops::Range;

use rayon::prelude::*;

use super::AttentionShape;
use super::blocks::{score_stride, softmax};
use super::few::{dots, weighted_sum};
use crate::ops::product::{Isa, Left, Right, Shared, Target, multiply_tile_by_tile, transpose_for_tiles};

/// With at least this many new tokens, keys are packed for whole tiles; with fewer that costs more than it saves.
const TILED: usize = 8;
/// How many new tokens' scores exist at a time.
const BLOCK: usize = 64;

/// One sequence.
pub struct Cached<'a> {
    /// The last positions of the sequence, `[num_new, num_heads · head_dim]`.
    pub q: &'a [f32],
    /// The keys of each head, so that a task reads one stretch of memory: `[num_positions, head_dim]`, the new ones
    /// included.
    pub keys: &'a [Vec<f32>],
    pub values: &'a [Vec<f32>],
    /// The result, with the shape of `q`.
    pub out: &'a mut [f32],
}

/// What a task reads, and where it writes.
struct Task<'a> {
    q: &'a [f32],
    /// `[num_positions, head_dim]`
    keys: &'a [f32],
    values: &'a [f32],
    out: Shared<f32>,
    /// The heads of this task, which share keys and values.
    heads: Range<usize>,
    /// The first of its new tokens.
    start: usize,
}

/// Attention of every sequence's new tokens over its own positions, all heads of all sequences at once.
pub fn cached_attention(isa: Isa, shape: AttentionShape, sequences: Vec<Cached<'_>>) {
    let (q_width, dim) = (shape.q_width(), shape.head_dim);
    // Heads that share keys read them together, if there is work enough for all threads then.
    let num_shared = sequences.len() * shape.num_kv_heads;
    let together = if num_shared >= 4 * rayon::current_num_threads() { shape.group() } else { 1 };
    let mut tasks = Vec::new();
    for Cached { q, keys, values, out } in sequences {
        assert!(out.len() >= q.len() && q.len().is_multiple_of(q_width));
        assert!(keys.len() == shape.num_kv_heads && values.len() == shape.num_kv_heads);
        let num_values = keys.first().map_or(0, Vec::len);
        assert!(num_values.is_multiple_of(dim) && keys.iter().chain(values).all(|head| head.len() == num_values));
        assert!(q.len() / q_width <= num_values / dim, "new tokens belong to the positions");
        let out = Shared(out.as_mut_ptr());
        let num_new = q.len() / q_width;
        let together = if num_new < TILED { together } else { 1 };
        for start in (0..num_new).step_by(BLOCK) {
            let heads = (0..shape.num_heads).step_by(together).map(|head| head..head + together);
            tasks.extend(heads.map(|heads| {
                let shared = heads.start / shape.group();
                Task { q, keys: &keys[shared], values: &values[shared], out, heads, start }
            }));
        }
    }
    tasks.into_par_iter().for_each_init(Default::default, |scratch, task| task.run(isa, shape, scratch));
}

#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    keys: Vec<f32>,
}

impl Task<'_> {
    fn run(&self, isa: Isa, shape: AttentionShape, scratch: &mut Scratch) {
        let (dim, q_width, keys, values) = (shape.head_dim, shape.q_width(), self.keys, self.values);
        let (num_new, num_positions) = (self.q.len() / q_width, keys.len() / dim);
        let past = num_positions - num_new;
        let num = BLOCK.min(num_new - self.start);
        // Positions that some token of this block sees.
        let seen = shape.first_seen(past + self.start)..past + self.start + num;
        let (keys, values) = (&keys[seen.start * dim..], &values[seen.start * dim..]);
        let row = self.start * q_width + self.heads.start * dim;
        let q = &self.q[row..];
        let stride = score_stride(seen.len());
        if num_new < TILED {
            let num_heads = self.heads.len();
            scratch.scores.resize(num_heads * stride, 0.0);
            for i in 0..num {
                let visible = shape.visible(past + self.start + i, seen.start);
                let rows = visible.start * dim..visible.end * dim;
                let q = &q[i * q_width..][..num_heads * dim];
                dots(isa, (q, dim), (&keys[rows.clone()], dim), &mut scratch.scores, stride);
                for (head, scores) in scratch.scores.chunks_mut(stride).enumerate() {
                    let scores = &mut scores[..visible.len()];
                    softmax(isa, scores, 0..visible.len(), shape);
                    let at = row + i * q_width + head * dim;
                    // SAFETY: this token's columns of this head lie inside `out`, as long as `q`, and belong to this
                    // task.
                    let out = unsafe { std::slice::from_raw_parts_mut(self.out.get().add(at), dim) };
                    weighted_sum(isa, scores, (&values[rows.clone()], dim), out);
                }
            }
            return;
        }
        scratch.scores.resize(num * stride, 0.0);
        let scores = &mut scratch.scores[..num * stride];
        transpose_for_tiles(isa, (keys, dim), seen.len(), dim, &mut scratch.keys);
        let queries = Left { values: q, row_stride: q_width, depth_stride: 1 };
        // SAFETY: `scores` holds `num` rows, `stride` apart, and is this task's own.
        unsafe {
            let target = Target::of(scores, stride);
            multiply_tile_by_tile(isa, num, seen.len(), dim, queries, Right::Tiles(&scratch.keys), target);
        }
        for (i, scores) in scores.chunks_mut(stride).enumerate() {
            softmax(isa, scores, shape.visible(past + self.start + i, seen.start), shape);
        }
        let weights = Left { values: scores, row_stride: stride, depth_stride: 1 };
        // SAFETY: these tokens' columns of this head lie inside `out` and belong to this task.
        unsafe {
            let target = Target { c: self.out.get().add(row), stride: q_width, accumulate: false, alpha: 1.0 };
            multiply_tile_by_tile(isa, num, dim, seen.len(), weights, Right::Rows((values, dim)), target);
        }
    }
}
