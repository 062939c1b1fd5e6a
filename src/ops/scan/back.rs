//! The way back: the states at the beginnings of chunks are made again, then chunks are gone through from the last to the first,
//! with the gradient at the state after each.

use std::ops::Range;

use rayon::prelude::*;

use super::*;
use crate::ops::product::Shared;

/// Where the gradients go; all are overwritten.
pub struct ScanGradients<'a> {
    /// `[num_tokens, row_width]`
    pub rows: &'a mut [f32],
    /// At the times before bias and softplus, rows of `dt_stride` values of which the first are those of the heads.
    pub dt: &'a mut [f32],
    pub dt_stride: usize,
    /// Room for what tasks add to the gradients at B and C, [`ScanShape::part_width`] values a token.
    pub parts: &'a mut Vec<f32>,
}

/// Buffers of one task.
#[derive(Default)]
struct Scratch {
    read: Read,
    tiles: Vec<f32>,
    scores: Vec<f32>,
    weights: Vec<f32>,
    /// At the weights of a head, and at the scores.
    grads: Vec<f32>,
    d_scores: Vec<f32>,
    head_sums: Vec<f32>,
    /// `dt · x`, what is left of it at the chunk's end, and the gradient there.
    moved: Vec<f32>,
    left: Vec<f32>,
    d_moved: Vec<f32>,
    /// The gradient at the result, and decayed as the state before the chunk is there.
    d_out: Vec<f32>,
    d_carried: Vec<f32>,
    /// The gradient at C by a head's state, `[num, state_size]`.
    d_c: Vec<f32>,
    /// For each token and head: what goes from its `x` to the state after the chunk and from the state before it to its
    /// result, and what goes between tokens of the chunk.
    carried: [Vec<f32>; 2],
    between: Vec<f32>,
    /// The gradient at a head's sums, `[num]`.
    d_sums: Vec<f32>,
    state: Vec<f32>,
    shared: Vec<f32>,
    /// States at the beginnings of chunks.
    states: Vec<f32>,
    d_state: Vec<f32>,
    /// At the state after the rows that several sequences begin with.
    d_shared: Vec<f32>,
}

/// A chunk, and which of the states that were made again is that before it.
struct Chunk {
    rows: Range<usize>,
    state: Option<usize>,
}

/// Where a task's gradients go.
#[derive(Clone, Copy)]
struct Places {
    rows: Shared<f32>,
    dt: Shared<f32>,
    dt_stride: usize,
    /// Those of this task's heads at B and at C, `[num_tokens, 2 · state_size]`.
    part: Shared<f32>,
}

/// The gradients at rows and times from that at the result, `d_out`, `[num_tokens, num_heads · head_dim]`.
pub fn scan_back(
    isa: Isa,
    scan: Scan<'_>,
    segments: &Segments,
    inputs: ScanInputs<'_>,
    d_out: &[f32],
    gradients: ScanGradients<'_>,
) {
    let (n, shape) = (segments.num_tokens(), scan.shape);
    let ScanGradients { rows, dt, dt_stride, parts } = gradients;
    if n == 0 {
        return;
    }
    assert!(inputs.rows.len() == n * shape.row_width() && rows.len() == n * shape.row_width());
    assert!(d_out.len() == n * shape.inner() && dt.len() >= (n - 1) * dt_stride + shape.num_heads);
    assert!(shape.num_heads <= dt_stride);
    let (blocks, part_len) = (shape.blocks(), n * 2 * shape.state_size);
    parts.resize(n * shape.part_width(), 0.0);
    let (to_rows, to_dt, to_parts) = (Shared(rows.as_mut_ptr()), Shared(dt.as_mut_ptr()), Shared(parts.as_mut_ptr()));
    let tasks: Vec<_> = families(segments)
        .flat_map(|family| blocks.iter().enumerate().map(move |(i, block)| (family, i, *block)))
        .collect();
    tasks.into_par_iter().with_max_len(1).for_each_init(Scratch::default, |scratch, (family, index, block)| {
        let part = Shared(to_parts.get().wrapping_add(index * part_len));
        let places = Places { rows: to_rows, dt: to_dt, dt_stride, part };
        Task::new(isa, scan, inputs, block).family_back(family, d_out, places, scratch);
    });
    let width = 2 * shape.state_size;
    rows.par_chunks_mut(shape.row_width()).enumerate().with_min_len(16).for_each(|(row, out)| {
        let (b, c) = out[shape.inner()..].split_at_mut(shape.num_groups * shape.state_size);
        let groups = b.chunks_exact_mut(shape.state_size).zip(c.chunks_exact_mut(shape.state_size));
        for (group, (b, c)) in groups.enumerate() {
            b.fill(0.0);
            c.fill(0.0);
            for (index, _) in blocks.iter().enumerate().filter(|(_, block)| block.group == group) {
                let part = &parts[index * part_len + row * width..][..width];
                add_row(isa, &part[..shape.state_size], b);
                add_row(isa, &part[shape.state_size..], c);
            }
        }
    });
}

