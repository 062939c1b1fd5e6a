//! Models and adapters: what is in their files is computed, or it is named and refused.

use std::path::Path;

use super::{Desk, Ran, case};

fn evaluate(model: &Path, adapter: Option<&Path>, data: &str) -> Ran {
    let data = case(data);
    let mut arguments =
        vec!["evaluate", "--model", model.to_str().unwrap(), "--data", data.to_str().unwrap(), "--json"];
    arguments.extend(adapter.iter().flat_map(|adapter| ["--adapter", adapter.to_str().unwrap()]));
    Desk::new().run(&arguments)
}

fn loss(model: &str, adapter: Option<&str>) -> f64 {
    let adapter = adapter.map(case);
    evaluate(&case(model), adapter.as_deref(), "_tea.jsonl").json()["contenders"][0]["loss"].as_f64().unwrap()
}

#[track_caller]
fn assert_refused(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.code(), ran.out().as_str()), (Some(1), ""), "{}", ran.err());
    for word in words {
        assert!(ran.err().contains(word), "{word} is not in: {}", ran.err());
    }
}

#[test]
fn a01_adapters_that_peft_loads_give_peft_s_losses() {
    let plain = 5.593_170_905;
    for (adapter, expected) in [
        ("a_plain", plain),
        ("a_default_keys", plain),
        ("a_suffix_names", plain),
        ("a_float_r", plain),
        ("a_alpha_pattern", 5.565_926_894),
        ("a_rank_pattern", 5.623_522_250),
        ("a_regex", 5.649_810_925),
        // Three ways to say the second layer only.
        ("a_full_names", 5.536_283_075),
        ("a_some_layers", 5.536_283_075),
        ("a_exclude", 5.536_283_075),
    ] {
        let found = loss("_model", Some(&format!("A01/{adapter}")));
        assert!((found - expected).abs() < 1e-5, "{adapter}: {found}, not {expected}");
    }
}

#[test]
fn a01_what_is_not_computed_is_refused_by_its_name() {
    for (adapter, words) in [
        ("a_pissa", &["init_lora_weights is pissa", "base model"][..]),
        ("a_loftq", &["init_lora_weights is loftq"]),
        ("a_modules_to_save", &["modules_to_save is not supported"]),
        ("a_bias", &["bias is lora_only"]),
        ("a_with_lm_head", &["lm_head"]),
        ("a_fan_in", &["fan_in_fan_out is not supported"]),
        ("a_dora", &["use_dora is not supported"]),
        ("a_token_indices", &["trainable_token_indices is not supported"]),
        ("a_lora_bias", &["lora_bias is not supported"]),
        ("a_replication", &["layer_replication is not supported"]),
        ("a_outer_prefix", &["model.layers.0.self_attn.q_proj.lora_A.weight is missing"]),
        ("a_only_bin", &["adapter_model.bin", "safe_serialization"]),
        ("a_parent", &["its checkpoint checkpoint-10 has one: name that folder"]),
        ("a_mlx", &["mlx-lm"]),
    ] {
        assert_refused(&evaluate(&case("_model"), Some(&case(&format!("A01/{adapter}"))), "_tea.jsonl"), words);
    }
}

