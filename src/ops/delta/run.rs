//! The delta rule over a batch: its sequences and key heads at the same time, the chunks of each one after the other.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::back::{BackBuffers, Gradients, Records};
use super::chunk::{Buffers, Head, STRIDE};
use super::{CHUNK, Delta, DeltaShape};
use crate::ops::Segments;
use crate::ops::product::Shared;

/// New tokens of a sequence whose state is known.
pub struct Sequence<'a> {
    pub rows: Range<usize>,
    /// The states of all value heads, those of a key head together; they become those after the last token.
    pub state: &'a mut [f32],
}

/// Bytes that a thread works in on the way back through `num_tokens` tokens of one head.
pub fn scratch_bytes(shape: DeltaShape, num_tokens: usize) -> u64 {
    let (state, chunks) = (shape.head_state_len(), num_tokens.div_ceil(CHUNK));
    let of_chunk = CHUNK * (6 * shape.key_dim + 9 * shape.value_dim + 4 * STRIDE);
    4 * (state * (chunks + 4) + 2 * num_tokens * shape.value_dim + of_chunk) as u64
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    buffers: Buffers,
    back: BackBuffers,
    /// The state after a beginning that sequences share, and the gradient there.
    shared: Vec<f32>,
    d_shared: Vec<f32>,
    /// Records of a shared beginning, and of a sequence's own rows.
    records: [Records; 2],
}

impl Scratch {
    fn with<R>(f: impl FnOnce(&mut Self) -> R) -> R {
        thread_local! {
            static SCRATCH: RefCell<Scratch> = RefCell::default();
        }
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => f(&mut scratch),
            Err(_) => f(&mut Self::default()),
        })
    }
}

/// A sequence's own rows, or those of a beginning and of the sequences that share it.
struct Group {
    beginning: Range<usize>,
    continued: Vec<Range<usize>>,
}

impl Group {
    fn all(segments: &Segments) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for segment in segments.iter() {
            match groups.last_mut() {
                Some(group) if !segment.prefix.is_empty() && group.beginning == segment.prefix => {
                    group.continued.push(segment.rows.clone());
                }
                _ => groups.push(Self { beginning: segment.rows.clone(), continued: Vec::new() }),
            }
        }
        groups
    }
}

