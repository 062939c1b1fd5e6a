//! The two types that products are computed in: f32, which is exact, and bf16, whose products are summed in f32.

use std::cell::RefCell;

use half::bf16;

use super::super::quant::{WeightType, unpack_bf16, unpack_f32};
use super::Isa;
use super::microkernel::{Tiles, Widen, tile, tile_bf16, tile_rows, tile_rows_bf16};
use super::tile::{Out, Part};

/// A type of operands.
pub trait Element: Widen + Default + Send + Sync + 'static {
    /// Values of depth that lie side by side in a packed panel and are multiplied at once.
    const GROUP: usize;

    /// Rounds to this type (to nearest, ties to even).
    fn narrow(isa: Isa, from: &[f32], to: &mut [Self]);

    fn widen_all(isa: Isa, from: &[Self], to: &mut [f32]);

    /// The values of whole blocks of a stored weight.
    fn unpack(isa: Isa, dtype: WeightType, blocks: &[u8], out: &mut [Self]);

    /// The values of one group of depth side by side, column by column: rows `first` and `last` of the group, which has
    /// one row or two.
    fn interleave(isa: Isa, first: &[Self], last: &[Self], out: &mut [Self]);

    /// Runs `f` with two buffers of this thread, whatever is in them.
    fn with_scratch<R>(f: impl FnOnce(&mut Vec<Self>, &mut Vec<Self>) -> R) -> R;

    /// Runs `f` with a buffer of the thread that leads a product, for what all threads read.
    fn with_slab<R>(f: impl FnOnce(&mut Vec<Self>) -> R) -> R;

    /// Rows that [`Self::product_tile`] takes at most.
    fn tile_rows(isa: Isa) -> usize;

    /// The values, if this type is bf16: products in 8 bits are made of those.
    fn as_bf16(values: &[Self]) -> Option<&[bf16]>;

    /// # Safety
    /// Those of [`tile_bf16`].
    unsafe fn product_tile(isa: Isa, tiles: &mut Tiles, rows: usize, cols: usize, parts: &[Part<Self, Self>], out: Out);

    /// A tile's place in a matrix of this type.
    fn out(c: *mut Self, stride: usize) -> Out;
}

macro_rules! scratch {
    ($value:ty) => {
        fn with_scratch<R>(f: impl FnOnce(&mut Vec<Self>, &mut Vec<Self>) -> R) -> R {
            thread_local! {
                static SCRATCH: RefCell<(Vec<$value>, Vec<$value>)> = RefCell::default();
            }
            SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
                Ok(mut buffers) => {
                    let (a, b) = &mut *buffers;
                    f(a, b)
                }
                // Called from within itself.
                Err(_) => f(&mut Vec::new(), &mut Vec::new()),
            })
        }

        fn with_slab<R>(f: impl FnOnce(&mut Vec<Self>) -> R) -> R {
            thread_local! {
                static SLAB: RefCell<Vec<$value>> = RefCell::default();
            }
            SLAB.with(|slab| match slab.try_borrow_mut() {
                Ok(mut slab) => f(&mut slab),
                Err(_) => f(&mut Vec::new()),
            })
        }
    };
}

impl Element for f32 {
    const GROUP: usize = 1;

    fn narrow(_isa: Isa, from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }

    fn widen_all(_isa: Isa, from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
    }

    fn unpack(isa: Isa, dtype: WeightType, blocks: &[u8], out: &mut [Self]) {
        unpack_f32(isa, dtype, blocks, out);
    }

    fn interleave(_isa: Isa, first: &[Self], _last: &[Self], out: &mut [Self]) {
        out.copy_from_slice(first);
    }

    fn as_bf16(_values: &[Self]) -> Option<&[bf16]> {
        None
    }

    scratch!(f32);

    fn tile_rows(isa: Isa) -> usize {
        tile_rows(isa)
    }

    unsafe fn product_tile(
        isa: Isa,
        _tiles: &mut Tiles,
        rows: usize,
        cols: usize,
        parts: &[Part<Self, Self>],
        out: Out,
    ) {
        // SAFETY: the caller's promise.
        unsafe { tile(isa, rows, cols, parts, out) }
    }

    fn out(c: *mut Self, stride: usize) -> Out {
        Out { c, narrow: std::ptr::null_mut(), stride, accumulate: false, alpha: 1.0 }
    }
}

impl Element for bf16 {
    const GROUP: usize = 2;

