//! Damaged and hostile models, tokenizers and adapters: a sentence that names the file and what is wrong in it, with exit 1;
//! no panic, and nothing else that suffers.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::fixtures::fixture;
use crate::program::{Desk, Ran};

/// The tiny model, copied to a folder of the desk.
fn model_on(desk: &Desk, name: &str) -> PathBuf {
    let folder = desk.path(name);
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture("cases/_model").join(file), folder.join(file)).unwrap();
    }
    folder
}

fn write(path: &Path, text: &str) {
    tunewright::fs::write_atomic(path, text.as_bytes()).unwrap();
}

/// The weights of a model's folder, one of them changed.
fn change_weight(folder: &Path, name: &str, change: impl FnOnce(&mut Vec<f32>)) {
    let path = folder.join("model.safetensors");
    let mut weights = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let weight = weights.get_mut(name).unwrap();
    let shape = weight.shape().clone();
    let mut values: Vec<f32> = weight.flatten_all().unwrap().to_vec1().unwrap();
    change(&mut values);
    *weight = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    candle_core::safetensors::save(&weights, path).unwrap();
}

fn change_config(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut config);
    write(&path, &config.to_string());
}

#[track_caller]
fn assert_told(ran: &Ran, words: &[&str]) {
    let told = ran.err();
    assert_eq!(ran.code(), Some(1), "{told}");
    assert!(!told.contains("panicked") && !told.contains("stack backtrace"), "{told}");
    for word in words {
        assert!(told.contains(word), "{word} is not in: {told}");
    }
}

fn evaluate(desk: &Desk, model: &Path) -> Ran {
    let data = fixture("cases/_tea.jsonl");
    desk.run(&["evaluate", "--model", model.to_str().unwrap(), "--data", data.to_str().unwrap()])
}

fn generate(desk: &Desk, model: &Path) -> Ran {
    desk.run(&["generate", "--model", model.to_str().unwrap(), "--prompt", "hi there", "--max-new-tokens", "3"])
}

#[test]
fn f02_a_tokenizer_that_would_panic_is_a_sentence() {
    for (file, words) in [
        ("tokenizer_fixed_length_0.json", "FixedLength"),
        ("tokenizer_precompiled.json", "Precompiled"),
        ("tokenizer_precompiled2.json", "Precompiled"),
        ("tokenizer_replace_empty.json", "empty pattern"),
        ("tokenizer_replace_regex_empty.json", "empty pattern"),
    ] {
        let desk = Desk::new();
        let folder = model_on(&desk, "model");
        std::fs::copy(fixture("attacks").join(file), folder.join("tokenizer.json")).unwrap();
        assert_told(&generate(&desk, &folder), &["tokenizer.json", words]);
    }
}

#[test]
fn f02_a_pattern_that_never_ends_is_a_sentence_about_the_text() {
    let desk = Desk::new();
    let folder = model_on(&desk, "model");
    std::fs::copy(fixture("attacks/tokenizer_regex_limit.json"), folder.join("tokenizer.json")).unwrap();
    let rows = desk.path("rows.jsonl");
    let text = format!("{}c b x {}!x", "a".repeat(40), "word ".repeat(30));
    write(&rows, &json!({"prompt": text, "completion": "b"}).to_string());
    let (report, examples) = desk.import(&rows);
    assert_eq!(examples.len(), 1, "{report}");
    let project = desk.path("project");
    let (rows, project) = (rows.to_str().unwrap(), project.to_str().unwrap());
    let ran = desk.run(&["data", "check", "--project", project, "--model", folder.to_str().unwrap()]);
    assert!(!ran.err().contains("panicked"), "{}", ran.err());
    assert!(ran.out().contains("tokenizer fails on the text"), "{}{}", ran.out(), ran.err());
    let ran = desk.run(&["evaluate", "--model", folder.to_str().unwrap(), "--data", rows]);
    assert_told(&ran, &["tokenizer fails on the text"]);
}

