//! What the kernels of all processors read and fill.

use half::bf16;

use crate::ops::product::Shared;

/// Weight rows of a panel: the lanes of a vector.
pub const PANEL: usize = 16;

/// Values that share a scale where both sides are rounded to 8 bits: more of them would be rounded coarser, fewer take
/// more time for their scales.
pub const GROUP_OF_BYTES: usize = 64;

/// The code of a zero among weights that were rounded to 8 bits: VNNI's weights have no sign, NEON's have one.
pub const ZERO: i32 = if cfg!(target_arch = "aarch64") { 0 } else { 128 };

/// Rows of activations that are multiplied at once, at most.
pub const TOKENS: usize = 8;

/// Activations as whole numbers in one plane or two.
#[derive(Default)]
pub struct FixedRows<const PLANES: usize> {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) group: usize,
    /// `[rows][group][plane, the high one first][value of the group]`
    pub(super) planes: Vec<i8>,
    /// `[rows][group]`: the scale; and scale times the sum of the whole numbers, or with one plane the bits of the whole
    /// number that -[`ZERO`] times their sum is.
    pub(super) scales: Vec<[f32; 2]>,
}

/// Where several threads write the rows of a [`FixedRows`].
pub struct Places<const PLANES: usize> {
    pub(super) planes: Shared<i8>,
    pub(super) scales: Shared<[f32; 2]>,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) group: usize,
}

/// Weights of [`PANEL`] rows as codes, in the order in which they are multiplied.
#[derive(Default)]
pub struct Codes {
    /// The codes of a panel's rows, row by row.
    pub(super) rows: Vec<u8>,
    /// `[four codes][row][code]`
    pub(super) codes: Vec<u8>,
    /// `[group][scales, then offsets][row]`
    pub(super) affine: Vec<f32>,
    /// The values of a panel's rows, before they are rounded.
    pub(super) values: Vec<bf16>,
}

/// Where results go: rows of `stride` values, written or added to.
#[derive(Clone, Copy)]
pub struct Target {
    pub c: *mut f32,
    pub stride: usize,
    pub accumulate: bool,
}

/// Four bytes at any address.
#[cfg(target_arch = "x86_64")]
#[repr(C, packed)]
pub struct Unaligned(pub i32);
