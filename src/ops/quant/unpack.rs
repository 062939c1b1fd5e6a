//! Quantised weights as f32 or bf16, in a fraction of the time that candle's `dequantize` takes.

use half::bf16;

use super::formats::{self, Format, Kernel, Sink};
use super::lanes::Lanes;
use super::types::WeightType;
use crate::ops::product::Isa;

/// The values of `blocks`, bit for bit those of ggml's own unpacking. The slice may begin at any address.
pub fn unpack_f32(isa: Isa, dtype: WeightType, blocks: &[u8], out: &mut [f32]) {
    unpack(isa, dtype, blocks, out)
}

/// The values of `blocks` as [`unpack_f32`] gives them, rounded to nearest even.
///
/// Where the CPU rounds by itself, f32's subnormal values become zero; only `F32` and `BF16` have any.
pub fn unpack_bf16(isa: Isa, dtype: WeightType, blocks: &[u8], out: &mut [bf16]) {
    unpack(isa, dtype, blocks, out)
}

fn unpack<T: Element>(isa: Isa, dtype: WeightType, blocks: &[u8], out: &mut [T]) {
    assert!(isa.vectors() <= Isa::detected(), "the CPU lacks {}", isa.name());
    assert!(out.len().is_multiple_of(dtype.block_size()), "values don't fill the blocks");
    assert_eq!(blocks.len(), out.len() / dtype.block_size() * dtype.block_bytes(), "blocks don't fit the values");
    // SAFETY: the CPU has `isa`, and the blocks hold one value for each of `out`, as was just checked.
    unsafe { formats::run(isa, dtype, Unpack { blocks, out }) }
}

/// What weights are unpacked to.
trait Element: Copy {
    const ZERO: Self;
    const IS_BF16: bool;

    /// # Safety
    /// The CPU has the instructions of `L`, and `to` is writable for 32 values.
    unsafe fn store<L: Lanes>(weights: [L::F32; 2], to: *mut Self);
}

impl Element for f32 {
    const ZERO: Self = 0.0;
    const IS_BF16: bool = false;

    #[inline(always)]
    unsafe fn store<L: Lanes>(weights: [L::F32; 2], to: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe {
            L::store(weights[0], to);
            L::store(weights[1], to.wrapping_add(16));
        }
    }
}

impl Element for bf16 {
    const ZERO: Self = bf16::ZERO;
    const IS_BF16: bool = true;

    #[inline(always)]
    unsafe fn store<L: Lanes>(weights: [L::F32; 2], to: *mut Self) {
        // SAFETY: the caller's promise.
        unsafe { L::store_bf16(weights, to) }
    }
}

/// Where one block's values are written.
struct Values<T>(*mut T);

impl<L: Lanes, T: Element> Sink<L> for Values<T> {
    #[inline(always)]
    unsafe fn take(&mut self, index: usize, weights: [L::F32; 2]) {
        // SAFETY: the caller's promise: the sink has room for the whole block.
        unsafe { T::store::<L>(weights, self.0.wrapping_add(index)) }
    }
}

struct Unpack<'a, T> {
    blocks: &'a [u8],
    out: &'a mut [T],
}

