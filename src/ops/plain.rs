//! The same in candle's own operations: differentiable, on any device. The kernels' tests hold theirs against these, and
//! [`CandlePass`](crate::model::CandlePass) is made of them.

use candle_core::{D, DType, Result, Tensor};

use super::delta::{DeltaShape, UNIT_EPS};
use super::gated::Activation;
use super::scan::ScanShape;
use super::{AttentionShape, RopeTable, Segment, Segments};

/// `x / sqrt(mean(x²) + eps) · weight`, row by row. `x` is `[num_rows, width]`, `weight` `[width]`.
///
/// # Errors
/// Where a row of `x` isn't as long as `weight`.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean_square + eps)?.sqrt()?)?.broadcast_mul(weight)
}

/// Rotates `x`, `[num_tokens, num_heads · head_dim]`, by each token's position.
///
/// # Errors
/// Where the table is of another number of tokens.
pub fn rotate(x: &Tensor, table: &RopeTable, head_dim: usize) -> Result<Tensor> {
    let ((num_tokens, width), half) = (x.dims2()?, table.num_angles());
    let [cos, sin] = table.cos_sin();
    let angles = |values: &[f32]| Tensor::new(values, x.device())?.reshape((num_tokens, 1, half));
    let (cos, sin) = (angles(cos)?, angles(sin)?);
    let x = x.reshape((num_tokens, width / head_dim, head_dim))?;
    let rotated = x.narrow(2, 0, 2 * half)?;
    let heads = width / head_dim;
    let parts = |x: &Tensor| -> Result<[Tensor; 2]> {
        match table.is_adjacent() {
            true => {
                let pairs = x.reshape((num_tokens, heads, half, 2))?;
                Ok([pairs.narrow(3, 0, 1)?.squeeze(3)?, pairs.narrow(3, 1, 1)?.squeeze(3)?])
            }
            false => Ok([x.narrow(2, 0, half)?, x.narrow(2, half, half)?]),
        }
    };
    let [x1, x2] = parts(&rotated)?;
    let out1 = (x1.broadcast_mul(&cos)? - x2.broadcast_mul(&sin)?)?;
    let out2 = (x2.broadcast_mul(&cos)? + x1.broadcast_mul(&sin)?)?;
    let rotated = match table.is_adjacent() {
        true => Tensor::stack(&[out1, out2], 3)?.reshape((num_tokens, heads, 2 * half))?,
        false => Tensor::cat(&[out1, out2], 2)?,
    };
    let out = match head_dim - 2 * half {
        0 => rotated,
        rest => Tensor::cat(&[rotated, x.narrow(2, 2 * half, rest)?], 2)?,
    };
    out.reshape((num_tokens, width))
}

/// `activation(gate) · up`
///
/// # Errors
/// Where the shapes differ.
pub fn gated(gate: &Tensor, up: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Silu => gate.silu()? * up,
        Activation::GeluTanh => gate.gelu()? * up,
    }
}

/// Queries with their gates beside them, head by head, `[num_tokens, 2 · num_heads · head_dim]`, parted.
///
/// # Errors
/// Where the shapes don't go together.
pub fn part_gates(both: &Tensor, shape: AttentionShape) -> Result<[Tensor; 2]> {
    let (n, dim) = (both.dim(0)?, shape.head_dim);
    let both = both.reshape((n, shape.num_heads, 2, dim))?;
    let part = |place: usize| both.narrow(2, place, 1)?.reshape((n, shape.q_width()));
    Ok([part(0)?, part(1)?])
}

/// `values · sigmoid(gates)`
///
/// # Errors
/// Where the shapes differ.
pub fn gate_heads(values: &Tensor, gates: &Tensor) -> Result<Tensor> {
    values * candle_nn::ops::sigmoid(gates)?
}

