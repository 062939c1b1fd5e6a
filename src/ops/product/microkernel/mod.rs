//! The innermost loops of a matrix product: a tile of the result stays in registers while the depth is walked.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod kernel;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

use half::bf16;

use super::Isa;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub use super::amx::Tiles;
use super::tile::{Out, Part};

/// What a thread keeps between tiles of a product: nothing, without tile registers.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[derive(Default)]
pub struct Tiles;

/// Rows of a tile of f32 values, at most: as many as leave registers for the columns.
pub fn tile_rows(isa: Isa) -> usize {
    match isa {
        Isa::Amx | Isa::Avx512Bf16 | Isa::Avx512 | Isa::Portable => 8,
        // 2 × 6 sums, 2 columns and a value of a row are 15 of 16 registers; with NEON 4 × 6, 4 and one are 29 of 32.
        Isa::Avx2 | Isa::Neon => 6,
    }
}

/// Rows of a tile of pairs of bf16, at most.
pub fn tile_rows_bf16(isa: Isa) -> usize {
    match isa {
        Isa::Amx => 32,
        // With NEON 4 × 4 sums, 4 columns of two halves and a pair of a row; with AVX2 half of the first two.
        Isa::Avx2 | Isa::Neon => 4,
        _ => tile_rows(isa),
    }
}

/// Columns of a tile: how wide packed panels are.
pub fn tile_width(isa: Isa) -> usize {
    match isa {
        Isa::Amx => 32,
        Isa::Avx512Bf16 | Isa::Avx512 => 48,
        Isa::Avx2 | Isa::Neon | Isa::Portable => 16,
    }
}

/// `Σ a · b` for a tile of `rows × cols` with f32 values in `a`, f32 or bf16 values in `b`.
///
/// # Safety
/// The result is f32: `out.narrow` is null. `rows` is 1 to [`tile_rows`], `cols` 1 to [`tile_width`]. Every address that
/// the parts and `out` name for these rows, columns and depths is valid, and `out` overlaps nothing that is read. The CPU
/// has `isa`.
pub unsafe fn tile<B: Widen>(isa: Isa, rows: usize, cols: usize, parts: &[Part<f32, B>], out: Out) {
    debug_assert!((1..=tile_rows(isa)).contains(&rows) && (1..=tile_width(isa)).contains(&cols));
    // SAFETY: the caller's promise.
    unsafe { B::widened_tile(isa, rows, cols, parts, out) }
}

/// [`tile`] for packed pairs of bf16; `b` is a panel, so that whole vectors can be read whatever `cols` is.
///
/// # Safety
/// Those of [`tile`], except that there may be [`tile_rows_bf16`] rows and that the result may be rounded; and `b` is
/// readable over the whole tile width at every depth.
pub unsafe fn tile_bf16(isa: Isa, tiles: &mut Tiles, rows: usize, cols: usize, parts: &[Part<bf16, bf16>], out: Out) {
    debug_assert!((1..=tile_rows_bf16(isa)).contains(&rows) && (1..=tile_width(isa)).contains(&cols));
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if isa == Isa::Amx {
        // SAFETY: the caller's promise.
        return unsafe { super::amx::block(tiles, rows, cols, parts, out) };
    }
    let _ = tiles;
    #[cfg(target_arch = "x86_64")]
    if isa.has_bf16() {
        // SAFETY: the caller's promise.
        return unsafe { x86::bf16_pairs(rows, cols, parts, out) };
    }
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512 {
        // SAFETY: the caller's promise.
        return unsafe { x86::bf16_pairs_widened(rows, cols, parts, out) };
    }
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx2 {
        // SAFETY: the caller's promise.
        return unsafe { x86::bf16_pairs_avx2(rows, cols, parts, out) };
    }
    #[cfg(target_arch = "aarch64")]
    if isa == Isa::Neon {
        // SAFETY: the caller's promise.
        return unsafe { neon::bf16_pairs(rows, cols, parts, out) };
    }
    // SAFETY: the caller's promise.
    unsafe { portable_pairs(rows, cols, parts, out) }
}

