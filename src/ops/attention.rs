//! Causal attention within each segment, grouped heads without copies of K and V.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::Segments;
use super::matmul::{Mat, MatMut, Threads, matmul};
use super::storage::{slice, with_slices};

/// Heads and their size; `num_heads` is a multiple of `num_kv_heads`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub head_dim: usize,
    /// On the products of queries and keys, usually `1/√head_dim`.
    pub scale: f32,
}

impl AttentionShape {
    fn group(&self) -> usize {
        self.num_heads / self.num_kv_heads
    }

    fn q_width(&self) -> usize {
        self.num_heads * self.head_dim
    }

    fn kv_width(&self) -> usize {
        self.num_kv_heads * self.head_dim
    }
}

/// `q` is `[num_tokens, num_heads · head_dim]`, `k` and `v` are `[num_tokens, num_kv_heads · head_dim]`; the result has
/// the shape of `q`. A token sees itself and the tokens before it in its own segment.
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
        let op = CausalAttention { shape, segments: segments.clone() };
        return q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op);
    }
    causal_attention_plain(q, k, v, shape, segments)
}

/// The same with candle's own operations.
pub fn causal_attention_plain(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    shape: AttentionShape,
    segments: &Segments,
) -> Result<Tensor> {
    let mut outputs = Vec::with_capacity(segments.num_segments());
    for rows in segments.ranges() {
        let len = rows.len();
        // [heads, len, head_dim], with each kv head repeated for its group
        let heads = |x: &Tensor, count: usize| -> Result<Tensor> {
            let x = x.narrow(0, rows.start, len)?.reshape((len, count, shape.head_dim))?.transpose(0, 1)?;
            let repeats = shape.num_heads / count;
            x.unsqueeze(1)?
                .expand((count, repeats, len, shape.head_dim))?
                .reshape((shape.num_heads, len, shape.head_dim))?
                .contiguous()
        };
        let (q, k, v) = (heads(q, shape.num_heads)?, heads(k, shape.num_kv_heads)?, heads(v, shape.num_kv_heads)?);
        let scores = (q.matmul(&k.t()?)? * f64::from(shape.scale))?;
        let future: Vec<f32> =
            (0..len * len).map(|i| if i % len > i / len { f32::NEG_INFINITY } else { 0.0 }).collect();
        let mask = Tensor::from_vec(future, (1, len, len), q.device())?.to_dtype(DType::F32)?;
        let weights = candle_nn::ops::softmax(&scores.broadcast_add(&mask)?, D::Minus1)?;
        outputs.push(weights.matmul(&v)?.transpose(0, 1)?.reshape((len, shape.q_width()))?);
    }
    Tensor::cat(&outputs, 0)
}

/// Attention of new tokens over a cache, without gradient. `q` holds the last `num_new` positions of a sequence whose
/// `keys` and `values` (`[num_positions, num_kv_heads · head_dim]`, the new ones included) are given; the result,
/// `[num_new, num_heads · head_dim]`, is written to `out`.
pub fn cached_attention(q: &[f32], keys: &[f32], values: &[f32], shape: AttentionShape, out: &mut [f32]) {
    let (dim, q_width, kv_width) = (shape.head_dim, shape.q_width(), shape.kv_width());
    let (num_new, num_positions) = (q.len() / q_width, keys.len() / kv_width);
    let past = num_positions - num_new;
    let heads: Vec<Vec<f32>> = (0..shape.num_heads)
        .into_par_iter()
        .map(|head| {
            let column = head / shape.group() * dim;
            let mut scores = vec![0.0; num_new * num_positions];
            let queries = Mat::strided(&q[head * dim..], num_new, dim, q_width);
            let k = Mat::strided(&keys[column..], num_positions, dim, kv_width);
            let dst = MatMut::new(&mut scores, num_new, num_positions);
            matmul(dst, queries, k.t(), shape.scale, false, Threads::One);
            for (row, scores) in scores.chunks_mut(num_positions).enumerate() {
                softmax(scores, past + row + 1);
            }
            let mut head_out = vec![0.0; num_new * dim];
            let v = Mat::strided(&values[column..], num_positions, dim, kv_width);
            let weights = Mat::new(&scores, num_new, num_positions);
            matmul(MatMut::new(&mut head_out, num_new, dim), weights, v, 1.0, false, Threads::One);
            head_out
        })
        .collect();
    for (head, values) in heads.iter().enumerate() {
        scatter(out, values, head * dim, dim, q_width);
    }
}

