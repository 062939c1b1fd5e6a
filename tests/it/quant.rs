//! Every type of weights against what ggml itself makes of the same blocks.

use candle_core::Device;
use tunewright::model::weights::gguf::GgufFile;
use tunewright::ops::{FrozenWeight, WeightType};

use crate::fixtures::fixture;

fn same(dtype: WeightType, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{dtype}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(found.to_bits() == expected.to_bits(), "{dtype} {i}: {found:?}, not {expected:?}");
    }
}

/// What the gguf package's `dequantize` gives for any bytes (`scripts/make_quant_fixtures.py`).
#[test]
fn blocks_of_any_bytes_have_the_gguf_package_s_values() {
    let tensors = std::fs::read(fixture("quant/any_bytes.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&tensors).unwrap();
    for dtype in WeightType::ALL.iter().copied().filter(|dtype| dtype.block_size() > 1) {
        let blocks = tensors.tensor(&format!("{dtype}.blocks")).unwrap().data().to_vec();
        let values = tensors.tensor(&format!("{dtype}.values")).unwrap().data().to_vec();
        let expected: Vec<f32> = values.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let found = FrozenWeight::new(1, expected.len(), dtype, blocks).unwrap().to_f32().unwrap();
        same(dtype, &found, &expected);
    }
}

/// A file by ggml's quantisers, and what its `dequantize_row_*` gives.
#[test]
fn blocks_of_ggml_s_quantisers_have_ggml_s_values() {
    let expected =
        candle_core::safetensors::load(fixture("quant/blocks_dequantized.safetensors"), &Device::Cpu).unwrap();
    let mut file = GgufFile::open(&fixture("quant/blocks.gguf")).unwrap();
    let mut num_checked = 0;
    for dtype in WeightType::ALL.iter().copied() {
        let name = dtype.name().to_lowercase();
        let Some(expected) = expected.get(&name) else { continue };
        let matrix = file.matrix(&format!("x.{name}"), 6, 512).unwrap();
        assert_eq!(matrix.dtype(), dtype);
        same(dtype, &matrix.to_f32().unwrap(), &expected.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        num_checked += 1;
    }
    assert_eq!(num_checked, 15);
}
