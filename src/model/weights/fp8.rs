//! 8-bit floats of safetensors files, which are stored with scales beside them: for a tensor, for each row, or for blocks
//! of rows and columns. They become bf16 as they are read.

use half::{bf16, f16};
use safetensors::Dtype;

/// What a tensor's scales are called, in the place of `weight`; all of them are multiplied with.
pub const SCALES: [&str; 2] = ["weight_scale_inv", "weight_scale"];
/// Scales of activations, which only those need who compute in 8 bits.
const OF_ACTIVATIONS: [&str; 4] = ["input_scale", "output_scale", "k_scale", "v_scale"];

/// A matrix of 8-bit floats as it is stored.
pub struct Fp8<'a> {
    pub dtype: Dtype,
    pub bytes: &'a [u8],
    pub rows: usize,
    pub cols: usize,
}

pub fn is_fp8(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F8_E4M3 | Dtype::F8_E5M2)
}

/// The weight that a tensor holds the scales of, if it does; scales of activations belong to one, too.
pub fn scaled_weight(name: &str) -> Option<String> {
    let is_scale = |last: &str| SCALES.contains(&last) || OF_ACTIVATIONS.contains(&last);
    name.rsplit_once('.').filter(|(_, last)| is_scale(last)).map(|(layer, _)| format!("{layer}.weight"))
}

impl Fp8<'_> {
    /// The values, each times its scale, as bf16 in bytes; `block` is what blocks are of, in rows and columns.
    ///
    /// # Errors
    /// Where the scales' shape is none of those that are known.
    pub fn to_bf16(&self, scales: &[f32], shape: &[usize], block: [usize; 2]) -> Result<Vec<u8>, String> {
        let across = self.cols.div_ceil(block[1]);
        let (rows_per_scale, cols_per_scale, per_row) = match shape {
            _ if scales.len() == 1 => (self.rows.max(1), self.cols.max(1), 1),
            [rows] | [rows, 1] if *rows == self.rows => (1, self.cols.max(1), 1),
            [down, cols] if *down == self.rows.div_ceil(block[0]) && *cols == across => (block[0], block[1], across),
            _ => {
                return Err(format!(
                    "has scales of the shape {shape:?}, which fit neither rows nor blocks of {block:?}"
                ));
            }
        };
        let table = table(self.dtype);
        let mut values = Vec::with_capacity(2 * self.bytes.len());
        for (row, bytes) in self.bytes.chunks_exact(self.cols.max(1)).enumerate() {
            let scales = &scales[row / rows_per_scale * per_row..][..per_row];
            for (bytes, scale) in bytes.chunks(cols_per_scale).zip(scales) {
                let value = |byte: &u8| bf16::from_f32(table[usize::from(*byte)] * scale).to_le_bytes();
                values.extend(bytes.iter().flat_map(value));
            }
        }
        Ok(values)
    }
}

/// The value of each byte. E5M2 is the upper half of f16; E4M3 has no infinity, and one NaN of each sign.
fn table(dtype: Dtype) -> [f32; 256] {
    std::array::from_fn(|byte| {
        let byte = byte as u8;
        if dtype == Dtype::F8_E5M2 {
            return f16::from_bits(u16::from(byte) << 8).to_f32();
        }
        let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
        let magnitude = match (exponent, byte & 7) {
            (15, 7) => f32::NAN,
            (0, _) => mantissa / 512.0,
            _ => (8.0 + mantissa) * 2f32.powi(exponent - 10),
        };
        if byte >> 7 == 1 { -magnitude } else { magnitude }
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;

    #[test]
    fn bytes_mean_what_candle_takes_them_for() {
        let bytes: Vec<u8> = (0..=255).collect();
        let tensor = Tensor::from_raw_buffer(&bytes, DType::F8E4M3, &[256], &Device::Cpu).unwrap();
        let expected: Vec<f32> = tensor.to_dtype(DType::F32).unwrap().to_vec1().unwrap();
        for (byte, (found, expected)) in table(Dtype::F8_E4M3).iter().zip(&expected).enumerate() {
            assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{byte}: {found}");
        }
        let [one, largest, smallest] = [0x3C, 0x7B, 0x81].map(|byte| table(Dtype::F8_E5M2)[byte]);
        assert_eq!((one, largest, smallest), (1.0, 57344.0, -(2f32.powi(-16))));
        assert!(table(Dtype::F8_E5M2)[0x7C].is_infinite() && table(Dtype::F8_E5M2)[0x7F].is_nan());
    }

    #[test]
    fn every_value_has_its_own_scale() {
        let (rows, cols) = (5, 7);
        let bytes = vec![0x38; rows * cols];
        let fp8 = Fp8 { dtype: Dtype::F8_E4M3, bytes: &bytes, rows, cols };
        let values = |scales: &[f32], shape: &[usize], block: [usize; 2]| {
            let bytes = fp8.to_bf16(scales, shape, block)?;
            Ok::<_, String>(
                bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(values(&[3.0], &[], [128, 128]).unwrap(), [3.0; 35]);
        let by_row: Vec<f32> = (0..35).map(|i| (i / 7) as f32).collect();
        for shape in [&[5][..], &[5, 1]] {
            assert_eq!(values(&[0.0, 1.0, 2.0, 3.0, 4.0], shape, [128, 128]).unwrap(), by_row);
        }
        let scales: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let by_block: Vec<f32> = (0..35).map(|i| (i / 7 / 2 * 3 + i % 7 / 3) as f32).collect();
        assert_eq!(values(&scales, &[3, 3], [2, 3]).unwrap(), by_block);
        assert!(values(&scales, &[3, 3], [2, 2]).unwrap_err().contains("[3, 3]"));
    }

    #[test]
    fn scales_know_their_weight() {
        for name in ["a.b.weight_scale", "a.b.weight_scale_inv", "a.b.input_scale", "a.b.k_scale"] {
            assert_eq!(scaled_weight(name).as_deref(), Some("a.b.weight"));
        }
        assert_eq!((scaled_weight("a.b.weight"), scaled_weight("weight_scale")), (None, None));
    }
}
