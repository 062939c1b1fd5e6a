//! Files that llama.cpp's own converter wrote from the fixtures of `golden.rs`: what they give must be what Transformers
//! computes, or where the file can't say all of the original what Transformers computes on what the file says
//! (`gguf/expected.safetensors`).

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use tunewright::model::{CandlePass, Decoder, Generation, GradientPass, KvCache, ProductType, Supervised, peft};
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
    ("qwen3_5", "qwen3_5"),
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
    ("granite4_h", "granite4_h"),
    ("lfm2", "lfm2"),
    ("ernie4_5", "ernie4_5"),
    ("gemma4", "gemma4"),
];

/// Quantised by llama.cpp, and the fixture that each was made from; the expected numbers are f32 products with what the file holds.
const QUANTISED: &[(&str, &str)] = &[
    ("llama.q8_0", "llama"),
    ("llama.q4_0", "llama"),
    ("llama.q4_k_m", "llama"),
    ("qwen3.q8_0", "qwen3"),
    ("qwen3.q4_0", "qwen3"),
    ("gemma3.q8_0", "gemma3"),
    ("gemma3.q4_0", "gemma3"),
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

#[test]
fn quantised_files_give_the_logits_of_what_they_hold_and_train() {
    let as_file = load("gguf/expected.safetensors");
    for (file, family) in QUANTISED {
        let decoder = Decoder::load(&fixture(&format!("gguf/{file}.gguf")), &Unwatched).unwrap();
        let adapter = peft::load(&fixture(family).join("adapter"), decoder.spec()).unwrap();
        let inputs = load(&format!("{family}/expected.safetensors"));
        let (ids, masks) = (&inputs["input_ids"], inputs["attention_mask"].to_vec2::<i64>().unwrap());
        for (row, mask) in masks.iter().enumerate() {
            let len = mask.iter().filter(|value| **value == 1).count();
            let ids = ids.get(row).unwrap().to_vec1::<i64>().unwrap();
            let ids: Vec<u32> = ids[..len].iter().map(|id| *id as u32).collect();
            let (expected, segments) = (&as_file[&format!("{file}.as_file.row{row}")], Segments::from_lengths([len]));
            let pass = CandlePass::new(&decoder, &Device::Cpu).unwrap();
            let logits = pass.logits(&decoder, &pass.hidden(&decoder, &ids, &segments, None).unwrap()).unwrap();
            let off = largest(&(logits - expected).unwrap());
            assert!(off <= 1e-4, "{file}, row {row}: logits are off by {off}");

            let (rows, targets): (Vec<u32>, Vec<u32>) = (4..len - 1).map(|at| (at as u32, ids[at + 1])).unzip();
            let batch = Supervised { ids: &ids, segments: &segments, rows: &rows, targets: &targets, dropout: None };
            let gradients = |mut pass: GradientPass| {
                pass.set_adapter(&decoder, &adapter).unwrap();
                let vars = adapter.named_vars();
                let mut gradients: Vec<_> = vars.iter().map(|(_, var)| vec![0.0f32; var.elem_count()]).collect();
                let loss = pass.add_gradients(&decoder, batch, 0.1, &mut gradients).unwrap();
                (loss, gradients)
            };
            let (loss, gradients_by_candle) = gradients(GradientPass::on_device(&decoder, &Device::Cpu).unwrap());
            let (found, by_hand) = gradients(GradientPass::new(ProductType::F32, 0));
            assert!((found - loss).abs() <= 1e-4 * loss, "{file}: {found} for {loss}");
            for (found, expected) in by_hand.iter().zip(&gradients_by_candle) {
                let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0f32, |a, b| a.max(b.abs()));
                let off = largest(&mut found.iter().zip(expected).map(|(a, b)| a - b));
                assert!(off <= 1e-4 * largest(&mut expected.iter().copied()), "{file}: gradients are off by {off}");
            }
        }
    }
}

fn largest(tensor: &Tensor) -> f32 {
    tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}
