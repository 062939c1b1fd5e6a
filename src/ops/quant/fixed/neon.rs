//! The kernels: NEON with `sdot`, which multiplies signed bytes and sums four products in each lane.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};
use std::ops::Range;

use half::bf16;

use super::super::codes::Coded;
use super::parts::{Codes, FixedRows, GROUP_OF_BYTES, PANEL, Target};
use crate::ops::FrozenWeight;
use crate::ops::product::Isa;

/// Rows that are multiplied at once: 4 × 4 vectors of sums leave registers for the codes and for 16 values of each row.
const ROWS: usize = 4;

/// Vectors of a panel's columns.
const VECTORS: usize = PANEL / 4;

pub fn is_available(isa: Isa) -> bool {
    isa == Isa::Neon && is_aarch64_feature_detected!("dotprod")
}

pub fn tokens(_isa: Isa) -> usize {
    ROWS
}

/// Stored codes have no sign, and `sdot` wants one.
///
/// # Safety
/// It is never called.
pub unsafe fn unpack(_weight: &FrozenWeight, _coded: Coded, _rows: Range<usize>, _panel: &mut Codes) {
    unreachable!("codes are multiplied as values")
}

/// A bf16 is the upper half of an f32.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn widened(from: *const bf16) -> float32x4_t {
    // SAFETY: the caller's four values.
    vreinterpretq_f32_u32(vshll_n_u16::<16>(unsafe { vld1_u16(from.cast()) }))
}

/// 16 whole numbers as bytes.
#[inline]
#[target_feature(enable = "neon")]
fn narrowed(whole: [int32x4_t; 4]) -> int8x16_t {
    let low = vcombine_s16(vmovn_s32(whole[0]), vmovn_s32(whole[1]));
    let high = vcombine_s16(vmovn_s32(whole[2]), vmovn_s32(whole[3]));
    vcombine_s8(vmovn_s16(low), vmovn_s16(high))
}

/// Rounds whole groups of values to 8 bits and passes each group's index, scale and sum to `tell`.
///
/// # Safety
/// A byte for each value can be written at `to`. `xor` is 0: bytes keep their signs.
#[target_feature(enable = "neon")]
pub unsafe fn round(_isa: Isa, values: &[bf16], to: *mut u8, xor: u8, mut tell: impl FnMut(usize, f32, i32)) {
    debug_assert_eq!(xor, 0);
    for (group, values) in values.as_chunks::<GROUP_OF_BYTES>().0.iter().enumerate() {
        let from = values.as_ptr();
        // Without their signs, the bits of numbers are in the numbers' order, and NaN is beyond them.
        let mut largest = vdupq_n_u16(0);
        for i in (0..GROUP_OF_BYTES).step_by(8) {
            // SAFETY: a group has 64 values.
            let bits = unsafe { vld1q_u16(from.wrapping_add(i).cast()) };
            largest = vmaxq_u16(largest, vandq_u16(bits, vdupq_n_u16(0x7fff)));
        }
        let largest = f32::from_bits(u32::from(vmaxvq_u16(largest)) << 16);
        let scale = if largest.is_finite() { largest * (1.0 / 127.0) } else { f32::NAN };
        let inverse = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
        let mut sum = vdupq_n_s32(0);
        for i in (0..GROUP_OF_BYTES).step_by(16) {
            let mut whole = [sum; 4];
            for (j, whole) in whole.iter_mut().enumerate() {
                // SAFETY: as above.
                let values = unsafe { widened(from.wrapping_add(i + 4 * j)) };
                *whole = vcvtnq_s32_f32(vmulq_n_f32(values, inverse));
                sum = vaddq_s32(sum, *whole);
            }
            // SAFETY: the caller's promise.
            unsafe { vst1q_s8(to.wrapping_add(GROUP_OF_BYTES * group + i).cast(), narrowed(whole)) };
        }
        tell(group, scale, vaddvq_s32(sum));
    }
}

