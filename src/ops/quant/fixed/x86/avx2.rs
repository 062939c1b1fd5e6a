//! With AVX2: 8 columns in a register. VNNI has two encodings, that of processors with AVX-512 and that of those without.

use std::arch::x86_64::*;
use std::ops::Range;

use half::bf16;

use super::super::parts::{Codes, FixedRows, GROUP_OF_BYTES, PANEL, Target, Unaligned, ZERO};

/// Rows that are multiplied at once: 6 × 2 registers of sums leave two for the codes and one for values.
pub const ROWS: usize = 6;

/// Registers of a panel's columns.
const VECTORS: usize = PANEL / 8;

fn has_evex() -> bool {
    is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl")
}

pub fn is_available() -> bool {
    has_evex() || is_x86_feature_detected!("avxvnni")
}

/// A bf16 is the upper half of an f32.
#[inline]
#[target_feature(enable = "avx2")]
fn widened(halves: __m128i) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
}

/// See [`super::round`].
///
/// # Safety
/// The CPU has the instructions, and as many bytes can be written at `to` as there are values.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn round(values: &[bf16], to: *mut u8, xor: u8, mut tell: impl FnMut(usize, f32, i32)) {
    let xor = _mm256_set1_epi8(xor.cast_signed());
    for (group, values) in values.as_chunks::<GROUP_OF_BYTES>().0.iter().enumerate() {
        let from = values.as_ptr();
        // Without their signs, the bits of numbers are in the numbers' order, and NaN is beyond them.
        let mut largest = _mm256_setzero_si256();
        for i in (0..GROUP_OF_BYTES).step_by(16) {
            // SAFETY: a group has 64 values.
            let bits = unsafe { _mm256_loadu_si256(from.add(i).cast()) };
            largest = _mm256_max_epu16(largest, _mm256_and_si256(bits, _mm256_set1_epi16(0x7fff)));
        }
        let largest = _mm_max_epu16(_mm256_castsi256_si128(largest), _mm256_extracti128_si256::<1>(largest));
        // There is an instruction for the smallest.
        let flipped = _mm_minpos_epu16(_mm_xor_si128(largest, _mm_set1_epi8(-1)));
        let largest = f32::from_bits(u32::from(!(_mm_cvtsi128_si32(flipped) as u16)) << 16);
        let scale = if largest.is_finite() { largest * (1.0 / 127.0) } else { f32::NAN };
        let inverse = _mm256_set1_ps(if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 });
        let mut sum = _mm256_setzero_si256();
        for i in (0..GROUP_OF_BYTES).step_by(32) {
            let mut whole = [_mm256_setzero_si256(); 4];
            for (j, whole) in whole.iter_mut().enumerate() {
                // SAFETY: as above.
                let values = widened(unsafe { _mm_loadu_si128(from.add(i + 8 * j).cast()) });
                *whole = _mm256_cvtps_epi32(_mm256_mul_ps(values, inverse));
                sum = _mm256_add_epi32(sum, *whole);
            }
            let [a, b, c, d] = whole;
            let bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            // Packing goes by halves of a register, four bytes of each of the four at a time.
            let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
            // SAFETY: the caller's promise.
            unsafe { _mm256_storeu_si256(to.add(GROUP_OF_BYTES * group + i).cast(), _mm256_xor_si256(bytes, xor)) };
        }
        let four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b10_11>(four));
        tell(group, scale, _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two))));
    }
}

