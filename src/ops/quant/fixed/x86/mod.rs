//! The kernels: VNNI, which multiplies bytes without a sign with signed ones and sums four products in each lane.

mod avx2;
mod avx512;

use std::ops::Range;

use half::bf16;

pub use avx512::unpack;

use super::parts::{Codes, FixedRows, TOKENS, Target};
use crate::ops::product::Isa;

pub fn is_available(isa: Isa) -> bool {
    match isa.vectors() {
        Isa::Avx512Bf16 | Isa::Avx512 => is_x86_feature_detected!("avx512vnni"),
        Isa::Avx2 => avx2::is_available(),
        _ => false,
    }
}

pub fn tokens(isa: Isa) -> usize {
    if isa == Isa::Avx2 { avx2::ROWS } else { TOKENS }
}

/// Rounds whole groups of values to 8 bits, changed by `xor`, and passes each group's index, scale and sum to `tell`.
///
/// # Safety
/// [`is_available`], and as many bytes can be written at `to` as there are values.
pub unsafe fn round(isa: Isa, values: &[bf16], to: *mut u8, xor: u8, tell: impl FnMut(usize, f32, i32)) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Avx2 => avx2::round(values, to, xor, tell),
            _ => avx512::round(values, to, xor, tell),
        }
    }
}

/// Fills `panel` with weights that lie as `[depth, columns]`, rounded to 8 bits with a scale for each column of every
/// group of rows: for the way back, where sums go over what the codes' own groups don't follow.
///
/// # Safety
/// [`is_available`]; `num` columns, at most [`PANEL`](super::parts::PANEL), of `depth` rows, whole groups, are readable at
/// `from`, `stride` values apart.
pub unsafe fn round_columns(isa: Isa, from: *const bf16, stride: usize, depth: usize, num: usize, panel: &mut Codes) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Avx2 => avx2::round_columns(from, stride, depth, num, panel),
            _ => avx512::round_columns(from, stride, depth, num, panel),
        }
    }
}

/// `to[group · width + row] = from[row · groups + group]`; `num` and `groups` are multiples of 16.
///
/// # Safety
/// [`is_available`]; `from` holds `num · groups` values, `to` `groups · width`, and `num ≤ width`.
pub unsafe fn transpose_groups(isa: Isa, from: *const i32, num: usize, groups: usize, width: usize, to: *mut i32) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Avx2 => avx2::transpose_groups(from, num, groups, width, to),
            _ => crate::ops::product::transpose_groups(from, num, groups, width, to),
        }
    }
}

/// # Safety
/// [`is_available`], with AVX2 for one plane only; the first `num` columns of every row are valid at `out`. `next` is only
/// brought into the cache.
pub unsafe fn multiply<const GROUP: usize, const PLANES: usize>(
    isa: Isa,
    x: &FixedRows<PLANES>,
    rows: Range<usize>,
    panel: &Codes,
    num: usize,
    out: Target,
    next: &[u8],
) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Avx2 => avx2::multiply::<GROUP, PLANES>(x, rows, panel, num, out),
            _ => avx512::multiply::<GROUP, PLANES>(x, rows, panel, num, out, next),
        }
    }
}
