//! Forward: whole sequences, or the next tokens after a state.

use std::ops::Range;

use rayon::prelude::*;

use super::*;
use crate::ops::product::Shared;

/// New tokens from which on chunks are quicker than one token after the other.
const FEW: usize = 8;

/// Buffers of one task.
#[derive(Default)]
struct Scratch {
    times: Times,
    tiles: Vec<f32>,
    scores: Vec<f32>,
    weights: Vec<f32>,
    head_sums: Vec<f32>,
    /// `dt · x`
    moved: Vec<f32>,
    out: Vec<f32>,
    state: Vec<f32>,
    /// After the rows that several sequences begin with.
    shared: Vec<f32>,
}

/// The results of all segments, `[num_tokens, num_heads · head_dim]`.
pub fn scan(isa: Isa, scan: Scan<'_>, segments: &Segments, inputs: ScanInputs<'_>, out: &mut [f32]) {
    let (n, shape) = (segments.num_tokens(), scan.shape);
    assert!(inputs.rows.len() == n * shape.row_width() && out.len() == n * shape.inner());
    let place = Shared(out.as_mut_ptr());
    let blocks = shape.blocks();
    let tasks: Vec<_> =
        families(segments).flat_map(|family| blocks.iter().map(move |block| (family, *block))).collect();
    tasks.into_par_iter().with_max_len(1).for_each_init(Scratch::default, |scratch, (family, block)| {
        let task = Task::new(isa, scan, inputs, block);
        scratch.state.resize(task.state_len(), 0.0);
        let is_shared = family.len() > 1;
        for (index, segment) in family.iter().enumerate() {
            let mut state = std::mem::take(&mut scratch.state);
            let mut has_state = !segment.prefix.is_empty();
            if has_state {
                state.copy_from_slice(&scratch.shared);
            }
            let chunks = chunks(&segment.rows);
            let last = chunks.len() - 1;
            for (i, rows) in chunks.enumerate() {
                let is_carried = i < last || (index == 0 && is_shared);
                task.chunk(&rows, has_state, is_carried, &mut state, scratch, |row, values| {
                    // SAFETY: `out` has this row (asserted), and its columns of these heads belong to this task.
                    unsafe {
                        let to = place.get().add(row * shape.inner() + block.first * shape.head_dim);
                        std::slice::from_raw_parts_mut(to, values.len()).copy_from_slice(values);
                    }
                });
                has_state = true;
            }
            if index == 0 && is_shared {
                scratch.shared.clone_from(&state);
            }
            scratch.state = state;
        }
    });
}

/// The next tokens of a sequence, whose `state`, [`ScanShape::state_len`] values, is that before them and becomes that after
/// them.
pub fn scan_next(isa: Isa, scan: Scan<'_>, inputs: ScanInputs<'_>, state: &mut [f32], out: &mut [f32]) {
    let shape = scan.shape;
    assert!(state.len() == shape.state_len() && out.len() * shape.row_width() == inputs.rows.len() * shape.inner());
    let n = out.len() / shape.inner().max(1);
    let place = Shared(out.as_mut_ptr());
    let mut rest = state;
    let mut tasks = Vec::new();
    for block in shape.blocks() {
        let (own, others) = rest.split_at_mut(block.num * shape.head_dim * shape.state_size);
        rest = others;
        tasks.push((Task::new(isa, scan, inputs, block), own));
    }
    // A token alone is done before other threads are awake.
    let at_once = if n * shape.state_len() < 1 << 19 { tasks.len() } else { 1 };
    let tasks = tasks.into_par_iter().with_min_len(at_once.max(1));
    tasks.for_each_init(Scratch::default, |scratch, (task, state)| {
        let put = |row: usize, values: &[f32]| {
            // SAFETY: `out` has this row (asserted), and its columns of these heads belong to this task.
            unsafe {
                let to = place.get().add(row * shape.inner() + task.block.first * shape.head_dim);
                std::slice::from_raw_parts_mut(to, values.len()).copy_from_slice(values);
            }
        };
        if n < FEW {
            return (0..n).for_each(|row| task.token(row, state, scratch, put));
        }
        chunks(&(0..n)).for_each(|rows| task.chunk(&rows, true, true, state, scratch, put));
    });
}

impl Task<'_> {
    /// A chunk's results, which `put` takes row by row, and the state after it where that is wanted.
    fn chunk(
        &self,
        rows: &Range<usize>,
        has_state: bool,
        is_carried: bool,
        state: &mut [f32],
        scratch: &mut Scratch,
        put: impl Fn(usize, &[f32]),
    ) {
        let Self { isa, scan, block, .. } = *self;
        let (num, width, dim) = (rows.len(), self.width(), scan.shape.head_dim);
        let Scratch { times, tiles, scores, weights, head_sums, moved, out, .. } = scratch;
        self.set_times(rows, times);
        self.score(rows, tiles, scores);
        self.scale_x(rows, &times.dt[..num * block.num], moved);
        out.resize(CHUNK * width, 0.0);
        let out = &mut out[..num * width];
        match has_state {
            true => {
                let left = self.left(rows.start, self.c_column());
                let dims = [num, width, scan.shape.state_size];
                product(isa, dims, left, Right::Rows((state, width)), (out, width), false);
            }
            false => out.fill(0.0),
        }
        let lines = out.chunks_exact_mut(width).zip(times.decays.chunks_exact(block.num));
        for (row, (out, decays)) in rows.clone().zip(lines) {
            skip_heads(isa, self.x(row), &scan.d[self.heads()], decays, dim, out);
        }
        weights.resize(scores.len(), 0.0);
        for head in 0..block.num {
            head_sums.clear();
            head_sums.extend(times.sums[..num * block.num].iter().skip(head).step_by(block.num));
            decay_scores(isa, scores, head_sums, weights);
            let (right, to) = ((&moved[head * dim..], width), (&mut out[head * dim..], width));
            triangle(isa, (weights, num, false), dim, right, to);
        }
        rows.clone().zip(out.chunks_exact(width)).for_each(|(row, out)| put(row, out));
        if is_carried {
            self.advance(rows, times, moved, state, has_state);
        }
    }

    /// One token.
    fn token(&self, row: usize, state: &mut [f32], scratch: &mut Scratch, put: impl Fn(usize, &[f32])) {
        let Self { isa, scan, .. } = *self;
        let dim = scan.shape.head_dim;
        let Scratch { times, moved, out, head_sums: ones, .. } = scratch;
        ones.clear();
        ones.resize(self.block.num, 1.0);
        self.set_times(&(row..row + 1), times);
        self.scale_x(&(row..row + 1), &times.dt[..self.block.num], moved);
        out.resize(self.width(), 0.0);
        let of = |column: usize| &self.shared(row, column)[..scan.shape.state_size];
        step_states(isa, state, &times.total, moved, [of(self.b_column()), of(self.c_column())], out);
        skip_heads(isa, self.x(row), &scan.d[self.heads()], ones, dim, out);
        put(row, out);
    }
}
