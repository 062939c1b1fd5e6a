//! Ten optimizer steps against PEFT: `fixtures/curves` were made with torch 2.15, Transformers 5.23 and PEFT 0.21 in
//! float32 (AdamW, weight decay 0.01, clipping at 1, cosine with 2 warm-up steps).

use std::path::Path;

use candle_core::{Device, Tensor};
use tunewright::model::{Decoder, peft};
use tunewright::recipe::{GradientCheckpointing, ModelRef, Plan, Precision, Recipe};
use tunewright::render::Rendered;
use tunewright::task::{Control, Signal, Unwatched};
use tunewright::train::sft::{Samples, run_samples};
use tunewright::train::{RunSummary, StepMetrics, TrainEvent};

use crate::fixtures::fixture;

fn samples() -> Vec<Rendered> {
    let data = candle_core::safetensors::load(fixture("curves/data.safetensors"), &Device::Cpu).unwrap();
    let rows = |name: &str| data[name].to_vec2::<i64>().unwrap();
    let (ids, masks, labels) = (rows("input_ids"), rows("attention_mask"), rows("labels"));
    (0..ids.len())
        .map(|row| {
            let len = masks[row].iter().filter(|m| **m == 1).count();
            Rendered {
                ids: ids[row][..len].iter().map(|id| *id as u32).collect(),
                is_trained: labels[row][..len].iter().map(|label| *label >= 0).collect(),
            }
        })
        .collect()
}

fn recipe(batch_size: usize, accumulation: usize) -> Recipe {
    let mut recipe = Recipe::new(ModelRef::Folder(fixture("llama")), "unused.jsonl".into());
    recipe.start_from(fixture("curves/lora/adapter_init"));
    recipe.data.validation_split = Some(0.0);
    let training = &mut recipe.training;
    // The reference computed in float32.
    training.precision = Precision::F32;
    training.num_train_epochs = 1.0;
    training.per_device_train_batch_size = batch_size;
    training.gradient_accumulation_steps = accumulation;
    training.learning_rate = 2e-2;
    training.warmup_ratio = 0.2;
    training.weight_decay = 0.01;
    training.shuffle = false;
    recipe
}

/// Runs into `run_dir`, and stops after a step if one is given.
fn train(recipe: Recipe, run_dir: &Path, stop_after: Option<usize>) -> (RunSummary, Vec<StepMetrics>) {
    let decoder = Decoder::load(&fixture("llama"), &Unwatched).unwrap();
    let plan = Plan::new(recipe, fixture("llama"), run_dir.to_owned()).unwrap();
    let samples = Samples { train: samples(), validation: samples()[..4].to_vec(), ..Samples::default() };
    let control = Control::default();
    let mut steps = Vec::new();
    let before: Vec<Vec<u8>> = decoder.frozen_weights().iter().map(|(_, w)| w.bytes().to_vec()).collect();
    let summary = run_samples(&decoder, &plan, samples, &control, &mut |event| {
        if let TrainEvent::Step(step) = event {
            if Some(step.step) == stop_after {
                control.send(Signal::Stop { save: true });
            }
            steps.push(step);
        }
    });
    for ((name, weight), before) in decoder.frozen_weights().iter().zip(before) {
        assert!(weight.bytes() == before, "{name} changed");
    }
    (summary.unwrap(), steps)
}

