//! Root-mean-square norm with a frozen weight (Zhang & Sennrich 2019, as `LlamaRMSNorm` computes it).

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::product::Isa;
use super::simd::{dot, vectorized};
use super::storage::{slice, with_slices};

/// `x / sqrt(mean(x²) + eps) · weight`, row by row. `x` is `[num_tokens, hidden]`, `weight` holds `hidden` values.
///
/// # Errors
/// Where a row of `x` isn't as long as `weight`, or `x` isn't contiguous f32.
pub fn rms_norm(x: &Tensor, weight: &Arc<[f32]>, eps: f64) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(RmsNorm { weight: weight.clone(), eps: eps as f32 });
    }
    rms_norm_plain(x, weight, eps)
}

/// [`rms_norm`] with candle's own operations.
///
/// # Errors
/// Where a row of `x` isn't as long as `weight`.
pub fn rms_norm_plain(x: &Tensor, weight: &Arc<[f32]>, eps: f64) -> Result<Tensor> {
    let weight = Tensor::new(&weight[..], x.device())?;
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean_square + eps)?.sqrt()?)?.broadcast_mul(&weight)
}

/// `1 / rms(x)`
#[inline(always)]
fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + eps).sqrt()
}

vectorized! {
    /// One row: `x / rms(x) · weight`.
    pub fn normalize_row(isa: Isa, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        let scale = inverse_rms(x, eps);
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * scale * weight;
        }
    }

    /// Adds `x / rms(x) · weight` to a row of sums.
    pub fn add_normalized_row(isa: Isa, x: &[f32], weight: &[f32], eps: f32, sum: &mut [f32]) {
        let scale = inverse_rms(x, eps);
        for ((sum, x), weight) in sum.iter_mut().zip(x).zip(weight) {
            *sum += x * scale * weight;
        }
    }

    /// Adds the gradient at a row's `x` to `dx`.
    pub fn normalize_row_back(isa: Isa, x: &[f32], weight: &[f32], eps: f32, grad: &[f32], dx: &mut [f32]) {
        // With s = 1/rms: dx = s·(g·w) − x·s³/n·Σ(g·w·x).
        let scale = inverse_rms(x, eps);
        let mut sums = [0.0f32; 32];
        for ((x, g), w) in x.chunks(32).zip(grad.chunks(32)).zip(weight.chunks(32)) {
            for (i, sum) in sums[..x.len()].iter_mut().enumerate() {
                *sum += x[i] * g[i] * w[i];
            }
        }
        let shrink = sums.iter().sum::<f32>() * scale * scale * scale / x.len() as f32;
        for (((dx, x), g), w) in dx.iter_mut().zip(x).zip(grad).zip(weight) {
            *dx += g * w * scale - x * shrink;
        }
    }
}

struct RmsNorm {
    weight: Arc<[f32]>,
    eps: f32,
}

impl CustomOp1 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(storage, layout)?;
        let (hidden, isa) = (self.weight.len(), Isa::current());
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(hidden)
            .zip(x.par_chunks(hidden))
            .for_each(|(out, x)| normalize_row(isa, x, &self.weight, self.eps, out));
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (hidden, isa) = (self.weight.len(), Isa::current());
        let dx = with_slices([x, grad], |[x, grad]| {
            let mut dx = vec![0.0; x.len()];
            dx.par_chunks_mut(hidden)
                .zip(x.par_chunks(hidden))
                .zip(grad.par_chunks(hidden))
                .for_each(|((dx, x), grad)| normalize_row_back(isa, x, &self.weight, self.eps, grad, dx));
            dx
        })?;
        Ok(Some(Tensor::from_vec(dx, x.shape(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{assert_close, assert_same_gradients, finite_differences, instruction_sets, random};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..6, hidden in 1usize..70) {
            let weight: Arc<[f32]> = random(&[hidden], 1).to_vec1::<f32>().unwrap().into();
            let x = random(&[rows, hidden], 2);
            assert_same_gradients(&[&x], |x| rms_norm(x[0], &weight, 1e-5), |x| rms_norm_plain(x[0], &weight, 1e-5));
            finite_differences(&[&x], |x| rms_norm(x[0], &weight, 1e-5));
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_same(hidden in 1usize..600) {
            let values = |seed| random(&[hidden], seed).to_vec1::<f32>().unwrap();
            let (x, weight, grad) = (values(1), values(2), values(3));
            let run = |isa| {
                let (mut out, mut dx) = (vec![0.0; hidden], vec![0.5; hidden]);
                normalize_row(isa, &x, &weight, 1e-5, &mut out);
                let mut sum = grad.clone();
                add_normalized_row(isa, &x, &weight, 1e-5, &mut sum);
                let expected: Vec<f32> = grad.iter().zip(&out).map(|(grad, out)| grad + out).collect();
                assert_close(&sum, &expected, "added");
                normalize_row_back(isa, &x, &weight, 1e-5, &grad, &mut dx);
                [out, dx].concat()
            };
            let expected = run(Isa::Portable);
            for isa in instruction_sets() {
                assert_close(&run(isa), &expected, isa.name());
            }
        }
    }
}