#[test]
fn a01_every_folder_is_one_of_these() {
    let mut folders: Vec<_> =
        std::fs::read_dir(case("A01")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    folders.retain(|name| name.to_string_lossy().starts_with("a_"));
    assert_eq!(folders.len(), 24);
}

/// A recipe that begins with an adapter, on a desk of its own.
fn train_from(adapter: &str, lora: &str, desk: &Desk) -> Ran {
    let (model, train, adapter) = (case("_model"), case("_tea.jsonl"), case(adapter));
    let recipe = format!(
        "version = 2\nbase_model = {model:?}\ninit_adapter = {adapter:?}\n[data]\ntrain = {train:?}\n{lora}\n\
         [training]\nmax_steps = 2\n"
    );
    tunewright::fs::write_atomic(&desk.path("recipe.toml"), recipe.as_bytes()).unwrap();
    desk.run(&["train", "recipe.toml", "--out", "run"])
}

#[test]
fn a_recipe_s_lora_agrees_with_its_adapter_or_is_an_error() {
    for (lora, words) in [
        ("[lora]\nr = 16", &["lora.r: the recipe has 16", "has 4"][..]),
        ("[lora]\nlora_alpha = 9.0", &["lora.lora_alpha: the recipe has 9", "has 8"]),
        ("[lora]\nlora_dropout = 0.1", &["lora.lora_dropout: the recipe has 0.1", "has 0"]),
        (
            "[lora]\ntarget_modules = \"all-linear\"",
            &["lora.target_modules: the recipe has all-linear", "q_proj, v_proj"],
        ),
    ] {
        let desk = Desk::new();
        assert_refused(&train_from("A01/a_plain", lora, &desk), words);
        assert!(!desk.path("run/recipe.toml").exists());
    }
}

#[test]
fn the_recipe_of_a_run_tells_the_truth_about_its_adapter() {
    for (adapter, lora) in [
        ("A01/a_plain", ""),
        ("A01/a_plain", "[lora]\nr = 4\ntarget_modules = [\"v_proj\", \"q_proj\"]"),
        ("A01/a_rank_pattern", ""),
        ("A01/a_some_layers", "[lora]\nlora_alpha = 8.0"),
    ] {
        let desk = Desk::new();
        let ran = train_from(adapter, lora, &desk);
        assert_eq!(ran.code(), Some(0), "{}", ran.err());
        let read = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
        let kept: toml::Table = read("run/recipe.toml").parse().unwrap();
        let kept = &kept["lora"];
        assert_eq!(kept["r"].as_integer(), Some(4));
        assert_eq!((kept["lora_alpha"].as_float(), kept["lora_dropout"].as_float()), (Some(8.0), Some(0.0)));
        assert_eq!(kept["target_modules"].as_array().map(Vec::len), Some(2));
        // The kept recipe is the same run: it has nothing left to do.
        let again = desk.run(&["train", "recipe.toml", "--out", "run"]);
        assert_eq!(again.code(), Some(0), "{}", again.err());
        // What was trained has the patterns of what it began with.
        let settings: serde_json::Value =
            serde_json::from_str(&read("run/checkpoints/step-000002/adapter_config.json")).unwrap();
        match adapter {
            "A01/a_rank_pattern" => assert_eq!(settings["rank_pattern"].as_object().map(|p| p.len()), Some(2)),
            "A01/a_some_layers" => assert_eq!(settings["target_modules"][0], "model.layers.1.self_attn.q_proj"),
            _ => assert_eq!(settings["target_modules"], serde_json::json!(["q_proj", "v_proj"])),
        }
        let trained = evaluate(&case("_model"), Some(&desk.path("run/checkpoints/step-000002")), "_tea.jsonl");
        assert!(trained.json()["contenders"][0]["loss"].as_f64().unwrap() < 5.7);
        let whole = evaluate(&case("_model"), Some(&desk.path("run")), "_tea.jsonl");
        assert_refused(&whole, &["checkpoints/step-000002", "name that folder"]);
    }
}

#[test]
fn g01_a_file_that_does_not_name_its_pre_tokenizer_is_refused_unless_its_vocabulary_is_known() {
    let evaluate = |name: &str| evaluate(&case(&format!("G01/{name}")), None, "G01/data.jsonl");
    for name in ["named.gguf", "llama3.gguf"] {
        assert_eq!(evaluate(name).json()["contenders"][0]["num_tokens"], 50, "{name}");
    }
    for name in ["missing.gguf", "default.gguf"] {
        assert_refused(&evaluate(name), &["tokenizer.ggml.pre", "original model's folder"]);
    }
}

#[test]
fn g03_a_split_model_is_joined_whichever_part_is_named() {
    let parts = ["tiny-00001-of-00002.gguf", "tiny-00002-of-00002.gguf"];
    let whole = loss("G07/no_bias.gguf", None);
    for part in parts {
        assert_eq!(loss(&format!("G03/{part}"), None), whole);
    }
    let desk = Desk::new();
    for (there, missing) in [(0, "part 2 of 2 of the model is missing: tiny-00002-of-00002.gguf"), (1, "part 1 of 2")] {
        let alone = desk.path(parts[there]);
        std::fs::copy(case("G03").join(parts[there]), &alone).unwrap();
        assert_refused(&evaluate(&alone, None, "_tea.jsonl"), &[missing]);
        std::fs::remove_file(alone).unwrap();
    }
    let renamed = desk.path("renamed.gguf");
    std::fs::copy(case("G03").join(parts[0]), &renamed).unwrap();
    assert_refused(&evaluate(&renamed, None, "_tea.jsonl"), &["part 1 of 2", "-00001-of-00002.gguf"]);
}

#[test]
fn g07_tensors_that_are_not_computed_are_named_on_loading_and_in_the_list() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("data/tunewright/models")).unwrap();
    for (name, words) in [
        ("qk_norm", &["blk.0.attn_k_norm.weight (and 3 more)", "norms on its queries and keys"][..]),
        ("experts", &["experts"]),
    ] {
        let file = case(&format!("G07/{name}.gguf"));
        assert_refused(&evaluate(&file, None, "_tea.jsonl"), words);
        std::fs::copy(&file, desk.path(&format!("data/tunewright/models/{name}.gguf"))).unwrap();
    }
    assert!((loss("G07/no_bias.gguf", None) - 5.585_452_593).abs() < 1e-6);
    // Llama's biases are computed, not ignored.
    assert!((loss("G07/bias.gguf", None) - loss("G07/no_bias.gguf", None)).abs() > 1e-2);
    let listed = desk.run(&["models"]).out();
    assert!(listed.contains("blk.0.attn_k_norm.weight") && listed.contains("experts"), "{listed}");
    assert_eq!(listed.matches("can't be trained here").count(), 2, "{listed}");
}

#[test]
fn m01_tensors_that_the_config_does_not_announce_are_named() {
    let words = ["model.layers.0.self_attn.k_proj.bias (and 5 more) is not computed here"];
    assert_refused(&evaluate(&case("M01"), None, "_tea.jsonl"), &words);
}

#[test]
fn m04_a_token_without_a_row_is_named_before_anything_is_computed() {
    let words = ["the token <|im_start|> has the id 256", "256 rows", "resize_token_embeddings"];
    let model = case("M04/model");
    assert_refused(&evaluate(&model, None, "_tea.jsonl"), &words);
    let desk = Desk::new();
    let (model, recipe) = (model.to_str().unwrap(), case("M04/recipe.toml"));
    assert_refused(&desk.run(&["generate", "--model", model, "--prompt", "Hi", "--max-new-tokens", "3"]), &words);
    assert_refused(&desk.run(&["train", recipe.to_str().unwrap(), "--out", "run"]), &words);
}