/// See [`super::round_columns`].
///
/// # Safety
/// The CPU has the instructions; `num` columns, at most [`PANEL`], of `depth` rows, whole groups, are readable at `from`,
/// `stride` values apart.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn round_columns(from: *const bf16, stride: usize, depth: usize, num: usize, panel: &mut Codes) {
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
            // SAFETY: eight columns of each row.
            let row = |row: usize| widened(unsafe { _mm_loadu_si128(rows[row][8 * vector..].as_ptr().cast()) });
            let mut largest = _mm256_setzero_ps();
            for i in 0..GROUP_OF_BYTES {
                largest = _mm256_max_ps(largest, _mm256_andnot_ps(_mm256_set1_ps(-0.0), row(i)));
            }
            let scale = _mm256_mul_ps(largest, _mm256_set1_ps(1.0 / 127.0));
            let is_large = _mm256_cmp_ps::<_CMP_GT_OQ>(scale, _mm256_set1_ps(f32::MIN_POSITIVE));
            let inverse = _mm256_and_ps(is_large, _mm256_div_ps(_mm256_set1_ps(1.0), scale));
            let at = 2 * PANEL * group + 8 * vector;
            // SAFETY: eight places.
            unsafe { _mm256_storeu_ps(affine[at..at + 8].as_mut_ptr(), scale) };
            let whole = |i: usize| {
                let whole = _mm256_cvtps_epi32(_mm256_mul_ps(row(i), inverse));
                _mm256_and_si256(_mm256_add_epi32(whole, _mm256_set1_epi32(ZERO)), _mm256_set1_epi32(255))
            };
            for four in 0..GROUP_OF_BYTES / 4 {
                let low = _mm256_or_si256(whole(4 * four), _mm256_slli_epi32::<8>(whole(4 * four + 1)));
                let high = _mm256_or_si256(whole(4 * four + 2), _mm256_slli_epi32::<8>(whole(4 * four + 3)));
                let bytes = _mm256_or_si256(low, _mm256_slli_epi32::<16>(high));
                let at = GROUP_OF_BYTES * PANEL * group + 4 * PANEL * four + 32 * vector;
                // SAFETY: 32 places.
                unsafe { _mm256_storeu_si256(codes[at..at + 32].as_mut_ptr().cast(), bytes) };
            }
        }
    }
}

