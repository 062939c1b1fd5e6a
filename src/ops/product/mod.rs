//! Matrix products for training: activations times frozen weights, forward and back, with the adapter's part in the same
//! pass; in f32 or in bf16 with sums in f32.
//!
//! Weights are unpacked from the type they are stored in, panel by panel, by the thread that multiplies by them: no
//! unpacked copy of a weight exists.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) mod amx;
pub mod clock;
mod detect;
mod element;
mod int8;
mod isa;
mod microkernel;
mod panels;
mod shared;
mod small;
#[cfg(test)]
mod tests;
mod tile;
mod walk;
mod weights;

use std::ops::Range;
use std::time::Instant;

use rayon::prelude::*;

pub use element::Element;
pub use isa::Isa;
pub use microkernel::Widen;
#[cfg(target_arch = "x86_64")]
pub use panels::transpose_groups;
pub use panels::{Operand, Panels, Rows};
pub use shared::Shared;
pub use small::{Left, Right, Target, multiply_tile_by_tile, tile_start, transpose_for_tiles};
pub use weights::{Output, Weights};

use super::FrozenWeight;
use microkernel::{tile, tile_rows, tile_width};
use panels::{pack, pack_transposed};
use shared::resize;
use tile::{Out, Part};
use walk::walk;

/// Values of weights that are unpacked at a time for a backward product.
const SLAB_VALUES: usize = 4 << 20;

