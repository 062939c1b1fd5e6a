//! The products of attention for one new token: too few rows for tiles.

use crate::ops::product::Isa;
#[cfg(target_arch = "aarch64")]
use crate::ops::quant::lanes::Neon;
#[cfg(target_arch = "x86_64")]
use crate::ops::quant::lanes::{Avx2, Avx512};
use crate::ops::quant::lanes::{Lanes, Portable};

/// Lanes of a vector.
const LANES: usize = 16;

/// `out[head · out_stride + i] = q[head] · rows[i]` for the heads of `dim` values in `q`; `rows` are `stride` apart, and
/// the last ends with its `dim` values.
pub fn dots(isa: Isa, (q, dim): (&[f32], usize), (rows, stride): (&[f32], usize), out: &mut [f32], out_stride: usize) {
    let num = if rows.is_empty() { 0 } else { rows.len().saturating_sub(dim) / stride + 1 };
    assert!(dim > 0 && q.len().is_multiple_of(dim) && (num == 0 || rows.len() >= (num - 1) * stride + dim));
    assert!(q.is_empty() || out.len() >= (q.len() / dim - 1) * out_stride + num);
    run(isa, Dots { q, dim, rows, stride, num, out, out_stride });
}

/// `out = Σ weights[i] · rows[i]`; `rows` are `stride` apart.
pub fn weighted_sum(isa: Isa, weights: &[f32], (rows, stride): (&[f32], usize), out: &mut [f32]) {
    assert!(weights.is_empty() || rows.len() >= (weights.len() - 1) * stride + out.len());
    run(isa, WeightedSum { weights, rows, stride, out });
}

trait Kernel {
    /// Must be inlined, so that it is compiled for the set of `L`.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn run<L: Lanes>(self);
}

fn run(isa: Isa, kernel: impl Kernel) {
    assert!(isa.vectors() <= Isa::detected(), "the CPU lacks {}", isa.name());
    // SAFETY: the CPU has `isa`.
    unsafe {
        match isa.vectors() {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Bf16 | Isa::Avx512 => avx512(kernel),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2(kernel),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon(kernel),
            _ => kernel.run::<Portable>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn avx512(kernel: impl Kernel) {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<Avx512<false>>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(kernel: impl Kernel) {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<Avx2>() }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn neon(kernel: impl Kernel) {
    // SAFETY: the caller's promise.
    unsafe { kernel.run::<Neon>() }
}

struct Dots<'a> {
    q: &'a [f32],
    dim: usize,
    rows: &'a [f32],
    stride: usize,
    num: usize,
    out: &'a mut [f32],
    out_stride: usize,
}

impl Kernel for Dots<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        for i in 0..self.num {
            let row = &self.rows[i * self.stride..][..self.dim];
            for (head, q) in self.q.chunks_exact(self.dim).enumerate() {
                let ((q, q_rest), (row, row_rest)) = (q.as_chunks::<LANES>(), row.as_chunks::<LANES>());
                // SAFETY: the caller's promise; each chunk has 16 values.
                let sum = unsafe {
                    let mut sums = L::splat(0.0);
                    for (q, row) in q.iter().zip(row) {
                        sums = L::mul_add(L::load(q.as_ptr()), L::load(row.as_ptr()), sums);
                    }
                    L::sum(sums)
                };
                let rest: f32 = q_rest.iter().zip(row_rest).map(|(q, row)| q * row).sum();
                self.out[head * self.out_stride + i] = sum + rest;
            }
        }
    }
}

struct WeightedSum<'a> {
    weights: &'a [f32],
    rows: &'a [f32],
    stride: usize,
    out: &'a mut [f32],
}

impl Kernel for WeightedSum<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        /// Vectors whose sums stay in registers.
        const VECTORS: usize = 4;
        let (wide, narrow) = self.out.as_chunks_mut::<{ VECTORS * LANES }>();
        let num_wide = wide.len() * VECTORS * LANES;
        for (at, out) in wide.iter_mut().enumerate() {
            // SAFETY: the caller's promise; each row has the 64 values.
            unsafe {
                let mut sums = [L::splat(0.0); VECTORS];
                for (i, weight) in self.weights.iter().enumerate() {
                    let row = self.rows[i * self.stride + at * VECTORS * LANES..][..VECTORS * LANES].as_ptr();
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = L::mul_add(L::splat(*weight), L::load(row.wrapping_add(v * LANES)), *sum);
                    }
                }
                for (v, sum) in sums.into_iter().enumerate() {
                    L::store(sum, out.as_mut_ptr().wrapping_add(v * LANES));
                }
            }
        }
        narrow.fill(0.0);
        for (i, weight) in self.weights.iter().enumerate() {
            for (out, value) in narrow.iter_mut().zip(&self.rows[i * self.stride + num_wide..]) {
                *out += weight * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::testing::instruction_sets;
    use super::*;

    fn values(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 1013) as f32 / 500.0 - 1.0).collect()
    }

    proptest! {
        #[test]
        fn are_the_plain_sums_on_every_instruction_set(
            heads in 0usize..4, dim in 1usize..150, num in 0usize..20, apart in 0usize..40, seed in 0usize..100,
        ) {
            let stride = dim + apart;
            let len = if num == 0 { 0 } else { (num - 1) * stride + dim };
            let (q, rows, out_stride) = (values(heads * dim, seed), values(len, seed + 1), num + 3);
            let weights = values(num, seed + 2);
            for isa in instruction_sets() {
                let mut scores = vec![7.0; heads * out_stride];
                dots(isa, (&q, dim), (&rows, stride), &mut scores, out_stride);
                for (head, scores) in scores.chunks(out_stride).enumerate() {
                    for (i, score) in scores.iter().enumerate() {
                        let expected = if i < num {
                            let pairs = q[head * dim..][..dim].iter().zip(&rows[i * stride..][..dim]);
                            pairs.map(|(q, row)| f64::from(*q) * f64::from(*row)).sum()
                        } else {
                            7.0
                        };
                        prop_assert!((f64::from(*score) - expected).abs() < 1e-4, "{isa:?}: {score}, not {expected}");
                    }
                }
                let mut out = vec![7.0; dim];
                weighted_sum(isa, &weights, (&rows, stride), &mut out);
                for (d, out) in out.iter().enumerate() {
                    let terms = weights.iter().enumerate().map(|(i, w)| f64::from(*w) * f64::from(rows[i * stride + d]));
                    let expected: f64 = terms.sum();
                    prop_assert!((f64::from(*out) - expected).abs() < 1e-4, "{isa:?}: {out}, not {expected}");
                }
            }
        }
    }
}
