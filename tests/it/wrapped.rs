//! The text model inside a model that sees pictures, too: as Transformers has it, and as older versions wrote it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use tunewright::model::{Decoder, Generation, KvCache, peft, weights};
use tunewright::task::Unwatched;

use crate::fixtures::fixture;

/// How tensors of the text model are called: before `layers`, and before `lm_head`.
const NAMES: [[&str; 2]; 2] = [["model.language_model.", ""], ["language_model.model.", "language_model."]];

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A folder with the text model under these names and a part that sees.
fn wrap(family: &str, [start, head]: [&str; 2], folder: &Path, change: impl Fn(&mut Value)) {
    let original = candle_core::safetensors::load(fixture(family).join("model.safetensors"), &Device::Cpu).unwrap();
    let mut tensors: HashMap<String, Tensor> = original
        .into_iter()
        .map(|(name, tensor)| match name.strip_prefix("model.") {
            Some(rest) => (format!("{start}{rest}"), tensor),
            None => (format!("{head}{name}"), tensor),
        })
        .collect();
    for name in ["vision_tower.encoder.layers.0.self_attn.q_proj.weight", "multi_modal_projector.linear.bias"] {
        tensors.insert(name.to_owned(), Tensor::zeros((4, 4), DType::F32, &Device::Cpu).unwrap());
    }
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
    let mut config = read_json(&fixture(family).join("config_wrapped.json"));
    change(&mut config);
    tunewright::fs::write_atomic(&folder.join("config.json"), config.to_string().as_bytes()).unwrap();
}

fn problem(model: &Path) -> Option<String> {
    weights::open(model).unwrap().problem()
}

/// The last logits of a text, with an adapter if there is one.
fn logits(model: &Path, adapter: Option<&Path>) -> Vec<f32> {
    let decoder = Decoder::load(model, &Unwatched).unwrap();
    let adapter = adapter.map(|folder| peft::load(folder, decoder.spec()).unwrap());
    let mut generation = Generation::new(&decoder, adapter.as_ref()).unwrap();
    generation.advance(&[&[3, 17, 90, 8, 99, 4, 4, 120]], &mut [&mut KvCache::new(decoder.spec())]).unwrap();
    generation.logits().unwrap().to_vec()
}

/// The fixture's adapter under names that begin otherwise.
fn adapter_called(family: &str, start: &str, folder: PathBuf) -> PathBuf {
    std::fs::create_dir(&folder).unwrap();
    let from = fixture(family).join("adapter");
    std::fs::copy(from.join(peft::CONFIG_FILE), folder.join(peft::CONFIG_FILE)).unwrap();
    let tensors = peft::load_tensors(&from.join(peft::WEIGHTS_FILE)).unwrap();
    let renamed = tensors
        .into_iter()
        .map(|(name, tensor)| (name.replace("base_model.model.model.", &format!("base_model.model.{start}")), tensor));
    peft::save_tensors(renamed, &folder.join(peft::WEIGHTS_FILE)).unwrap();
    folder
}

#[test]
fn a_text_model_inside_gives_what_it_gives_alone() {
    for family in ["gemma3", "ministral3", "qwen3_5", "gemma4"] {
        let expected = logits(&fixture(family), None);
        let tuned = logits(&fixture(family), Some(&fixture(family).join("adapter")));
        for names in NAMES {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            std::fs::create_dir(path("model")).unwrap();
            wrap(family, names, &path("model"), |_| ());
            assert_eq!(problem(&path("model")), None, "{family}");
            assert_eq!(logits(&path("model"), None), expected, "{family}, {names:?}");
            for (name, start) in [("a", "model."), ("b", "model.language_model."), ("c", "language_model.model.")] {
                let adapter = adapter_called(family, start, path(name));
                assert_eq!(logits(&path("model"), Some(&adapter)), tuned, "{family}, {start}");
                // Alone, too.
                assert_eq!(logits(&fixture(family), Some(&adapter)), tuned, "{family}, {start}");
            }
            // What is written has the names that PEFT gives the modules of such a model.
            let decoder = Decoder::load(&path("model"), &Unwatched).unwrap();
            let adapter = peft::load(&path("a"), decoder.spec()).unwrap();
            std::fs::create_dir(path("written")).unwrap();
            peft::save(&adapter, "base", &path("written")).unwrap();
            let written = peft::load_tensors(&path("written").join(peft::WEIGHTS_FILE)).unwrap();
            let begins = |name: &String| name.starts_with("base_model.model.model.language_model.");
            assert!(written.keys().all(begins), "{:?}", written.keys().next());
            assert_eq!(logits(&path("model"), Some(&path("written"))), tuned);
        }
    }
}

#[test]
fn what_lies_around_it_decides() {
    let folder = tempfile::tempdir().unwrap();
    wrap("gemma3", NAMES[0], folder.path(), |config| config["model_type"] = "another".into());
    let found = problem(folder.path()).unwrap_or_default();
    assert!(found.contains("Gemma 3 inside a model of the kind another"), "{found}");
    // The outer setting counts, and the head isn't there.
    wrap("gemma3", NAMES[0], folder.path(), |config| config["tie_word_embeddings"] = false.into());
    let found = problem(folder.path()).unwrap_or_default();
    assert!(found.contains("lm_head.weight is missing"), "{found}");
}
