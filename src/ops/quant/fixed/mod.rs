//! A quantised matrix times many vectors in whole numbers: what reading prompts and answering many of them at once
//! consists of.
//!
//! Weights stay the codes they are stored as. Activations become whole numbers with a scale for every group of them, as
//! fine as the weights' groups: of 16 bits in two planes of bytes, which errs by less than 2⁻¹⁵ of a group's largest
//! activation, or of 8 bits in one plane (2⁻⁷). Products of bytes are summed exactly, four at a time in each lane: two
//! planes take half the time of f32, one plane half of that.

#[cfg(target_arch = "aarch64")]
#[path = "neon.rs"]
mod kernels;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[path = "none.rs"]
mod kernels;
#[cfg(target_arch = "x86_64")]
#[path = "x86/mod.rs"]
mod kernels;
mod parts;

use std::cell::RefCell;
use std::ops::Range;

use half::bf16;

use self::parts::ZERO;
pub use self::parts::{Codes, FixedRows, GROUP_OF_BYTES, PANEL, Places, TOKENS, Target};
use super::codes::Coded;
use crate::ops::FrozenWeight;
use crate::ops::product::{Isa, Shared};

/// Whole numbers of 16 bits reach from -LARGEST to LARGEST, so that their high bytes have room to round.
const LARGEST: f32 = 127.0 * 256.0;

/// How many rows are multiplied at once: as many as leave registers for the rest.
pub fn tokens(isa: Isa) -> usize {
    kernels::tokens(isa)
}

/// Whether the CPU can multiply in 8 bits, `isa` being what may be used.
pub fn is_available(isa: Isa) -> bool {
    kernels::is_available(isa)
}

/// Whether it can do so with weights' stored codes, which have no sign.
pub fn takes_codes(isa: Isa) -> bool {
    isa >= Isa::Avx512 && is_available(isa)
}

impl<const PLANES: usize> FixedRows<PLANES> {
    /// Makes room for `[rows, cols]` in groups of `group` values, which fill the columns.
    pub fn places(&mut self, rows: usize, cols: usize, group: usize) -> Places<PLANES> {
        assert!(cols > 0 && cols.is_multiple_of(group), "groups don't fill the columns");
        (self.rows, self.cols, self.group) = (rows, cols, group);
        // They only grow: clearing takes time.
        self.planes.resize(self.planes.len().max(PLANES * rows * cols), 0);
        self.scales.resize(self.scales.len().max(rows * cols / group), [0.0; 2]);
        let (planes, scales) = (Shared(self.planes.as_mut_ptr()), Shared(self.scales.as_mut_ptr()));
        Places { planes, scales, rows, cols, group }
    }
}

impl<const PLANES: usize> Places<PLANES> {
    /// # Safety
    /// The [`FixedRows`] that this was made of is still as it was, and nobody else touches the row.
    #[expect(clippy::mut_from_ref, reason = "rows are shared out among threads")]
    unsafe fn row(&self, row: usize) -> (&mut [i8], &mut [[f32; 2]]) {
        assert!(row < self.rows);
        let num_groups = self.cols / self.group;
        // SAFETY: the row lies inside both buffers, which `places` made large enough; the caller promises the rest.
        unsafe {
            let planes = self.planes.get().add(PLANES * row * self.cols);
            let scales = self.scales.get().add(row * num_groups);
            let planes = std::slice::from_raw_parts_mut(planes, PLANES * self.cols);
            (planes, std::slice::from_raw_parts_mut(scales, num_groups))
        }
    }
}

impl Places<2> {
    /// Takes a row's values.
    ///
    /// # Safety
    /// The [`FixedRows`] that this was made of is still as it was, and nobody else touches the row.
    pub unsafe fn set_row(&self, isa: Isa, row: usize, values: &[f32]) {
        assert!(values.len() == self.cols);
        // SAFETY: the caller's promise.
        let (planes, scales) = unsafe { self.row(row) };
        match self.group {
            16 => split_16(isa, values, planes, scales),
            32 => split_32(isa, values, planes, scales),
            _ => unreachable!("groups have 16 or 32 values"),
        }
    }
}

