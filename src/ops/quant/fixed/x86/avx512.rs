//! With AVX-512: 16 columns in a register.

use std::arch::x86_64::*;
use std::ops::Range;

use half::bf16;

use super::super::super::codes::Coded;
use super::super::parts::{Codes, FixedRows, GROUP_OF_BYTES, PANEL, TOKENS, Target, Unaligned, ZERO};
use crate::ops::FrozenWeight;
use crate::ops::product::transpose_groups;

/// Fills `panel` with the codes of `rows`, at most [`PANEL`] of them; rows that are missing are zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub fn unpack(weight: &FrozenWeight, coded: Coded, rows: Range<usize>, panel: &mut Codes) {
    let (cols, num_groups) = (weight.cols(), weight.cols() / coded.group());
    // Whole blocks of 16 × 4 codes.
    let stride = cols.next_multiple_of(64);
    let Codes { rows: unpacked, codes, affine, .. } = panel;
    // They only grow. What lies between a row's codes and its stride is multiplied with nothing.
    codes.resize(codes.len().max(PANEL * stride), 0);
    affine.resize(affine.len().max(2 * PANEL * num_groups), 0.0);
    if rows.len() == PANEL && matches!(coded, Coded::Q4_0 | Coded::Q4_1 | Coded::Q8_0) {
        let blocks = weight.blocks_of(rows);
        // SAFETY: 16 rows of `num_groups` blocks of the format, with room for their codes, scales and offsets.
        unsafe {
            match coded {
                Coded::Q4_0 => unpack_blocks::<18, 2, true>(blocks, num_groups, codes, affine, Some(-8.0)),
                Coded::Q4_1 => unpack_blocks::<20, 4, true>(blocks, num_groups, codes, affine, None),
                _ => unpack_blocks::<34, 2, false>(blocks, num_groups, codes, affine, Some(-128.0)),
            }
        }
        return;
    }
    unpacked.resize(unpacked.len().max(PANEL * stride), 0);
    if rows.len() < PANEL {
        unpacked.fill(0);
        affine.fill(0.0);
    }
    for (i, row) in rows.enumerate() {
        coded.decode_row(
            weight.blocks_of(row..row + 1),
            &mut unpacked[i * stride..][..cols],
            |group, scale, offset| {
                affine[2 * PANEL * group + i] = scale;
                affine[2 * PANEL * group + PANEL + i] = offset;
            },
        );
    }
    // SAFETY: both buffers hold 16 rows of `stride / 4` values of 32 bits, a multiple of 16.
    unsafe { transpose_groups(unpacked.as_ptr().cast(), PANEL, stride / 4, PANEL, codes.as_mut_ptr().cast()) };
}

/// [`PANEL`] rows of formats that most weights have, without the way over whole rows: blocks of `BYTES` bytes with a
/// header of f16 up to `CODES` (a scale, and an offset unless that is `offset` times the scale), then 32 codes: in
/// the halves of 16 bytes, or signed bytes.
///
/// # Safety
/// The CPU has the instructions, `blocks` holds the rows' `num_groups` blocks each, and the rest has room for them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn unpack_blocks<const BYTES: usize, const CODES: usize, const HALVES: bool>(
    blocks: &[u8],
    num_groups: usize,
    codes: &mut [u8],
    affine: &mut [f32],
    offset: Option<f32>,
) {
    let row_bytes = num_groups * BYTES;
    assert!(blocks.len() >= PANEL * row_bytes && codes.len() >= num_groups * 32 * PANEL);
    assert!(affine.len() >= 2 * PANEL * num_groups);
    let (codes, affine) = (codes.as_mut_ptr(), affine.as_mut_ptr());
    for group in 0..num_groups {
        // SAFETY: the assertions above: every row has this block, and the buffers this group.
        unsafe {
            let block = blocks.as_ptr().add(group * BYTES);
            let mut headers = [0u32; PANEL];
            for (row, header) in headers.iter_mut().enumerate() {
                *header = (*block.add(row * row_bytes).cast::<Unaligned>()).0.cast_unsigned();
            }
            let headers = _mm512_loadu_si512(headers.as_ptr().cast());
            let scale = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(headers));
            let offset = match offset {
                Some(factor) => _mm512_mul_ps(scale, _mm512_set1_ps(factor)),
                None => _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(headers))),
            };
            _mm512_storeu_ps(affine.add(2 * PANEL * group), scale);
            _mm512_storeu_ps(affine.add(2 * PANEL * group + PANEL), offset);
            let to = codes.add(32 * PANEL * group);
            let first = fours(block.add(CODES), row_bytes);
            if HALVES {
                let half = _mm512_set1_epi8(15);
                for (i, four) in first.into_iter().enumerate() {
                    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(four), half);
                    _mm512_storeu_si512(to.add(64 * i).cast(), _mm512_and_si512(four, half));
                    _mm512_storeu_si512(to.add(64 * (i + 4)).cast(), high);
                }
            } else {
                let second = fours(block.add(CODES + 16), row_bytes);
                for (i, four) in first.into_iter().chain(second).enumerate() {
                    let unsigned = _mm512_xor_si512(four, _mm512_set1_epi8(-128));
                    _mm512_storeu_si512(to.add(64 * i).cast(), unsigned);
                }
            }
        }
    }
}

