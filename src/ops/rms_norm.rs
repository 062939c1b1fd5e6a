//! Root-mean-square norm with a frozen weight (Zhang & Sennrich 2019, as `LlamaRMSNorm` computes it).

use super::simd::{dot, vectorized};

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

    /// Adds `factor · x / rms(x) · weight` to a row of sums.
    pub fn add_normalized_row(isa: Isa, x: &[f32], weight: &[f32], eps: f32, factor: f32, sum: &mut [f32]) {
        let scale = factor * inverse_rms(x, eps);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plain::rms_norm;
    use super::super::product::Isa;
    use super::super::testing::{Kernel, assert_close, check_kernel, instruction_sets, random, values};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn agrees_with_its_twin_and_with_finite_differences(rows in 1usize..6, hidden in 1usize..70) {
            let (weight, x, isa) = (random(&[hidden], 1), random(&[rows, hidden], 2), Isa::current());
            let scale = values(&weight);
            let kernel = Kernel {
                dims: vec![rows, hidden],
                forward: |x: &[&[f32]]| {
                    let mut out = vec![0.0; x[0].len()];
                    let rows = out.chunks_mut(hidden).zip(x[0].chunks(hidden));
                    rows.for_each(|(out, x)| normalize_row(isa, x, &scale, 1e-5, out));
                    out
                },
                backward: |x: &[&[f32]], grad: &[f32]| {
                    let mut dx = vec![0.0; grad.len()];
                    let rows = dx.chunks_mut(hidden).zip(x[0].chunks(hidden)).zip(grad.chunks(hidden));
                    rows.for_each(|((dx, x), grad)| normalize_row_back(isa, x, &scale, 1e-5, grad, dx));
                    vec![dx]
                },
            };
            check_kernel(&[&x], kernel, |x| rms_norm(x[0], &weight, 1e-5));
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
                add_normalized_row(isa, &x, &weight, 1e-5, 1.0, &mut sum);
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
