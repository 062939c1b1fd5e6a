//! A panel of a product, tile after tile.

use std::ops::Range;

use super::Isa;
use super::element::Element;
use super::microkernel::{Tiles, tile_width};
use super::panels::Rows;
use super::tile::{Out, Part};

/// Tile after tile of some rows of one panel.
///
/// # Safety
/// The place in `out` is valid for the rows and the columns below `cols`, and nobody else touches it.
pub unsafe fn walk<E: Element>(
    isa: Isa,
    rows: Range<usize>,
    cols: usize,
    sums: &[Option<(Rows<'_, E>, &[E])>; 2],
    out: Out,
) {
    let (height, width) = (E::tile_rows(isa), tile_width(isa));
    let mut tiles = Tiles::default();
    for row in rows.clone().step_by(height) {
        let part = |(a, b): &(Rows<'_, E>, &[E])| {
            let depth = a.cols.div_ceil(E::GROUP);
            assert!(b.len() >= depth * width * E::GROUP && rows.end <= a.rows);
            Part {
                a: a.data[row * a.stride..].as_ptr(),
                row_stride: a.stride,
                depth_stride: E::GROUP,
                b: b.as_ptr(),
                b_stride: width * E::GROUP,
                depth,
            }
        };
        let num = height.min(rows.end - row);
        // SAFETY: `Rows::new` holds every row inside its data, the assertion the panel; the caller promises the result.
        unsafe {
            let at = row * out.stride;
            let out = Out {
                c: out.c.wrapping_add(at),
                narrow: out.narrow.wrapping_add(if out.narrow.is_null() { 0 } else { at }),
                ..out
            };
            match sums {
                [Some(first), Some(second)] => {
                    E::product_tile(isa, &mut tiles, num, cols, &[part(first), part(second)], out)
                }
                [Some(one), None] | [None, Some(one)] => E::product_tile(isa, &mut tiles, num, cols, &[part(one)], out),
                [None, None] => E::product_tile(isa, &mut tiles, num, cols, &[], out),
            }
        }
    }
}