/// 16 bytes of each of 16 rows, four at a time: the first four of all rows, the next four, and so on.
///
/// # Safety
/// The CPU has the instructions, and each row has its 16 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn fours(from: *const u8, row_bytes: usize) -> [__m512i; 4] {
    let mut rows = [_mm512_setzero_si512(); 4];
    for (i, rows) in rows.iter_mut().enumerate() {
        let from = from.wrapping_add(i * row_bytes);
        // Lane `l` of the `i`th has row `4 l + i`.
        // SAFETY: the caller's promise.
        unsafe {
            *rows = _mm512_castsi128_si512(_mm_loadu_si128(from.cast()));
            let row = |lane: usize| from.wrapping_add(4 * lane * row_bytes).cast();
            *rows = _mm512_inserti32x4::<1>(*rows, _mm_loadu_si128(row(1)));
            *rows = _mm512_inserti32x4::<2>(*rows, _mm_loadu_si128(row(2)));
            *rows = _mm512_inserti32x4::<3>(*rows, _mm_loadu_si128(row(3)));
        }
    }
    let [a, b, c, d] = rows;
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Fills `panel` with weights that lie as `[depth, columns]`, rounded to 8 bits with a scale for each column of every
/// group of rows: for the way back, where sums go over what the codes' own groups don't follow.
///
/// # Safety
/// The CPU has the instructions; `num` columns, at most [`PANEL`], of `depth` rows, whole groups, are readable at
/// `from`, `stride` values apart.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub unsafe fn round_columns(from: *const bf16, stride: usize, depth: usize, num: usize, panel: &mut Codes) {
    const GROUP: usize = GROUP_OF_BYTES;
    let Codes { codes, affine, .. } = panel;
    codes.resize(codes.len().max(PANEL * depth), 0);
    affine.resize(affine.len().max(2 * PANEL * (depth / GROUP)), 0.0);
    let mask = (0xffff_u32 >> (PANEL - num)) as __mmask16;
    for group in 0..depth / GROUP {
        // SAFETY: rows of this group, masked to the columns there are; the buffers have this group.
        unsafe {
            let from = from.add(group * GROUP * stride);
            let row = |row: usize| {
                let halves = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from.add(row * stride).cast()));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
            };
            let mut largest = _mm512_setzero_ps();
            for i in 0..GROUP {
                largest = _mm512_max_ps(largest, _mm512_abs_ps(row(i)));
            }
            let scale = _mm512_mul_ps(largest, _mm512_set1_ps(1.0 / 127.0));
            let is_large = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(scale, _mm512_set1_ps(f32::MIN_POSITIVE));
            let inverse = _mm512_maskz_div_ps(is_large, _mm512_set1_ps(1.0), scale);
            _mm512_storeu_ps(affine.as_mut_ptr().add(2 * PANEL * group), scale);
            let whole = |i: usize| {
                let whole = _mm512_cvtps_epi32(_mm512_mul_ps(row(i), inverse));
                _mm512_and_si512(_mm512_add_epi32(whole, _mm512_set1_epi32(ZERO)), _mm512_set1_epi32(255))
            };
            for four in 0..GROUP / 4 {
                let low = _mm512_or_si512(whole(4 * four), _mm512_slli_epi32::<8>(whole(4 * four + 1)));
                let high = _mm512_or_si512(whole(4 * four + 2), _mm512_slli_epi32::<8>(whole(4 * four + 3)));
                let codes = codes.as_mut_ptr().add(GROUP * PANEL * group + 64 * four);
                _mm512_storeu_si512(codes.cast(), _mm512_or_si512(low, _mm512_slli_epi32::<16>(high)));
            }
        }
    }
}

