//! The whole way of each family besides Llama's: a folder as the Hub has it is trained, evaluated and asked, and what is
//! exported are PEFT's files.

use std::path::Path;

use serde_json::{Value, json};
use tunewright::evaluate::{self, Contender, EvaluationRequest, Outcomes};
use tunewright::model::{inspect, peft};
use tunewright::recipe::{GradientCheckpointing, ModelRef, Plan, Precision, Recipe, RenderSpec};
use tunewright::task::{Control, Unwatched};
use tunewright::train::sft;

use crate::fixtures::fixture;

fn write_examples(path: &Path, from: u32, to: u32) {
    let example = |i: u32| {
        let prompt = format!("say yes {} times", i % 7);
        json!({"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": "yes"}]})
    };
    let lines: Vec<String> = (from..to).map(|i| example(i).to_string()).collect();
    tunewright::fs::write_atomic(path, lines.join("\n").as_bytes()).unwrap();
}

#[test]
fn a_folder_is_trained_evaluated_and_asked() {
    for (family, precision, packing) in [
        ("mistral_window", Precision::F32, false),
        ("mistral_window", Precision::Bf16, true),
        ("gemma2", Precision::F32, true),
        ("gemma2", Precision::Bf16, false),
        ("qwen2_window", Precision::Bf16, true),
        ("qwen3", Precision::Bf16, false),
        ("qwen3_5", Precision::Bf16, true),
        ("qwen3_5", Precision::F32, false),
        ("gemma3", Precision::Bf16, true),
        ("smollm3", Precision::F32, false),
        ("olmo2", Precision::Bf16, true),
        ("granite", Precision::Bf16, false),
        ("olmo3", Precision::F32, true),
        ("ministral3", Precision::Bf16, false),
        ("exaone4", Precision::F32, true),
        ("hunyuan_v1_dense", Precision::Bf16, false),
        ("phi4_mini", Precision::F32, true),
        ("granite4", Precision::Bf16, false),
        ("granite4_h", Precision::F32, true),
        ("lfm2", Precision::Bf16, true),
        ("ernie4_5", Precision::F32, false),
        ("gemma4", Precision::Bf16, true),
        ("gemma4", Precision::F32, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("model")).unwrap();
        for (from, name) in [
            (family, "config.json"),
            (family, "model.safetensors"),
            ("llama", "tokenizer.json"),
            ("llama", "tokenizer_config.json"),
        ] {
            std::fs::copy(fixture(from).join(name), path("model").join(name)).unwrap();
        }
        let facts = inspect(&path("model")).unwrap();
        assert_eq!(facts.problem, None, "{family}");
        let architecture = match family {
            "phi4_mini" => "phi3",
            "granite4" | "granite4_h" => "granitemoehybrid",
            _ => family.split('_').next().unwrap(),
        };
        assert!(facts.architecture.starts_with(architecture), "{}", facts.architecture);
        write_examples(&path("train.jsonl"), 0, 28);
        write_examples(&path("validation.jsonl"), 28, 35);

        let model = ModelRef::Folder(path("model"));
        let mut recipe = Recipe::new(model.clone(), path("train.jsonl"));
        recipe.data.validation = Some(path("validation.jsonl"));
        let training = &mut recipe.training;
        (training.precision, training.packing, training.max_length) = (precision, packing, 64);
        (training.per_device_train_batch_size, training.num_train_epochs) = (if packing { 2 } else { 4 }, 12.0);
        (training.learning_rate, training.gradient_checkpointing) = (1e-2, GradientCheckpointing::On);
        let plan = Plan::new(recipe, path("model"), path("run")).unwrap();
        let summary = sft::run(&plan, &Control::default(), &mut |_| ()).unwrap();
        let adapter = summary.adapter.unwrap();

        let format = RenderSpec::WHOLE.format;
        let request = EvaluationRequest {
            contenders: vec![Contender::base(model.clone(), format), Contender::tuned(model, adapter.clone(), format)],
            data: path("validation.jsonl"),
            spec: RenderSpec::WHOLE,
            generate: true,
            labels: false,
            answers: None,
        };
        let report = evaluate::run_at(&path("model"), &request, &Unwatched).unwrap();
        let outcomes = Outcomes::of(&report).unwrap();
        let right = |num: u64| num as f64 / outcomes.num as f64;
        let (before, after) = (report.before().unwrap(), report.after().unwrap());
        let what = format!("{family}, {precision:?}: {before:?}, then {after:?}");
        // No further, as Gemma's soft-cap keeps the logits of its fixture within ±3.
        assert!(after.loss() < before.loss().map(|loss| 0.5 * loss), "{what}");
        assert!(right(outcomes.right_before) < 0.5 && right(outcomes.right_after) > 0.8, "{what}, {outcomes:?}");

        let config = std::fs::read_to_string(adapter.join("adapter_config.json")).unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!((&config["peft_type"], &config["r"]), (&json!("LORA"), &json!(16)));
        let names = |folder: &Path| {
            let tensors = peft::load_tensors(&folder.join(peft::WEIGHTS_FILE)).unwrap();
            let mut names: Vec<String> = tensors.into_keys().collect();
            names.sort();
            names
        };
        assert_eq!(names(&adapter), names(&fixture(family).join("adapter")), "PEFT's own names");
    }
}
