//! Operands as the inner loops want them: activations row by row, weights in panels as wide as a tile.

use half::bf16;

use super::Isa;
use super::element::Element;
use super::microkernel::tile_width;
use super::shared::par_rows;

/// A read-only row-major matrix; rows may be further apart than they are wide.
#[derive(Clone, Copy)]
pub struct Rows<'a, E> {
    pub(super) data: &'a [E],
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) stride: usize,
}

impl<'a, E: Element> Rows<'a, E> {
    /// `data` holds `rows` rows of `cols` values, `stride` apart. A row is read up to the next whole group, so that its
    /// padding must be there and finite.
    pub fn new(data: &'a [E], rows: usize, cols: usize, stride: usize) -> Self {
        let read = cols.next_multiple_of(E::GROUP);
        assert!(
            rows == 0 || (read <= stride && (rows - 1) * stride + read <= data.len()),
            "rows reach past their data"
        );
        Self { data, rows, cols, stride }
    }

    pub fn num_rows(&self) -> usize {
        self.rows
    }

    pub fn num_cols(&self) -> usize {
        self.cols
    }

    pub fn row(&self, row: usize) -> &'a [E] {
        &self.data[row * self.stride..][..self.cols]
    }
}

impl<'a, E: Element> Rows<'a, E> {
    /// `rows` rows from `start` on.
    pub(super) fn rows_from(self, start: usize, rows: usize) -> Self {
        Self::new(self.data.get(start * self.stride..).unwrap_or_default(), rows, self.cols, self.stride)
    }

    /// These rows as bf16, if they are that.
    pub(super) fn as_bf16(self) -> Option<Rows<'a, bf16>> {
        Some(Rows { data: E::as_bf16(self.data)?, rows: self.rows, cols: self.cols, stride: self.stride })
    }

    /// `cols` columns from `start`, a whole number of groups, on.
    pub fn from_column(self, start: usize, cols: usize) -> Self {
        assert!(start.is_multiple_of(E::GROUP) && start + cols <= self.cols);
        Self::new(self.data.get(start..).unwrap_or_default(), self.rows, cols, self.stride)
    }
}

/// Activations in the type of a product, each row padded with zeros to whole groups.
#[derive(Default)]
pub struct Operand<E> {
    data: Vec<E>,
    rows: usize,
    cols: usize,
    stride: usize,
    /// Values that were there at a time, at most.
    touched: usize,
}

impl<E> Operand<E> {
    /// The size of its values, of as many as it ever had; some room beyond them was asked for, but is never touched.
    pub fn num_bytes(&self) -> usize {
        size_of::<E>() * self.touched
    }
}

impl<E: Element> Operand<E> {
    /// Sets the shape; values are whatever was there, or zero.
    pub fn resize(&mut self, rows: usize, cols: usize) {
        let stride = cols.next_multiple_of(E::GROUP);
        let changed = (self.cols, self.stride) != (cols, stride);
        (self.rows, self.cols, self.stride) = (rows, cols, stride);
        if changed && cols != stride {
            self.data.clear(); // The padding must be zero.
        }
        let len = rows * stride;
        if self.data.capacity() < len {
            // Nothing in it is needed: freed first, and with some room, so that batches of slightly different sizes
            // leave no holes.
            self.data = Vec::new();
            self.data.reserve_exact(len + len / 8);
            self.touched = 0;
        }
        self.touched = self.touched.max(len);
        self.data.resize(len, E::default());
    }

    /// Takes f32 rows that lie back to back.
    pub fn set(&mut self, isa: Isa, values: &[f32], rows: usize, cols: usize) {
        self.resize(rows, cols);
        par_rows(&mut self.data, self.stride, values, cols, |to, from| E::narrow(isa, from, &mut to[..cols]));
    }

    /// All values in f32, without padding.
    pub fn widen_into(&self, isa: Isa, out: &mut Vec<f32>) {
        out.resize(self.rows * self.cols, 0.0);
        let cols = self.cols;
        par_rows(out, cols, &self.data, self.stride, |to, from| E::widen_all(isa, &from[..cols], to));
    }