/// Fills `panel` with weights that lie as `[depth, columns]`, rounded to 8 bits with a scale for each column of every
/// group of rows.
///
/// # Safety
/// `num` columns, at most [`PANEL`], of `depth` rows, whole groups, are readable at `from`, `stride` values apart.
#[target_feature(enable = "neon")]
pub unsafe fn round_columns(_isa: Isa, from: *const bf16, stride: usize, depth: usize, num: usize, panel: &mut Codes) {
    let Codes { codes, affine, .. } = panel;
    codes.resize(codes.len().max(PANEL * depth), 0);
    affine.resize(affine.len().max(2 * PANEL * (depth / GROUP_OF_BYTES)), 0.0);
    let mut rows = [[bf16::ZERO; PANEL]; GROUP_OF_BYTES];
    for group in 0..depth / GROUP_OF_BYTES {
        for (i, row) in rows.iter_mut().enumerate() {
            // SAFETY: a row of this group, of which `num` values are readable.
            let from =
                unsafe { std::slice::from_raw_parts(from.wrapping_add((group * GROUP_OF_BYTES + i) * stride), num) };
            row[..num].copy_from_slice(from);
        }
        for vector in 0..VECTORS {
            // SAFETY: four columns of each row; the buffers have this group.
            unsafe {
                let row = |row: usize| widened(rows[row][4 * vector..].as_ptr());
                let mut largest = vdupq_n_f32(0.0);
                for i in 0..GROUP_OF_BYTES {
                    largest = vmaxq_f32(largest, vabsq_f32(row(i)));
                }
                let scale = vmulq_n_f32(largest, 1.0 / 127.0);
                let is_large = vcgtq_f32(scale, vdupq_n_f32(f32::MIN_POSITIVE));
                let inverse = vandq_u32(is_large, vreinterpretq_u32_f32(vdivq_f32(vdupq_n_f32(1.0), scale)));
                let inverse = vreinterpretq_f32_u32(inverse);
                let at = 2 * PANEL * group + 4 * vector;
                vst1q_f32(affine[at..at + 4].as_mut_ptr(), scale);
                for four in 0..GROUP_OF_BYTES / 4 {
                    let whole = |i: usize| vcvtnq_s32_f32(vmulq_f32(row(4 * four + i), inverse));
                    // Byte `i` of each column's four is that of row `i`.
                    let byte = |i: usize| vandq_s32(whole(i), vdupq_n_s32(255));
                    let low = vorrq_s32(byte(0), vshlq_n_s32::<8>(byte(1)));
                    let high = vorrq_s32(byte(2), vshlq_n_s32::<8>(byte(3)));
                    let bytes = vreinterpretq_u8_s32(vorrq_s32(low, vshlq_n_s32::<16>(high)));
                    let at = GROUP_OF_BYTES * PANEL * group + 4 * PANEL * four + 16 * vector;
                    vst1q_u8(codes[at..at + 16].as_mut_ptr(), bytes);
                }
            }
        }
    }
}

