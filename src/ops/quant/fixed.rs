//! A quantised matrix times many vectors in whole numbers: what reading prompts and answering many of them at once
//! consists of.
//!
//! Weights stay the codes they are stored as. Activations become whole numbers of 16 bits with a scale for every group
//! of them, as fine as the weights' groups, in two planes of bytes: products of bytes are summed exactly, four at a time
//! in each lane, which takes half the time of f32 and errs by less than 2⁻¹⁵ of a group's largest activation.

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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::ops::Range;

    use super::{Coded, FixedRows, PANEL, Scratch};
    use crate::ops::FrozenWeight;
    use crate::ops::product::transpose_groups;

    /// Four bytes at any address.
    #[repr(C, packed)]
    struct Unaligned(i32);

    /// Fills `scratch` with the codes of `rows`, at most [`PANEL`] of them; rows that are missing are zeros.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    pub fn unpack(weight: &FrozenWeight, coded: Coded, rows: Range<usize>, scratch: &mut Scratch) {
        let (cols, num_groups) = (weight.cols(), weight.cols() / coded.group());
        // Whole blocks of 16 × 4 codes.
        let stride = cols.next_multiple_of(64);
        let Scratch { rows: unpacked, codes, affine } = scratch;
        // They only grow. What lies between a row's codes and its stride is multiplied with nothing.
        codes.resize(codes.len().max(PANEL * stride), 0);
        affine.resize(affine.len().max(2 * PANEL * num_groups), 0.0);
        if rows.len() == PANEL && matches!(coded, Coded::Q4_0 | Coded::Q4_1 | Coded::Q8_0) {
            let blocks = weight.blocks_of(rows);
            // SAFETY: 16 rows of `num_groups` blocks of the format, with room for their codes, scales and offsets.
            unsafe {
                match coded {
                    Coded::Q4_0 => unpack_blocks::<18, 2, true>(blocks, num_groups, codes, affine, Some(-8.0)),
                    Coded::Q4_1 => unpack_blocks::<20, 4, true>(blocks, num_groups, codes, affine, None),
                    _ => unpack_blocks::<34, 2, false>(blocks, num_groups, codes, affine, Some(-128.0)),
                }
            }
            return;
        }
        unpacked.resize(unpacked.len().max(PANEL * stride), 0);
        if rows.len() < PANEL {
            unpacked.fill(0);
            affine.fill(0.0);
        }
        for (i, row) in rows.enumerate() {
            coded.decode_row(
                weight.blocks_of(row..row + 1),
                &mut unpacked[i * stride..][..cols],
                |group, scale, offset| {
                    affine[2 * PANEL * group + i] = scale;
                    affine[2 * PANEL * group + PANEL + i] = offset;
                },
            );
        }
        // SAFETY: both buffers hold 16 rows of `stride / 4` values of 32 bits, a multiple of 16.
        unsafe { transpose_groups(unpacked.as_ptr().cast(), PANEL, stride / 4, PANEL, codes.as_mut_ptr().cast()) };
    }

    /// [`PANEL`] rows of formats that most weights have, without the way over whole rows: blocks of `BYTES` bytes with a
    /// header of f16 up to `CODES` (a scale, and an offset unless that is `offset` times the scale), then 32 codes: in
    /// the halves of 16 bytes, or signed bytes.
    ///
    /// # Safety
    /// The CPU has the instructions, `blocks` holds the rows' `num_groups` blocks each, and the rest has room for them.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn unpack_blocks<const BYTES: usize, const CODES: usize, const HALVES: bool>(
        blocks: &[u8],
        num_groups: usize,
        codes: &mut [u8],
        affine: &mut [f32],
        offset: Option<f32>,
    ) {
        let row_bytes = num_groups * BYTES;
        assert!(blocks.len() >= PANEL * row_bytes && codes.len() >= num_groups * 32 * PANEL);
        assert!(affine.len() >= 2 * PANEL * num_groups);
        let (codes, affine) = (codes.as_mut_ptr(), affine.as_mut_ptr());
        for group in 0..num_groups {
            // SAFETY: the assertions above: every row has this block, and the buffers this group.
            unsafe {
                let block = blocks.as_ptr().add(group * BYTES);
                let mut headers = [0u32; PANEL];
                for (row, header) in headers.iter_mut().enumerate() {
                    *header = (*block.add(row * row_bytes).cast::<Unaligned>()).0.cast_unsigned();
                }
                let headers = _mm512_loadu_si512(headers.as_ptr().cast());
                let scale = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(headers));
                let offset = match offset {
                    Some(factor) => _mm512_mul_ps(scale, _mm512_set1_ps(factor)),
                    None => _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(headers))),
                };
                _mm512_storeu_ps(affine.add(2 * PANEL * group), scale);
                _mm512_storeu_ps(affine.add(2 * PANEL * group + PANEL), offset);
                let to = codes.add(32 * PANEL * group);
                let first = fours(block.add(CODES), row_bytes);
                if HALVES {
                    let half = _mm512_set1_epi8(15);
                    for (i, four) in first.into_iter().enumerate() {
                        let high = _mm512_and_si512(_mm512_srli_epi16::<4>(four), half);
                        _mm512_storeu_si512(to.add(64 * i).cast(), _mm512_and_si512(four, half));
                        _mm512_storeu_si512(to.add(64 * (i + 4)).cast(), high);
                    }
                } else {
                    let second = fours(block.add(CODES + 16), row_bytes);
                    for (i, four) in first.into_iter().chain(second).enumerate() {
                        let unsigned = _mm512_xor_si512(four, _mm512_set1_epi8(-128));
                        _mm512_storeu_si512(to.add(64 * i).cast(), unsigned);
                    }
                }
            }
        }
    }

    /// 16 bytes of each of 16 rows, four at a time: the first four of all rows, the next four, and so on.
    ///
    /// # Safety
    /// The CPU has the instructions, and each row has its 16 bytes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn fours(from: *const u8, row_bytes: usize) -> [__m512i; 4] {
        let mut rows = [_mm512_setzero_si512(); 4];
        for (i, rows) in rows.iter_mut().enumerate() {
            let from = from.wrapping_add(i * row_bytes);
            // Lane `l` of the `i`th has row `4 l + i`.
            // SAFETY: the caller's promise.
            unsafe {
                *rows = _mm512_castsi128_si512(_mm_loadu_si128(from.cast()));
                let row = |lane: usize| from.wrapping_add(4 * lane * row_bytes).cast();
                *rows = _mm512_inserti32x4::<1>(*rows, _mm_loadu_si128(row(1)));
                *rows = _mm512_inserti32x4::<2>(*rows, _mm_loadu_si128(row(2)));
                *rows = _mm512_inserti32x4::<3>(*rows, _mm_loadu_si128(row(3)));
            }
        }
        let [a, b, c, d] = rows;
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(ab_low, cd_low),
            _mm512_unpackhi_epi64(ab_low, cd_low),
            _mm512_unpacklo_epi64(ab_high, cd_high),
            _mm512_unpackhi_epi64(ab_high, cd_high),
        ]
    }

    /// # Safety
    /// The CPU has the instructions, `scratch` holds a panel for `x`'s columns and groups of `GROUP`, and the first `num`
    /// columns of every row of `x` are valid at `out`. `next` is only brought into the cache.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn multiply<const GROUP: usize>(
        x: &FixedRows,
        scratch: &Scratch,
        num: usize,
        out: *mut f32,
        stride: usize,
        mut next: &[u8],
    ) {
        const TOKENS: usize = 8;
        for first in (0..x.rows).step_by(TOKENS) {
            // SAFETY: the caller's promise; each call stays within the rows there are.
            unsafe {
                let out = out.add(first * stride);
                match x.rows - first {
                    1 => tokens::<1, GROUP>(x, first, scratch, num, out, stride, next),
                    2 => tokens::<2, GROUP>(x, first, scratch, num, out, stride, next),
                    3 => tokens::<3, GROUP>(x, first, scratch, num, out, stride, next),
                    4 => tokens::<4, GROUP>(x, first, scratch, num, out, stride, next),
                    5 => tokens::<5, GROUP>(x, first, scratch, num, out, stride, next),
                    6 => tokens::<6, GROUP>(x, first, scratch, num, out, stride, next),
                    7 => tokens::<7, GROUP>(x, first, scratch, num, out, stride, next),
                    _ => tokens::<TOKENS, GROUP>(x, first, scratch, num, out, stride, next),
                }
            }
            // Once is enough.
            next = &[];
        }
    }

    /// # Safety
    /// As for [`multiply`], for `TOKENS` rows from `first` on.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn tokens<const TOKENS: usize, const GROUP: usize>(
        x: &FixedRows,
        first: usize,
        scratch: &Scratch,
        num: usize,
        out: *mut f32,
        stride: usize,
        next: &[u8],
    ) {
        let num_groups = x.cols / GROUP;
        // Bytes of a row's planes, and of a panel's codes in a group.
        let (row, panel) = (2 * x.cols, PANEL * GROUP);
        assert!((first + TOKENS) * row <= x.planes.len() && (first + TOKENS) * num_groups <= x.scales.len());
        assert!(num_groups * panel <= scratch.codes.len() && num_groups * 2 * PANEL <= scratch.affine.len());
        let planes = x.planes[first * row..].as_ptr();
        let scales = x.scales[first * num_groups..].as_ptr();
        let mut sums = [_mm512_setzero_ps(); TOKENS];
        // What is wanted next is on its way from memory while this panel is multiplied, a bit with each group.
        let ahead = next.len().div_ceil(num_groups.max(1));
        for group in 0..num_groups {
            for line in (group * ahead..((group + 1) * ahead).min(next.len())).step_by(64) {
                _mm_prefetch::<_MM_HINT_T1>(next.as_ptr().wrapping_add(line).cast());
            }
            // SAFETY: the assertions above: a group's codes, scales and planes lie within their buffers.
            unsafe {
                let affine = scratch.affine.as_ptr().add(2 * PANEL * group);
                let (scale, offset) = (_mm512_loadu_ps(affine), _mm512_loadu_ps(affine.add(PANEL)));
                let codes = scratch.codes.as_ptr().add(panel * group);
                // As many as a group of 32 needs.
                let mut fours = [_mm512_setzero_si512(); 8];
                for (i, four) in fours[..GROUP / 4].iter_mut().enumerate() {
                    *four = _mm512_loadu_si512(codes.add(64 * i).cast());
                }
                // By hand: the compiler leaves a loop of this size one, with its sums in memory.
                macro_rules! each_token {
                    ($($token:literal)*) => { $(if $token < TOKENS {
                        let planes = planes.add($token * row + 2 * GROUP * group);
                        let (mut high, mut low) = (_mm512_setzero_si512(), _mm512_setzero_si512());
                        for (i, four) in fours[..GROUP / 4].iter().enumerate() {
                            high = _mm512_dpbusd_epi32(high, *four, broadcast(planes.add(4 * i)));
                            low = _mm512_dpbusd_epi32(low, *four, broadcast(planes.add(GROUP + 4 * i)));
                        }
                        let whole = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32::<8>(high), low));
                        let [x_scale, x_sum] = *scales.add($token * num_groups + group);
                        let sum = &mut sums[$token];
                        *sum = _mm512_fmadd_ps(whole, _mm512_mul_ps(scale, _mm512_set1_ps(x_scale)), *sum);
                        *sum = _mm512_fmadd_ps(offset, _mm512_set1_ps(x_sum), *sum);
                    })* };
                }
                each_token!(0 1 2 3 4 5 6 7);
            }
        }
        let mask = (0xffff_u32 >> (PANEL - num)) as __mmask16;
        for (token, sum) in sums.into_iter().enumerate() {
            // SAFETY: the caller's promise; lanes beyond `num` are not written.
            unsafe { _mm512_mask_storeu_ps(out.add(token * stride), mask, sum) };
        }
    }

    /// # Safety
    /// Four bytes are readable.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn broadcast(bytes: *const i8) -> __m512i {
        // SAFETY: the caller's promise.
        _mm512_set1_epi32(unsafe { (*bytes.cast::<Unaligned>()).0 })
    }
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