    pub fn view(&self) -> Rows<'_, E> {
        Rows::new(&self.data, self.rows, self.cols, self.stride)
    }

    /// `[rows, cols]`: the columns from `start`, a whole number of groups, on.
    pub fn columns(&self, start: usize, cols: usize) -> Rows<'_, E> {
        assert!(start.is_multiple_of(E::GROUP) && start + cols <= self.stride, "columns of another matrix");
        Rows::new(self.data.get(start..).unwrap_or_default(), self.rows, cols, self.stride)
    }

    pub fn stride(&self) -> usize {
        self.stride
    }

    pub fn data(&self) -> &[E] {
        &self.data
    }

    pub fn data_mut(&mut self) -> &mut [E] {
        &mut self.data
    }
}

/// A matrix `[depth, cols]` in panels of a tile's width: `[panel][group of depth][column][value of the group]`.
#[derive(Default)]
pub struct Panels<E> {
    data: Vec<E>,
    pub(super) cols: usize,
    /// Whole groups.
    pub(super) depth: usize,
    pub(super) width: usize,
}

impl<E: Element> Panels<E> {
    /// Packs the transpose of a row-major `[rows, depth]` matrix: its rows become columns.
    pub fn set_transposed(&mut self, isa: Isa, values: &[f32], rows: usize, depth: usize, scale: f32) {
        assert!(values.len() >= rows * depth);
        let width = tile_width(isa);
        self.resize(isa, rows, depth);
        E::with_scratch(|narrow, _| {
            for (panel, out) in self.data.chunks_exact_mut(self.depth * E::GROUP * width).enumerate() {
                let num = width.min(rows - panel * width);
                narrow_rows(isa, &values[panel * width * depth..][..num * depth], depth, scale, narrow);
                pack_transposed(isa, narrow, num, depth.next_multiple_of(E::GROUP), width, out);
            }
        });
    }

    /// Packs a row-major `[depth, cols]` matrix.
    pub fn set(&mut self, isa: Isa, values: &[f32], depth: usize, cols: usize, scale: f32) {
        assert!(values.len() >= depth * cols);
        let width = tile_width(isa);
        self.resize(isa, cols, depth);
        E::with_scratch(|narrow, _| {
            narrow_rows(isa, &values[..depth * cols], cols, scale, narrow);
            let stride = cols.next_multiple_of(E::GROUP);
            for (panel, out) in self.data.chunks_exact_mut(self.depth * E::GROUP * width).enumerate() {
                let columns = panel * width..(panel * width + width).min(cols);
                pack(isa, &narrow[columns.start..], stride, depth, columns.len(), width, out);
            }
        });
    }

    fn resize(&mut self, isa: Isa, cols: usize, depth: usize) {
        self.cols = cols;
        self.depth = depth.div_ceil(E::GROUP);
        self.width = tile_width(isa);
        self.data.resize(cols.div_ceil(self.width) * self.width * self.depth * E::GROUP, E::default());
    }

    pub(super) fn panel(&self, index: usize) -> &[E] {
        let size = self.depth * E::GROUP * self.width;
        &self.data[index * size..(index + 1) * size]
    }
}

/// Rows in the type of the product, each padded with zeros to whole groups.
fn narrow_rows<E: Element>(isa: Isa, values: &[f32], cols: usize, scale: f32, out: &mut Vec<E>) {
    let stride = cols.next_multiple_of(E::GROUP);
    out.clear();
    out.resize(values.len() / cols.max(1) * stride, E::default());
    if cols == 0 {
        return;
    }
    let mut scaled = vec![0.0; if scale == 1.0 { 0 } else { cols }];
    for (from, to) in values.chunks_exact(cols).zip(out.chunks_exact_mut(stride)) {
        if scale == 1.0 {
            E::narrow(isa, from, &mut to[..cols]);
        } else {
            scaled.iter_mut().zip(from).for_each(|(to, from)| *to = from * scale);
            E::narrow(isa, &scaled, &mut to[..cols]);
        }
    }
}

/// One panel whose columns are the `num` rows of `rows`, each of `depth` values (whole groups). Columns beyond are zero.
pub(super) fn pack_transposed<E: Element>(isa: Isa, rows: &[E], num: usize, depth: usize, width: usize, out: &mut [E]) {
    let groups = depth / E::GROUP;
    assert!(num <= width && rows.len() >= num * depth && out.len() >= groups * width * E::GROUP);
    if num < width {
        out.fill(E::default());
    }
    #[cfg(target_arch = "x86_64")]
    if isa >= Isa::Avx512 && num.is_multiple_of(16) && groups.is_multiple_of(16) && size_of::<E>() * E::GROUP == 4 {
        // SAFETY: the CPU has the instructions; both sides were checked above, in groups of 4 bytes.
        return unsafe { transpose_groups(rows.as_ptr().cast(), num, groups, width, out.as_mut_ptr().cast()) };
    }
    let _ = isa;
    // In blocks, so that both sides stay in the cache.
    const BLOCK: usize = 16;
    for first in (0..num).step_by(BLOCK) {
        for group in (0..groups).step_by(BLOCK) {
            for row in first..(first + BLOCK).min(num) {
                for g in group..(group + BLOCK).min(groups) {
                    let (from, to) = (row * depth + g * E::GROUP, (g * width + row) * E::GROUP);
                    out[to..to + E::GROUP].copy_from_slice(&rows[from..from + E::GROUP]);
                }
            }
        }
    }
}

