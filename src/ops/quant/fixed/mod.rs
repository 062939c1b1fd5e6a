//! A quantised matrix times many vectors in whole numbers: what reading prompts and answering many of them at once
//! consists of.
//!
//! Weights stay the codes they are stored as. Activations become whole numbers of 16 bits with a scale for every group
//! of them, as fine as the weights' groups, in two planes of bytes: products of bytes are summed exactly, four at a time
//! in each lane, which takes half the time of f32 and errs by less than 2⁻¹⁵ of a group's largest activation.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::cell::RefCell;

use super::codes::Coded;
use crate::ops::FrozenWeight;
use crate::ops::product::{Isa, Shared};

/// Whole numbers of 16 bits reach from -LARGEST to LARGEST, so that their high bytes have room to round.
const LARGEST: f32 = 127.0 * 256.0;

/// Weight rows of a panel: the lanes of a vector.
pub const PANEL: usize = 16;

/// Whether the CPU has the instructions, `isa` being what may be used.
pub fn is_available(isa: Isa) -> bool {
    #[cfg(target_arch = "x86_64")]
    return isa >= Isa::Avx512 && is_x86_feature_detected!("avx512vnni");
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = isa;
        false
    }
}

/// Activations as whole numbers.
#[derive(Default)]
pub struct FixedRows {
    rows: usize,
    cols: usize,
    group: usize,
    /// `[rows][group][plane, the high one first][value of the group]`
    planes: Vec<i8>,
    /// `[rows][group][scale, scale · sum of the whole numbers]`
    scales: Vec<[f32; 2]>,
}

impl FixedRows {
    /// Makes room for `[rows, cols]` in groups of `group` values, which fill the columns.
    pub fn places(&mut self, rows: usize, cols: usize, group: usize) -> Places {
        assert!(cols > 0 && cols.is_multiple_of(group), "groups don't fill the columns");
        (self.rows, self.cols, self.group) = (rows, cols, group);
        // They only grow: clearing takes time.
        self.planes.resize(self.planes.len().max(2 * rows * cols), 0);
        self.scales.resize(self.scales.len().max(rows * cols / group), [0.0; 2]);
        let (planes, scales) = (Shared(self.planes.as_mut_ptr()), Shared(self.scales.as_mut_ptr()));
        Places { planes, scales, rows, cols, group }
    }
}

/// Where several threads write the rows of a [`FixedRows`].
pub struct Places {
    planes: Shared<i8>,
    scales: Shared<[f32; 2]>,
    rows: usize,
    cols: usize,
    group: usize,
}

impl Places {
    /// Takes a row's values.
    ///
    /// # Safety
    /// The [`FixedRows`] that this was made of is still as it was, and nobody else touches the row.
    pub unsafe fn set_row(&self, isa: Isa, row: usize, values: &[f32]) {
        assert!(row < self.rows && values.len() == self.cols);
        let num_groups = self.cols / self.group;
        // SAFETY: the row lies inside both buffers, which `places` made large enough; the caller promises the rest.
        let (planes, scales) = unsafe {
            let planes = self.planes.get().add(2 * row * self.cols);
            let scales = self.scales.get().add(row * num_groups);
            (std::slice::from_raw_parts_mut(planes, 2 * self.cols), std::slice::from_raw_parts_mut(scales, num_groups))
        };
        match self.group {
            16 => split_16(isa, values, planes, scales),
            32 => split_32(isa, values, planes, scales),
            _ => unreachable!("groups have 16 or 32 values"),
        }
    }
}

crate::ops::simd::vectorized! {
    fn split_16(isa: Isa, x: &[f32], planes: &mut [i8], scales: &mut [[f32; 2]]) {
        split::<16>(x, planes, scales);
    }

    fn split_32(isa: Isa, x: &[f32], planes: &mut [i8], scales: &mut [[f32; 2]]) {
        split::<32>(x, planes, scales);
    }
}

