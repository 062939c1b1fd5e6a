//! Layers that guess further tokens ahead: left out where Transformers does that, and said.

use std::path::Path;

use candle_core::quantized::gguf_file::Value;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use tunewright::model::{Decoder, Generation, KvCache, inspect, weights};
use tunewright::task::Unwatched;

use crate::fixtures::{GgufContent, fixture};

fn logits(model: &Path) -> Vec<f32> {
    let decoder = Decoder::load(model, &Unwatched).unwrap();
    let mut generation = Generation::new(&decoder, None).unwrap();
    generation.advance(&[&[3, 17, 90, 8, 99, 4, 4, 120]], &mut [&mut KvCache::new(decoder.spec())]).unwrap();
    generation.logits().unwrap().to_vec()
}

/// A family's fixture with a tensor of such a layer.
fn guessing(family: &str, folder: &Path) {
    std::fs::copy(fixture(family).join("config.json"), folder.join("config.json")).unwrap();
    let mut tensors = candle_core::safetensors::load(fixture(family).join("model.safetensors"), &Device::Cpu).unwrap();
    tensors.insert("mtp.fc.weight".to_owned(), Tensor::zeros((4, 4), DType::F32, &Device::Cpu).unwrap());
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

#[test]
fn a_folder_gives_what_it_gives_without_them() {
    let folder = tempfile::tempdir().unwrap();
    guessing("qwen3_5", folder.path());
    assert_eq!(logits(folder.path()), logits(&fixture("qwen3_5")));
    let says = |path: &Path| inspect(path).unwrap().notes.iter().any(|note| note.contains("(MTP) are left out"));
    assert!(says(folder.path()) && !says(&fixture("qwen3_5")));
    guessing("qwen3", folder.path());
    let problem = weights::open(folder.path()).unwrap().problem().unwrap_or_default();
    assert!(problem.contains("mtp.fc.weight"), "Transformers doesn't leave them out everywhere: {problem}");
}

#[test]
fn a_gguf_file_counts_them_among_its_layers() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (fixture("gguf/qwen3_5.gguf"), folder.path().join("model.gguf"));
    let mut content = GgufContent::read(&from);
    let zeros = Tensor::zeros((4, 32), DType::F32, &Device::Cpu).unwrap();
    let extra = QTensor::quantize(&zeros, GgmlDType::F32).unwrap();
    content.tensors.insert("blk.3.nextn.eh_proj.weight".to_owned(), extra);
    content.metadata.insert("qwen35.block_count".to_owned(), Value::U32(4));
    let mut rewritten = |num_guessing: u32| {
        content.metadata.insert("qwen35.nextn_predict_layers".to_owned(), Value::U32(num_guessing));
        content.write(&to);
    };
    rewritten(1);
    assert_eq!(logits(&to), logits(&from));
    let facts = inspect(&to).unwrap();
    assert!(facts.num_layers == 3 && facts.notes.iter().any(|note| note.contains("(MTP) are left out")));
    rewritten(4);
    let error = inspect(&to).unwrap_err().to_string();
    assert!(error.contains("qwen35.nextn_predict_layers"), "{error}");
}