impl Places<1> {
    /// Takes a row's values, in groups of [`GROUP_OF_BYTES`].
    ///
    /// # Safety
    /// Those for two planes; and [`is_available`].
    pub unsafe fn set_row(&self, isa: Isa, row: usize, values: &[bf16]) {
        assert!(is_available(isa) && values.len() == self.cols && self.group == GROUP_OF_BYTES);
        // SAFETY: the caller's promise.
        let (plane, scales) = unsafe { self.row(row) };
        // SAFETY: the CPU has the instructions; the plane is as long as the values.
        unsafe {
            kernels::round(isa, values, plane.as_mut_ptr().cast(), 0, |group, scale, sum| {
                // Of what is not a number (NaN), the sum isn't one either.
                scales[group] = [scale, f32::from_bits(sum.wrapping_mul(-ZERO).cast_unsigned())];
            });
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
        // Values that are not finite give NaN.
        let scale = if is_number { largest / LARGEST } else { f32::NAN };
        let inverse = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
        let mut sum = 0i32;
        for ((x, high), low) in x.iter().zip(high).zip(low) {
            // Of what is not a number (NaN), any whole number.
            let whole = (x * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
            let rounded = whole.wrapping_add(128) >> 8;
            (*high, *low) = (rounded as i8, whole.wrapping_sub(rounded << 8) as i8);
            sum = sum.wrapping_add(whole);
        }
        *scales = [scale, scale * sum as f32];
    }
}

impl Codes {
    /// Takes `rows` of `weight`, at most [`PANEL`].
    pub fn unpack(&mut self, isa: Isa, weight: &FrozenWeight, coded: Coded, rows: Range<usize>) {
        assert!(takes_codes(isa) && rows.len() <= PANEL);
        // SAFETY: the CPU has the instructions.
        unsafe { kernels::unpack(weight, coded, rows, self) };
    }

    /// Takes `rows` of `weight`, at most [`PANEL`], whatever its type, rounded to 8 bits in groups of
    /// [`GROUP_OF_BYTES`], which fill the rows.
    ///
    /// # Errors
    /// Where the weight has no such rows.
    pub fn round_rows(&mut self, isa: Isa, weight: &FrozenWeight, rows: Range<usize>) -> candle_core::Result<()> {
        let (cols, num) = (weight.cols(), rows.len());
        let num_groups = cols / GROUP_OF_BYTES;
        assert!(is_available(isa) && num <= PANEL && cols.is_multiple_of(GROUP_OF_BYTES));
        let Self { rows: bytes, codes, affine, values } = self;
        // They only grow.
        values.resize(values.len().max(num * cols), bf16::ZERO);
        bytes.resize(bytes.len().max(PANEL * cols), 0);
        codes.resize(codes.len().max(PANEL * cols), 0);
        affine.resize(affine.len().max(2 * PANEL * num_groups), 0.0);
        weight.unpack_rows(isa, rows, cols, &mut values[..num * cols])?;
        for (i, (values, bytes)) in values.chunks_exact(cols).zip(bytes.chunks_exact_mut(cols)).enumerate().take(num) {
            // SAFETY: the CPU has the instructions; there are as many bytes as values.
            unsafe {
                kernels::round(isa, values, bytes.as_mut_ptr(), ZERO as u8, |group, scale, _| {
                    affine[2 * PANEL * group + i] = scale;
                });
            }
        }
        // SAFETY: both buffers hold 16 rows of `cols / 4` values of 32 bits, a multiple of 16.
        unsafe {
            kernels::transpose_groups(isa, bytes.as_ptr().cast(), PANEL, cols / 4, PANEL, codes.as_mut_ptr().cast());
        }
        Ok(())
    }

    /// Takes `num` columns, at most [`PANEL`], of `depth` rows that lie `stride` apart; rounded to 8 bits, with a scale for
    /// each column of every [`GROUP_OF_BYTES`] rows, which fill the depth.
    pub fn round_columns(&mut self, isa: Isa, rows: &[bf16], stride: usize, depth: usize, num: usize) {
        assert!(is_available(isa) && num <= PANEL && depth.is_multiple_of(GROUP_OF_BYTES));
        assert!(depth == 0 || (depth - 1) * stride + num <= rows.len(), "columns reach past their data");
        // SAFETY: the CPU has the instructions, and the assertion holds every row inside its slice.
        unsafe { kernels::round_columns(isa, rows.as_ptr(), stride, depth, num, self) };
    }

    /// `out[t, r] = Σ w[r, c] · x[t, c]`, or `out += …`, for some rows of `x` and the first `num` of the panel's weight
    /// rows; the first of the rows goes to where `out` begins. `next` is what is unpacked next, if known.
    ///
    /// # Safety
    /// `out` is valid for `num` columns of each row, which nobody else touches.
    pub unsafe fn multiply<const PLANES: usize>(
        &self,
        isa: Isa,
        x: &FixedRows<PLANES>,
        rows: Range<usize>,
        num: usize,
        out: Target,
        next: &[u8],
    ) {
        assert!(is_available(isa) && num <= PANEL && (PLANES == 1 || takes_codes(isa)));
        // SAFETY: the CPU has the instructions; the caller promises the result.
        unsafe {
            match x.group {
                16 => kernels::multiply::<16, PLANES>(isa, x, rows, self, num, out, next),
                GROUP_OF_BYTES => kernels::multiply::<GROUP_OF_BYTES, PLANES>(isa, x, rows, self, num, out, next),
                _ => kernels::multiply::<32, PLANES>(isa, x, rows, self, num, out, next),
            }
        }
    }
}

/// `out[t, r] = Σ w[r, c] · x[t, c]` for the rows `panel · PANEL ..` of `weight`; `out` has rows of `stride` values.
///
/// # Safety
/// [`takes_codes`], and `out` is valid for the panel's columns of each of `x`'s rows, which nobody else touches.
pub unsafe fn multiply_panel<const PLANES: usize>(
    isa: Isa,
    (weight, coded): (&FrozenWeight, Coded),
    panel: usize,
    x: &FixedRows<PLANES>,
    out: Shared<f32>,
    stride: usize,
) {
    thread_local! {
        static CODES: RefCell<Codes> = RefCell::default();
    }
    assert!(x.cols == weight.cols() && x.group == coded.group());
    let first = panel * PANEL;
    let num = PANEL.min(weight.rows() - first);
    assert!(first + num <= stride);
    CODES.with_borrow_mut(|codes| {
        codes.unpack(isa, weight, coded, first..first + num);
        // Most likely this thread's next panel.
        let next = weight.blocks_of(first + num..(first + num + PANEL).min(weight.rows()));
        // SAFETY: the caller promises the result.
        unsafe {
            let out = Target { c: out.get().add(first), stride, accumulate: false };
            codes.multiply(isa, x, 0..x.rows, num, out, next);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::formats::testing::{dequantized, quantized, values};
    use super::super::types::WeightType;
    use super::*;

    fn multiply(isa: Isa, weight: &FrozenWeight, x: &[f32]) -> Option<Vec<f32>> {
        let coded = Coded::of(weight.dtype()).filter(|_| takes_codes(isa))?;
        let (rows, cols) = (x.len() / weight.cols(), weight.cols());
        let (mut fixed, mut out) = (FixedRows::<2>::default(), vec![f32::NAN; rows * weight.rows()]);
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
        for dtype in WeightType::ALL.iter().copied() {
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
                    assert!(Coded::of(dtype).is_none() || !takes_codes(Isa::detected()));
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
        assert_eq!(num_checked > 0, takes_codes(Isa::detected()));
    }

    #[test]
    fn what_is_no_number_stays_none_and_in_its_row() {
        let weight = FrozenWeight::new(3, 32, WeightType::Q4_1, quantized(WeightType::Q4_1, 96)).unwrap();
        let mut x = vec![1.0; 96];
        (x[5], x[70]) = (f32::NAN, f32::INFINITY);
        let Some(out) = multiply(Isa::detected(), &weight, &x) else {
            assert!(!takes_codes(Isa::detected()));
            return;
        };
        let is_number: Vec<bool> = out.iter().map(|value| value.is_finite()).collect();
        assert_eq!(is_number, [false, false, false, true, true, true, false, false, false]);
        // Whole groups of it, whatever their bits.
        for bits in [0x7FFF_FFFFu32, 0xFFFF_FFFF, 0x7FC0_0000, 0x7F80_0000, 0xFF80_0000] {
            x[..32].fill(f32::from_bits(bits));
            let out = multiply(Isa::detected(), &weight, &x).unwrap();
            assert!(out[..3].iter().all(|value| !value.is_finite()) && out[3..6].iter().all(|value| value.is_finite()));
        }
    }
}
