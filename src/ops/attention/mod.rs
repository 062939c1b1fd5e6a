//! Causal attention within each segment, grouped heads without copies of K and V.

mod blocks;
mod cached;
mod few;

use std::ops::Range;
use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor};

use super::product::Isa;
use super::{Segment, Segments};
pub use blocks::{Forward, Gradients, Heads, Inputs, attend, attend_back};
pub use cached::{Cached, cached_attention};

use super::storage::{slice, with_slices};

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
    fn visible(&self, position: usize, start: usize) -> Range<usize> {
        self.first_seen(position) - start..position + 1 - start
    }
}

/// `q` is `[num_tokens, num_heads · head_dim]`, `k` and `v` are `[num_tokens, num_kv_heads · head_dim]`; the result has
/// the shape of `q`. A token sees itself and the tokens before it in its own segment, or the last of them.
///
/// # Errors
/// Where the shapes don't go together, or a tensor isn't contiguous f32.
pub fn causal_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    shape: AttentionShape,
    segments: &Segments,
) -> Result<Tensor> {
    let n = segments.num_tokens();
    if q.dims() != [n, shape.q_width()] || k.dims() != [n, shape.kv_width()] || k.dims() != v.dims() {
        candle_core::bail!("attention: q {:?}, k {:?}, v {:?} for {n} tokens", q.dims(), k.dims(), v.dims());
    }
    if q.device().is_cpu() {
        let op = CausalAttention { shape, segments: segments.clone(), log_sums: Mutex::default() };
        return q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op);
    }
    causal_attention_plain(q, k, v, shape, segments)
}

/// [`causal_attention`] with candle's own operations.
///
/// # Errors
/// Where the shapes don't go together.
pub fn causal_attention_plain(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    shape: AttentionShape,
    segments: &Segments,
) -> Result<Tensor> {
    let mut outputs = Vec::with_capacity(segments.num_segments());
    for Segment { prefix, rows } in segments.iter() {
        let (len, num_before) = (prefix.len() + rows.len(), prefix.len());
        // [heads, tokens, head_dim], with each kv head repeated for its group
        let heads = |x: Tensor, count: usize| -> Result<Tensor> {
            let tokens = x.dim(0)?;
            let x = x.reshape((tokens, count, shape.head_dim))?.transpose(0, 1)?;
            x.unsqueeze(1)?
                .expand((count, shape.num_heads / count, tokens, shape.head_dim))?
                .reshape((shape.num_heads, tokens, shape.head_dim))?
                .contiguous()
        };
        let all = |x: &Tensor| {
            let own = x.narrow(0, rows.start, rows.len())?;
            if num_before == 0 { Ok(own) } else { Tensor::cat(&[x.narrow(0, prefix.start, num_before)?, own], 0) }
        };
        let q = heads(q.narrow(0, rows.start, rows.len())?, shape.num_heads)?;
        let (k, v) = (heads(all(k)?, shape.num_kv_heads)?, heads(all(v)?, shape.num_kv_heads)?);
        let mut scores = (q.matmul(&k.t()?)? * f64::from(shape.scale))?;
        if let Some(cap) = shape.softcap.map(f64::from) {
            scores = ((scores / cap)?.tanh()? * cap)?;
        }
        let is_seen = |i: usize| shape.visible(num_before + i / len, 0).contains(&(i % len));
        let hidden: Vec<f32> =
            (0..rows.len() * len).map(|i| if is_seen(i) { 0.0 } else { f32::NEG_INFINITY }).collect();
        let mask = Tensor::from_vec(hidden, (1, rows.len(), len), q.device())?.to_dtype(DType::F32)?;
        let weights = candle_nn::ops::softmax(&scores.broadcast_add(&mask)?, D::Minus1)?;
        outputs.push(weights.matmul(&v)?.transpose(0, 1)?.reshape((rows.len(), shape.q_width()))?);
    }
    Tensor::cat(&outputs, 0)
}

struct CausalAttention {
    shape: AttentionShape,
    segments: Segments,
    /// The log-sums of the softmax, `[num_tokens, num_heads]`; made by the forward pass.
    log_sums: Mutex<Vec<f32>>,
}

impl CausalAttention {
    fn inputs<'a>(&self, q: &'a [f32], k: &'a [f32], v: &'a [f32]) -> Inputs<'a> {
        let (q_width, kv_width) = (self.shape.q_width(), self.shape.kv_width());
        Inputs {
            q: Heads { values: q, stride: q_width },
            k: Heads { values: k, stride: kv_width },
            v: Heads { values: v, stride: kv_width },
        }
    }
}

impl CustomOp3 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = self.inputs(slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
        let mut out = vec![0.0; inputs.q.values.len()];
        let mut log_sums = vec![0.0; self.segments.num_tokens() * self.shape.num_heads];
        attend(Isa::current(), self.shape, &self.segments, inputs, &mut out, &mut log_sums);
        if let Ok(mut place) = self.log_sums.lock() {
            *place = log_sums;
        }
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Ok(log_sums) = self.log_sums.lock() else { candle_core::bail!("attention was not computed") };
        let (mut dq, mut dk, mut dv) =
            (vec![0.0; q.elem_count()], vec![0.0; k.elem_count()], vec![0.0; v.elem_count()]);
        with_slices([q, k, v, out, grad], |[q, k, v, out, grad]| {
            let inputs = self.inputs(q, k, v);
            let forward = Forward { inputs, out, log_sums: &log_sums };
            let gradients = Gradients::separate(&mut dq, &mut dk, &mut dv, self.shape);
            attend_back(Isa::current(), self.shape, &self.segments, forward, grad, gradients);
        })?;
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok((Some(tensor(dq, q)?), Some(tensor(dk, k)?), Some(tensor(dv, v)?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{assert_close, assert_same_gradients, finite_differences, instruction_sets, random};
    use super::*;

    fn inputs(n: usize, shape: AttentionShape) -> [Tensor; 3] {
        [random(&[n, shape.q_width()], 1), random(&[n, shape.kv_width()], 2), random(&[n, shape.kv_width()], 3)]
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
            assert_same_gradients(
                &[&q, &k, &v],
                |x| causal_attention(x[0], x[1], x[2], shape, &segments),
                |x| causal_attention_plain(x[0], x[1], x[2], shape, &segments),
            );
            finite_differences(&[&q, &k, &v], |x| causal_attention(x[0], x[1], x[2], shape, &segments));
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
