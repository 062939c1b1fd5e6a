//! A weight that training does not change, held in the type it came in.

use std::ops::Range;

use candle_core::quantized::GgmlDType;
use candle_core::{Result, bail};
use rayon::prelude::*;

use super::product::{Element, Isa};

/// A frozen matrix `[rows, cols]`, row-major; a row is a whole number of blocks.
///
/// Products unpack it panel by panel, so that a 4-bit matrix needs its own size and no more.
pub struct FrozenWeight {
    rows: usize,
    cols: usize,
    dtype: GgmlDType,
    blocks: Vec<u8>,
}

impl FrozenWeight {
    /// A matrix of the bytes as a GGUF or safetensors file has them.
    ///
    /// # Errors
    /// Where a row isn't a whole number of blocks, or the bytes don't fit the shape.
    pub fn new(rows: usize, cols: usize, dtype: GgmlDType, blocks: Vec<u8>) -> Result<Self> {
        if !cols.is_multiple_of(dtype.block_size()) {
            bail!("a row of {cols} values isn't a whole number of {dtype:?} blocks of {}", dtype.block_size());
        }
        let expected = rows * row_bytes(dtype, cols);
        if blocks.len() != expected {
            bail!("{rows} × {cols} values of type {dtype:?} take {expected} bytes, not {}", blocks.len());
        }
        Ok(Self { rows, cols, dtype, blocks })
    }

    /// A matrix of plain values, row-major.
    ///
    /// # Errors
    /// Where the values don't fit the shape.
    pub fn from_f32(rows: usize, cols: usize, values: &[f32]) -> Result<Self> {
        Self::new(rows, cols, GgmlDType::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn cols(&self) -> usize {
        self.cols
    }

    pub fn dtype(&self) -> GgmlDType {
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
    /// Where the type can't be unpacked.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let mut values = vec![0.0; self.rows * self.cols];
        self.unpack_rows_parallel(Isa::current(), 0..self.rows, self.cols, &mut values)?;
        Ok(values)
    }

    /// The values of one row, for embeddings.
    ///
    /// # Errors
    /// Where there is no such row, or the type can't be unpacked.
    pub fn row_into(&self, row: usize, out: &mut [f32]) -> Result<()> {
        if row >= self.rows {
            bail!("row {row} of a matrix of {} rows", self.rows);
        }
        self.unpack_rows(Isa::current(), row..row + 1, self.cols, out)
    }

    /// Whether all values are finite. Unpacks the whole matrix once, a few rows at a time on all threads.
    ///
    /// # Errors
    /// Where the type can't be unpacked.
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
        let row_bytes = row_bytes(self.dtype, self.cols);
        &self.blocks[rows.start * row_bytes..rows.end * row_bytes]
    }

    /// Unpacks rows in the type of a product, `stride` values apart; what is beyond a row's values becomes zero.
    ///
    /// # Errors
    /// Where the type can't be unpacked.
    pub fn unpack_rows<E: Element>(&self, isa: Isa, rows: Range<usize>, stride: usize, out: &mut [E]) -> Result<()> {
        let (row_bytes, blocks) = (row_bytes(self.dtype, self.cols), self.blocks_of(rows.clone()));
        if stride == self.cols {
            return E::unpack(isa, self.dtype, blocks, &mut out[..rows.len() * stride]);
        }
        for (blocks, out) in blocks.chunks_exact(row_bytes).zip(out.chunks_exact_mut(stride)) {
            let (values, padding) = out.split_at_mut(self.cols);
            E::unpack(isa, self.dtype, blocks, values)?;
            padding.fill(E::default());
        }
        Ok(())
    }

    /// [`Self::unpack_rows`] on all threads.
    ///
    /// # Errors
    /// Where the type can't be unpacked.
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

fn row_bytes(dtype: GgmlDType, cols: usize) -> usize {
    cols / dtype.block_size() * dtype.type_size()
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::ops::blocks::unpack_blocks;

    #[test]
    fn unpacks_what_candle_packed_by_rows_and_as_a_whole() {
        for dtype in [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16, GgmlDType::Q4_1, GgmlDType::Q8_0, GgmlDType::Q6K]
        {
            let (rows, cols) = (5000, 256);
            let values: Vec<f32> = (0..rows * cols).map(|i| ((i * 7919 % 1013) as f32 - 500.0) / 300.0).collect();
            let tensor = Tensor::from_vec(values, (rows, cols), &Device::Cpu).unwrap();
            let packed = QTensor::quantize(&tensor, dtype).unwrap();
            let expected: Vec<f32> = packed.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            let weight = FrozenWeight::new(rows, cols, dtype, packed.data().unwrap().into_owned()).unwrap();
            assert!(weight.to_f32().unwrap() == expected, "{dtype:?} as a whole");
            let mut padded = vec![3.0f32; 2 * (cols + 5)];
            weight.unpack_rows(Isa::current(), 7..9, cols + 5, &mut padded).unwrap();
            assert!(padded[..cols] == expected[7 * cols..8 * cols], "{dtype:?} with padding");
            assert!(padded[cols..cols + 5] == [0.0; 5]);
            let mut row = vec![0.0; cols];
            weight.row_into(4321, &mut row).unwrap();
            assert!(row == expected[4321 * cols..4322 * cols], "{dtype:?} by row");
        }
    }

    #[test]
    fn odd_addresses_and_wrong_sizes_are_handled() {
        let packed = [1u8; 20 * 4 + 1];
        let mut at_odd_address = vec![0.0; 128];
        unpack_blocks(GgmlDType::Q4_1, &packed[1..], &mut at_odd_address).unwrap();
        let mut aligned = vec![0.0; 128];
        unpack_blocks(GgmlDType::Q4_1, &packed[..80], &mut aligned).unwrap();
        assert_eq!(at_odd_address, aligned);
        assert!(FrozenWeight::new(2, 32, GgmlDType::Q4_1, vec![0; 39]).is_err());
        assert!(FrozenWeight::new(2, 33, GgmlDType::Q4_1, vec![0; 40]).is_err());
        let weight = FrozenWeight::from_f32(2, 2, &[1.0; 4]).unwrap();
        assert!(weight.row_into(2, &mut [0.0; 2]).is_err());
        assert!(weight.is_finite().unwrap());
        for bad in [f32::NAN, f32::NEG_INFINITY] {
            assert!(!FrozenWeight::from_f32(2, 2, &[1.0, 1.0, 1.0, bad]).unwrap().is_finite().unwrap());
        }
    }
}