impl Task<'_> {
    /// All sequences that begin with the same rows.
    fn family_back(&self, family: &[Segment], d_out: &[f32], places: Places, scratch: &mut Scratch) {
        let (state_len, is_shared) = (self.state_len(), family.len() > 1);
        scratch.state.resize(state_len, 0.0);
        scratch.d_state.resize(state_len, 0.0);
        let chunks = self.states_again(family, scratch);
        scratch.d_shared.clear();
        scratch.d_shared.resize(state_len, 0.0);
        let mut later = chunks.len();
        for (index, segment) in family.iter().enumerate().rev() {
            let is_beginning = index == 0 && is_shared;
            let mut d_state = std::mem::take(&mut scratch.d_state);
            if is_beginning {
                d_state.copy_from_slice(&scratch.d_shared);
            }
            let mut is_carried = is_beginning;
            let first = later - super::chunks(&segment.rows).len();
            for chunk in chunks[first..later].iter().rev() {
                self.chunk_back(chunk, is_carried, d_out, &mut d_state, places, scratch);
                is_carried = true;
            }
            later = first;
            if !segment.prefix.is_empty() {
                add_row(self.isa, &d_state, &mut scratch.d_shared);
            }
            scratch.d_state = d_state;
        }
    }

    /// Makes the states before all chunks again, where there are some.
    fn states_again(&self, family: &[Segment], scratch: &mut Scratch) -> Vec<Chunk> {
        let is_shared = family.len() > 1;
        let mut all = Vec::new();
        let mut num_states = 0;
        let mut state = std::mem::take(&mut scratch.state);
        scratch.states.clear();
        for (index, segment) in family.iter().enumerate() {
            let mut has_state = !segment.prefix.is_empty();
            if has_state {
                state.copy_from_slice(&scratch.shared);
            }
            let chunks = chunks(&segment.rows);
            let last = chunks.len() - 1;
            for (i, rows) in chunks.enumerate() {
                if has_state {
                    scratch.states.extend_from_slice(&state);
                    num_states += 1;
                }
                all.push(Chunk { rows: rows.clone(), state: has_state.then(|| num_states - 1) });
                if i < last || (index == 0 && is_shared) {
                    let Scratch { read, moved, .. } = &mut *scratch;
                    self.read(&rows, read);
                    self.scale_x(&rows, &read.dt[..rows.len() * self.block.num], moved);
                    self.advance(rows.len(), read, moved, &mut state, has_state);
                }
                has_state = true;
            }
            if index == 0 && is_shared {
                scratch.shared.clone_from(&state);
            }
        }
        scratch.state = state;
        all
    }

    /// One chunk; `d_state` is the gradient at the state after it where that counts, and becomes that at the state before it.
    fn chunk_back(
        &self,
        chunk: &Chunk,
        is_carried: bool,
        d_out: &[f32],
        d_state: &mut [f32],
        places: Places,
        scratch: &mut Scratch,
    ) {
        let Self { isa, scan, block, .. } = *self;
        let (shape, rows, width, stride) = (scan.shape, &chunk.rows, self.width(), self.stride());
        let (num, size, state_len) = (rows.len(), shape.state_size, self.state_len());
        let Scratch { read, tiles, scores, moved, d_moved, d_scores, states, carried, d_out: own_d_out, .. } = scratch;
        self.read(rows, read);
        self.score(num, read, tiles, scores);
        self.scale_x(rows, &read.dt[..num * block.num], moved);
        own_d_out.resize(CHUNK * stride, 0.0);
        let lines = own_d_out.chunks_exact_mut(stride).zip(rows.clone());
        lines.for_each(|(to, row)| to[..width].copy_from_slice(self.of_heads(d_out, row)));
        d_scores.clear();
        d_scores.resize(CHUNK * score_stride(CHUNK), 0.0);
        d_moved.resize(CHUNK * stride, 0.0);
        carried.iter_mut().for_each(|values| {
            values.clear();
            values.resize(num * block.num, 0.0);
        });
        // SAFETY: `scan_back` made room for these tokens, and this task alone has them of these heads.
        let part =
            unsafe { std::slice::from_raw_parts_mut(places.part.get().add(rows.start * 2 * size), num * 2 * size) };
        part.fill(0.0);
        let state = chunk.state.and_then(|index| states.chunks_exact(state_len).nth(index));
        // What the state before the chunk gives to that after it, by head, with its gradient.
        let mut through = vec![0.0; block.num];
        if let (true, Some(state)) = (is_carried, state) {
            let mut products = vec![0.0; width];
            for (d_state, state) in d_state.chunks_exact(stride).zip(state.chunks_exact(stride)) {
                add_product(isa, d_state, state, &mut products);
            }
            dot_heads(isa, &products, &read.total, shape.head_dim, &mut through);
        }
        match is_carried {
            true => self.state_after_back(num, d_state, part, scratch),
            false => scratch.d_moved.fill(0.0),
        }
        self.state_before_back(chunk, is_carried, d_state, part, scratch);
        self.scores_back(num, part, scratch);
        self.finish(rows, &through, places, scratch);
    }

    /// By the state after the chunk, at B and `dt · x`.
    fn state_after_back(&self, num: usize, d_state: &[f32], part: &mut [f32], scratch: &mut Scratch) {
        let Self { isa, scan, block, .. } = *self;
        let (shape, width, stride) = (scan.shape, self.width(), self.stride());
        let (size, dim) = (shape.state_size, shape.head_dim);
        let Scratch { read, tiles, moved, left, d_moved, carried, .. } = scratch;
        let d_moved = &mut d_moved[..num * stride];
        let b = self.left(&read.b, 0);
        product(isa, [num, width, size], b, Right::Rows((d_state, stride)), (d_moved, stride), false);
        left.resize(CHUNK * stride, 0.0);
        let lines = d_moved.chunks_exact_mut(stride).zip(read.left.chunks_exact(block.num));
        let moved =
            moved.chunks_exact(stride).zip(left.chunks_exact_mut(stride)).zip(carried[0].chunks_exact_mut(block.num));
        for ((d_moved, factors), ((moved, left), carried)) in lines.zip(moved) {
            scale_heads_by(isa, d_moved, factors, dim);
            scale_heads(isa, moved, factors, dim, left);
            dot_heads(isa, moved, d_moved, dim, carried);
        }
        transpose_for_tiles(isa, (d_state, stride), size, width, tiles);
        let left = Left { values: left, row_stride: stride, depth_stride: 1 };
        product(isa, [num, size, width], left, Right::Tiles(tiles), (part, 2 * size), true);
    }

    /// By the state before the chunk, at C and that state.
    fn state_before_back(
        &self,
        chunk: &Chunk,
        is_carried: bool,
        d_state: &mut [f32],
        part: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let Self { isa, scan, block, .. } = *self;
        let (shape, width, stride) = (scan.shape, self.width(), self.stride());
        let (size, dim, num) = (shape.state_size, shape.head_dim, chunk.rows.len());
        let Scratch { read, tiles, d_out, d_carried, d_c, carried, states, .. } = scratch;
        let Some(state) = chunk.state.and_then(|index| states.chunks_exact(self.state_len()).nth(index)) else {
            return;
        };
        d_carried.resize(CHUNK * stride, 0.0);
        d_c.resize(CHUNK * self.size_stride(), 0.0);
        let lines = d_carried.chunks_exact_mut(stride).zip(read.decays.chunks_exact(block.num));
        for ((d_carried, decays), d_out) in lines.zip(d_out.chunks_exact(stride)).take(num) {
            scale_heads(isa, &d_out[..width], decays, dim, d_carried);
        }
        for head in 0..block.num {
            transpose_for_tiles(isa, (&state[head * dim..], stride), size, dim, tiles);
            let left = Left { values: &d_carried[head * dim..], row_stride: stride, depth_stride: 1 };
            product(isa, [num, size, dim], left, Right::Tiles(tiles), (d_c, self.size_stride()), false);
            let lines = d_c.chunks_exact(self.size_stride()).zip(read.c.chunks_exact(self.size_stride()));
            let sums = part.chunks_exact_mut(2 * size).zip(carried[1].chunks_exact_mut(block.num));
            for ((d_c, c), (part, carried)) in lines.zip(sums) {
                carried[head] += add_and_dot(isa, &d_c[..size], &c[..size], &mut part[size..]);
            }
        }
        if is_carried {
            d_state.chunks_exact_mut(stride).for_each(|row| multiply_row(isa, &read.total, row));
        }
        let c = self.left_transposed(&read.c);
        product(isa, [size, width, num], c, Right::Rows((d_carried, stride)), (d_state, stride), is_carried);
    }

    /// By what tokens of the chunk see of each other, at B, C and `dt · x`.
    fn scores_back(&self, num: usize, part: &mut [f32], scratch: &mut Scratch) {
        let Self { isa, scan, block, .. } = *self;
        let (size, dim, stride, to_stride) =
            (scan.shape.state_size, scan.shape.head_dim, self.stride(), score_stride(CHUNK));
        let Scratch { read, tiles, scores, weights, grads, d_scores, head_sums, .. } = scratch;
        let Scratch { d_out, moved, d_moved, between, d_sums, .. } = scratch;
        weights.resize(scores.len(), 0.0);
        grads.resize(scores.len(), 0.0);
        between.resize(CHUNK * block.num, 0.0);
        for head in 0..block.num {
            read.sums_of(head, block.num, head_sums);
            transpose_for_tiles(isa, (&moved[head * dim..], stride), num, dim, tiles);
            let d_out = &d_out[head * dim..];
            for start in (0..num).step_by(STEP) {
                let end = (start + STEP).min(num);
                let left = Left { values: &d_out[start * stride..], row_stride: stride, depth_stride: 1 };
                let to = (&mut grads[start * to_stride..], to_stride);
                product(isa, [end - start, end, dim], left, Right::Tiles(tiles), to, false);
            }
            d_sums.clear();
            d_sums.resize(CHUNK, 0.0);
            decay_scores_back(isa, num, [scores, head_sums, grads], weights, d_scores, d_sums);
            between.iter_mut().skip(head).step_by(block.num).zip(&*d_sums).for_each(|(to, from)| *to = *from);
            triangle(isa, (weights, num, true), dim, (d_out, stride), (&mut d_moved[head * dim..], stride));
        }
        let (b, c) = ((&read.b[..], self.size_stride()), (&read.c[..], self.size_stride()));
        triangle(isa, (d_scores, num, false), size, b, (&mut part[size..], 2 * size));
        triangle(isa, (d_scores, num, true), size, c, (part, 2 * size));
    }

    /// At `x` and the times, of all that was found.
    fn finish(&self, rows: &Range<usize>, through: &[f32], places: Places, scratch: &mut Scratch) {
        let Self { isa, scan, block, inputs, .. } = *self;
        let (shape, width, stride, heads) = (scan.shape, self.width(), self.stride(), self.heads());
        let Scratch { read, d_out, d_moved, carried, between, .. } = scratch;
        // The gradient at each step's decay is of all that passes it: what came before goes on to the state after the chunk, or
        // the state before goes on to what comes after.
        let mut after = vec![0.0; block.num];
        let mut passing = through.to_vec();
        for carried in carried[0].chunks_exact(block.num) {
            passing.iter_mut().zip(carried).for_each(|(passing, carried)| *passing += carried);
        }
        let mut d_dt = vec![0.0; block.num];
        for (i, row) in rows.clone().enumerate().rev() {
            let own = i * block.num..(i + 1) * block.num;
            for h in 0..block.num {
                // Its own `x` doesn't pass its own decay.
                passing[h] -= carried[0][own.start + h];
                after[h] += carried[1][own.start + h] + between[own.start + h];
            }
            d_dt.fill(0.0);
            let (d_moved, dt) = (&d_moved[i * stride..][..width], &read.dt[own.clone()]);
            dot_heads(isa, d_moved, self.x(row), shape.head_dim, &mut d_dt);
            let raw = &inputs.dt.values[row * inputs.dt.stride..][heads.clone()];
            for h in 0..block.num {
                let head = block.first + h;
                let [least, most] = scan.dt_limits;
                let raw = raw[h] + scan.dt_bias[head];
                let is_within = (least..=most).contains(&softplus(raw));
                let slope = if is_within { sigmoid(raw) } else { 0.0 };
                d_dt[h] = slope * (d_dt[h] + scan.a[head] * (passing[h] + after[h]));
            }
            // SAFETY: the gradients have this row (asserted by `scan_back`), and these heads' columns belong to this task.
            let (dx, to) = unsafe {
                let dx = places.rows.get().add(row * shape.row_width() + block.first * shape.head_dim);
                let to = places.dt.get().add(row * places.dt_stride + block.first);
                (std::slice::from_raw_parts_mut(dx, width), std::slice::from_raw_parts_mut(to, block.num))
            };
            to.copy_from_slice(&d_dt);
            let d_out = &d_out[i * stride..][..width];
            x_back(isa, d_moved, dt, d_out, &scan.d[heads.clone()], shape.head_dim, dx);
        }
    }

    /// A row's values of these heads.
    fn of_heads<'b>(&self, values: &'b [f32], row: usize) -> &'b [f32] {
        let shape = self.scan.shape;
        &values[row * shape.inner() + self.block.first * shape.head_dim..][..self.width()]
    }
}

vectorized! {
    fn add_row(isa: Isa, row: &[f32], sum: &mut [f32]) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