/// Softmax over the first `num_visible` scores; the others become 0.
fn softmax(scores: &mut [f32], num_visible: usize) {
    let (visible, hidden) = scores.split_at_mut(num_visible);
    hidden.fill(0.0);
    let max = visible.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in visible.iter_mut() {
        *score = (*score - max).exp();
        sum += *score;
    }
    for score in visible {
        *score /= sum;
    }
}

/// Writes `[rows, width]` values into columns `column..column + width` of rows that are `row_stride` apart.
fn scatter(out: &mut [f32], values: &[f32], column: usize, width: usize, row_stride: usize) {
    for (row, values) in values.chunks(width).enumerate() {
        let start = row * row_stride + column;
        out[start..start + width].copy_from_slice(values);
    }
}

struct CausalAttention {
    shape: AttentionShape,
    segments: Segments,
}

/// What one task returns: the gradients of one kv head of one segment.
struct HeadGradients {
    /// `[len, group · head_dim]`
    dq: Vec<f32>,
    /// `[len, head_dim]`
    dk: Vec<f32>,
    dv: Vec<f32>,
}

impl CausalAttention {
    /// Every pair of a segment (its first row and length) and a kv head.
    fn tasks(&self) -> Vec<(usize, usize, usize)> {
        let heads = self.shape.num_kv_heads;
        self.segments.ranges().flat_map(|r| (0..heads).map(move |head| (r.start, r.len(), head))).collect()
    }

    /// `softmax(q·kᵀ·scale)` under the causal mask, `[len, len]`.
    fn weights(&self, q: &[f32], k: &[f32], (start, len, kv_head): (usize, usize, usize), head: usize) -> Vec<f32> {
        let shape = self.shape;
        let mut scores = vec![0.0; len * len];
        let q =
            Mat::strided(&q[start * shape.q_width() + head * shape.head_dim..], len, shape.head_dim, shape.q_width());
        let k = self.kv(k, (start, len, kv_head));
        matmul(MatMut::new(&mut scores, len, len), q, k.t(), shape.scale, false, Threads::One);
        for (row, scores) in scores.chunks_mut(len).enumerate() {
            softmax(scores, row + 1);
        }
        scores
    }

