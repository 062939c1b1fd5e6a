//! Tiles with AVX2 and AVX-512.

use std::arch::x86_64::*;

use half::bf16;

use super::super::tile::{Out, Part};
use super::kernel::{by_shape, kernel};

#[inline]
#[target_feature(enable = "avx512f")]
fn mask16(cols: usize) -> __mmask16 {
    (0xffff_u32 >> (16 - cols)) as __mmask16
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load16(b: *const f32, mask: Option<__mmask16>) -> __m512 {
    // SAFETY: masked lanes are not read.
    unsafe { _mm512_maskz_loadu_ps(mask.unwrap_or(!0), b) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load16_widened(b: *const bf16, mask: Option<__mmask16>) -> __m512 {
    // SAFETY: masked lanes are not read. A bf16 is the upper half of an f32.
    unsafe {
        let halves = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask.unwrap_or(!0), b.cast()));
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn broadcast16(a: *const f32) -> __m512 {
    // An intrinsic, as a plain read is checked for null in builds with debug assertions, where that costs dearly.
    // SAFETY: the caller's address is valid.
    _mm512_broadcastss_ps(unsafe { _mm_load_ss(a) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn madd16(sum: __m512, a: __m512, b: __m512) -> __m512 {
    _mm512_fmadd_ps(a, b, sum)
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store16(at: usize, sum: __m512, mask: Option<__mmask16>, out: Out) {
    // SAFETY: masked lanes are neither read nor written.
    unsafe {
        let mask = mask.unwrap_or(!0);
        let c = out.c.wrapping_add(at);
        let sum = _mm512_mul_ps(sum, _mm512_set1_ps(out.alpha));
        let sum = if out.accumulate { _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, c)) } else { sum };
        _mm512_mask_storeu_ps(c, mask, sum);
    }
}

/// A pair of bf16 at any address. Read as a field and not by `read_unaligned`, whose checks cost dearly in builds
/// with debug assertions.
#[repr(C, packed)]
struct Unaligned(i32);

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn store16_or_narrow(at: usize, sum: __m512, mask: Option<__mmask16>, out: Out) {
    if out.narrow.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { store16(at, sum, mask, out) };
    }
    let rounded = _mm512_cvtneps_pbh(_mm512_mul_ps(sum, _mm512_set1_ps(out.alpha)));
    // SAFETY: masked lanes are not written; any bits are a vector of 16-bit values.
    unsafe {
        let rounded = std::mem::transmute::<__m256bh, __m256i>(rounded);
        _mm256_mask_storeu_epi16(out.narrow.wrapping_add(at).cast(), mask.unwrap_or(!0), rounded);
    }
}

/// Writes sums that another kernel made, of two vectors a row.
///
/// # Safety
/// Those of [`tile_bf16`](super::tile_bf16), whose result this is.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
pub unsafe fn store_sums(sums: &[[f32; 32]], cols: usize, out: Out) {
    for (row, sums) in sums.iter().enumerate() {
        for (col, sums) in (0..cols).step_by(16).zip(sums.as_chunks::<16>().0) {
            let mask = mask16((cols - col).min(16));
            // SAFETY: 16 sums; the caller's promise for the result.
            unsafe { store16_or_narrow(row * out.stride + col, _mm512_loadu_ps(sums.as_ptr()), Some(mask), out) };
        }
    }
}

/// Panels are as wide as the tile, so whole vectors of pairs can be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn load_pairs(b: *const bf16, _mask: Option<__mmask16>) -> __m512bh {
    // SAFETY: 32 values of a panel; any bits are a vector of bf16.
    unsafe { std::mem::transmute(_mm512_loadu_si512(b.cast())) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn broadcast_pair(a: *const bf16) -> __m512bh {
    // SAFETY: a pair of values; any bits are a vector of bf16.
    unsafe { std::mem::transmute(_mm512_set1_epi32((*a.cast::<Unaligned>()).0)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn madd_pairs(sum: __m512, a: __m512bh, b: __m512bh) -> __m512 {
    _mm512_dpbf16_ps(sum, a, b)
}

/// Without instructions for pairs: each half is the upper half of an f32.
#[inline]
#[target_feature(enable = "avx512f")]
fn madd_halves(sum: __m512, a: __m512i, b: __m512i) -> __m512 {
    let first = |pairs| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs));
    let second = |pairs| _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(!0xffff)));
    _mm512_fmadd_ps(second(a), second(b), _mm512_fmadd_ps(first(a), first(b), sum))
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_halves(b: *const bf16, _mask: Option<__mmask16>) -> __m512i {
    // SAFETY: 32 values of a panel.
    unsafe { _mm512_loadu_si512(b.cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn broadcast_halves(a: *const bf16) -> __m512i {
    // SAFETY: a pair of values.
    _mm512_set1_epi32(unsafe { (*a.cast::<Unaligned>()).0 })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn store16_or_round(at: usize, sum: __m512, mask: Option<__mmask16>, out: Out) {
    if out.narrow.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { store16(at, sum, mask, out) };
    }
    let mut values = [0.0; 16];
    // SAFETY: 16 values; of the result, only as many as the mask has.
    unsafe {
        _mm512_storeu_ps(values.as_mut_ptr(), _mm512_mul_ps(sum, _mm512_set1_ps(out.alpha)));
        let to = out.narrow.wrapping_add(at);
        for (lane, value) in values[..mask.map_or(16, |mask| mask.count_ones() as usize)].iter().enumerate() {
            *to.add(lane) = bf16::from_f32(*value);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn mask8(cols: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(cols as i32), lanes)
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load8(b: *const f32, mask: Option<__m256i>) -> __m256 {
    // A mask of all lanes becomes a plain load; `_mm256_loadu_ps` is a checked copy in builds with debug assertions.
    // SAFETY: masked lanes are not read.
    unsafe { _mm256_maskload_ps(b, mask.unwrap_or(_mm256_set1_epi32(-1))) }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load8_widened(b: *const bf16, mask: Option<__m256i>) -> __m256 {
    let mut part = [0u16; 8];
    let b = match mask {
        None => b,
        Some(mask) => {
            let lanes = (_mm256_movemask_ps(_mm256_castsi256_ps(mask)) as u32).count_ones() as usize;
            for (lane, value) in part[..lanes].iter_mut().enumerate() {
                // SAFETY: only lanes of the mask, which is a prefix.
                *value = unsafe { *b.add(lane) }.to_bits();
            }
            part.as_ptr().cast()
        }
    };
    // SAFETY: eight values. A bf16 is the upper half of an f32.
    unsafe {
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_maskload_epi32(
            b.cast(),
            _mm_set1_epi32(-1),
        ))))
    }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn broadcast8(a: *const f32) -> __m256 {
    // SAFETY: as for `broadcast16`.
    _mm256_broadcastss_ps(unsafe { _mm_load_ss(a) })
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn madd8(sum: __m256, a: __m256, b: __m256) -> __m256 {
    _mm256_fmadd_ps(a, b, sum)
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store8(at: usize, sum: __m256, mask: Option<__m256i>, out: Out) {
    let c = out.c.wrapping_add(at);
    // SAFETY: masked lanes are neither read nor written.
    unsafe {
        let sum = _mm256_mul_ps(sum, _mm256_set1_ps(out.alpha));
        let sum = if out.accumulate { _mm256_add_ps(sum, load8(c, mask)) } else { sum };
        _mm256_maskstore_ps(c, mask.unwrap_or(_mm256_set1_epi32(-1)), sum);
    }
}

/// [`madd_halves`] in 8 lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn madd_halves8(sum: __m256, a: __m256i, b: __m256i) -> __m256 {
    let first = |pairs| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs));
    let second = |pairs| _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(!0xffff)));
    _mm256_fmadd_ps(second(a), second(b), _mm256_fmadd_ps(first(a), first(b), sum))
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_halves8(b: *const bf16, _mask: Option<__m256i>) -> __m256i {
    // SAFETY: 16 values of a panel.
    unsafe { _mm256_loadu_si256(b.cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn broadcast_halves8(a: *const bf16) -> __m256i {
    // SAFETY: a pair of values.
    _mm256_set1_epi32(unsafe { (*a.cast::<Unaligned>()).0 })
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store8_or_round(at: usize, sum: __m256, mask: Option<__m256i>, out: Out) {
    if out.narrow.is_null() {
        // SAFETY: the caller's promise.
        return unsafe { store8(at, sum, mask, out) };
    }
    let lanes = mask.map_or(8, |mask| _mm256_movemask_ps(_mm256_castsi256_ps(mask)).count_ones() as usize);
    let mut values = [0.0; 8];
    // SAFETY: 8 values; of the result, only as many as the mask has.
    unsafe {
        _mm256_storeu_ps(values.as_mut_ptr(), _mm256_mul_ps(sum, _mm256_set1_ps(out.alpha)));
        let to = out.narrow.wrapping_add(at);
        for (lane, value) in values[..lanes].iter().enumerate() {
            *to.add(lane) = bf16::from_f32(*value);
        }
    }
}

kernel!(bf16_pairs, bf16_pairs_inner, "avx512f,avx512bw,avx512vl,avx512bf16", bf16, bf16, lanes 16, rows [1, 2, 3, 4, 5, 6, 7, 8], vecs [1, 2, 3], pair 2,
    mask: mask16, zero: _mm512_setzero_ps(), load: load_pairs, broadcast: broadcast_pair, madd: madd_pairs, store: store16_or_narrow);
kernel!(bf16_pairs_widened, bf16_pairs_widened_inner, "avx512f,avx512bw,avx512vl", bf16, bf16, lanes 16, rows [1, 2, 3, 4, 5, 6, 7, 8], vecs [1, 2, 3], pair 2,
    mask: mask16, zero: _mm512_setzero_ps(), load: load_halves, broadcast: broadcast_halves, madd: madd_halves, store: store16_or_round);
kernel!(f32_wide, f32_wide_inner, "avx512f,avx512bw,avx512vl", f32, f32, lanes 16, rows [1, 2, 3, 4, 5, 6, 7, 8], vecs [1, 2, 3], pair 1,
    mask: mask16, zero: _mm512_setzero_ps(), load: load16, broadcast: broadcast16, madd: madd16, store: store16);
kernel!(widened_wide, widened_wide_inner, "avx512f,avx512bw,avx512vl", f32, bf16, lanes 16, rows [1, 2, 3, 4, 5, 6, 7, 8], vecs [1, 2, 3], pair 1,
    mask: mask16, zero: _mm512_setzero_ps(), load: load16_widened, broadcast: broadcast16, madd: madd16, store: store16);
kernel!(f32_avx2, f32_avx2_inner, "avx2,fma", f32, f32, lanes 8, rows [1, 2, 3, 4, 5, 6], vecs [1, 2], pair 1,
    mask: mask8, zero: _mm256_setzero_ps(), load: load8, broadcast: broadcast8, madd: madd8, store: store8);
kernel!(widened_avx2, widened_avx2_inner, "avx2,fma", f32, bf16, lanes 8, rows [1, 2, 3, 4, 5, 6], vecs [1, 2], pair 1,
    mask: mask8, zero: _mm256_setzero_ps(), load: load8_widened, broadcast: broadcast8, madd: madd8, store: store8);
kernel!(bf16_pairs_avx2, bf16_pairs_avx2_inner, "avx2,fma", bf16, bf16, lanes 8, rows [1, 2, 3, 4], vecs [1, 2], pair 2,
    mask: mask8, zero: _mm256_setzero_ps(), load: load_halves8, broadcast: broadcast_halves8, madd: madd_halves8, store: store8_or_round);
