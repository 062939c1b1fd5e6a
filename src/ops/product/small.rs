//! Products of small f32 matrices by one thread, for attention.

use super::Isa;
use super::microkernel::{tile, tile_rows, tile_width};
use super::panels::pack_transposed;
use super::tile::{Out, Part};

/// The left side: any strides, so that a transpose costs nothing.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub depth_stride: usize,
}

/// The right side, `[depth, cols]`.
#[derive(Clone, Copy)]
pub enum Right<'a> {
    /// Row-major, with the distance between rows.
    Rows((&'a [f32], usize)),
    /// Packed by [`transpose_for_tiles`].
    Tiles(&'a [f32]),
}

/// Where the result goes.
#[derive(Clone, Copy)]
pub struct Target {
    pub c: *mut f32,
    pub stride: usize,
    pub accumulate: bool,
    pub alpha: f32,
}

impl Target {
    /// Overwrites rows that lie back to back.
    pub fn of(values: &mut [f32], cols: usize) -> Self {
        Self { c: values.as_mut_ptr(), stride: cols, accumulate: false, alpha: 1.0 }
    }
}

/// The last column up to `column` at which a tile begins.
pub fn tile_start(isa: Isa, column: usize) -> usize {
    column - column % tile_width(isa)
}

/// Packs the transpose of `num` rows of `depth` values: the rows become the columns of a right side.
pub fn transpose_for_tiles(isa: Isa, rows: (&[f32], usize), num: usize, depth: usize, out: &mut Vec<f32>) {
    let width = tile_width(isa);
    let (values, stride) = rows;
    let mut block = vec![0.0; width * depth];
    out.resize(num.div_ceil(width) * width * depth, 0.0);
    for (panel, out) in out.chunks_exact_mut(width * depth).enumerate() {
        let rows = panel * width..(panel * width + width).min(num);
        for (row, block) in rows.clone().zip(block.chunks_exact_mut(depth)) {
            block.copy_from_slice(&values[row * stride..][..depth]);
        }
        // Whole blocks of 16, whatever their last rows hold: columns beyond `num` are never stored.
        let num = rows.len().next_multiple_of(16).min(width);
        pack_transposed(isa, &block, num, depth, width, out);
    }
}

/// `target = alpha · left · right`, or `target += …`; the result is `[rows, cols]`.
///
/// # Safety
/// The result's rows and columns are valid at `target`, belong to the caller alone and overlap neither side.
pub unsafe fn multiply_tile_by_tile(
    isa: Isa,
    rows: usize,
    cols: usize,
    depth: usize,
    left: Left<'_>,
    right: Right<'_>,
    target: Target,
) {
    if rows == 0 || cols == 0 {
        return;
    }
    let (height, width) = (tile_rows(isa), tile_width(isa));
    let last = (rows - 1) * left.row_stride + depth.saturating_sub(1) * left.depth_stride;
    assert!(depth == 0 || last < left.values.len(), "the left side reaches past its data");
    match right {
        Right::Rows((values, stride)) => {
            assert!(depth == 0 || (depth - 1) * stride + cols <= values.len(), "the right side reaches past its data");
        }
        Right::Tiles(values) => assert!(cols.div_ceil(width) * width * depth <= values.len(), "too few tiles"),
    }
    for col in (0..cols).step_by(width) {
        let (b, b_stride) = match right {
            Right::Rows((values, stride)) => (values[col..].as_ptr(), stride),
            Right::Tiles(values) => (values[col * depth..].as_ptr(), width),
        };
        for row in (0..rows).step_by(height) {
            let a = left.values[row * left.row_stride..].as_ptr();
            let part = Part { a, row_stride: left.row_stride, depth_stride: left.depth_stride, b, b_stride, depth };
            // SAFETY: the assertions above hold both sides, the caller promises the result.
            unsafe {
                let c = target.c.add(row * target.stride + col);
                let Target { stride, accumulate, alpha, .. } = target;
                let out = Out { c, narrow: std::ptr::null_mut(), stride, accumulate, alpha };
                tile(isa, height.min(rows - row), width.min(cols - col), &[part], out);
            }
        }
    }
}
