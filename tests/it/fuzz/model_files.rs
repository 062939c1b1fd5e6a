//! Kinds of model files beyond the small model's own: every family's settings, shards, weights of every type.

use std::path::Path;

use serde_json::{Map, Value, json};
use tunewright::model::{Decoder, Generation, KvCache, inspect};
use tunewright::ops::WeightType;
use tunewright::task::Unwatched;

use super::kinds::{Read, conversations, model, write};
use crate::fixtures::fixture;
use crate::gguf_builder::TinyLlama;

pub const CONFIG_WORDS: &[&str] = &[
    "llama3",
    "yarn",
    "linear",
    "longrope",
    "dynamic",
    "sliding_attention",
    "full_attention",
    "conv",
    "rope_parameters",
    "rope_scaling",
    "layer_types",
    "sliding_window",
    "no_rope_layers",
    "attention_multiplier",
    "quantization_config",
    "fp8",
    "gptq",
    "text_config",
    "silu",
    "gelu_pytorch_tanh",
    "low_freq_factor",
    "original_max_position_embeddings",
    "tie_word_embeddings",
    "hidden_size",
    "head_dim",
];

/// The fixtures that are models: name and settings.
fn families() -> Vec<(String, Value)> {
    let folders = std::fs::read_dir(fixture("")).unwrap().map(|entry| entry.unwrap().path());
    let mut families: Vec<_> = folders
        .filter(|folder| folder.join("model.safetensors").is_file())
        .filter_map(|folder| {
            let config = std::fs::read(folder.join("config.json")).ok()?;
            Some((folder.file_name()?.to_str()?.to_owned(), serde_json::from_slice(&config).ok()?))
        })
        .collect();
    families.sort_by(|a, b| a.0.cmp(&b.0));
    families
}

/// The settings of all families in one file, and a folder with weights for each.
pub fn configs(folder: &Path) {
    let mut all = Map::new();
    for (name, config) in families() {
        write(
            folder,
            &format!("{name}/model.safetensors"),
            &std::fs::read(fixture(&name).join("model.safetensors")).unwrap(),
        );
        all.insert(name, config);
    }
    assert!(all.len() >= 16, "{:?}", all.keys());
    write(folder, "configs.json", Value::Object(all).to_string().as_bytes());
}

/// Reads the models whose settings were changed, or the first where none was.
pub fn read_configs(folder: &Path) -> Read {
    let found: Map<String, Value> = serde_json::from_slice(&std::fs::read(folder.join("configs.json"))?)?;
    let families = families();
    let is_changed = |(name, config): &&(String, Value)| found.get(name).is_some_and(|found| found != config);
    let changed: Vec<_> = families.iter().filter(is_changed).collect();
    let chosen = if changed.is_empty() { families.iter().take(1).collect() } else { changed };
    let mut result = Ok(());
    for (name, _) in chosen {
        write(folder, &format!("{name}/config.json"), found[name].to_string().as_bytes());
        result = result.and(compute(&folder.join(name)));
    }
    result
}

/// The small model in two shards with an index.
pub fn shards(folder: &Path) {
    model(folder);
    let at = folder.join("model");
    let whole = at.join("model.safetensors");
    let weights = candle_core::safetensors::load(&whole, &candle_core::Device::Cpu).unwrap();
    let mut map = Map::new();
    for (number, file) in
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"].into_iter().enumerate()
    {
        let is_here = |name: &str| name.contains("layers.0") == (number == 0);
        let part: std::collections::HashMap<_, _> = weights
            .iter()
            .filter(|(name, _)| is_here(name))
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        map.extend(part.keys().map(|name| (name.clone(), Value::from(file))));
        candle_core::safetensors::save(&part, at.join(file)).unwrap();
    }
    std::fs::remove_file(whole).unwrap();
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    write(folder, "model/model.safetensors.index.json", index.to_string().as_bytes());
}

/// A GGUF file with a tensor of each type.
pub fn low_bit(folder: &Path) {
    let mut gguf = TinyLlama { dtype: WeightType::Iq2Xxs, seed: 1 }.gguf();
    let types = WeightType::ALL.iter().cycle();
    for (tensor, dtype) in gguf.tensors.iter_mut().filter(|tensor| tensor.dims.len() == 2).zip(types) {
        let len = tensor.dims.iter().product::<u64>() as usize;
        tensor.number = dtype.number();
        tensor.bytes = crate::gguf_builder::blocks(*dtype, len, 7);
    }
    gguf.write(&folder.join("low_bit.gguf"));
    conversations(folder, "data.jsonl");
}

pub fn read_low_bit(folder: &Path) -> Read {
    compute(&folder.join("low_bit.gguf"))
}

/// A model without a tokenizer is looked at, loaded, and gives logits.
fn compute(path: &Path) -> Read {
    inspect(path)?;
    let decoder = Decoder::load(path, &Unwatched)?;
    let mut cache = KvCache::new(decoder.spec());
    let mut generation = Generation::new(&decoder, None)?;
    for new in [&[1, 0, 1, 1][..], &[0]] {
        generation.advance(&[new], &mut [&mut cache])?;
        generation.logits()?;
    }
    Ok(())
}
