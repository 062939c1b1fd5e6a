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
    read: Read,
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
    let (place, state_len) = (Shared(out.as_mut_ptr()), state.len());
    let mut rest = state;
    let mut tasks = Vec::new();
    for block in shape.blocks() {
        let (own, others) = rest.split_at_mut(block.state_len(shape));
        rest = others;
        tasks.push((Task::new(isa, scan, inputs, block), own));
    }
    // A token alone is done before other threads are awake.
    let at_once = if n * state_len < 1 << 19 { tasks.len() } else { 1 };
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
        let (num, width, stride, dim) = (rows.len(), self.width(), self.stride(), scan.shape.head_dim);
        let Scratch { read, tiles, scores, weights, head_sums, moved, out, .. } = scratch;
        self.read(rows, read);
        self.score(num, read, tiles, scores);
        self.scale_x(rows, &read.dt[..num * block.num], moved);
        out.resize(CHUNK * stride, 0.0);
        let out = &mut out[..num * stride];
        match has_state {
            true => {
                let dims = [num, width, scan.shape.state_size];
                product(isa, dims, self.left(&read.c, 0), Right::Rows((state, stride)), (out, stride), false);
            }
            false => out.fill(0.0),
        }
        let lines = out.chunks_exact_mut(stride).zip(read.decays.chunks_exact(block.num));
        for (row, (out, decays)) in rows.clone().zip(lines) {
            skip_heads(isa, self.x(row), &scan.d[self.heads()], decays, dim, out);
        }
        weights.resize(scores.len(), 0.0);
        for head in 0..block.num {
            read.sums_of(head, block.num, head_sums);
            decay_scores(isa, num, scores, head_sums, weights);
            let (right, to) = ((&moved[head * dim..], stride), (&mut out[head * dim..], stride));
            triangle(isa, (weights, num, false), dim, right, to);
        }
        rows.clone().zip(out.chunks_exact(stride)).for_each(|(row, out)| put(row, &out[..width]));
        if is_carried {
            self.advance(num, read, moved, state, has_state);
        }
    }

    /// One token.
    fn token(&self, row: usize, state: &mut [f32], scratch: &mut Scratch, put: impl Fn(usize, &[f32])) {
        let Self { isa, scan, .. } = *self;
        let dim = scan.shape.head_dim;
        let Scratch { read, moved, out, head_sums: ones, .. } = scratch;
        ones.clear();
        ones.resize(self.block.num, 1.0);
        self.read_times(&(row..row + 1), read);
        self.scale_x(&(row..row + 1), &read.dt[..self.block.num], moved);
        out.clear();
        out.resize(self.width(), 0.0);
        let bc = [self.b_column(), self.c_column()].map(|column| self.shared(row, column));
        step_states(isa, state, &read.total, moved, bc, out);
        skip_heads(isa, self.x(row), &scan.d[self.heads()], ones, dim, out);
        put(row, out);
    }
}