#[inline(always)]
fn split<const GROUP: usize>(x: &[f32], planes: &mut [i8], scales: &mut [[f32; 2]]) {
    // Adding 1.5 · 2²³ leaves the nearest whole number in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let planes = planes.as_chunks_mut::<GROUP>().0.as_chunks_mut::<2>().0;
    for ((x, [high, low]), scales) in x.as_chunks::<GROUP>().0.iter().zip(planes).zip(scales) {
        let (mut largest, mut is_number) = (0.0f32, true);
        for x in x {
            largest = if x.abs() > largest { x.abs() } else { largest };
            is_number &= x.is_finite();
        }
        // What is no number stays none.
        let scale = if is_number { largest / LARGEST } else { f32::NAN };
        let inverse = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
        let mut sum = 0;
        for ((x, high), low) in x.iter().zip(high).zip(low) {
            let whole = (x * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
            let rounded = (whole + 128) >> 8;
            (*high, *low) = (rounded as i8, (whole - (rounded << 8)) as i8);
            sum += whole;
        }
        *scales = [scale, scale * sum as f32];
    }
}

/// Buffers of a thread.
#[derive(Default)]
struct Scratch {
    /// Of a panel's rows, as they lie.
    rows: Vec<u8>,
    /// `[four codes][row][code]`
    codes: Vec<u8>,
    /// `[group][scales, then offsets][row]`
    affine: Vec<f32>,
}

/// `out[t, r] = Σ w[r, c] · x[t, c]` for the rows `panel · PANEL ..` of `weight`; `out` has rows of `stride` values.
///
/// # Safety
/// [`is_available`], and `out` is valid for the panel's columns of each of `x`'s rows, which nobody else touches.
pub unsafe fn multiply_panel(
    isa: Isa,
    (weight, coded): (&FrozenWeight, Coded),
    panel: usize,
    x: &FixedRows,
    out: Shared<f32>,
    stride: usize,
) {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    assert!(is_available(isa) && x.cols == weight.cols() && x.group == coded.group());
    let first = panel * PANEL;
    let num = PANEL.min(weight.rows() - first);
    assert!(first + num <= stride);
    #[cfg(target_arch = "x86_64")]
    SCRATCH.with_borrow_mut(|scratch| {
        // SAFETY: the CPU has the instructions; the panel was made for `x`'s columns; the caller promises the result.
        unsafe {
            x86::unpack(weight, coded, first..first + num, scratch);
            let target = out.get().add(first);
            // Most likely this thread's next panel.
            let next = weight.blocks_of(first + num..(first + num + PANEL).min(weight.rows()));
            match coded.group() {
                16 => x86::multiply::<16>(x, scratch, num, target, stride, next),
                _ => x86::multiply::<32>(x, scratch, num, target, stride, next),
            }
        }
    });
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (num, out);
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::GgmlDType;

    use super::super::formats::testing::{DTYPES, dequantized, quantized, values};
    use super::*;

    fn multiply(isa: Isa, weight: &FrozenWeight, x: &[f32]) -> Option<Vec<f32>> {
        let coded = Coded::of(weight.dtype()).filter(|_| is_available(isa))?;
        let (rows, cols) = (x.len() / weight.cols(), weight.cols());
        let (mut fixed, mut out) = (FixedRows::default(), vec![f32::NAN; rows * weight.rows()]);
        let places = fixed.places(rows, cols, coded.group());
        for (row, values) in x.chunks(cols).enumerate() {
            // SAFETY: one thread.
            unsafe { places.set_row(isa, row, values) };
        }
        let place = Shared(out.as_mut_ptr());
        for panel in 0..weight.rows().div_ceil(PANEL) {
            // SAFETY: the instructions are there, and `out` has a place for every row's results.
            unsafe { multiply_panel(isa, (weight, coded), panel, &fixed, place, weight.rows()) };
        }
        Some(out)
    }

    #[test]
    fn errs_by_less_than_the_activations_were_rounded() {
        let mut num_checked = 0;
        for dtype in DTYPES {
            for (rows, blocks, tokens) in [(1, 1, 1), (5, 3, 2), (16, 2, 7), (33, 3, 8), (48, 1, 9), (17, 2, 21)] {
                let cols = blocks * dtype.block_size().max(32);
                let bytes = quantized(dtype, rows * cols);
                let weights = dequantized(dtype, &bytes);
                let mut x = values(tokens * cols, 3);
                // Groups of very different sizes, and one of zeros.
                for (i, group) in x.chunks_mut(16).enumerate() {
                    group.iter_mut().for_each(|x| *x *= [1.0, 1000.0, 0.0, 1e-20][i / 2 % 4]);
                }
                let weight = FrozenWeight::new(rows, cols, dtype, bytes).unwrap();
                let Some(out) = multiply(Isa::detected(), &weight, &x) else {
                    assert!(Coded::of(dtype).is_none() || !is_available(Isa::detected()));
                    continue;
                };
                num_checked += 1;
                let group = Coded::of(dtype).unwrap().group();
                for (i, value) in out.iter().enumerate() {
                    let (weights, x) = (&weights[i % rows * cols..][..cols], &x[i / rows * cols..][..cols]);
                    let (mut sum, mut bound) = (0.0, 0.0);
                    for (weights, x) in weights.chunks(group).zip(x.chunks(group)) {
                        let largest = x.iter().fold(0.0f64, |max, x| max.max(f64::from(x.abs())));
                        for (w, x) in weights.iter().zip(x) {
                            sum += f64::from(*w) * f64::from(*x);
                            // Half a whole number, and f32's own rounding.
                            bound += f64::from(w.abs()) * largest * (0.501 / f64::from(LARGEST) + 1e-6);
                        }
                    }
                    let error = (f64::from(*value) - sum).abs();
                    assert!(error <= bound, "{dtype:?} {rows}x{cols}, {tokens} tokens, {i}: {value}, not {sum}");
                }
            }
        }
        assert_eq!(num_checked > 0, is_available(Isa::detected()));
    }

    #[test]
    fn what_is_no_number_stays_none_and_in_its_row() {
        let weight = FrozenWeight::new(3, 32, GgmlDType::Q4_1, quantized(GgmlDType::Q4_1, 96)).unwrap();
        let mut x = vec![1.0; 96];
        (x[5], x[70]) = (f32::NAN, f32::INFINITY);
        let Some(out) = multiply(Isa::detected(), &weight, &x) else {
            assert!(!is_available(Isa::detected()));
            return;
        };
        let is_number: Vec<bool> = out.iter().map(|value| value.is_finite()).collect();
        assert_eq!(is_number, [false, false, false, true, true, true, false, false, false]);
    }
}