/// Rounds whole groups of values to 8 bits, changed by `xor`, and passes each group's index, scale and sum to `tell`.
///
/// # Safety
/// The CPU has the instructions, and as many bytes can be written at `to` as there are values.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub unsafe fn round(values: &[bf16], to: *mut u8, xor: u8, mut tell: impl FnMut(usize, f32, i32)) {
    let xor = _mm_set1_epi8(xor.cast_signed());
    for (group, values) in values.as_chunks::<GROUP_OF_BYTES>().0.iter().enumerate() {
        // SAFETY: a group has 64 values.
        let halves = unsafe {
            let from = values.as_ptr();
            [_mm512_loadu_si512(from.cast()), _mm512_loadu_si512(from.add(32).cast())]
        };
        // Without their signs, the bits of numbers are in the numbers' order, and NaN is beyond them.
        let magnitudes = halves.map(|half| _mm512_and_si512(half, _mm512_set1_epi16(0x7fff)));
        let largest = _mm512_max_epu16(magnitudes[0], magnitudes[1]);
        let largest = _mm256_max_epu16(_mm512_castsi512_si256(largest), _mm512_extracti64x4_epi64::<1>(largest));
        let largest = _mm_max_epu16(_mm256_castsi256_si128(largest), _mm256_extracti128_si256::<1>(largest));
        // There is an instruction for the smallest.
        let flipped = _mm_minpos_epu16(_mm_xor_si128(largest, _mm_set1_epi8(-1)));
        let largest = f32::from_bits(u32::from(!(_mm_cvtsi128_si32(flipped) as u16)) << 16);
        let scale = if largest.is_finite() { largest * (1.0 / 127.0) } else { f32::NAN };
        let inverse = _mm512_set1_ps(if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 });
        let mut sum = _mm512_setzero_si512();
        for (i, half) in halves.into_iter().enumerate() {
            let quarters = [_mm512_castsi512_si256(half), _mm512_extracti64x4_epi64::<1>(half)];
            for (j, quarter) in quarters.into_iter().enumerate() {
                let wide = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(quarter)));
                let whole = _mm512_cvtps_epi32(_mm512_mul_ps(wide, inverse));
                sum = _mm512_add_epi32(sum, whole);
                // SAFETY: the caller's promise.
                unsafe {
                    let to = to.add(GROUP_OF_BYTES * group + 32 * i + 16 * j);
                    _mm_storeu_si128(to.cast(), _mm_xor_si128(_mm512_cvtepi32_epi8(whole), xor));
                }
            }
        }
        tell(group, scale, _mm512_reduce_add_epi32(sum));
    }
}

/// # Safety
/// The CPU has the instructions, and the first `num` columns of every row are valid at `out`. `next` is only brought into
/// the cache.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub unsafe fn multiply<const GROUP: usize, const PLANES: usize>(
    x: &FixedRows<PLANES>,
    rows: Range<usize>,
    panel: &Codes,
    num: usize,
    out: Target,
    mut next: &[u8],
) {
    for row in rows.clone().step_by(TOKENS) {
        // SAFETY: the caller's promise; each call stays within the rows there are.
        unsafe {
            let out = Target { c: out.c.add((row - rows.start) * out.stride), ..out };
            match rows.end - row {
                1 => tokens::<1, GROUP, PLANES>(x, row, panel, num, out, next),
                2 => tokens::<2, GROUP, PLANES>(x, row, panel, num, out, next),
                3 => tokens::<3, GROUP, PLANES>(x, row, panel, num, out, next),
                4 => tokens::<4, GROUP, PLANES>(x, row, panel, num, out, next),
                5 => tokens::<5, GROUP, PLANES>(x, row, panel, num, out, next),
                6 => tokens::<6, GROUP, PLANES>(x, row, panel, num, out, next),
                7 => tokens::<7, GROUP, PLANES>(x, row, panel, num, out, next),
                _ => tokens::<TOKENS, GROUP, PLANES>(x, row, panel, num, out, next),
            }
        }
        // Once is enough.
        next = &[];
    }
}

