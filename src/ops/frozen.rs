//! A weight that training does not change, held in the type it came in.

use std::ops::Range;

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::product::{Element, Isa};
use super::quant::WeightType;

/// A frozen matrix `[rows, cols]`, row-major; a row is a whole number of blocks.
///
/// Products unpack it panel by panel, so that a 4-bit matrix needs its own size and no more.
pub struct FrozenWeight {
    rows: usize,
    cols: usize,
    row_bytes: usize,
    dtype: WeightType,
    blocks: Vec<u8>,
}

impl FrozenWeight {
    /// A matrix of the bytes as a GGUF or safetensors file has them.
    ///
    /// # Errors
    /// Where a row isn't a whole number of blocks, or the bytes don't fit the shape.
    pub fn new(rows: usize, cols: usize, dtype: WeightType, blocks: Vec<u8>) -> Result<Self> {
        let Some(row_bytes) = dtype.row_bytes(cols) else {
            bail!("a row of {cols} values isn't a whole number of {dtype} blocks of {}", dtype.block_size());
        };
        if rows.checked_mul(row_bytes) != Some(blocks.len()) {
            bail!("{rows} × {cols} values of type {dtype} take {rows} × {row_bytes} bytes, not {}", blocks.len());
        }
        Ok(Self { rows, cols, row_bytes, dtype, blocks })
    }

    /// A matrix of plain values, row-major.
    ///
    /// # Errors
    /// Where the values don't fit the shape.
    pub fn from_f32(rows: usize, cols: usize, values: &[f32]) -> Result<Self> {
        Self::new(rows, cols, WeightType::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn cols(&self) -> usize {
        self.cols
    }

    pub fn dtype(&self) -> WeightType {
        self.dtype
    }

    /// The size as stored.
    pub fn num_bytes(&self) -> usize {
        self.blocks.len()
    }

    /// The bytes as they came; a test compares them before and after a step.
    pub fn bytes(&self) -> &[u8] {
        &self.blocks
    }

    /// All values unpacked, row-major `[rows, cols]`.
    ///
    /// # Errors
    /// Those of [`Self::unpack_rows`], for which a whole matrix gives no reason.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.rows * self.cols];
        self.unpack_rows_parallel(Isa::current(), 0..self.rows, self.cols, &mut values)?;
        Ok(values)
    }

    /// The values of one row, for embeddings.
    ///
    /// # Errors
    /// Where there is no such row.
    pub fn row_into(&self, row: usize, out: &mut [f32]) -> Result<()> {
        self.unpack_rows(Isa::current(), row..row + 1, self.cols, out)
    }

    /// Whether all values are finite. Unpacks the whole matrix once, a few rows at a time on all threads.
    ///
    /// # Errors
    /// Those of [`Self::unpack_rows`], for which a whole matrix gives no reason.
    pub fn is_finite(&self) -> Result<bool> {
        let rows_per_task = (16_384 / self.cols.max(1)).max(1);
        let is_finite = |values: &mut Vec<f32>, task: usize| {
            let rows = task * rows_per_task..((task + 1) * rows_per_task).min(self.rows);
            values.resize(rows.len() * self.cols, 0.0);
            self.unpack_rows(Isa::current(), rows, self.cols, values)?;
            Ok(values.iter().all(|value| value.is_finite()))
        };
        let tasks = (0..self.rows.div_ceil(rows_per_task)).into_par_iter();
        tasks.map_init(Vec::new, is_finite).try_reduce(|| true, |a, b| Ok(a && b))
    }

    /// Some rows as stored.
    pub(super) fn blocks_of(&self, rows: Range<usize>) -> &[u8] {
        &self.blocks[rows.start * self.row_bytes..rows.end * self.row_bytes]
    }

    /// Unpacks rows in the type of a product, `stride` values apart; what is beyond a row's values becomes zero.
    ///
    /// # Errors
    /// Where there are no such rows.
    pub fn unpack_rows<E: Element>(&self, isa: Isa, rows: Range<usize>, stride: usize, out: &mut [E]) -> Result<()> {
        if rows.end > self.rows {
            bail!("row {} of a matrix of {} rows", rows.end - 1, self.rows);
        }
        let blocks = self.blocks_of(rows.clone());
        if stride == self.cols {
            E::unpack(isa, self.dtype, blocks, &mut out[..rows.len() * stride]);
            return Ok(());
        }
        for (blocks, out) in blocks.chunks_exact(self.row_bytes).zip(out.chunks_exact_mut(stride)) {
            let (values, padding) = out.split_at_mut(self.cols);
            E::unpack(isa, self.dtype, blocks, values);
            padding.fill(E::default());
        }
        Ok(())
    }

    /// [`Self::unpack_rows`] on all threads.
    ///
    /// # Errors
    /// Where there are no such rows.
    pub fn unpack_rows_parallel<E: Element>(
        &self,
        isa: Isa,
        rows: Range<usize>,
        stride: usize,
        out: &mut [E],
    ) -> Result<()> {
        let rows_per_task = (16_384 / self.cols.max(1)).max(1);
        out[..rows.len() * stride].par_chunks_mut(rows_per_task * stride).enumerate().try_for_each(|(i, out)| {
            let start = rows.start + i * rows_per_task;
            self.unpack_rows(isa, start..start + out.len() / stride, stride, out)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::quant::testing::{dequantized, quantized};
    use super::*;

    #[test]
    fn unpacks_by_rows_and_as_a_whole() {
        for dtype in WeightType::ALL.iter().copied() {
            let (rows, cols) = (5000, 256);
            let packed = quantized(dtype, rows * cols);
            let expected = dequantized(dtype, &packed);
            let weight = FrozenWeight::new(rows, cols, dtype, packed).unwrap();
            assert!(weight.to_f32().unwrap() == expected, "{dtype} as a whole");
            let mut padded = vec![3.0f32; 2 * (cols + 5)];
            weight.unpack_rows(Isa::current(), 7..9, cols + 5, &mut padded).unwrap();
            assert!(padded[..cols] == expected[7 * cols..8 * cols], "{dtype} with padding");
            assert!(padded[cols..cols + 5] == [0.0; 5]);
            let mut row = vec![0.0; cols];
            weight.row_into(4321, &mut row).unwrap();
            assert!(row == expected[4321 * cols..4322 * cols], "{dtype} by row");
        }
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(FrozenWeight::new(2, 32, WeightType::Q4_1, vec![0; 39]).is_err());
        assert!(FrozenWeight::new(2, 33, WeightType::Q4_1, vec![0; 40]).is_err());
        assert!(FrozenWeight::new(usize::MAX, 32, WeightType::Q4_1, vec![0; 40]).is_err());
        let weight = FrozenWeight::from_f32(2, 2, &[1.0; 4]).unwrap();
        assert!(weight.row_into(2, &mut [0.0; 2]).is_err());
        assert!(weight.unpack_rows(Isa::current(), 1..3, 2, &mut [0.0f32; 4]).is_err());
        assert!(weight.is_finite().unwrap());
        for bad in [f32::NAN, f32::NEG_INFINITY] {
            assert!(!FrozenWeight::from_f32(2, 2, &[1.0, 1.0, 1.0, bad]).unwrap().is_finite().unwrap());
        }
    }
}