    fn kv<'a>(&self, x: &'a [f32], (start, len, kv_head): (usize, usize, usize)) -> Mat<'a> {
        let shape = self.shape;
        let offset = start * shape.kv_width() + kv_head * shape.head_dim;
        Mat::strided(&x[offset..], len, shape.head_dim, shape.kv_width())
    }

    fn forward_task(&self, q: &[f32], k: &[f32], v: &[f32], task: (usize, usize, usize)) -> Vec<f32> {
        let (_, len, kv_head) = task;
        let (dim, group) = (self.shape.head_dim, self.shape.group());
        let mut out = vec![0.0; len * group * dim];
        for i in 0..group {
            let weights = self.weights(q, k, task, kv_head * group + i);
            let dst = MatMut::strided(&mut out[i * dim..], len, dim, group * dim);
            matmul(dst, Mat::new(&weights, len, len), self.kv(v, task), 1.0, false, Threads::One);
        }
        out
    }

    /// With P the weights and O = P·V: dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − rowsum(dO ∘ O)), dQ = dS·K·scale, dK = dSᵀ·Q·scale.
    fn backward_task(&self, [q, k, v, out, grad]: [&[f32]; 5], task: (usize, usize, usize)) -> HeadGradients {
        let (start, len, kv_head) = task;
        let shape = self.shape;
        let (dim, group, width) = (shape.head_dim, shape.group(), shape.q_width());
        let mut result =
            HeadGradients { dq: vec![0.0; len * group * dim], dk: vec![0.0; len * dim], dv: vec![0.0; len * dim] };
        let mut ds = vec![0.0; len * len];
        for i in 0..group {
            let head = kv_head * group + i;
            let offset = start * width + head * dim;
            let weights = self.weights(q, k, task, head);
            let p = Mat::new(&weights, len, len);
            let queries = Mat::strided(&q[offset..], len, dim, width);
            let d_out = Mat::strided(&grad[offset..], len, dim, width);
            matmul(MatMut::new(&mut result.dv, len, dim), p.t(), d_out, 1.0, true, Threads::One);
            matmul(MatMut::new(&mut ds, len, len), d_out, self.kv(v, task).t(), 1.0, false, Threads::One);
            for row in 0..len {
                let at = offset + row * width;
                let dot: f32 = grad[at..at + dim].iter().zip(&out[at..at + dim]).map(|(g, o)| g * o).sum();
                let weights = &weights[row * len..(row + 1) * len];
                for (ds, p) in ds[row * len..(row + 1) * len].iter_mut().zip(weights) {
                    *ds = p * (*ds - dot);
                }
            }
            let ds = Mat::new(&ds, len, len);
            let dq = MatMut::strided(&mut result.dq[i * dim..], len, dim, group * dim);
            matmul(dq, ds, self.kv(k, task), shape.scale, false, Threads::One);
            matmul(MatMut::new(&mut result.dk, len, dim), ds.t(), queries, shape.scale, true, Threads::One);
        }
        result
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
        let (q, k, v) = (slice(s1, l1)?, slice(s2, l2)?, slice(s3, l3)?);
        let width = self.shape.group() * self.shape.head_dim;
        let mut out = vec![0.0; q.len()];
        let tasks = self.tasks();
        let outputs: Vec<_> = tasks.par_iter().map(|&task| self.forward_task(q, k, v, task)).collect();
        for ((start, _, kv_head), values) in tasks.into_iter().zip(outputs) {
            scatter(&mut out[start * self.shape.q_width()..], &values, kv_head * width, width, self.shape.q_width());
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
        let shape = self.shape;
        let tasks = self.tasks();
        let gradients: Vec<_> = with_slices([q, k, v, out, grad], |inputs| {
            tasks.par_iter().map(|&task| self.backward_task(inputs, task)).collect()
        })?;
        let (mut dq, mut dk, mut dv) =
            (vec![0.0; q.elem_count()], vec![0.0; k.elem_count()], vec![0.0; v.elem_count()]);
        let (q_width, kv_width, dim) = (shape.q_width(), shape.kv_width(), shape.head_dim);
        for ((start, _, kv_head), head) in tasks.into_iter().zip(gradients) {
            let width = shape.group() * dim;
            scatter(&mut dq[start * q_width..], &head.dq, kv_head * width, width, q_width);
            scatter(&mut dk[start * kv_width..], &head.dk, kv_head * dim, dim, kv_width);
            scatter(&mut dv[start * kv_width..], &head.dv, kv_head * dim, dim, kv_width);
        }
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok((Some(tensor(dq, q)?), Some(tensor(dk, k)?), Some(tensor(dv, v)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::storage::with_slice;
    use super::super::testing::{assert_same_gradients, finite_differences, random};
    use super::*;

    fn inputs(n: usize, shape: AttentionShape) -> [Tensor; 3] {
        [random(&[n, shape.q_width()], 1), random(&[n, shape.kv_width()], 2), random(&[n, shape.kv_width()], 3)]
    }

    #[test]
    fn agrees_with_its_twin_and_with_finite_differences() {
        for (num_heads, num_kv_heads, head_dim, lengths) in
            [(1, 1, 2, vec![1]), (4, 2, 8, vec![5, 1, 7]), (3, 1, 4, vec![9]), (2, 2, 3, vec![2, 2])]
        {
            let shape = AttentionShape { num_heads, num_kv_heads, head_dim, scale: 0.6 };
            let segments = Segments::from_lengths(lengths);
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
    fn a_cache_gives_what_the_whole_sequence_gives() {
        let shape = AttentionShape { num_heads: 4, num_kv_heads: 2, head_dim: 8, scale: 0.35 };
        let [q, k, v] = inputs(7, shape);
        let whole = causal_attention(&q, &k, &v, shape, &Segments::from_lengths([7])).unwrap();
        for num_new in [1, 3, 7] {
            let mut out = vec![0.0; num_new * shape.q_width()];
            let last = q.narrow(0, 7 - num_new, num_new).unwrap();
            with_slices([&last, &k, &v], |[q, k, v]| cached_attention(q, k, v, shape, &mut out)).unwrap();
            let expected = whole.narrow(0, 7 - num_new, num_new).unwrap();
            with_slice(&expected, |expected| {
                assert!(expected.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-5));
            })
            .unwrap();
        }
    }
}
