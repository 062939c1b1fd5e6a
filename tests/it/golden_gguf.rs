//! Files that llama.cpp's own converter wrote from the fixtures of `golden.rs`: what they give must be what Transformers
//! computes, or where the file can't say all of the original what Transformers computes on what the file says
//! (`gguf/expected.safetensors`).

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use tunewright::model::{CandlePass, Decoder, Generation, KvCache, peft};
use tunewright::ops::Segments;
use tunewright::task::Unwatched;

use crate::fixtures::fixture;

/// A file, and the fixture that it was made from.
const FILES: &[(&str, &str)] = &[
    ("llama", "llama"),
    ("llama3_rope", "llama3_rope"),
    ("mistral_window", "mistral_window"),
    ("qwen2", "qwen2"),
    ("qwen2_window", "qwen2_window"),
    ("qwen3", "qwen3"),
    ("gemma2", "gemma2"),
    ("gemma3", "gemma3"),
    ("gemma3_exact", "gemma3"),
    ("smollm3", "smollm3"),
    ("olmo2", "olmo2"),
    ("granite", "granite"),
    ("olmo3", "olmo3"),
    ("ministral3", "ministral3"),
    ("exaone4", "exaone4"),
    ("exaone4_full", "exaone4_full"),
    ("hunyuan_v1_dense", "hunyuan_v1_dense"),
    ("phi3", "phi3"),
    ("phi4_mini", "phi4_mini"),
    ("granite4", "granite4"),
    ("granite4_nope", "granite4_nope"),
    ("granite4_nope_exact", "granite4_nope"),
    ("lfm2", "lfm2"),
    ("ernie4_5", "ernie4_5"),
];

fn load(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(fixture(name), &Device::Cpu).unwrap()
}

#[test]
fn files_of_llama_cpp_s_converter_give_the_logits_of_transformers() {
    let as_file = load("gguf/expected.safetensors");
    for (file, family) in FILES {
        let decoder = Decoder::load(&fixture(&format!("gguf/{file}.gguf")), &Unwatched).unwrap();
        let adapter = peft::load(&fixture(family).join("adapter"), decoder.spec()).unwrap();
        let expected = load(&format!("{family}/expected.safetensors"));
        let ids = expected["input_ids"].to_vec2::<i64>().unwrap();
        let masks = expected["attention_mask"].to_vec2::<i64>().unwrap();
        for (row, (ids, mask)) in ids.iter().zip(&masks).enumerate() {
            let len = mask.iter().filter(|value| **value == 1).count();
            let ids: Vec<u32> = ids[..len].iter().map(|id| *id as u32).collect();
            for (adapter, of_file, of_fixture) in
                [(None, "as_file", "logits_base"), (Some(&adapter), "lora.as_file", "logits_lora")]
            {
                let expected = match as_file.get(&format!("{file}.{of_file}.row{row}")) {
                    Some(logits) => logits.clone(),
                    None => expected[of_fixture].get(row).unwrap().narrow(0, 0, len).unwrap(),
                };
                let mut pass = CandlePass::new(&decoder, &Device::Cpu).unwrap();
                adapter.into_iter().for_each(|adapter| pass.set_adapter(adapter).unwrap());
                let hidden = pass.hidden(&decoder, &ids, &Segments::from_lengths([len]), None).unwrap();
                let off = largest(&(pass.logits(&decoder, &hidden).unwrap() - &expected).unwrap());
                assert!(off <= 1e-4, "{file}, row {row}, {of_file}: logits are off by {off}");

                let mut cache = KvCache::new(decoder.spec());
                let mut generation = Generation::new(&decoder, adapter).unwrap();
                generation.advance(&[&ids], &mut [&mut cache]).unwrap();
                let last = Tensor::new(&*generation.logits().unwrap(), &Device::Cpu).unwrap();
                let off = largest(&(last - expected.get(len - 1).unwrap()).unwrap());
                assert!(off <= 1e-4, "{file}, row {row}, {of_file}: the last logits of an answer are off by {off}");
            }
        }
    }
}

fn largest(tensor: &Tensor) -> f32 {
    tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}
