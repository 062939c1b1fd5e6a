//! Whether a run takes the memory that was foretold: real runs on models of real shapes, each in a process of its own,
//! whose peak is read while it runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::random_model::{Shape, make};
use crate::cli::interrupt::Interrupt;
use crate::cli::{Ended, model, terminal};
use crate::model::{ModelError, inspect};
use crate::recipe::{GradientCheckpointing, ModelRef, Recipe, TooLong};
use crate::train::estimate::{MachineNow, RunLengths, estimate};
use crate::train::memory::MemoryEstimate;

#[derive(Debug, Args)]
pub struct MemoryBench {
    /// Only cases whose names have this in them
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Where models are made, and removed again [default: the system's folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Print one JSON object a case
    #[arg(long)]
    json: bool,
}

/// A model and what of the recipe its memory depends on.
struct Case {
    /// The name of its shape; `None` for the starter model.
    shape: Option<&'static str>,
    batch: usize,
    length: usize,
    r: usize,
    checkpointing: GradientCheckpointing,
}

#[rustfmt::skip]
const CASES: [Case; 6] = [
    Case { shape: None, batch: 8, length: 128, r: 16, checkpointing: GradientCheckpointing::Auto },
    Case { shape: None, batch: 4, length: 512, r: 64, checkpointing: GradientCheckpointing::On },
    Case { shape: Some("Qwen3-0.6B Q8_0"), batch: 2, length: 256, r: 16, checkpointing: GradientCheckpointing::Off },
    Case { shape: Some("Llama-3.2-1B Q4_0"), batch: 1, length: 512, r: 8, checkpointing: GradientCheckpointing::Auto },
    Case { shape: Some("gemma-3-270m bf16"), batch: 4, length: 128, r: 32, checkpointing: GradientCheckpointing::Off },
    Case { shape: Some("Qwen2.5-0.5B bf16"), batch: 2, length: 512, r: 16, checkpointing: GradientCheckpointing::On },
];

/// A run that is off by more was not foretold.
const MOST_OFF: f64 = 0.15;

pub fn run(args: &MemoryBench) -> Result<(), Ended> {
    if !cfg!(target_os = "linux") {
        return Err(Ended::failed("The peak of a process is read as Linux tells it, and this isn't Linux"));
    }
    let interrupt = Interrupt::listen();
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.map_err(|error| Ended::failed(format!("No folder for models can be made: {error}")))?;
    // Before anything is made: a run's process begins with as much.
    let machine = MachineNow::look(None);
    let mut num_off = 0;
    for case in CASES.iter().filter(|case| case.name().contains(&args.only)) {
        interrupt.check()?;
        let case_dir = folder.path().join("case");
        std::fs::create_dir_all(&case_dir).map_err(ModelError::io(&case_dir))?;
        let (estimate, peak) = case.run(&case_dir, &machine, &interrupt)?;
        std::fs::remove_dir_all(&case_dir).map_err(ModelError::io(&case_dir))?;
        let off = estimate.total() as f64 / peak as f64 - 1.0;
        num_off += usize::from(off.abs() > MOST_OFF);
        if args.json {
            terminal::line(&case.json(&estimate, peak).to_string());
        } else {
            let [estimated, peak] = [estimate.total(), peak].map(|bytes| bytes as f64 / 1e6);
            let name = case.name();
            terminal::line(&format!(
                "{name:56} {estimated:6.0} MB foretold, {peak:6.0} MB at most, {:+.1} %",
                100.0 * off
            ));
        }
    }
    match num_off {
        0 => Ok(()),
        _ => Err(Ended::failed(format!("{num_off} runs are off by more than {:.0} %", 100.0 * MOST_OFF))),
    }
}

impl Case {
    fn name(&self) -> String {
        let model = self.shape.unwrap_or("SmolLM2-135M Q4_1");
        let again = match self.checkpointing {
            GradientCheckpointing::Auto => "auto",
            GradientCheckpointing::On => "on",
            GradientCheckpointing::Off => "off",
        };
        format!("{model}, {} x {}, r {}, checkpointing {again}", self.batch, self.length, self.r)
    }