/// # Safety
/// Those of [`multiply`], for `ROWS` rows from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tokens<const ROWS: usize, const GROUP: usize, const PLANES: usize>(
    x: &FixedRows<PLANES>,
    first: usize,
    panel: &Codes,
    num: usize,
    out: Target,
    next: &[u8],
) {
    // Bytes of a row's planes, its groups, and the bytes of a panel's codes in a group.
    let (row, num_groups, bytes) = (PLANES * x.cols, x.cols / GROUP, PANEL * GROUP);
    assert!((first + ROWS) * row <= x.planes.len() && (first + ROWS) * num_groups <= x.scales.len());
    assert!(num_groups * bytes <= panel.codes.len() && num_groups * 2 * PANEL <= panel.affine.len());
    let planes = x.planes[first * row..].as_ptr();
    let scales = x.scales[first * num_groups..].as_ptr();
    let mut sums = [_mm512_setzero_ps(); ROWS];
    // What is wanted next is on its way from memory while this panel is multiplied, a bit with each group.
    let ahead = next.len().div_ceil(num_groups.max(1));
    for group in 0..num_groups {
        for line in (group * ahead..((group + 1) * ahead).min(next.len())).step_by(64) {
            _mm_prefetch::<_MM_HINT_T1>(next.as_ptr().wrapping_add(line).cast());
        }
        // SAFETY: the assertions above: a group's codes, scales and planes lie within their buffers.
        unsafe {
            let codes = panel.codes.as_ptr().add(bytes * group);
            let planes = planes.add(PLANES * GROUP * group);
            let scales = scales.add(group);
            let (mut high, mut low) = ([_mm512_setzero_si512(); ROWS], [_mm512_setzero_si512(); ROWS]);
            // By hand: the compiler leaves a loop of this size one, with its sums in memory.
            macro_rules! each_row {
                ($($row:literal)* => |$row_name:ident| $body:block) => { $(if $row < ROWS { const $row_name: usize = $row; $body })* };
                (|$row_name:ident| $body:block) => { each_row!(0 1 2 3 4 5 6 7 => |$row_name| $body) };
            }
            if PLANES == 1 {
                each_row!(|ROW| {
                    high[ROW] = _mm512_set1_epi32((*scales.add(ROW * num_groups))[1].to_bits().cast_signed());
                });
            }
            for four in 0..GROUP / 4 {
                let code = _mm512_loadu_si512(codes.add(64 * four).cast());
                each_row!(|ROW| {
                    let planes = planes.add(ROW * row + 4 * four);
                    high[ROW] = _mm512_dpbusd_epi32(high[ROW], code, broadcast(planes));
                    if PLANES == 2 {
                        low[ROW] = _mm512_dpbusd_epi32(low[ROW], code, broadcast(planes.add(GROUP)));
                    }
                });
            }
            let affine = panel.affine.as_ptr().add(2 * PANEL * group);
            let scale = _mm512_loadu_ps(affine);
            each_row!(|ROW| {
                let [x_scale, x_sum] = *scales.add(ROW * num_groups);
                let factor = _mm512_mul_ps(scale, _mm512_set1_ps(x_scale));
                if PLANES == 2 {
                    let whole = _mm512_add_epi32(_mm512_slli_epi32::<8>(high[ROW]), low[ROW]);
                    sums[ROW] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), factor, sums[ROW]);
                    sums[ROW] = _mm512_fmadd_ps(_mm512_loadu_ps(affine.add(PANEL)), _mm512_set1_ps(x_sum), sums[ROW]);
                } else {
                    sums[ROW] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[ROW]), factor, sums[ROW]);
                }
            });
        }
    }
    let mask = (0xffff_u32 >> (PANEL - num)) as __mmask16;
    for (token, sum) in sums.into_iter().enumerate() {
        // SAFETY: the caller's promise; lanes beyond `num` are neither read nor written.
        unsafe {
            let c = out.c.add(token * out.stride);
            let sum = if out.accumulate { _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, c)) } else { sum };
            _mm512_mask_storeu_ps(c, mask, sum);
        }
    }
}

/// # Safety
/// Four bytes are readable.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn broadcast(bytes: *const i8) -> __m512i {
    // SAFETY: the caller's promise.
    _mm512_set1_epi32(unsafe { (*bytes.cast::<Unaligned>()).0 })
}