/// `q` is `[num_tokens, num_heads · head_dim]`, `k` and `v` are `[num_tokens, num_kv_heads · head_dim]`; the result has
/// the shape of `q`. A token sees itself and the tokens before it in its own sequence, or the last of them.
///
/// # Errors
/// Where the shapes don't go together.
pub fn causal_attention(
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
        let all = |x: &Tensor| with_prefix(x, prefix, rows);
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

/// [`short_conv`](super::conv::short_conv): from `[num_tokens, 3 · hidden]` to `[num_tokens, hidden]`; `kernel` is
/// `[taps, hidden]`.
///
/// # Errors
/// Where the shapes don't go together.
pub fn short_conv(wide: &Tensor, kernel: &Tensor, segments: &Segments) -> Result<Tensor> {
    let (_, hidden) = kernel.dims2()?;
    let part = |place: usize| wide.narrow(1, place * hidden, hidden);
    let (product, after) = ((part(0)? * part(2)?)?, part(1)?);
    after * convolve(&product, kernel, segments)?
}

/// [`CausalConv`](super::causal_conv::CausalConv): from and to `[num_tokens, channels]`; `kernel` is `[taps, channels]`, `bias`
/// `[1, channels]`.
///
/// # Errors
/// Where the shapes don't go together.
pub fn causal_conv(x: &Tensor, kernel: &Tensor, bias: Option<&Tensor>, segments: &Segments) -> Result<Tensor> {
    let out = convolve(x, kernel, segments)?;
    match bias {
        Some(bias) => out.broadcast_add(bias)?.silu(),
        None => out.silu(),
    }
}

/// `Σ kernel[tap] · x[row − (taps − 1 − tap)]` over the rows of each sequence.
fn convolve(x: &Tensor, kernel: &Tensor, segments: &Segments) -> Result<Tensor> {
    let (taps, channels) = kernel.dims2()?;
    let mut outputs = Vec::with_capacity(segments.num_segments());
    for Segment { prefix, rows } in segments.iter() {
        let (all, num_before) = (with_prefix(x, prefix, rows)?, prefix.len());
        let padded = all.pad_with_zeros(0, taps - 1, 0)?;
        let mut sum = Tensor::zeros((rows.len(), channels), DType::F32, x.device())?;
        for tap in 0..taps {
            let shifted = padded.narrow(0, num_before + tap, rows.len())?;
            sum = (sum + shifted.broadcast_mul(&kernel.narrow(0, tap, 1)?)?)?;
        }
        outputs.push(sum);
    }
    Tensor::cat(&outputs, 0)
}

/// [`Delta`](super::delta::Delta), one token after the other; `weights` are its decay and its bias, `[num_value_heads]`, and its
/// norm, `[value_dim]`.
///
/// # Errors
/// Where the shapes don't go together.
pub fn gated_delta(
    qkv: &Tensor,
    wide: &Tensor,
    shape: DeltaShape,
    weights: [&Tensor; 3],
    eps: f64,
    segments: &Segments,
) -> Result<Tensor> {
    let ([decay, step_bias, norm], n) = (weights, qkv.dim(0)?);
    let (heads, key_dim, value_dim) = (shape.num_value_heads, shape.key_dim, shape.value_dim);
    let key_heads: Vec<u32> = (0..heads).map(|head| shape.key_head(head) as u32).collect();
    let key_heads = Tensor::new(key_heads, qkv.device())?;
    let of_length_one = |column: usize| -> Result<Tensor> {
        let x = qkv.narrow(1, column, shape.key_width())?.reshape((n, shape.num_key_heads, key_dim))?;
        let length = (x.sqr()?.sum_keepdim(D::Minus1)? + f64::from(UNIT_EPS))?.sqrt()?;
        x.broadcast_div(&length)?.index_select(&key_heads, 1)
    };
    let q = (of_length_one(0)? * f64::from(shape.query_scale()))?;
    let k = of_length_one(shape.key_width())?;
    let v = qkv.narrow(1, 2 * shape.key_width(), shape.value_width())?.reshape((n, heads, value_dim))?;
    let gates = shape.conv_width() + shape.value_width();
    let beta = candle_nn::ops::sigmoid(&wide.narrow(1, gates, heads)?)?;
    let step = wide.narrow(1, gates + heads, heads)?.broadcast_add(step_bias)?;
    let softplus = (step.relu()? + (step.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    let fading = softplus.broadcast_mul(decay)?.exp()?;

    let mut results: Vec<Tensor> = Vec::with_capacity(n);
    let mut states: Vec<Tensor> = Vec::with_capacity(n);
    for Segment { prefix, rows } in segments.iter() {
        let mut state = match prefix.end.checked_sub(1) {
            Some(last) if !prefix.is_empty() => states[last].clone(),
            _ => Tensor::zeros((heads, key_dim, value_dim), DType::F32, qkv.device())?,
        };
        for row in rows.clone() {
            // [heads, 1, …]
            let at = |x: &Tensor| x.get(row)?.reshape((heads, 1, ()));
            let (q, k, v) = (at(&q)?, at(&k)?, at(&v)?);
            let faded = state.broadcast_mul(&at(&fading)?)?;
            let correction = (v - k.matmul(&faded)?)?.broadcast_mul(&at(&beta)?)?;
            state = (faded + k.t()?.contiguous()?.matmul(&correction)?)?;
            results.push(q.matmul(&state)?.reshape((1, heads, value_dim))?);
            states.push(state.clone());
        }
    }
    let normed = rms_norm(&Tensor::cat(&results, 0)?, norm, eps)?;
    let gate = wide.narrow(1, shape.conv_width(), shape.value_width())?.reshape((n, heads, value_dim))?;
    (normed * gate.silu()?)?.reshape((n, shape.value_width()))
}

/// What a scan multiplies by, `[1, num_heads]` each, and between which values times lie.
#[derive(Debug, Clone)]
pub struct ScanTensors {
    pub a: Tensor,
    pub d: Tensor,
    pub dt_bias: Tensor,
    pub dt_limits: [f32; 2],
}

/// [`scan`](super::scan::scan), each token looking at all before it: from `rows`, `[num_tokens, row_width]`, and `dt`,
/// `[num_tokens, num_heads]`, to `[num_tokens, num_heads · head_dim]`.
///
/// # Errors
/// Where the shapes don't go together.
pub fn scan(rows: &Tensor, dt: &Tensor, by: &ScanTensors, shape: ScanShape, segments: &Segments) -> Result<Tensor> {
    let (heads, dim, size) = (shape.num_heads, shape.head_dim, shape.state_size);
    let in_group = heads / shape.num_groups;
    let raw = dt.broadcast_add(&by.dt_bias)?;
    let mut times = (raw.relu()? + (raw.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    if by.dt_limits != [0.0, f32::INFINITY] {
        times = times.clamp(by.dt_limits[0], by.dt_limits[1])?;
    }
    let mut outputs = Vec::with_capacity(segments.num_segments());
    for Segment { prefix, rows: own } in segments.iter() {
        let (len, num_before) = (prefix.len() + own.len(), prefix.len());
        let (rows, times) = (with_prefix(rows, prefix, own)?, with_prefix(&times, prefix, own)?);
        // [heads, tokens, values]
        let by_head = |x: &Tensor, count: usize| -> Result<Tensor> {
            x.reshape((len, count, x.dim(1)? / count))?.transpose(0, 1)?.contiguous()
        };
        let shared = |column: usize| -> Result<Tensor> {
            let of_groups = by_head(&rows.narrow(1, column, shape.num_groups * size)?, shape.num_groups)?;
            let of_heads = of_groups.unsqueeze(1)?.expand((shape.num_groups, in_group, len, size))?;
            of_heads.reshape((heads, len, size))
        };
        let x = by_head(&rows.narrow(1, 0, shape.inner())?, heads)?;
        let (b, c) = (shared(shape.inner())?, shared(shape.inner() + shape.num_groups * size)?);
        let up_to: Vec<f32> = (0..len * len).map(|i| if i % len <= i / len { 1.0 } else { 0.0 }).collect();
        let hidden: Vec<f32> = up_to.iter().map(|seen| if *seen > 0.0 { 0.0 } else { f32::NEG_INFINITY }).collect();
        let [up_to, hidden] = [up_to, hidden].map(|values| Tensor::from_vec(values, (len, len), rows.device()));
        let sums = up_to?.matmul(&times.broadcast_mul(&by.a)?)?.t()?.contiguous()?;
        let from_to = sums.unsqueeze(2)?.broadcast_sub(&sums.unsqueeze(1)?)?.broadcast_add(&hidden?.unsqueeze(0)?)?;
        let weights = (c.matmul(&b.t()?)? * from_to.exp()?)?;
        let moved = x.broadcast_mul(&times.t()?.unsqueeze(2)?)?;
        let skipped = x.broadcast_mul(&by.d.reshape((heads, 1, 1))?)?;
        let out = (weights.matmul(&moved)? + skipped)?.narrow(1, num_before, own.len())?;
        outputs.push(out.transpose(0, 1)?.reshape((own.len(), heads * dim))?);
    }
    Tensor::cat(&outputs, 0)
}

/// [`gated_norm_row`](super::gated_norm::gated_norm_row) of all rows: `x` and `gate` are `[num_rows, width]`.
///
/// # Errors
/// Where the shapes don't go together.
pub fn gated_norm(x: &Tensor, gate: &Tensor, weight: &Tensor, num_groups: usize, eps: f64) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let product = (x * gate.silu()?)?.reshape((rows * num_groups, width / num_groups))?;
    let ones = Tensor::ones(width / num_groups, DType::F32, x.device())?;
    rms_norm(&product, &ones, eps)?.reshape((rows, width))?.broadcast_mul(weight)
}

/// A sequence's rows, those that it shares first.
fn with_prefix(x: &Tensor, prefix: &std::ops::Range<usize>, rows: &std::ops::Range<usize>) -> Result<Tensor> {
    let own = x.narrow(0, rows.start, rows.len())?;
    if prefix.is_empty() { Ok(own) } else { Tensor::cat(&[x.narrow(0, prefix.start, prefix.len())?, own], 0) }
}

/// `cap · tanh(logits / cap)`
///
/// # Errors
/// Where candle can't compute it.
pub fn cap_logits(logits: Tensor, softcap: Option<f32>) -> Result<Tensor> {
    match softcap.map(f64::from) {
        Some(cap) => (logits / cap)?.tanh()? * cap,
        None => Ok(logits),
    }
}

/// The cross-entropy of each row of logits, `[num_rows, vocab_size]`, against its target, `[num_rows]`, in nats.
///
/// # Errors
/// Where rows and targets differ in number, or a target is outside the vocabulary.
pub fn cross_entropy(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    let targets = Tensor::new(targets, logits.device())?.unsqueeze(1)?;
    candle_nn::ops::log_softmax(logits, D::Minus1)?.gather(&targets, 1)?.squeeze(1)?.neg()
}