fn adapter(folder: &Path) -> Vec<(String, Tensor)> {
    let mut tensors: Vec<_> = peft::load_tensors(&folder.join(peft::WEIGHTS_FILE)).unwrap().into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn ten_steps_are_those_of_peft_however_the_batch_is_cut() {
    let text = std::fs::read_to_string(fixture("curves/lora/curve.json")).unwrap();
    let curve: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (batch_size, accumulation) in [(4, 1), (2, 2), (1, 4)] {
        let folder = tempfile::tempdir().unwrap();
        let (summary, steps) = train(recipe(batch_size, accumulation), folder.path(), None);
        assert_eq!(steps.len(), 10);
        for (step, expected) in steps.iter().zip(curve["steps"].as_array().unwrap()) {
            let value = |key: &str| expected[key].as_f64().unwrap();
            assert!((step.loss - value("loss")).abs() <= 1e-4, "{step:?} {expected}");
            assert!((step.grad_norm / value("grad_norm") - 1.0).abs() <= 1e-3, "{step:?} {expected}");
            assert!((step.learning_rate - value("learning_rate")).abs() <= 1e-12, "{step:?} {expected}");
        }
        let last = tunewright::run::checkpoints::last(folder.path()).unwrap().path;
        let (ours, expected) = (adapter(&last), adapter(&fixture("curves/lora/adapter_final")));
        assert_eq!(ours.len(), expected.len());
        for ((name, ours), (expected_name, expected)) in ours.iter().zip(&expected) {
            assert_eq!(name, expected_name);
            let worst = values(ours).iter().zip(values(expected)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= 1e-4, "{name} is off by {worst}");
        }
        assert_eq!(summary.num_steps_done, 10);
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_bit_for_bit() {
    let mut recipe = recipe(2, 2);
    recipe.training.shuffle = true;
    recipe.training.num_train_epochs = 2.0;
    recipe.lora.lora_dropout = 0.1;
    recipe.init_adapter = None;
    let [whole, halves] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (_, all_steps) = train(recipe.clone(), whole.path(), None);
    let (summary, first) = train(recipe.clone(), halves.path(), Some(7));
    assert!(summary.was_stopped && summary.num_steps_done == 7 && first.len() == 7);
    let (summary, rest) = train(recipe, halves.path(), None);
    assert!(!summary.was_stopped && summary.num_steps_done == 20);
    let losses = |steps: &[StepMetrics]| steps.iter().map(|s| s.loss).collect::<Vec<_>>();
    assert_eq!([losses(&first), losses(&rest)].concat(), losses(&all_steps));
    let last = |folder: &tempfile::TempDir| adapter(&tunewright::run::checkpoints::last(folder.path()).unwrap().path);
    for ((name, a), (_, b)) in last(&whole).iter().zip(&last(&halves)) {
        assert_eq!(values(a), values(b), "{name}");
    }
    let metrics = std::fs::read_to_string(halves.path().join("metrics.jsonl")).unwrap();
    let steps = metrics.lines().filter(|line| line.contains("\"grad_norm\"")).count();
    assert_eq!(steps, 20, "metrics hold every step once");
}

#[test]
fn packing_changes_nothing_but_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut packed = recipe(1, 1);
    packed.training.packing = true;
    packed.training.max_length = 1024;
    packed.training.max_steps = 1;
    let (_, packed) = train(packed, folder.path(), None);
    let folder = tempfile::tempdir().unwrap();
    let mut padded = recipe(40, 1);
    padded.training.max_steps = 1;
    let (_, padded) = train(padded, folder.path(), None);
    assert_eq!(packed[0].num_supervised_tokens, padded[0].num_supervised_tokens);
    assert!((packed[0].loss - padded[0].loss).abs() < 1e-5);
    assert!((packed[0].grad_norm / padded[0].grad_norm - 1.0).abs() < 1e-4);
}

#[test]
fn checkpointing_changes_nothing_but_the_memory() {
    let losses = |gradient_checkpointing| {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = recipe(4, 1);
        recipe.training.gradient_checkpointing = gradient_checkpointing;
        let (_, steps) = train(recipe, folder.path(), None);
        steps.into_iter().map(|step| (step.loss, step.grad_norm)).collect::<Vec<_>>()
    };
    let kept = losses(GradientCheckpointing::Off);
    assert_eq!(kept.len(), 10);
    assert_eq!(losses(GradientCheckpointing::On), kept);
}

#[test]
fn a_folder_with_another_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    train(recipe(4, 1), folder.path(), Some(2));
    let decoder = Decoder::load(&fixture("llama"), &Unwatched).unwrap();
    let plan = Plan::new(recipe(2, 2), fixture("llama"), folder.path().to_owned()).unwrap();
    let samples = Samples { train: samples(), ..Samples::default() };
    let error = run_samples(&decoder, &plan, samples, &Control::default(), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("a run of another recipe"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_vanishes_is_told_and_not_made_again() {
    let root = tempfile::tempdir().unwrap();
    let run_dir = root.path().join("run");
    let decoder = Decoder::load(&fixture("llama"), &Unwatched).unwrap();
    let plan = Plan::new(recipe(4, 1), fixture("llama"), run_dir.clone()).unwrap();
    let samples = Samples { train: samples(), ..Samples::default() };
    let error = run_samples(&decoder, &plan, samples, &Control::default(), &mut |event| {
        if let TrainEvent::Step(StepMetrics { step: 1, .. }) = event {
            std::fs::rename(&run_dir, root.path().join("elsewhere")).unwrap();
        }
    });
    assert!(error.unwrap_err().to_string().contains("moved or deleted while the run was in it"));
    assert!(!run_dir.exists() && root.path().join("elsewhere/recipe.toml").is_file());
}
