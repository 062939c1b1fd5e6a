//! The kernels: AVX-512 with VNNI, which multiplies bytes and sums four products in each lane.

use std::arch::x86_64::*;
use std::ops::Range;

use super::{Coded, FixedRows, PANEL, Scratch};
use crate::ops::FrozenWeight;
use crate::ops::product::transpose_groups;

/// Four bytes at any address.
#[repr(C, packed)]
struct Unaligned(i32);

/// Fills `scratch` with the codes of `rows`, at most [`PANEL`] of them; rows that are missing are zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub fn unpack(weight: &FrozenWeight, coded: Coded, rows: Range<usize>, scratch: &mut Scratch) {
    let (cols, num_groups) = (weight.cols(), weight.cols() / coded.group());
    // Whole blocks of 16 × 4 codes.
    let stride = cols.next_multiple_of(64);
    let Scratch { rows: unpacked, codes, affine } = scratch;
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

/// # Safety
/// The CPU has the instructions, `scratch` holds a panel for `x`'s columns and groups of `GROUP`, and the first `num`
/// columns of every row of `x` are valid at `out`. `next` is only brought into the cache.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub unsafe fn multiply<const GROUP: usize>(
    x: &FixedRows,
    scratch: &Scratch,
    num: usize,
    out: *mut f32,
    stride: usize,
    mut next: &[u8],
) {
    const TOKENS: usize = 8;
    for first in (0..x.rows).step_by(TOKENS) {
        // SAFETY: the caller's promise; each call stays within the rows there are.
        unsafe {
            let out = out.add(first * stride);
            match x.rows - first {
                1 => tokens::<1, GROUP>(x, first, scratch, num, out, stride, next),
                2 => tokens::<2, GROUP>(x, first, scratch, num, out, stride, next),
                3 => tokens::<3, GROUP>(x, first, scratch, num, out, stride, next),
                4 => tokens::<4, GROUP>(x, first, scratch, num, out, stride, next),
                5 => tokens::<5, GROUP>(x, first, scratch, num, out, stride, next),
                6 => tokens::<6, GROUP>(x, first, scratch, num, out, stride, next),
                7 => tokens::<7, GROUP>(x, first, scratch, num, out, stride, next),
                _ => tokens::<TOKENS, GROUP>(x, first, scratch, num, out, stride, next),
            }
        }
        // Once is enough.
        next = &[];
    }
}

/// # Safety
/// As for [`multiply`], for `TOKENS` rows from `first` on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tokens<const TOKENS: usize, const GROUP: usize>(
    x: &FixedRows,
    first: usize,
    scratch: &Scratch,
    num: usize,
    out: *mut f32,
    stride: usize,
    next: &[u8],
) {
    let num_groups = x.cols / GROUP;
    // Bytes of a row's planes, and of a panel's codes in a group.
    let (row, panel) = (2 * x.cols, PANEL * GROUP);
    assert!((first + TOKENS) * row <= x.planes.len() && (first + TOKENS) * num_groups <= x.scales.len());
    assert!(num_groups * panel <= scratch.codes.len() && num_groups * 2 * PANEL <= scratch.affine.len());
    let planes = x.planes[first * row..].as_ptr();
    let scales = x.scales[first * num_groups..].as_ptr();
    let mut sums = [_mm512_setzero_ps(); TOKENS];
    // What is wanted next is on its way from memory while this panel is multiplied, a bit with each group.
    let ahead = next.len().div_ceil(num_groups.max(1));
    for group in 0..num_groups {
        for line in (group * ahead..((group + 1) * ahead).min(next.len())).step_by(64) {
            _mm_prefetch::<_MM_HINT_T1>(next.as_ptr().wrapping_add(line).cast());
        }
        // SAFETY: the assertions above: a group's codes, scales and planes lie within their buffers.
        unsafe {
            let affine = scratch.affine.as_ptr().add(2 * PANEL * group);
            let (scale, offset) = (_mm512_loadu_ps(affine), _mm512_loadu_ps(affine.add(PANEL)));
            let codes = scratch.codes.as_ptr().add(panel * group);
            // As many as a group of 32 needs.
            let mut fours = [_mm512_setzero_si512(); 8];
            for (i, four) in fours[..GROUP / 4].iter_mut().enumerate() {
                *four = _mm512_loadu_si512(codes.add(64 * i).cast());
            }
            // By hand: the compiler leaves a loop of this size one, with its sums in memory.
            macro_rules! each_token {
                ($($token:literal)*) => { $(if $token < TOKENS {
                    let planes = planes.add($token * row + 2 * GROUP * group);
                    let (mut high, mut low) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                    for (i, four) in fours[..GROUP / 4].iter().enumerate() {
                        high = _mm512_dpbusd_epi32(high, *four, broadcast(planes.add(4 * i)));
                        low = _mm512_dpbusd_epi32(low, *four, broadcast(planes.add(GROUP + 4 * i)));
                    }
                    let whole = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32::<8>(high), low));
                    let [x_scale, x_sum] = *scales.add($token * num_groups + group);
                    let sum = &mut sums[$token];
                    *sum = _mm512_fmadd_ps(whole, _mm512_mul_ps(scale, _mm512_set1_ps(x_scale)), *sum);
                    *sum = _mm512_fmadd_ps(offset, _mm512_set1_ps(x_sum), *sum);
                })* };
            }
            each_token!(0 1 2 3 4 5 6 7);
        }
    }
    let mask = (0xffff_u32 >> (PANEL - num)) as __mmask16;
    for (token, sum) in sums.into_iter().enumerate() {
        // SAFETY: the caller's promise; lanes beyond `num` are not written.
        unsafe { _mm512_mask_storeu_ps(out.add(token * stride), mask, sum) };
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