/// See [`super::transpose_groups`]; in blocks of 4 × 4.
///
/// # Safety
/// `from` holds `num · groups` values, `to` `groups · width`, and `num ≤ width`.
#[target_feature(enable = "avx2")]
pub unsafe fn transpose_groups(from: *const i32, num: usize, groups: usize, width: usize, to: *mut i32) {
    for row in (0..num).step_by(4) {
        for group in (0..groups).step_by(4) {
            // SAFETY: the caller's promise: 4 rows of 4 values on both sides.
            unsafe {
                let row_of = |i: usize| _mm_loadu_si128(from.add((row + i) * groups + group).cast());
                let (a, b, c, d) = (row_of(0), row_of(1), row_of(2), row_of(3));
                let (ab_low, ab_high) = (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
                let (cd_low, cd_high) = (_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
                let columns = [
                    _mm_unpacklo_epi64(ab_low, cd_low),
                    _mm_unpackhi_epi64(ab_low, cd_low),
                    _mm_unpacklo_epi64(ab_high, cd_high),
                    _mm_unpackhi_epi64(ab_high, cd_high),
                ];
                for (i, column) in columns.into_iter().enumerate() {
                    _mm_storeu_si128(to.add((group + i) * width + row).cast(), column);
                }
            }
        }
    }
}

/// See [`super::multiply`].
///
/// # Safety
/// [`is_available`], and the first `num` columns of every row are valid at `out`.
pub unsafe fn multiply<const GROUP: usize, const PLANES: usize>(
    x: &FixedRows<PLANES>,
    rows: Range<usize>,
    panel: &Codes,
    num: usize,
    out: Target,
) {
    assert!(PLANES == 1 && num <= PANEL);
    // SAFETY: the CPU has one of the two encodings; the caller's promise for the result.
    unsafe {
        match has_evex() {
            true => evex::multiply::<GROUP, PLANES>(x, rows, panel, num, out),
            false => vex::multiply::<GROUP, PLANES>(x, rows, panel, num, out),
        }
    }
}

/// Writes a row of sums, or adds it.
///
/// # Safety
/// The first `num` columns are valid at `c`, and there are no more than [`PANEL`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(sums: [__m256; VECTORS], c: *mut f32, num: usize, accumulate: bool) {
    // SAFETY: the caller's promise; of a part of the columns, only those are read and written.
    unsafe {
        if num == PANEL {
            for (vector, sum) in sums.into_iter().enumerate() {
                let c = c.add(8 * vector);
                let sum = if accumulate { _mm256_add_ps(sum, _mm256_loadu_ps(c)) } else { sum };
                _mm256_storeu_ps(c, sum);
            }
            return;
        }
        let mut values = [0.0f32; PANEL];
        for (vector, sum) in sums.into_iter().enumerate() {
            _mm256_storeu_ps(values[8 * vector..8 * vector + 8].as_mut_ptr(), sum);
        }
        for (i, value) in values[..num].iter().enumerate() {
            let c = c.add(i);
            *c = if accumulate { *c + value } else { *value };
        }
    }
}

/// The products with one encoding.
macro_rules! encoding {
    ($name:ident, $features:literal, $dot:path) => {
        mod $name {
            use super::*;

            #[target_feature(enable = $features)]
            pub unsafe fn multiply<const GROUP: usize, const PLANES: usize>(
                x: &FixedRows<PLANES>,
                rows: Range<usize>,
                panel: &Codes,
                num: usize,
                out: Target,
            ) {
                for row in rows.clone().step_by(ROWS) {
                    // SAFETY: the caller's promise; each call stays within the rows there are.
                    unsafe {
                        let out = Target { c: out.c.add((row - rows.start) * out.stride), ..out };
                        match rows.end - row {
                            1 => multiply_rows::<1, GROUP, PLANES>(x, row, panel, num, out),
                            2 => multiply_rows::<2, GROUP, PLANES>(x, row, panel, num, out),
                            3 => multiply_rows::<3, GROUP, PLANES>(x, row, panel, num, out),
                            4 => multiply_rows::<4, GROUP, PLANES>(x, row, panel, num, out),
                            5 => multiply_rows::<5, GROUP, PLANES>(x, row, panel, num, out),
                            _ => multiply_rows::<ROWS, GROUP, PLANES>(x, row, panel, num, out),
                        }
                    }
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn multiply_rows<const N: usize, const GROUP: usize, const PLANES: usize>(
                x: &FixedRows<PLANES>,
                first: usize,
                panel: &Codes,
                num: usize,
                out: Target,
            ) {
                // Groups, and the bytes of a panel's codes in one.
                let (num_groups, bytes) = (x.cols / GROUP, PANEL * GROUP);
                assert!((first + N) * x.cols <= x.planes.len() && (first + N) * num_groups <= x.scales.len());
                assert!(num_groups * bytes <= panel.codes.len() && num_groups * 2 * PANEL <= panel.affine.len());
                let plane = x.planes[first * x.cols..].as_ptr();
                let scales = x.scales[first * num_groups..].as_ptr();
                let mut sums = [[_mm256_setzero_ps(); VECTORS]; N];
                for group in 0..num_groups {
                    // SAFETY: the assertions above: a group's codes, scales and values lie within their buffers.
                    unsafe {
                        let codes = panel.codes.as_ptr().add(bytes * group);
                        let values = plane.add(GROUP * group);
                        let mut whole = [[_mm256_setzero_si256(); VECTORS]; N];
                        for (row, whole) in whole.iter_mut().enumerate() {
                            let [_, offset] = *scales.add(row * num_groups + group);
                            *whole = [_mm256_set1_epi32(offset.to_bits().cast_signed()); VECTORS];
                        }
                        for four in 0..GROUP / 4 {
                            let low = _mm256_loadu_si256(codes.add(4 * PANEL * four).cast());
                            let high = _mm256_loadu_si256(codes.add(4 * PANEL * four + 32).cast());
                            for (row, whole) in whole.iter_mut().enumerate() {
                                let values = values.add(row * x.cols + 4 * four).cast::<Unaligned>();
                                let values = _mm256_set1_epi32((*values).0);
                                whole[0] = $dot(whole[0], low, values);
                                whole[1] = $dot(whole[1], high, values);
                            }
                        }
                        for vector in 0..VECTORS {
                            let scale = _mm256_loadu_ps(panel.affine.as_ptr().add(2 * PANEL * group + 8 * vector));
                            for (row, whole) in whole.iter().enumerate() {
                                let [x_scale, _] = *scales.add(row * num_groups + group);
                                let factor = _mm256_mul_ps(scale, _mm256_set1_ps(x_scale));
                                let whole = _mm256_cvtepi32_ps(whole[vector]);
                                sums[row][vector] = _mm256_fmadd_ps(whole, factor, sums[row][vector]);
                            }
                        }
                    }
                }
                for (row, sums) in sums.into_iter().enumerate() {
                    // SAFETY: the caller's promise.
                    unsafe { store(sums, out.c.add(row * out.stride), num, out.accumulate) };
                }
            }
        }
    };
}

encoding!(evex, "avx2,fma,avx512vl,avx512vnni", _mm256_dpbusd_epi32);
encoding!(vex, "avx2,fma,avxvnni", _mm256_dpbusd_avx_epi32);