/// One panel of `cols` columns of `depth` rows that lie `stride` apart. Columns and depth beyond are zero.
pub(super) fn pack<E: Element>(
    isa: Isa,
    rows: &[E],
    stride: usize,
    depth: usize,
    cols: usize,
    width: usize,
    out: &mut [E],
) {
    let groups = depth.div_ceil(E::GROUP);
    assert!(cols <= width && out.len() >= groups * width * E::GROUP);
    for (g, out) in out.chunks_exact_mut(width * E::GROUP).take(groups).enumerate() {
        if (g + 1) * E::GROUP <= depth {
            let row = |i: usize| &rows[(g * E::GROUP + i) * stride..][..cols];
            E::interleave(isa, row(0), row(E::GROUP - 1), &mut out[..cols * E::GROUP]);
            out[cols * E::GROUP..].fill(E::default());
            continue;
        }
        // The last group is only partly there.
        for i in 0..E::GROUP {
            match (g * E::GROUP + i < depth).then(|| &rows[(g * E::GROUP + i) * stride..][..cols]) {
                Some(row) => row.iter().enumerate().for_each(|(col, value)| out[col * E::GROUP + i] = *value),
                None => (0..cols).for_each(|col| out[col * E::GROUP + i] = E::default()),
            }
        }
        out[cols * E::GROUP..].fill(E::default());
    }
}

/// `to[group · width + row] = from[row · groups + group]` in blocks of 16 × 16; `num` and `groups` are multiples of 16.
///
/// # Safety
/// `from` holds `num · groups` values, `to` `groups · width`, and `num ≤ width`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
pub unsafe fn transpose_groups(from: *const i32, num: usize, groups: usize, width: usize, to: *mut i32) {
    use std::arch::x86_64::*;
    for row in (0..num).step_by(16) {
        for group in (0..groups).step_by(16) {
            // SAFETY: the caller's promise: 16 rows of 16 values on both sides.
            unsafe {
                let mut a = [_mm512_setzero_si512(); 16];
                for (i, a) in a.iter_mut().enumerate() {
                    *a = _mm512_loadu_si512(from.add((row + i) * groups + group).cast());
                }
                // Pairs of rows, then fours, within lanes of 128 bits.
                let mut b = a;
                for i in 0..8 {
                    b[2 * i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
                    b[2 * i + 1] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
                }
                let mut c = b;
                for i in 0..4 {
                    c[4 * i] = _mm512_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
                    c[4 * i + 1] = _mm512_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
                    c[4 * i + 2] = _mm512_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
                    c[4 * i + 3] = _mm512_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
                }
                // Then the lanes themselves: column 4·lane + j is lane `lane` of c[j], c[4 + j], c[8 + j], c[12 + j].
                for j in 0..4 {
                    let low = _mm512_shuffle_i32x4::<0x88>(c[j], c[4 + j]);
                    let high = _mm512_shuffle_i32x4::<0x88>(c[8 + j], c[12 + j]);
                    let odd_low = _mm512_shuffle_i32x4::<0xdd>(c[j], c[4 + j]);
                    let odd_high = _mm512_shuffle_i32x4::<0xdd>(c[8 + j], c[12 + j]);
                    let columns = [
                        _mm512_shuffle_i32x4::<0x88>(low, high),
                        _mm512_shuffle_i32x4::<0x88>(odd_low, odd_high),
                        _mm512_shuffle_i32x4::<0xdd>(low, high),
                        _mm512_shuffle_i32x4::<0xdd>(odd_low, odd_high),
                    ];
                    for (lane, column) in columns.into_iter().enumerate() {
                        _mm512_storeu_si512(to.add((group + 4 * lane + j) * width + row).cast(), column);
                    }
                }
            }
        }
    }
}