impl Delta<'_> {
    fn num_tokens(&self) -> usize {
        self.qkv.len() / self.shape.conv_width().max(1)
    }

    fn check(&self, num_tokens: usize) {
        let (shape, weights) = (self.shape, self.weights);
        assert!(shape.num_key_heads > 0 && shape.num_value_heads.is_multiple_of(shape.num_key_heads));
        assert!(self.num_tokens() >= num_tokens && self.wide.len() >= num_tokens * shape.wide_width());
        let (decay, step_bias, norm) = (weights.decay.len(), weights.step_bias.len(), weights.norm.len());
        assert_eq!([decay, step_bias, norm], [shape.num_value_heads, shape.num_value_heads, shape.value_dim]);
    }

    fn heads_of(&self, key_head: usize) -> impl Iterator<Item = Head<'_>> {
        (0..self.shape.group()).map(move |place| {
            let value_head = self.shape.value_head(key_head, place);
            Head { delta: self, key_head, value_head, is_first: place == 0 }
        })
    }

    /// The result of every token, `out`, `[num_tokens, value_width]`, through its norm and gate.
    pub fn forward(&self, segments: &Segments, out: &mut [f32]) {
        let n = segments.num_tokens();
        self.check(n);
        assert!(out.len() >= n * self.shape.value_width());
        let (out, groups) = (Shared(out.as_mut_ptr()), Group::all(segments));
        let tasks: Vec<_> =
            groups.iter().flat_map(|group| (0..self.shape.num_key_heads).map(move |head| (group, head))).collect();
        tasks.into_par_iter().with_max_len(1).for_each(|(group, key_head)| {
            Scratch::with(|Scratch { buffers, shared, .. }| {
                for head in self.heads_of(key_head) {
                    let is_shared = !group.continued.is_empty();
                    // SAFETY: the length was asserted; these rows and this head belong to this task.
                    unsafe { head.forward(&group.beginning, false, is_shared, buffers, out) };
                    if is_shared {
                        shared.clone_from(&buffers.state);
                    }
                    for rows in &group.continued {
                        buffers.state.clone_from(shared);
                        // SAFETY: as above.
                        unsafe { head.forward(rows, true, false, buffers, out) };
                    }
                }
            });
        });
    }

    /// Like [`Self::forward`], for sequences that continue from their states.
    pub fn advance(&self, sequences: Vec<Sequence<'_>>, out: &mut [f32]) {
        let n = sequences.iter().map(|sequence| sequence.rows.end).max().unwrap_or_default();
        self.check(n);
        assert!(out.len() >= n * self.shape.value_width());
        let (out, head_len) = (Shared(out.as_mut_ptr()), self.shape.head_state_len());
        let mut tasks = Vec::with_capacity(sequences.len() * self.shape.num_key_heads);
        let mut end = 0;
        for Sequence { rows, state } in sequences {
            assert!(rows.start >= end && state.len() == self.shape.state_len());
            end = rows.end;
            let of_key_heads = state.chunks_exact_mut(self.shape.group() * head_len);
            tasks.extend(of_key_heads.enumerate().map(|(key_head, states)| (rows.clone(), key_head, states)));
        }
        tasks.into_par_iter().with_max_len(1).for_each(|(rows, key_head, states)| {
            Scratch::with(|Scratch { buffers, .. }| {
                for (head, state) in self.heads_of(key_head).zip(states.chunks_exact_mut(head_len)) {
                    buffers.state.clear();
                    buffers.state.extend_from_slice(state);
                    // SAFETY: the length was asserted, and that no two sequences have a row in common; these rows and this
                    // head belong to this task.
                    unsafe { head.forward(&rows, true, true, buffers, out) };
                    state.copy_from_slice(&buffers.state);
                }
            });
        });
    }

    /// The gradients at queries, keys and values, `d_qkv`, and at the columns of `d_wide` that were read, from that at the result,
    /// `d_out`, `[num_tokens, value_width]`.
    pub fn back(&self, segments: &Segments, d_out: &[f32], d_qkv: &mut [f32], d_wide: &mut [f32]) {
        let (n, shape) = (segments.num_tokens(), self.shape);
        self.check(n);
        assert!(d_out.len() >= n * shape.value_width() && d_qkv.len() >= n * shape.conv_width());
        assert!(d_wide.len() >= n * shape.wide_width());
        let gradients = Gradients { d_out, d_qkv: Shared(d_qkv.as_mut_ptr()), d_wide: Shared(d_wide.as_mut_ptr()) };
        let groups = Group::all(segments);
        let tasks: Vec<_> =
            groups.iter().flat_map(|group| (0..shape.num_key_heads).map(move |head| (group, head))).collect();
        tasks.into_par_iter().with_max_len(1).for_each(|(group, key_head)| {
            Scratch::with(|scratch| {
                for head in self.heads_of(key_head) {
                    // SAFETY: the lengths were asserted; the rows of this group and the heads of this key head belong to this
                    // task.
                    unsafe { head.back_of(group, scratch, &gradients) };
                }
            });
        });
    }
}

impl Head<'_> {
    /// The gradients of a group.
    ///
    /// # Safety
    /// The gradients have all rows of the group, and this head's columns in them are the caller's alone.
    unsafe fn back_of(&self, group: &Group, scratch: &mut Scratch, gradients: &Gradients<'_>) {
        let Scratch { buffers, back, shared, d_shared, records: [of_beginning, own] } = scratch;
        let is_shared = !group.continued.is_empty();
        self.record(&group.beginning, false, is_shared, buffers, of_beginning);
        shared.clone_from(&buffers.state);
        d_shared.clear();
        d_shared.resize(if is_shared { self.delta.shape.head_state_len() } else { 0 }, 0.0);
        for rows in &group.continued {
            buffers.state.clone_from(shared);
            self.record(rows, true, false, buffers, own);
            buffers.d_state.clear();
            // SAFETY: passed on to the caller.
            unsafe { self.back(rows, true, (&mut *buffers, &mut *back), own, gradients) };
            d_shared.iter_mut().zip(&buffers.d_state).for_each(|(sum, value)| *sum += value);
        }
        buffers.d_state.clone_from(d_shared);
        // SAFETY: as above.
        unsafe { self.back(&group.beginning, false, (buffers, back), of_beginning, gradients) };
    }
}
