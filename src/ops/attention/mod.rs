//! Causal attention within each segment, grouped heads without copies of K and V.

mod blocks;
mod cached;
mod few;

use std::ops::Range;

use super::Segments;
pub use blocks::{Forward, Gradients, Heads, Inputs, attend, attend_back, score_stride};
pub use cached::{Cached, cached_attention};

/// Heads and their size, and how scores become weights; `num_heads` is a multiple of `num_kv_heads`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub head_dim: usize,
    /// What products of queries and keys are multiplied by, usually `1/√head_dim`.
    pub scale: f32,
    /// Tokens that a query sees, itself among them; `None` for all before it.
    pub window: Option<usize>,
    /// Scaled scores become `cap · tanh(score / cap)` before the softmax.
    pub softcap: Option<f32>,
}

impl AttentionShape {
    pub fn group(&self) -> usize {
        self.num_heads / self.num_kv_heads
    }

    pub fn q_width(&self) -> usize {
        self.num_heads * self.head_dim
    }

    pub fn kv_width(&self) -> usize {
        self.num_kv_heads * self.head_dim
    }

    /// The first position that a query at `position` sees.
    fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window.max(1)))
    }

    /// The positions that a query at `position` sees, counted from `start`.
    pub(super) fn visible(&self, position: usize, start: usize) -> Range<usize> {
        self.first_seen(position) - start..position + 1 - start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use candle_core::Tensor;

    use super::super::plain::causal_attention;
    use super::super::product::Isa;
    use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random};
    use super::*;

    fn inputs(n: usize, shape: AttentionShape) -> [Tensor; 3] {
        [random(&[n, shape.q_width()], 1), random(&[n, shape.kv_width()], 2), random(&[n, shape.kv_width()], 3)]
    }

    fn separate<'a>(x: &[&'a [f32]], shape: AttentionShape) -> Inputs<'a> {
        let heads = |place: usize, stride| Heads { values: x[place], stride };
        let (q_width, kv_width) = (shape.q_width(), shape.kv_width());
        Inputs { q: heads(0, q_width), k: heads(1, kv_width), v: heads(2, kv_width) }
    }

    /// Sequences in groups that share a beginning, of one token too.
    fn groups() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
        let group = (prop_oneof![Just(0), 1usize..80], prop::collection::vec(1usize..90, 1..3));
        prop::collection::vec(group, 1..3)
    }

    /// Windows of one token, within and across blocks, and larger than any sequence.
    fn window() -> impl Strategy<Value = Option<usize>> {
        prop_oneof![Just(None), Just(Some(1)), (2usize..150).prop_map(Some), Just(Some(1000))]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(
            num_kv_heads in 1usize..3,
            group in 1usize..3,
            head_dim in 1usize..9,
            groups in groups(),
            window in window(),
            softcap in prop_oneof![Just(None), (0.5f32..6.0).prop_map(Some)],
        ) {
            let num_heads = num_kv_heads * group;
            let shape = AttentionShape { num_heads, num_kv_heads, head_dim, scale: 0.6, window, softcap };
            let segments = Segments::sharing_prefixes(groups);
            let [q, k, v] = inputs(segments.num_tokens(), shape);
            let forward = |x: &[&[f32]]| {
                let mut out = vec![0.0; x[0].len()];
                let mut log_sums = vec![0.0; segments.num_tokens() * num_heads];
                attend(Isa::current(), shape, &segments, separate(x, shape), &mut out, &mut log_sums);
                (out, log_sums)
            };
            let kernel = Kernel {
                dims: q.dims().to_vec(),
                forward: |x: &[&[f32]]| forward(x).0,
                backward: |x: &[&[f32]], grad: &[f32]| {
                    let (out, log_sums) = forward(x);
                    let forward = Forward { inputs: separate(x, shape), out: &out, log_sums: &log_sums };
                    let [mut dq, mut dk, mut dv] = [x[0], x[1], x[2]].map(|values| vec![0.0; values.len()]);
                    let gradients = Gradients::separate(&mut dq, &mut dk, &mut dv, shape);
                    attend_back(Isa::current(), shape, &segments, forward, grad, gradients);
                    vec![dq, dk, dv]
                },
            };
            check_kernel(&[&q, &k, &v], kernel, |x| causal_attention(x[0], x[1], x[2], shape, &segments));
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_in_rows_of_their_own_and_side_by_side() {
        let heads = (4, 2, 20);
        for (window, softcap) in [(None, None), (Some(1), None), (Some(31), Some(2.0)), (Some(66), None)] {
            every_instruction_set(shape(heads, window, softcap));
        }
    }

    fn shape(heads: (usize, usize, usize), window: Option<usize>, softcap: Option<f32>) -> AttentionShape {
        let (num_heads, num_kv_heads, head_dim) = heads;
        AttentionShape { num_heads, num_kv_heads, head_dim, scale: 0.3, window, softcap }
    }

    fn every_instruction_set(shape: AttentionShape) {
        let segments = Segments::sharing_prefixes([(0, vec![1, 70]), (33, vec![3, 65]), (0, vec![31])]);
        let n = segments.num_tokens();
        let (q_width, kv_width) = (shape.q_width(), shape.kv_width());
        let width = q_width + 2 * kv_width;
        let values = |cols: usize, seed| random(&[n * cols], seed).to_vec1::<f32>().unwrap();
        let (qkv, grad) = (values(width, 1), values(q_width, 2));
        let from = |column: usize| Heads { values: &qkv[column..], stride: width };
        let inputs = Inputs { q: from(0), k: from(q_width), v: from(q_width + kv_width) };
        let run = |isa| {
            let (mut out, mut log_sums) = (vec![0.0; n * q_width], vec![0.0; n * shape.num_heads]);
            attend(isa, shape, &segments, inputs, &mut out, &mut log_sums);
            let forward = Forward { inputs, out: &out, log_sums: &log_sums };
            let mut together = vec![9.0; n * width];
            attend_back(isa, shape, &segments, forward, &grad, Gradients::side_by_side(&mut together, shape));
            let [mut dq, mut dk, mut dv] = [q_width, kv_width, kv_width].map(|cols| vec![9.0; n * cols]);
            let apart = Gradients::separate(&mut dq, &mut dk, &mut dv, shape);
            attend_back(isa, shape, &segments, forward, &grad, apart);
            for (row, together) in together.chunks(width).enumerate() {
                assert_eq!(together[..q_width], dq[row * q_width..][..q_width]);
                assert_eq!(together[q_width..][..kv_width], dk[row * kv_width..][..kv_width]);
                assert_eq!(together[q_width + kv_width..], dv[row * kv_width..][..kv_width]);
            }
            [out, together].concat()
        };
        let expected = run(Isa::Portable);
        for isa in instruction_sets() {
            assert_close(&run(isa), &expected, isa.name());
        }
    }

    #[test]
    fn a_cache_gives_what_the_whole_sequence_gives() {
        for window in [None, Some(1), Some(5), Some(64), Some(74), Some(75), Some(100)] {
            cached_as_whole(shape((4, 2, 8), window, None));
            cached_as_whole(shape((4, 2, 8), window, Some(1.5)));
        }
    }

    fn cached_as_whole(shape: AttentionShape) {
        let num = 75;
        let [q, k, v] = inputs(num, shape);
        let whole = causal_attention(&q, &k, &v, shape, &Segments::from_lengths([num])).unwrap();
        let heads = |rows: &Tensor| -> Vec<Vec<f32>> {
            let of = |head: usize| rows.narrow(1, head * 8, 8).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            (0..2).map(of).collect()
        };
        let (keys, values) = (heads(&k), heads(&v));
        for num_new in [1, 3, 9, num] {
            let last = |rows: &Tensor| -> Vec<f32> {
                rows.narrow(0, num - num_new, num_new).unwrap().flatten_all().unwrap().to_vec1().unwrap()
            };
            let (q, expected) = (last(&q), last(&whole));
            // Alone, and with enough others that heads are taken together.
            for num_sequences in [1, 4 * rayon::current_num_threads()] {
                for isa in instruction_sets() {
                    let mut outs = vec![vec![9.0; q.len()]; num_sequences];
                    let sequence = |out| Cached { q: &q, keys: &keys, values: &values, out };
                    cached_attention(isa, shape, outs.iter_mut().map(|out| sequence(&mut out[..])).collect());
                    for (a, b) in outs.iter().flat_map(|out| expected.iter().zip(out)) {
                        assert!((a - b).abs() < 1e-5, "{}, {num_new} of {num_sequences}: {b}, not {a}", isa.name());
                    }
                }
            }
        }
    }
}