impl<T: Element> Kernel for Unpack<'_, T> {
    const USES_BF16: bool = T::IS_BF16;

    #[inline(always)]
    unsafe fn run<L: Lanes, F: Format>(self) {
        let whole = self.out.len() / F::WEIGHTS;
        let (blocks, rest) = self.blocks.split_at(whole * F::BYTES);
        let (out, last) = self.out.split_at_mut(whole * F::WEIGHTS);
        let (mut block, mut values) = (blocks.as_ptr(), out.as_mut_ptr());
        for _ in 0..whole {
            // SAFETY: the caller's promise; both pointers have been moved over less than `whole` blocks.
            unsafe { F::decode::<L>(block, &mut Values(values)) };
            (block, values) = (block.wrapping_add(F::BYTES), values.wrapping_add(F::WEIGHTS));
        }
        // Only formats without blocks of their own can end within 32 values.
        if !last.is_empty() {
            let (block, mut values) = (formats::padded(rest), [T::ZERO; 32]);
            // SAFETY: the caller's promise; `padded` is as long as 32 values of any such format.
            unsafe { F::decode::<L>(block.as_ptr(), &mut Values(values.as_mut_ptr())) };
            last.copy_from_slice(&values[..last.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::testing::instruction_sets;
    use super::super::dot_rows;
    use super::super::testing::{dequantized, moved, quantized, random_bytes, values};
    use super::*;

    /// One block, an odd number of them, and lengths that only formats without blocks have.
    fn lengths(dtype: WeightType) -> Vec<usize> {
        match dtype.block_size() {
            1 => vec![0, 1, 31, 32, 33, 1000],
            block => vec![0, block, 2 * block, 7 * block],
        }
    }

    /// Calls `check` with blocks of every format at odd addresses, and their values.
    fn for_all(check: impl Fn(Isa, WeightType, &[u8], &[f32])) {
        for dtype in WeightType::ALL.iter().copied() {
            for len in lengths(dtype) {
                for blocks in [quantized(dtype, len), random_bytes(dtype, len)] {
                    let expected = dequantized(dtype, &blocks);
                    for isa in instruction_sets() {
                        for offset in [0, 1, 2, 3] {
                            check(isa, dtype, &moved(&blocks, offset)[offset..], &expected);
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Whatever the bytes are: a row is multiplied with what it is unpacked to, and no set of instructions is another.
        #[test]
        fn any_bytes_are_the_same_everywhere(
            dtype in proptest::sample::select(WeightType::ALL),
            bytes in proptest::collection::vec(any::<u8>(), 210),
            offset in 0..4usize,
        ) {
            let blocks = &moved(&bytes[..dtype.block_bytes()], offset)[offset..];
            let (len, expected) = (dtype.block_size(), dequantized(dtype, blocks));
            let x = values(len, 9);
            let products = || expected.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let (sum, size) = products().fold((0.0, 0.0), |(sum, size), product| (sum + product, size + product.abs()));
            for isa in instruction_sets() {
                let (mut out, mut narrow, mut dot) = (vec![f32::NAN; len], vec![bf16::NAN; len], [f32::NAN]);
                unpack_f32(isa, dtype, blocks, &mut out);
                unpack_bf16(isa, dtype, blocks, &mut narrow);
                dot_rows(isa, dtype, blocks, len, &x, &mut dot);
                for ((value, narrow), expected) in out.iter().zip(&narrow).zip(&expected) {
                    prop_assert!(value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan());
                    let rounded = bf16::from_f32(*expected);
                    let is_same = narrow.to_bits() == rounded.to_bits() || narrow.is_nan() && rounded.is_nan();
                    prop_assert!(is_same || expected.is_subnormal() && narrow.to_f32() == 0.0, "{dtype} {}", isa.name());
                }
                let is_near = (f64::from(dot[0]) - sum).abs() <= 2e-6 * size + f64::from(f32::MIN_POSITIVE);
                let is_large = size > f64::from(f32::MAX) / 2.0 || !size.is_finite();
                prop_assert!(is_near || is_large, "{dtype} {}: {} for {sum}", isa.name(), dot[0]);
            }
        }
    }

    #[test]
    fn f32_are_the_values_bit_for_bit() {
        for_all(|isa, dtype, blocks, expected| {
            let mut out = vec![f32::NAN; expected.len()];
            unpack_f32(isa, dtype, blocks, &mut out);
            for (i, (value, expected)) in out.iter().zip(expected).enumerate() {
                let same = value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan();
                assert!(same, "{} {dtype:?} {i}: {value:?}, not {expected:?}", isa.name());
            }
        });
    }

    #[test]
    fn bf16_are_rounded_to_nearest_even() {
        for_all(|isa, dtype, blocks, expected| {
            let mut out = vec![bf16::NAN; expected.len()];
            unpack_bf16(isa, dtype, blocks, &mut out);
            for (i, (value, expected)) in out.iter().zip(expected).enumerate() {
                let flushed = expected.is_subnormal() && value.to_f32() == 0.0;
                let rounded = bf16::from_f32(*expected);
                let same = value.to_bits() == rounded.to_bits() || value.is_nan() && rounded.is_nan();
                assert!(same || flushed, "{} {dtype:?} {i}: {value:?}, not {rounded:?}", isa.name());
            }
        });
    }

    /// Those whose bits rounding would carry into the sign, above all.
    #[test]
    fn what_is_no_number_stays_none_in_bf16() {
        let bits = [0x7FFF_FFFF_u32, 0xFFFF_FFFF, 0x7F80_0001, 0xFF80_0001, 0x7FC0_0000];
        let values: Vec<f32> = (0..40).map(|i| f32::from_bits(bits[i % 5])).collect();
        let blocks: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        for isa in instruction_sets() {
            let (mut unpacked, mut narrowed) = ([bf16::ZERO; 40], [bf16::ZERO; 40]);
            unpack_bf16(isa, WeightType::F32, &blocks, &mut unpacked);
            <bf16 as crate::ops::product::Element>::narrow(isa, &values, &mut narrowed);
            assert!(unpacked.iter().chain(&narrowed).all(|value| value.is_nan()), "{}", isa.name());
        }
    }

    #[test]
    #[should_panic(expected = "blocks don't fit the values")]
    fn too_few_blocks_are_refused() {
        unpack_f32(Isa::detected(), WeightType::Q4_0, &[0; 18], &mut [0.0; 64]);
    }
}