/// `out = x · W (+ xa · B)` for each of `outputs`, or `out += …`. `x` is `[rows, depth]`; `out` has as many rows, of
/// `stride` values.
///
/// # Errors
/// Where a weight lacks rows, which none does.
pub fn multiply<E: Element>(
    isa: Isa,
    x: Rows<'_, E>,
    outputs: &[Output<'_, E>],
    out: &mut [f32],
    stride: usize,
    accumulate: bool,
) -> candle_core::Result<()> {
    multiply_to(isa, x, outputs, out, stride, accumulate)
}

/// [`multiply`], rounded to the type of the product; `out` becomes `[rows, cols]`.
///
/// # Errors
/// Where a weight lacks rows, which none does.
pub fn multiply_rounded<E: Element>(
    isa: Isa,
    x: Rows<'_, E>,
    outputs: &[Output<'_, E>],
    out: &mut Operand<E>,
    cols: usize,
) -> candle_core::Result<()> {
    out.resize(x.rows, cols);
    let stride = out.stride();
    multiply_to(isa, x, outputs, out.data_mut(), stride, false)
}

/// `T` is f32, or the type of the product (and then nothing is added).
fn multiply_to<E: Element, T: Element>(
    isa: Isa,
    x: Rows<'_, E>,
    outputs: &[Output<'_, E>],
    out: &mut [T],
    stride: usize,
    accumulate: bool,
) -> candle_core::Result<()> {
    let (width, started) = (tile_width(isa), Instant::now());
    let mut flops = 0;
    for output in outputs {
        let cols = output.weights.cols();
        assert!(x.rows == 0 || (x.rows - 1) * stride + output.column + cols <= out.len(), "a result without its place");
        assert!(output.column + cols <= stride);
        if let Some((xa, b)) = &output.adapter {
            assert!(xa.rows == x.rows && xa.cols.div_ceil(E::GROUP) == b.depth && b.cols == cols && b.width == width);
        }
        let depth = if matches!(output.weights, Weights::None(_)) { 0 } else { x.cols };
        flops += 2 * x.rows * cols * (depth + output.adapter.as_ref().map_or(0, |(xa, _)| xa.cols));
        match output.weights {
            Weights::None(_) => (),
            Weights::Frozen(weight) | Weights::Int8(weight) => assert_eq!(weight.cols(), x.cols),
            Weights::Packed(panels) => assert!(panels.depth == x.cols.div_ceil(E::GROUP) && panels.width == width),
        }
    }
    let panels: Vec<(&Output<'_, E>, usize)> = outputs
        .iter()
        .flat_map(|output| (0..output.weights.cols().div_ceil(width)).map(move |panel| (output, panel)))
        .collect();
    let chunks = row_chunks(E::tile_rows(isa), x.rows, panels.len());
    let place = Shared(out.as_mut_ptr());
    let tasks: Vec<_> = panels.iter().flat_map(|panel| chunks.iter().map(move |rows| (*panel, rows.clone()))).collect();
    int8::with_rounded(isa, x, outputs, |rounded| {
        tasks.into_par_iter().with_max_len(1).try_for_each(|((output, panel), rows)| {
            let cols = panel * width..(panel * width + width).min(output.weights.cols());
            let adapter = output.adapter.as_ref().map(|(xa, b)| (*xa, b.panel(panel)));
            // SAFETY: the assertions above hold the columns of every output inside a row of the result; each task has rows
            // and columns of its own.
            let out = unsafe { Out { accumulate, ..T::out(place.get().add(output.column + cols.start), stride) } };
            if let (Some(rounded), Some(weight)) = (rounded, int8::forward(isa, &output.weights)) {
                return int8::CodePanel::with(|codes| {
                    codes.round_rows(isa, weight, cols)?;
                    // SAFETY: as above.
                    unsafe { codes.multiply(isa, rounded, rows, int8::adapter(adapter), out) };
                    Ok(())
                });
            }
            E::with_scratch(|unpacked, packed| {
                let panel_values = match output.weights {
                    Weights::None(_) => None,
                    Weights::Packed(panels) => Some(panels.panel(panel)),
                    Weights::Frozen(weight) | Weights::Int8(weight) => {
                        let depth = x.cols.next_multiple_of(E::GROUP);
                        resize(unpacked, cols.len() * depth);
                        weight.unpack_rows(isa, cols.clone(), depth, unpacked)?;
                        resize(packed, depth * width);
                        pack_transposed(isa, unpacked, cols.len(), depth, width, packed);
                        Some(&packed[..])
                    }
                };
                // SAFETY: as above.
                unsafe { walk(isa, rows, cols.len(), &[panel_values.map(|values| (x, values)), adapter], out) };
                Ok::<_, candle_core::Error>(())
            })
        })
    })?;
    clock::record(started, flops);
    Ok(())
}

/// One summand of a gradient that goes back through a linear layer.
pub struct Back<'a, E> {
    /// `[rows, out]`
    pub dy: Rows<'a, E>,
    /// `[out, in]`
    pub weight: &'a FrozenWeight,
    /// The adapter's part: `scale · dy · B` of `[rows, r]`, and `A` in panels.
    pub adapter: Option<(Rows<'a, E>, &'a Panels<E>)>,
    /// Whether to multiply in whole numbers of 8 bits, if the weight and the CPU allow that.
    pub int8: bool,
}

/// `dx = Σ dy · W (+ dxa · A)`, or `dx += …`; all weights have the same number of inputs; `dx` is `[rows, inputs]`.
///
/// # Errors
/// Where a weight lacks rows, which none does.
pub fn multiply_back<E: Element>(
    isa: Isa,
    terms: &[Back<'_, E>],
    dx: &mut [f32],
    mut accumulate: bool,
) -> candle_core::Result<()> {
    let Some(first) = terms.first() else { return Ok(()) };
    let (num_rows, inputs, width) = (first.dy.rows, first.weight.cols(), tile_width(isa));
    let (started, mut flops) = (Instant::now(), 0);
    assert!(dx.len() >= num_rows * inputs);
    for term in terms {
        assert!(term.dy.rows == num_rows && term.weight.cols() == inputs && term.dy.cols == term.weight.rows());
        let r = term.adapter.as_ref().map_or(0, |(dxa, _)| dxa.cols);
        flops += 2 * num_rows * inputs * (term.dy.cols + r);
        if let Some((dxa, a)) = &term.adapter {
            assert!(dxa.rows == num_rows && dxa.cols.div_ceil(E::GROUP) == a.depth && a.cols == inputs);
            assert_eq!(a.width, width);
        }
    }
    let chunks = row_chunks(E::tile_rows(isa), num_rows, inputs.div_ceil(width));
    let tasks: Vec<_> =
        (0..inputs.div_ceil(width)).flat_map(|panel| chunks.iter().map(move |rows| (panel, rows.clone()))).collect();
    let place = Shared(dx.as_mut_ptr());
    for term in terms {
        let outputs = term.weight.rows();
        // Whole groups, of every kind.
        let rows_per_slab = (SLAB_VALUES / inputs.max(1)).next_multiple_of(int8::GROUP);
        let stride = inputs.next_multiple_of(E::GROUP);
        for start in (0..outputs).step_by(rows_per_slab) {
            let slab_rows = start..(start + rows_per_slab).min(outputs);
            let adapter = term.adapter.as_ref().filter(|_| slab_rows.end == outputs);
            let place_of = |cols: &Range<usize>| {
                // SAFETY: `dx` holds all rows of `inputs` columns (asserted above); each task has rows and columns of its
                // own.
                unsafe { Out { accumulate, ..f32::out(place.get().add(cols.start), inputs) } }
            };
            let dy = term.dy.from_column(start, slab_rows.len());
            if let Some(dy) = dy.as_bf16().filter(|_| term.int8 && int8::goes_back(isa, term.weight)) {
                int8::with_slab(isa, dy, term.weight, slab_rows.clone(), stride, |rounded, slab| {
                    tasks.par_iter().with_max_len(1).for_each(|(panel, rows)| {
                        let cols = panel * width..(panel * width + width).min(inputs);
                        let adapter = adapter.map(|(dxa, a)| (*dxa, a.panel(*panel)));
                        // SAFETY: as said at `place_of`.
                        int8::CodePanel::with(|codes| unsafe {
                            codes.round_columns(isa, &slab[cols.start..], stride, slab_rows.len(), cols.len());
                            codes.multiply(isa, rounded, rows.clone(), int8::adapter(adapter), place_of(&cols));
                        });
                    });
                })?;
                accumulate = true;
                continue;
            }
            E::with_slab(|slab| {
                resize(slab, slab_rows.len() * stride);
                term.weight.unpack_rows_parallel(isa, slab_rows.clone(), stride, slab)?;
                tasks.par_iter().with_max_len(1).for_each(|(panel, rows)| {
                    let cols = panel * width..(panel * width + width).min(inputs);
                    E::with_scratch(|packed, _| {
                        resize(packed, slab_rows.len().next_multiple_of(E::GROUP) * width);
                        pack(isa, &slab[cols.start..], stride, slab_rows.len(), cols.len(), width, packed);
                        let adapter = adapter.map(|(dxa, a)| (*dxa, a.panel(*panel)));
                        // SAFETY: as said at `place_of`.
                        unsafe { walk(isa, rows.clone(), cols.len(), &[Some((dy, packed)), adapter], place_of(&cols)) };
                    });
                });
                Ok::<_, candle_core::Error>(())
            })?;
            accumulate = true;
        }
    }
    clock::record(started, flops);
    Ok(())
}

/// `out = alpha · leftᵀ · right`, or `out += …`: `left` is `[depth, rows]`, `right` is `[depth, cols]`, `out` is
/// `[rows, cols]`. For the gradients of the adapter, whose `rows` are few.
pub fn multiply_transposed<B: Element>(
    isa: Isa,
    left: Rows<'_, f32>,
    right: Rows<'_, B>,
    out: &mut [f32],
    alpha: f32,
    accumulate: bool,
) {
    let (rows, depth, cols, width) = (left.cols, right.rows, right.cols, tile_width(isa));
    let started = Instant::now();
    assert!(out.len() >= rows * cols && left.rows == depth);
    let place = Shared(out.as_mut_ptr());
    (0..cols.div_ceil(width)).into_par_iter().with_max_len(1).for_each(|panel| {
        let columns = panel * width..(panel * width + width).min(cols);
        for row in (0..rows).step_by(tile_rows(isa)) {
            let part = Part {
                a: left.data.get(row..).unwrap_or_default().as_ptr(),
                row_stride: 1,
                depth_stride: left.stride,
                b: right.data.get(columns.start..).unwrap_or_default().as_ptr(),
                b_stride: right.stride,
                depth,
            };
            // SAFETY: the assertions above and those of `Rows::new` hold every address inside its slice; each task has
            // columns of its own.
            unsafe {
                let c = place.get().add(row * cols + columns.start);
                let out = Out { c, narrow: std::ptr::null_mut(), stride: cols, accumulate, alpha };
                tile(isa, (rows - row).min(tile_rows(isa)), columns.len(), &[part], out);
            }
        }
    });
    clock::record(started, 2 * depth * rows * cols);
}

/// Splits rows into enough chunks that every thread finds work, whole tiles each.
fn row_chunks(height: usize, num_rows: usize, num_panels: usize) -> Vec<Range<usize>> {
    let wanted = 4 * rayon::current_num_threads();
    let num_chunks = wanted.div_ceil(num_panels.max(1)).max(1);
    let size = num_rows.div_ceil(num_chunks).max(1).next_multiple_of(height);
    (0..num_rows).step_by(size).map(|start| start..(start + size).min(num_rows)).collect()
}
