//! Damaged and hostile files of every kind that the program reads: none ends it, hangs it for ten seconds, or takes a
//! gigabyte of its memory.
//!
//! A usual run tries some hundred of each. `TUNEWRIGHT_FUZZ_MUTANTS=2000` tries that many, `TUNEWRIGHT_FUZZ_MINUTES=10` as
//! many as that time allows, and says how many they were and what memory they took; `TUNEWRIGHT_FUZZ_SEED=17` tries one
//! again that failed.

mod kinds;
mod model_files;
mod mutate;
mod runner;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use kinds::{
    ADAPTER_WORDS, JSON_WORDS, Kind, MODEL_WORDS, RECIPE_WORDS, TABLE_WORDS, TEMPLATE_WORDS, TOKENIZER_WORDS, adapter,
    conversations, gguf, import, json_document, model, packed, parquet, project, read_adapter, read_model,
    read_project, read_recipe, read_run, recipe, run, table, template, texts, use_model,
};
use model_files::{CONFIG_WORDS, configs, low_bit, read_configs, read_low_bit, shards};
use mutate::Build;

/// A test a kind, so that they run side by side and are named where one fails.
macro_rules! kinds {
    ($($name:ident: $file:literal, $make:expr, $build:ident, $dictionary:expr, $read:expr, $num_mutants:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let kind = Kind {
                    file: $file,
                    make: $make,
                    build: Build::$build,
                    dictionary: $dictionary,
                    read: $read,
                    num_mutants: $num_mutants,
                };
                runner::check(concat!("fuzz::", stringify!($name)), &kind);
            }
        )*
    };
}

kinds! {
    jsonl: "a.jsonl", |at| conversations(at, "a.jsonl"), JsonLines, JSON_WORDS, |at| import(&at.join("a.jsonl")), 900;
    json: "a.json", json_document, Json, JSON_WORDS, |at| import(&at.join("a.json")), 900;
    csv: "a.csv", |at| table(at, "a.csv", ','), Text, TABLE_WORDS, |at| import(&at.join("a.csv")), 900;
    tsv: "a.tsv", |at| table(at, "a.tsv", '\t'), Text, TABLE_WORDS, |at| import(&at.join("a.tsv")), 900;
    parquet_file: "a.parquet", parquet, Binary, &[], |at| import(&at.join("a.parquet")), 900;
    gzip: "a.jsonl.gz", |at| packed(at, "a.jsonl.gz"), Gzip, JSON_WORDS, |at| import(&at.join("a.jsonl.gz")), 450;
    zstandard: "a.jsonl.zst", |at| packed(at, "a.jsonl.zst"), Zstd, JSON_WORDS, |at| import(&at.join("a.jsonl.zst")), 450;
    text_folder: "texts/good/a.txt", texts, Text, TABLE_WORDS, |at| import(&at.join("texts")), 900;
    recipe_toml: "recipe.toml", recipe, Text, RECIPE_WORDS, read_recipe, 900;
    run_status: "status.json", run, Json, &["running", "completed"], read_run, 900;
    run_metrics: "metrics.jsonl", run, JsonLines, &["step", "eval_loss"], read_run, 900;
    config: "model/config.json", model, Json, MODEL_WORDS, read_model, 600;
    generation_config: "model/generation_config.json", model, Json, MODEL_WORDS, read_model, 300;
    tokenizer: "model/tokenizer.json", model, Json, TOKENIZER_WORDS, read_model, 600;
    tokenizer_config: "model/tokenizer_config.json", model, Json, TEMPLATE_WORDS, read_model, 450;
    chat_template: "model/chat_template.jinja", template, Text, TEMPLATE_WORDS, read_model, 600;
    safetensors: "model/model.safetensors", model, Safetensors, MODEL_WORDS, read_model, 600;
    family_configs: "configs.json", configs, Json, CONFIG_WORDS, read_configs, 900;
    safetensors_index: "model/model.safetensors.index.json", shards, Json, MODEL_WORDS, read_model, 300;
    low_bit_gguf: "low_bit.gguf", low_bit, Binary, &[], read_low_bit, 300;
    gguf_file: "model.gguf", gguf, Binary, &[], |at| use_model(at, &at.join("model.gguf")), 600;
    adapter_config: "adapter/adapter_config.json", adapter, Json, ADAPTER_WORDS, read_adapter, 600;
    adapter_weights: "adapter/adapter_model.safetensors", adapter, Safetensors, ADAPTER_WORDS, read_adapter, 600;
    project_db: "project/project.db", project, Binary, &[], read_project, 300;
}

/// What a reader may do at its worst, one after the other.
fn misbehave() {
    static NUM_READ: AtomicU64 = AtomicU64::new(0);
    let from = runner::seeds_of_child().unwrap().start;
    // The whole file is read before all mutants.
    let Some(number) = NUM_READ.fetch_add(1, Ordering::Relaxed).checked_sub(1) else { return };
    match from + number {
        1 => panic!("as it must"),
        2 => std::process::abort(),
        3 => loop {
            std::hint::spin_loop();
        },
        4 if cfg!(target_os = "linux") => drop(std::hint::black_box(vec![1_u8; 2 << 30])),
        4 => std::process::abort(),
        _ => {}
    }
}

#[test]
fn a_panic_an_abort_a_hang_and_much_memory_are_seen_by_the_watch() {
    let read = |_: &Path| {
        misbehave();
        Ok(())
    };
    if let Some(seeds) = runner::seeds_of_child() {
        let make = |at: &Path| conversations(at, "a.jsonl");
        let kind = Kind { file: "a.jsonl", make, build: Build::Text, dictionary: &[], read, num_mutants: 6 };
        return runner::read_all(&kind, seeds);
    }
    let test = "fuzz::a_panic_an_abort_a_hang_and_much_memory_are_seen_by_the_watch";
    let failures = runner::watch_all(test, 0..6, 1.0).failures;
    assert_eq!(failures.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4], "{failures:?}");
    for (seed, told) in [(1, "as it must"), (2, "the program ended"), (3, "longer than"), (4, "the program ended")] {
        assert!(failures[&seed].contains(told), "{seed}: {failures:?}");
    }
}
