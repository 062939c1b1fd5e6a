//! Training steps on token sequences of a given length, or on batches from a file.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::json;

use super::{Common, PrecisionArg, median, peak_memory_mb};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model;
use crate::cli::progress::Progress;
use crate::model::gradient::num_recomputed;
use crate::model::{Decoder, GradientPass, LoraAdapter, LoraConfig, ModelError, ModelSpec, Module, ProductType, facts};
use crate::ops::product::clock;
use crate::recipe::{GradientCheckpointing, Lora, Training};
use crate::render::Rendered;
use crate::render::batch::Batch;
use crate::train::optimizer::{AdamW, Gradients};
use crate::train::rate::gflops;

#[derive(Debug, Args)]
pub struct TrainBench {
    #[command(flatten)]
    common: Common,
    #[arg(long, value_enum, default_value = "auto")]
    precision: PrecisionArg,
    /// Sequences in a batch
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = super::amount)]
    batch: usize,
    /// Tokens of a sequence
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = super::amount)]
    length: usize,
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = super::amount)]
    steps: usize,
    /// Compute blocks again instead of keeping what their backward needs: all, none, or by the memory
    #[arg(long, value_enum, default_value = "auto", default_missing_value = "true", num_args = 0..=1)]
    checkpointing: CheckpointingArg,
    /// Batches as scripts/bench_peft.py makes them: {"batches": [[{"input_ids", "labels"}]]}
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CheckpointingArg {
    True,
    False,
    Auto,
}

impl From<CheckpointingArg> for GradientCheckpointing {
    fn from(arg: CheckpointingArg) -> Self {
        match arg {
            CheckpointingArg::True => Self::On,
            CheckpointingArg::False => Self::Off,
            CheckpointingArg::Auto => Self::Auto,
        }
    }
}

#[derive(Deserialize)]
struct Data {
    batches: Vec<Vec<Sequence>>,
}

#[derive(Deserialize)]
struct Sequence {
    input_ids: Vec<u32>,
    /// −100 where a token isn't trained.
    labels: Vec<i64>,
}