#[test]
fn f02_parts_that_do_not_go_together_are_no_panic() {
    let tokenizer = std::fs::read_to_string(fixture("cases/_model/tokenizer.json")).unwrap();
    let tokenizer: Value = serde_json::from_str(&tokenizer).unwrap();
    for (part, value) in [
        (
            "post_processor",
            json!({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1, 2, 3], "tokens": ["<s>"]}}}),
        ),
        ("decoder", json!({"type": "ByteLevl"})),
        ("decoder", json!({"type": "Sequence", "decoders": [{"type": "Strip", "content": "", "start": -1}]})),
        ("normalizer", json!({"type": "Sequence"})),
        ("pre_tokenizer", json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false})),
        ("model", json!({"type": "BPE", "vocab": {}, "merges": ["a b"]})),
        ("model", json!(null)),
        (
            "added_tokens",
            json!([{"id": 4_294_967_295u32, "content": "", "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false}]),
        ),
    ] {
        let desk = Desk::new();
        let folder = model_on(&desk, "model");
        let mut tokenizer = tokenizer.clone();
        tokenizer[part] = value.clone();
        write(&folder.join("tokenizer.json"), &tokenizer.to_string());
        let ran = generate(&desk, &folder);
        assert!(matches!(ran.code(), Some(0 | 1)), "{part} {value}: {:?} {}", ran.code(), ran.err());
        assert!(!ran.err().contains("panicked"), "{part} {value}: {}", ran.err());
    }
}

#[test]
fn f02_a_damaged_model_hides_no_other_in_the_list_and_no_template_is_rendered() {
    let desk = Desk::new();
    let models = "data/tunewright/models";
    for (name, file) in [("fixed", "tokenizer_fixed_length_0.json"), ("map", "tokenizer_precompiled.json")] {
        let folder = model_on(&desk, &format!("{models}/{name}"));
        std::fs::copy(fixture("attacks").join(file), folder.join("tokenizer.json")).unwrap();
    }
    // Rendered, it would overflow the stack.
    let folder = model_on(&desk, &format!("{models}/self_ref"));
    let template = "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}";
    write(&folder.join("tokenizer_config.json"), &json!({"chat_template": template}).to_string());
    write(&model_on(&desk, &format!("{models}/config")).join("config.json"), "{\"model_type\": \"llama\", ");
    write(&model_on(&desk, &format!("{models}/weights")).join("model.safetensors"), "no weights");
    std::fs::copy(fixture("attacks/zero_rows.gguf"), desk.path(&format!("{models}/zero.gguf"))).unwrap();
    write(&desk.path(&format!("{models}/noise.gguf")), "GGUF\u{3}noise");
    model_on(&desk, &format!("{models}/whole"));
    let ran = desk.run(&["models"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.err());
    assert!(!ran.err().contains("panicked"), "{}", ran.err());
    for name in ["fixed", "map", "self_ref", "config", "weights", "zero", "noise", "whole"] {
        assert!(ran.out().lines().any(|line| line.starts_with(&format!("  {name} · "))), "{name}: {}", ran.out());
    }
    assert_eq!(ran.out().matches("can't be trained here").count(), 4, "{}", ran.out());
}

#[test]
fn f08_sizes_of_zero_and_of_millions_are_refused() {
    let desk = Desk::new();
    assert_told(
        &generate(&desk, &fixture("attacks/zero_rows.gguf")),
        &["zero_rows.gguf", "token_embd.weight", "too large for any file"],
    );
    let huge = json!(1u64 << 40);
    for key in
        ["vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "head_dim"]
    {
        for value in [json!(0), json!(-1), json!("32"), json!(2.5), huge.clone()] {
            let folder = model_on(&desk, "model");
            change_config(&folder, |config| config[key] = value.clone());
            assert_told(&generate(&desk, &folder), &["model"]);
        }
    }
    for (key, value) in
        [("rms_norm_eps", json!("tiny")), ("rope_theta", json!(-1.0)), ("num_key_value_heads", json!(3))]
    {
        let folder = model_on(&desk, "model");
        change_config(&folder, |config| config[key] = value);
        assert_told(&generate(&desk, &folder), &["model"]);
    }
}

#[test]
fn a_setting_that_is_not_followed_is_refused_by_its_name() {
    let desk = Desk::new();
    for (key, value) in [
        ("qkv_bias", json!(true)),
        ("qk_norm", json!(true)),
        ("logits_scaling", json!(8.0)),
        ("num_local_experts", json!(4)),
        ("partial_rotary_factor", json!(0.5)),
    ] {
        let folder = model_on(&desk, "model");
        change_config(&folder, |config| config[key] = value);
        assert_told(&generate(&desk, &folder), &[key]);
    }
}

#[test]
fn a_head_that_contradicts_the_config_is_named_and_an_equal_one_is_taken() {
    let desk = Desk::new();
    let folder = model_on(&desk, "model");
    let path = folder.join("model.safetensors");
    let mut weights = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let embedding = weights["model.embed_tokens.weight"].clone();
    weights.insert("lm_head.weight".to_owned(), embedding.copy().unwrap());
    weights.insert(
        "model.layers.0.self_attn.rotary_emb.inv_freq".to_owned(),
        Tensor::new(&[1.0f32; 4], &Device::Cpu).unwrap(),
    );
    candle_core::safetensors::save(&weights, &path).unwrap();
    assert_eq!(evaluate(&desk, &folder).code(), Some(0));
    change_weight(&folder, "lm_head.weight", |values| values[7] += 1.0);
    assert_told(&evaluate(&desk, &folder), &["lm_head.weight", "tie_word_embeddings"]);
}

fn train(desk: &Desk, model: &Path, validation: bool) -> Ran {
    let data = fixture("cases/_tea.jsonl");
    let split = if validation { "" } else { "validation_split = 0.0\n" };
    let recipe = format!(
        "version = 2\nbase_model = {model:?}\n[data]\ntrain = {data:?}\n{split}[training]\nmax_steps = 8\n\
         per_device_train_batch_size = 2\n"
    );
    write(&desk.path("recipe.toml"), &recipe);
    let _ = std::fs::remove_dir_all(desk.path("run"));
    desk.run(&["train", "recipe.toml", "--out", "run"])
}

#[test]
fn f10_a_damaged_base_model_is_named_by_every_command() {
    for (tensor, bad) in [
        ("model.layers.1.mlp.up_proj.weight", f32::NAN),
        ("model.layers.0.self_attn.q_proj.weight", f32::INFINITY),
        ("model.layers.1.input_layernorm.weight", f32::NAN),
        ("model.norm.weight", f32::NEG_INFINITY),
    ] {
        let desk = Desk::new();
        let folder = model_on(&desk, "model");
        change_weight(&folder, tensor, |values| values[3] = bad);
        let words = [tensor, "damaged"];
        for validation in [true, false] {
            let ran = train(&desk, &folder, validation);
            assert_told(&ran, &words);
            assert!(!ran.err().contains("learning_rate"), "{}", ran.err());
        }
        assert_told(&evaluate(&desk, &folder), &words);
        assert_told(&generate(&desk, &folder), &words);
        let project = desk.path("project");
        let (data, project) = (fixture("cases/_tea.jsonl"), project.to_str().unwrap());
        assert_eq!(desk.run(&["data", "import", data.to_str().unwrap(), "--project", project]).code(), Some(0));
        let model = folder.to_str().unwrap();
        assert_told(&desk.run(&["data", "rank", "--project", project, "--model", model]), &words);
        let next = desk.run(&["data", "rank", "--project", project, "--model", model, "--label-next", "2"]);
        assert_told(&next, &words);
    }
}

#[test]
fn an_adapter_with_nan_is_refused_with_the_tensor_s_name() {
    let desk = Desk::new();
    let adapter = desk.path("adapter");
    std::fs::create_dir(&adapter).unwrap();
    let from = fixture("cases/A01/a_plain");
    std::fs::copy(from.join("adapter_config.json"), adapter.join("adapter_config.json")).unwrap();
    let name = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight";
    for bad in [f32::NAN, f32::INFINITY] {
        let mut tensors = candle_core::safetensors::load(from.join("adapter_model.safetensors"), &Device::Cpu).unwrap();
        let shape = tensors[name].shape().clone();
        let mut values: Vec<f32> = tensors[name].flatten_all().unwrap().to_vec1().unwrap();
        values[5] = bad;
        tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        candle_core::safetensors::save(&tensors, adapter.join("adapter_model.safetensors")).unwrap();
        let (model, data) = (fixture("cases/_model"), fixture("cases/_tea.jsonl"));
        let arguments = ["evaluate", "--model", model.to_str().unwrap(), "--data", data.to_str().unwrap()];
        let ran = desk.run(&[&arguments[..], &["--adapter", adapter.to_str().unwrap()]].concat());
        assert_told(&ran, &[name, "not finite"]);
    }
}

#[test]
fn a_model_without_a_template_says_so_in_every_command() {
    let desk = Desk::new();
    let folder = model_on(&desk, "data/tunewright/models/plain");
    write(&folder.join("tokenizer_config.json"), &json!({"eos_token": "<|im_end|>"}).to_string());
    let told = "The model brings no chat template";
    for ran in [evaluate(&desk, &folder), generate(&desk, &folder), train(&desk, &folder, true)] {
        assert_eq!(ran.code(), Some(0), "{}", ran.err());
        assert!(ran.err().contains(told), "{}", ran.err());
    }
    let listed = desk.run(&["models"]).out();
    assert!(listed.contains(told), "{listed}");
}
