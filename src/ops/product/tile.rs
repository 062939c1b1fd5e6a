//! A tile of a matrix product: what is summed, and where it is written.

use half::bf16;

/// One summand of a tile: `a · b`, `depth` products long.
///
/// `a`'s value of row `i` at depth `d` is at `a + i · row_stride + d · depth_stride`; `b`'s row of columns at depth `d`
/// begins at `b + d · b_stride`. For bf16 products a step of depth is a pair of values, side by side in both.
#[derive(Clone, Copy)]
pub struct Part<A, B> {
    pub a: *const A,
    pub row_stride: usize,
    pub depth_stride: usize,
    pub b: *const B,
    pub b_stride: usize,
    pub depth: usize,
}

/// Where a tile is written: `c + row · stride`, in values.
#[derive(Clone, Copy)]
pub struct Out {
    pub c: *mut f32,
    /// Where it is not null, the result goes here, rounded, and not to `c`; it is written, never added.
    pub narrow: *mut bf16,
    pub stride: usize,
    /// `c += alpha · …` instead of `c = alpha · …`.
    pub accumulate: bool,
    pub alpha: f32,
}
