//! Layers that guess further tokens ahead: left out where Transformers does that, and said.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use tunewright::model::{Decoder, Generation, KvCache, inspect, weights};
use tunewright::task::Unwatched;

use crate::fixtures::fixture;

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
    let mut file = File::open(&from).unwrap();
    let content = Content::read(&mut file).unwrap();
    let mut tensors: BTreeMap<String, QTensor> = content
        .tensor_infos
        .keys()
        .map(|name| (name.clone(), content.tensor(&mut file, name, &Device::Cpu).unwrap()))
        .collect();
    let zeros = Tensor::zeros((4, 32), DType::F32, &Device::Cpu).unwrap();
    let extra = QTensor::quantize(&zeros, GgmlDType::F32).unwrap();
    tensors.insert("blk.3.nextn.eh_proj.weight".to_owned(), extra);
    let mut metadata: BTreeMap<String, Value> = content.metadata.into_iter().collect();
    metadata.insert("qwen35.block_count".to_owned(), Value::U32(4));
    let mut rewritten = |num_guessing: u32| {
        metadata.insert("qwen35.nextn_predict_layers".to_owned(), Value::U32(num_guessing));
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        write(&mut File::create(&to).unwrap(), &metadata, &tensors).unwrap();
    };
    rewritten(1);
    assert_eq!(logits(&to), logits(&from));
    let facts = inspect(&to).unwrap();
    assert!(facts.num_layers == 3 && facts.notes.iter().any(|note| note.contains("(MTP) are left out")));
    rewritten(4);
    let error = inspect(&to).unwrap_err().to_string();
    assert!(error.contains("qwen35.nextn_predict_layers"), "{error}");
}
