//! Blocks of every format, and what candle makes of them, or where it doesn't know them what `low_bit.rs` does.

use std::borrow::Cow;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};

use super::codes::Coded;
use super::types::WeightType;

/// candle's name for a type that it knows.
fn candle(dtype: WeightType) -> Option<GgmlDType> {
    Some(match dtype {
        WeightType::F32 => GgmlDType::F32,
        WeightType::F16 => GgmlDType::F16,
        WeightType::BF16 => GgmlDType::BF16,
        WeightType::Q4_0 => GgmlDType::Q4_0,
        WeightType::Q4_1 => GgmlDType::Q4_1,
        WeightType::Q5_0 => GgmlDType::Q5_0,
        WeightType::Q5_1 => GgmlDType::Q5_1,
        WeightType::Q8_0 => GgmlDType::Q8_0,
        WeightType::Q2K => GgmlDType::Q2K,
        WeightType::Q3K => GgmlDType::Q3K,
        WeightType::Q4K => GgmlDType::Q4K,
        WeightType::Q5K => GgmlDType::Q5K,
        WeightType::Q6K => GgmlDType::Q6K,
        _ => return None,
    })
}

/// `len` values between -1 and 1.
pub fn values(len: usize, mut seed: u64) -> Vec<f32> {
    (0..len).map(|_| (random(&mut seed) >> 40) as f32 / (1u64 << 23) as f32 - 1.0).collect()
}

/// Blocks that candle has quantised, or blocks of any codes with usual scales.
pub fn quantized(dtype: WeightType, len: usize) -> Vec<u8> {
    if len == 0 {
        return Vec::new();
    }
    if let Some(candle) = candle(dtype) {
        let tensor = candle_core::Tensor::new(values(len, 7), &Device::Cpu).unwrap();
        return QTensor::quantize(&tensor, candle).unwrap().data().unwrap().into_owned();
    }
    let mut blocks = random_bytes(dtype, len);
    for (i, block) in blocks.chunks_exact_mut(dtype.block_bytes()).enumerate() {
        let scale = half::f16::from_f32((i % 5) as f32 / 50.0 - 0.03).to_le_bytes();
        match dtype {
            WeightType::Mxfp4 => block[0] = 120 + (i % 9) as u8,
            WeightType::Tq1 => block[52..].copy_from_slice(&scale),
            WeightType::Tq2 => block[64..].copy_from_slice(&scale),
            WeightType::Iq1M => (0..4).for_each(|i| {
                let nibble = (u16::from_le_bytes(scale) >> (4 * i) & 15) as u8;
                block[49 + 2 * i] = block[49 + 2 * i] & 15 | nibble << 4;
            }),
            _ => block[..2].copy_from_slice(&scale),
        }
    }
    blocks
}

/// Blocks of any bytes: scales can be negative, subnormal or not a number (NaN).
pub fn random_bytes(dtype: WeightType, len: usize) -> Vec<u8> {
    let mut seed = 11;
    (0..len / dtype.block_size() * dtype.block_bytes()).map(|_| (random(&mut seed) >> 56) as u8).collect()
}

pub fn dequantized(dtype: WeightType, blocks: &[u8]) -> Vec<f32> {
    let len = blocks.len() / dtype.block_bytes() * dtype.block_size();
    if len == 0 {
        return Vec::new();
    }
    if let Some(candle) = candle(dtype) {
        // candle reads them through a typed slice: of a copy, which is aligned.
        let storage = QStorage::from_data(Cow::Owned(blocks.to_vec()), &Device::Cpu, candle).unwrap();
        return QTensor::new(storage, len).unwrap().dequantize(&Device::Cpu).unwrap().to_vec1().unwrap();
    }
    let coded = Coded::of(dtype).unwrap();
    let (mut codes, mut scales) = (vec![0; len], Vec::new());
    coded.decode_row(blocks, &mut codes, |_, scale, _| scales.push(scale));
    let signed = |code: u8| f32::from((code ^ 0x80).cast_signed());
    codes.iter().enumerate().map(|(i, code)| signed(*code) * scales[i / coded.group()]).collect()
}

/// A copy of the bytes at an address that is `offset` past an aligned one, or past another.
pub fn moved(blocks: &[u8], offset: usize) -> Vec<u8> {
    [vec![0xFF; offset], blocks.to_vec()].concat()
}

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed
}