pub fn run(args: TrainBench) -> Result<(), Ended> {
    args.common.start();
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.common.model, &interrupt)?;
    let decoder = Decoder::load(&path, &Progress::new("Loading", &interrupt.control))?;
    let (loaded, peak_when_loaded) = (since_process_start(), peak_memory_mb());
    let spec = decoder.spec();
    let batches = batches(&args, spec)?;
    let product = ProductType::of(args.precision.into(), spec);

    let lora = LoraConfig::from_recipe(&Lora::default(), spec).map_err(Ended::failed)?;
    let training = Training::default();
    let adapter =
        LoraAdapter::new(lora, spec, &mut ChaCha8Rng::seed_from_u64(training.seed)).map_err(ModelError::from)?;
    let vars = adapter.named_vars();
    let (mut optimizer, mut gradients) = (AdamW::new(&training, &vars), Gradients::zeros(&vars));
    let most_tokens = batches.iter().map(|batch| batch.ids.len()).max().unwrap_or_default();
    let num_recomputed =
        num_recomputed(args.checkpointing.into(), spec, product, most_tokens, facts::available_memory());
    let mut pass = GradientPass::new(product, num_recomputed);
    let (mut losses, mut step_secs, mut first_step) = (Vec::new(), Vec::new(), None);
    let (mut flops, mut product_secs, mut num_tokens, mut num_rows) = (0.0, 0.0, 0, 0);
    let mut phases = [0.0; 5];
    for step in 0..args.steps.max(2) {
        interrupt.check()?;
        let batch = &batches[step % batches.len()];
        let (started, before, passed) = (Instant::now(), clock::spent(), pass.phases());
        pass.set_adapter(&decoder, &adapter).map_err(ModelError::from)?;
        let packed = started.elapsed().as_secs_f64();
        gradients.clear();
        let weight = 1.0 / batch.targets.len().max(1) as f64;
        let loss = pass
            .add_gradients(&decoder, batch.supervised(), weight, gradients.as_mut_slice())
            .map_err(ModelError::from)?;
        let computed = started.elapsed().as_secs_f64();
        let norm = gradients.norm();
        gradients.clip(norm, training.max_grad_norm);
        optimizer.update(&vars, &gradients, training.learning_rate).map_err(ModelError::from)?;
        let secs = started.elapsed().as_secs_f64();
        losses.push(weight * loss);
        // The first step fills caches and buffers.
        if step == 0 {
            first_step = since_process_start();
            continue;
        }
        step_secs.push(secs);
        let (after, done) = (clock::spent(), pass.phases());
        flops += after.flops - before.flops;
        product_secs += after.secs - before.secs;
        num_tokens += batch.num_tokens;
        num_rows += batch.ids.len();
        for (sum, secs) in phases.iter_mut().zip([
            packed,
            done.forward - passed.forward,
            done.head - passed.head,
            done.backward - passed.backward,
            secs - computed,
        ]) {
            *sum += secs;
        }
    }
    let (num_steps, total) = (step_secs.len() as f64, step_secs.iter().sum::<f64>());
    let (outputs, inputs) = spec.shape(0, Module::GateProj);
    let machine = gflops(product, outputs, inputs).map_err(ModelError::from)?;
    let [packing, forward, head, backward, optimizer] = phases.map(|secs| secs / num_steps);
    args.common.print(json!({
        "tokens_per_sec": num_tokens as f64 / total,
        // Less than one where sequences share their beginning.
        "rows_per_token": num_rows as f64 / num_tokens.max(1) as f64,
        "step_secs": median(step_secs),
        "phase_secs": {
            "pack_adapter": packing, "forward": forward, "head_and_loss": head, "backward": backward,
            "optimizer": optimizer,
        },
        "product_secs": product_secs / num_steps,
        "product_share_of_step": product_secs / total,
        "product_gflops": 1e-9 * flops / product_secs,
        "machine_gflops": machine,
        "matmul_share": 1e-9 * flops / total / machine,
        "blocks_computed_again": num_recomputed,
        "peak_memory_mb": peak_memory_mb(),
        "loaded_secs": loaded,
        "peak_memory_when_loaded_mb": peak_when_loaded,
        "first_step_done_secs": first_step,
        "precision": product.name(),
        "losses": losses,
    }));
    Ok(())
}

/// The batches as asked for: from the file, or random tokens that are all trained.
fn batches(args: &TrainBench, spec: &ModelSpec) -> Result<Vec<Batch>, Ended> {
    let rows = match &args.data {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Ended::failed(format!("{} can't be read: {error}", path.display())))?;
            let data: Data =
                serde_json::from_str(&text).map_err(|error| Ended::failed(format!("{}: {error}", path.display())))?;
            let rendered = |s: Sequence| Rendered {
                is_trained: s.labels.iter().map(|label| *label >= 0).collect(),
                ids: s.input_ids,
            };
            data.batches.into_iter().map(|batch| batch.into_iter().map(rendered).collect()).collect()
        }
        None => {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut row = || Rendered {
                ids: (0..args.length).map(|_| rng.random_range(0..spec.vocab_size as u32)).collect(),
                is_trained: vec![true; args.length],
            };
            vec![(0..args.batch).map(|_| row()).collect::<Vec<_>>()]
        }
    };
    let batches: Vec<Batch> =
        rows.iter().map(|rows: &Vec<Rendered>| Batch::compact(rows, spec.switches_beyond())).collect();
    match batches.iter().all(|batch| !batch.targets.is_empty()) && !batches.is_empty() {
        true => Ok(batches),
        false => Err(Ended::failed("There is nothing to train: give batches with trained tokens.")),
    }
}

/// When this process was started, where the system says so.
fn since_process_start() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in brackets, the 20th field: clock ticks, 100 a second, since the machine was started.
    let started: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let uptime: f64 = std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next()?.parse().ok()?;
    Some(uptime - started / 100.0)
}
