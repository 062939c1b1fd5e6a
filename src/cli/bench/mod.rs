//! `tunewright bench`: how fast this machine trains, answers and multiplies.

mod answers;
mod generate;
mod labels;
mod matmul;
mod memory;
mod random_model;
mod train;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{Ended, terminal};
use crate::ops::product::Isa;
use crate::recipe::{ModelRef, Precision};

#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Training steps with LoRA on all linear layers
    Train(train::TrainBench),
    /// Answers: one, many at once, and the reading of a prompt
    Generate(generate::GenerateBench),
    /// Answers to many short prompts, at once and one by one
    Answers(answers::AnswersBench),
    /// The likelihood of each label of a list, with prompts computed once and anew for each label
    Labels(labels::LabelsBench),
    /// Matrix products of the model's shapes
    Matmul(matmul::MatmulBench),
    /// Whether runs take the memory that was foretold
    Memory(memory::MemoryBench),
}

/// The arguments that all benchmarks share.
#[derive(Debug, Args)]
struct Common {
    /// `starter`, a GGUF file, a folder, or a Hub repository owner/name or owner/name@revision
    #[arg(long, value_name = "M", default_value = "starter",
        value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ModelRef::parse(text)))]
    model: ModelRef,
    /// Use no better instructions than these: portable, avx2, avx512, avx512-bf16 or amx
    #[arg(long, value_name = "SET", value_parser = parse_isa)]
    isa: Option<Isa>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionArg {
    Auto,
    Int8,
    Bf16,
    F32,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::Auto => Self::Auto,
            PrecisionArg::Int8 => Self::Int8,
            PrecisionArg::Bf16 => Self::Bf16,
            PrecisionArg::F32 => Self::F32,
        }
    }
}

/// Reads an amount of what is measured; more makes the figures no better, but takes memory.
fn amount(text: &str) -> Result<usize, String> {
    let amount = text.trim().parse().ok().filter(|amount| (1..=1_000_000).contains(amount));
    amount.ok_or_else(|| "it must be a whole number from 1 to 1000000".to_owned())
}

fn parse_isa(text: &str) -> Result<Isa, String> {
    let known = || Isa::available().map(Isa::name).collect::<Vec<_>>().join(", ");
    Isa::available().find(|isa| isa.name() == text).ok_or_else(|| format!("this CPU has {}", known()))
}

pub fn run(args: BenchArgs) -> Result<(), Ended> {
    match args.what {
        What::Train(args) => train::run(args),
        What::Generate(args) => generate::run(args),
        What::Answers(args) => answers::run(&args),
        What::Labels(args) => labels::run(&args),
        What::Matmul(args) => matmul::run(args),
        What::Memory(args) => memory::run(&args),
    }
}

impl Common {
    fn start(&self) {
        if let Some(isa) = self.isa {
            isa.limit();
        }
    }

    /// One JSON object, or a line a figure.
    fn print(&self, figures: Value) {
        if self.json {
            return terminal::line(&figures.to_string());
        }
        for (name, value) in figures.as_object().into_iter().flatten() {
            match value {
                Value::Object(parts) => {
                    for (part, value) in parts {
                        terminal::line(&format!("{:28} {}", format!("{name}.{part}"), short(value)));
                    }
                }
                value => terminal::line(&format!("{name:28} {}", short(value))),
            }
        }
    }
}

fn short(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => format!("{number:.3}"),
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

/// The most memory that this process has held so far, in MB; where the system says it.
fn peak_memory_mb() -> Value {
    peak_of("/proc/self/status").map_or(Value::Null, |bytes| json!((bytes as f64 / 1e6).round()))
}

/// The most memory that a process has held so far, in bytes; where the system says it.
fn peak_of(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let rest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