    fn narrow(isa: Isa, from: &[f32], to: &mut [Self]) {
        assert_eq!(from.len(), to.len());
        #[cfg(target_arch = "x86_64")]
        if isa.has_bf16() {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86::narrow(from, to) };
        }
        round_all(isa, from, to);
    }

    fn widen_all(isa: Isa, from: &[Self], to: &mut [f32]) {
        assert_eq!(from.len(), to.len());
        #[cfg(target_arch = "x86_64")]
        if isa >= Isa::Avx512 {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86::widen(from, to) };
        }
        let _ = isa;
        to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_f32());
    }

    fn unpack(isa: Isa, dtype: WeightType, blocks: &[u8], out: &mut [Self]) {
        unpack_bf16(isa, dtype, blocks, out);
    }

    fn interleave(isa: Isa, first: &[Self], last: &[Self], out: &mut [Self]) {
        assert!(first.len() == last.len() && 2 * first.len() == out.len());
        #[cfg(target_arch = "x86_64")]
        if isa >= Isa::Avx512 {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86::interleave(first, last, out) };
        }
        let _ = isa;
        for ((pair, first), last) in out.chunks_exact_mut(2).zip(first).zip(last) {
            (pair[0], pair[1]) = (*first, *last);
        }
    }

    fn as_bf16(values: &[Self]) -> Option<&[bf16]> {
        Some(values)
    }

    scratch!(bf16);

    fn tile_rows(isa: Isa) -> usize {
        tile_rows_bf16(isa)
    }

    unsafe fn product_tile(
        isa: Isa,
        tiles: &mut Tiles,
        rows: usize,
        cols: usize,
        parts: &[Part<Self, Self>],
        out: Out,
    ) {
        // SAFETY: the caller's promise.
        unsafe { tile_bf16(isa, tiles, rows, cols, parts, out) }
    }

    fn out(c: *mut Self, stride: usize) -> Out {
        Out { c: std::ptr::null_mut(), narrow: c, stride, accumulate: false, alpha: 1.0 }
    }
}

crate::ops::simd::vectorized! {
    /// Rounds to nearest, ties to even; in whole numbers, which become vectors everywhere.
    fn round_all(isa: Isa, from: &[f32], to: &mut [bf16]) {
        for (to, from) in to.iter_mut().zip(from) {
            let bits = from.to_bits();
            let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
            // What is not a number (NaN) stays so.
            let bits = if from.is_nan() { bits | 0x40_0000 } else { rounded };
            *to = bf16::from_bits((bits >> 16) as u16);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use half::bf16;

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub fn narrow(from: &[f32], to: &mut [bf16]) {
        let (from, from_rest) = from.as_chunks::<32>();
        let (to, to_rest) = to.as_chunks_mut::<32>();
        for (from, to) in from.iter().zip(to) {
            // SAFETY: both chunks have 32 values.
            unsafe {
                let (low, high) = (_mm512_loadu_ps(from.as_ptr()), _mm512_loadu_ps(from.as_ptr().add(16)));
                let packed: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(high, low));
                _mm512_storeu_si512(to.as_mut_ptr().cast(), packed);
            }
        }
        for (from, to) in from_rest.chunks(16).zip(to_rest.chunks_mut(16)) {
            let mask = (0xffff_u32 >> (16 - from.len())) as __mmask16;
            // SAFETY: masked to the values there are.
            unsafe {
                let values = _mm512_maskz_loadu_ps(mask, from.as_ptr());
                let packed: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(values));
                _mm256_mask_storeu_epi16(to.as_mut_ptr().cast(), mask, packed);
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn widen(from: &[bf16], to: &mut [f32]) {
        let (from, from_rest) = from.as_chunks::<16>();
        let (to, to_rest) = to.as_chunks_mut::<16>();
        for (from, to) in from.iter().zip(to) {
            // SAFETY: both chunks have 16 values; a bf16 is the upper half of an f32.
            unsafe {
                let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
                _mm512_storeu_ps(to.as_mut_ptr(), _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves)));
            }
        }
        to_rest.iter_mut().zip(from_rest).for_each(|(to, from)| *to = from.to_f32());
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn interleave(first: &[bf16], last: &[bf16], out: &mut [bf16]) {
        let ((first, first_rest), (last, last_rest)) = (first.as_chunks::<16>(), last.as_chunks::<16>());
        let (out, out_rest) = out.as_chunks_mut::<32>();
        for ((first, last), out) in first.iter().zip(last).zip(out) {
            // SAFETY: 16, 16 and 32 values.
            unsafe {
                let low = _mm512_cvtepu16_epi32(_mm256_loadu_si256(first.as_ptr().cast()));
                let high = _mm512_cvtepu16_epi32(_mm256_loadu_si256(last.as_ptr().cast()));
                let pairs = _mm512_or_si512(low, _mm512_slli_epi32::<16>(high));
                _mm512_storeu_si512(out.as_mut_ptr().cast(), pairs);
            }
        }
        for ((pair, first), last) in out_rest.chunks_exact_mut(2).zip(first_rest).zip(last_rest) {
            (pair[0], pair[1]) = (*first, *last);
        }
    }
}