/// What the columns' side of a product may hold: f32, or bf16 that is widened on the way.
pub trait Widen: Copy {
    fn widen(self) -> f32;

    /// # Safety
    /// Those of [`tile`].
    unsafe fn widened_tile(isa: Isa, rows: usize, cols: usize, parts: &[Part<f32, Self>], out: Out);
}

macro_rules! impl_widen {
    ($value:ty, $avx512:ident, $avx2:ident, $neon:ident, $widen:expr) => {
        impl Widen for $value {
            #[inline(always)]
            fn widen(self) -> f32 {
                $widen(self)
            }

            unsafe fn widened_tile(isa: Isa, rows: usize, cols: usize, parts: &[Part<f32, Self>], out: Out) {
                // SAFETY: the caller's promise.
                unsafe {
                    match isa.vectors() {
                        #[cfg(target_arch = "x86_64")]
                        Isa::Avx512Bf16 | Isa::Avx512 => x86::$avx512(rows, cols, parts, out),
                        #[cfg(target_arch = "x86_64")]
                        Isa::Avx2 => x86::$avx2(rows, cols, parts, out),
                        #[cfg(target_arch = "aarch64")]
                        Isa::Neon => neon::$neon(rows, cols, parts, out),
                        _ => portable(rows, cols, parts, out),
                    }
                }
            }
        }
    };
}

impl_widen!(f32, f32_wide, f32_avx2, f32_neon, |value| value);
impl_widen!(bf16, widened_wide, widened_avx2, widened_neon, bf16::to_f32);

/// Adds `alpha · sums` to the result, or writes it.
#[inline(always)]
unsafe fn store(out: Out, row: usize, sums: &[f32]) {
    for (col, sum) in sums.iter().enumerate() {
        // SAFETY: the caller's promise for `tile`.
        unsafe {
            if !out.narrow.is_null() {
                *out.narrow.add(row * out.stride + col) = bf16::from_f32(out.alpha * sum);
                continue;
            }
            let c = out.c.add(row * out.stride + col);
            *c = if out.accumulate { *c } else { 0.0 } + out.alpha * sum;
        }
    }
}

unsafe fn portable<B: Widen>(rows: usize, cols: usize, parts: &[Part<f32, B>], out: Out) {
    for row in 0..rows {
        let mut sums = [0.0f32; 16];
        for part in parts {
            for d in 0..part.depth {
                // SAFETY: the caller's promise for `tile`.
                unsafe {
                    let a = *part.a.add(row * part.row_stride + d * part.depth_stride);
                    for (col, sum) in sums[..cols].iter_mut().enumerate() {
                        *sum += a * (*part.b.add(d * part.b_stride + col)).widen();
                    }
                }
            }
        }
        // SAFETY: the caller's promise for `tile`.
        unsafe { store(out, row, &sums[..cols]) };
    }
}

unsafe fn portable_pairs(rows: usize, cols: usize, parts: &[Part<bf16, bf16>], out: Out) {
    for row in 0..rows {
        let mut sums = [0.0f32; 48];
        for part in parts {
            for d in 0..part.depth {
                // SAFETY: the caller's promise for `tile_bf16`.
                unsafe {
                    let a = part.a.add(row * part.row_stride + d * part.depth_stride);
                    let (a0, a1) = ((*a).to_f32(), (*a.add(1)).to_f32());
                    for (col, sum) in sums[..cols].iter_mut().enumerate() {
                        let b = part.b.add(d * part.b_stride + 2 * col);
                        *sum += a0 * (*b).to_f32() + a1 * (*b.add(1)).to_f32();
                    }
                }
            }
        }
        // SAFETY: the caller's promise for `tile_bf16`.
        unsafe { store(out, row, &sums[..cols]) };
    }
}