/// `to[group · width + row] = from[row · groups + group]`, in blocks of 4 × 4; `num` and `groups` are multiples of 4.
///
/// # Safety
/// `from` holds `num · groups` values, `to` `groups · width`, and `num ≤ width`.
#[target_feature(enable = "neon")]
pub unsafe fn transpose_groups(_isa: Isa, from: *const i32, num: usize, groups: usize, width: usize, to: *mut i32) {
    for row in (0..num).step_by(4) {
        for group in (0..groups).step_by(4) {
            // SAFETY: the caller's promise: 4 rows of 4 values on both sides, at any alignment.
            unsafe {
                let row_of = |i: usize| vreinterpretq_s32_u8(vld1q_u8(from.add((row + i) * groups + group).cast()));
                let (a, b, c, d) = (row_of(0), row_of(1), row_of(2), row_of(3));
                let (ab_low, ab_high) =
                    (vreinterpretq_s64_s32(vzip1q_s32(a, b)), vreinterpretq_s64_s32(vzip2q_s32(a, b)));
                let (cd_low, cd_high) =
                    (vreinterpretq_s64_s32(vzip1q_s32(c, d)), vreinterpretq_s64_s32(vzip2q_s32(c, d)));
                let columns = [
                    vzip1q_s64(ab_low, cd_low),
                    vzip2q_s64(ab_low, cd_low),
                    vzip1q_s64(ab_high, cd_high),
                    vzip2q_s64(ab_high, cd_high),
                ];
                for (i, column) in columns.into_iter().enumerate() {
                    vst1q_u8(to.add((group + i) * width + row).cast(), vreinterpretq_u8_s64(column));
                }
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions, and the first `num` columns of every row are valid at `out`.
#[target_feature(enable = "neon,dotprod")]
pub unsafe fn multiply<const GROUP: usize, const PLANES: usize>(
    _isa: Isa,
    x: &FixedRows<PLANES>,
    rows: Range<usize>,
    panel: &Codes,
    num: usize,
    out: Target,
    _next: &[u8],
) {
    for row in rows.clone().step_by(ROWS) {
        // SAFETY: the caller's promise; each call stays within the rows there are.
        unsafe {
            let out = Target { c: out.c.add((row - rows.start) * out.stride), ..out };
            match rows.end - row {
                1 => multiply_rows::<1, GROUP, PLANES>(x, row, panel, num, out),
                2 => multiply_rows::<2, GROUP, PLANES>(x, row, panel, num, out),
                3 => multiply_rows::<3, GROUP, PLANES>(x, row, panel, num, out),
                _ => multiply_rows::<ROWS, GROUP, PLANES>(x, row, panel, num, out),
            }
        }
    }
}

/// `sum + Σ code · value` in each lane, for four codes of each and the `four`th four of 16 values. An instruction and no
/// intrinsic, as that is not stable.
macro_rules! sdot {
    ($sum:expr, $codes:expr, $values:expr, $four:literal) => {
        asm!(
            concat!("sdot {sum:v}.4s, {codes:v}.16b, {values:v}.4b[", $four, "]"),
            sum = inout(vreg) $sum,
            codes = in(vreg) $codes,
            values = in(vreg) $values,
            options(pure, nomem, nostack, preserves_flags)
        )
    };
}

/// # Safety
/// Those of [`multiply`], for `N` rows from `first` on.
#[target_feature(enable = "neon,dotprod")]
unsafe fn multiply_rows<const N: usize, const GROUP: usize, const PLANES: usize>(
    x: &FixedRows<PLANES>,
    first: usize,
    panel: &Codes,
    num: usize,
    out: Target,
) {
    // Groups, and the bytes of a panel's codes in one.
    let (num_groups, bytes) = (x.cols / GROUP, PANEL * GROUP);
    assert!(PLANES == 1 && GROUP.is_multiple_of(16) && num <= PANEL);
    assert!((first + N) * x.cols <= x.planes.len() && (first + N) * num_groups <= x.scales.len());
    assert!(num_groups * bytes <= panel.codes.len() && num_groups * 2 * PANEL <= panel.affine.len());
    let plane = x.planes[first * x.cols..].as_ptr();
    let mut sums = [[vdupq_n_f32(0.0); VECTORS]; N];
    for group in 0..num_groups {
        let mut whole = [[vdupq_n_s32(0); VECTORS]; N];
        for sixteen in 0..GROUP / 16 {
            // SAFETY: the assertions above: a group's codes and values lie within their buffers.
            unsafe {
                let codes = panel.codes.as_ptr().add(bytes * group + 16 * PANEL * sixteen);
                let mut values = [vdupq_n_s8(0); N];
                for (row, values) in values.iter_mut().enumerate() {
                    *values = vld1q_s8(plane.add(row * x.cols + GROUP * group + 16 * sixteen));
                }
                macro_rules! four {
                    ($four:literal) => {
                        for vector in 0..VECTORS {
                            let codes = vld1q_u8(codes.add(4 * PANEL * $four + 16 * vector));
                            for row in 0..N {
                                sdot!(whole[row][vector], codes, values[row], $four);
                            }
                        }
                    };
                }
                four!(0);
                four!(1);
                four!(2);
                four!(3);
            }
        }
        for vector in 0..VECTORS {
            // SAFETY: the assertions above.
            let scale = unsafe { vld1q_f32(panel.affine.as_ptr().add(2 * PANEL * group + 4 * vector)) };
            for row in 0..N {
                let factor = vmulq_n_f32(scale, x.scales[(first + row) * num_groups + group][0]);
                sums[row][vector] = vfmaq_f32(sums[row][vector], vcvtq_f32_s32(whole[row][vector]), factor);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        let mut values = [0.0f32; PANEL];
        // SAFETY: the caller's promise: `num` columns of each row are valid, and only they are read and written.
        unsafe {
            for (vector, sum) in sums.into_iter().enumerate() {
                vst1q_f32(values[4 * vector..4 * vector + 4].as_mut_ptr(), sum);
            }
            let c = out.c.add(row * out.stride);
            for (i, value) in values[..num].iter().enumerate() {
                let c = c.add(i);
                *c = if out.accumulate { *c + value } else { *value };
            }
        }
    }
}