    fn json(&self, estimate: &MemoryEstimate, peak: u64) -> Value {
        let parts: serde_json::Map<_, _> =
            estimate.parts().iter().map(|(name, bytes)| ((*name).to_owned(), Value::from(*bytes))).collect();
        json!({"case": self.name(), "estimate": estimate.total(), "peak": peak, "parts": parts})
    }

    /// What was foretold, and the peak of the run's process.
    fn run(&self, folder: &Path, machine: &MachineNow, interrupt: &Interrupt) -> Result<(MemoryEstimate, u64), Ended> {
        let shape = self.shape.map(Shape::named).transpose()?;
        let path = match &shape {
            Some(shape) => make(shape, folder)?,
            None => model::locate(&ModelRef::Starter, interrupt)?,
        };
        let recipe = self.recipe(&path, shape.as_ref());
        let written = recipe.to_toml().map_err(|error| Ended::failed(error.to_string()))?;
        let (recipe_path, data) = (folder.join("recipe.toml"), folder.join("train.jsonl"));
        for (path, text) in [(&recipe_path, written), (&data, self.examples())] {
            crate::fs::write_atomic(path, text.as_bytes()).map_err(ModelError::io(path))?;
        }
        let size = inspect(&path)?.size;
        let (train, num_held_out) = (vec![self.length; self.num_examples()], self.num_examples() / 10);
        let lengths = RunLengths { train, num_held_out, ..RunLengths::default() };
        let foretold = estimate(&size, &recipe, &lengths, machine, None)?.memory;
        let program = std::env::current_exe().map_err(|error| Ended::failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("train").arg(&recipe_path).arg("--out").arg(folder.join("run")).arg("--json");
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| Ended::failed(format!("A run can't be started: {error}")))?;
        Ok((foretold, watched(child, interrupt)?))
    }

    fn recipe(&self, model: &Path, shape: Option<&Shape>) -> Recipe {
        let base_model = match shape.map(|shape| &shape.gguf) {
            None => ModelRef::Starter,
            Some(Some(_)) => ModelRef::Gguf(model.to_owned()),
            Some(None) => ModelRef::Folder(model.to_owned()),
        };
        let mut recipe = Recipe::new(base_model, "train.jsonl".into());
        recipe.lora.r = self.r;
        let training = &mut recipe.training;
        (training.per_device_train_batch_size, training.max_length) = (self.batch, self.length);
        (training.too_long, training.max_steps) = (TooLong::CutRight, 3);
        training.gradient_checkpointing = self.checkpointing;
        recipe
    }

    fn num_examples(&self) -> usize {
        4 * self.batch
    }

    /// Each longer than the limit, and cut there.
    fn examples(&self) -> String {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut word = || (0..5).map(|_| rng.random_range('a'..='z')).collect::<String>();
        let mut words = |num: usize| (0..num).map(|_| word()).collect::<Vec<_>>().join(" ");
        let mut line = || json!({"prompt": words(4), "completion": words(self.length)}).to_string() + "\n";
        (0..self.num_examples()).map(|_| line()).collect()
    }
}

/// The most memory that a process held until its end, in bytes.
fn watched(mut child: Child, interrupt: &Interrupt) -> Result<u64, Ended> {
    const PAUSE: Duration = Duration::from_millis(20);
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        peak = peak.max(super::peak_of(&status).unwrap_or_default());
        if let Err(stopped) = interrupt.check() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(stopped);
        }
        match child.try_wait() {
            Ok(Some(ended)) => break ended,
            Ok(None) => std::thread::sleep(PAUSE),
            Err(error) => return Err(Ended::failed(error.to_string())),
        }
    };
    if ended.success() {
        return Ok(peak);
    }
    let mut words = String::new();
    if let Some(mut told) = child.stderr.take() {
        let _ = std::io::Read::read_to_string(&mut told, &mut words);
    }
    Err(Ended::failed(format!("A run failed: {}", words.trim())))
}
