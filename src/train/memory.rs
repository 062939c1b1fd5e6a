//! The memory of a run in parts, before it is started: from the sizes that the passes, the optimizer and the tokenizer
//! allocate. `tunewright bench memory` holds it against the peaks of real runs.

use std::sync::OnceLock;

use crate::model::facts::available_memory;
use crate::model::gradient::{activation_bytes, head_bytes, num_recomputed};
use crate::model::spec::LayerSpec;
use crate::model::{LoraConfig, ModelSize, ModelSpec, ProductType};
use crate::ops::delta::scratch_bytes as delta_bytes;
use crate::recipe::Training;

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEstimate {
    /// The blocks' weights in the types they are stored in.
    pub weights: u64,
    /// The embedding, and the head where that has its own weights.
    pub embeddings: u64,
    /// The adapter's weights, and its copies that products read.
    pub adapter: u64,
    /// Gradients, AdamW's two moments, and what a checkpoint is written from.
    pub optimizer: u64,
    /// What the blocks keep for the way back.
    pub activations: u64,
    /// Buffers that every block uses anew.
    pub work: u64,
    /// Logits and their gradients.
    pub head: u64,
    /// The tokenizer and the tokens of all examples.
    pub data: u64,
    /// The program itself, with its window.
    pub program: u64,
    /// What this machine could give to the program now, with what it has already.
    pub available: u64,
    /// The person's own limit, where it is less.
    pub limit: Option<u64>,
}

/// Whether a run has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    Fits,
    /// With little left: another program that grows may make it swap.
    Tight,
    TooLarge,
}

/// A run that takes more of what is free than this share is tight.
const TIGHT_FROM: f64 = 0.85;

impl MemoryEstimate {
    /// Each part with its name, the largest things of a run first.
    pub fn parts(&self) -> [(&'static str, u64); 9] {
        [
            ("Weights", self.weights),
            ("Embeddings", self.embeddings),
            ("Adapter", self.adapter),
            ("Gradients and optimizer", self.optimizer),
            ("Kept activations", self.activations),
            ("Work buffers", self.work),
            ("Logits", self.head),
            ("Tokenizer and data", self.data),
            ("Program", self.program),
        ]
    }

    pub fn total(&self) -> u64 {
        self.parts().iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// What a run may take here.
    pub fn room(&self) -> u64 {
        self.limit.map_or(self.available, |limit| limit.min(self.available))
    }

    pub fn fit(&self) -> Fit {
        match self.total() as f64 / self.room().max(1) as f64 {
            share if share <= TIGHT_FROM => Fit::Fits,
            share if share <= 1.0 => Fit::Tight,
            _ => Fit::TooLarge,
        }
    }
}

/// What of a run its memory depends on.
pub struct Needs<'a> {
    pub size: &'a ModelSize,
    pub training: &'a Training,
    pub lora: &'a LoraConfig,
    /// Tokens of a micro-batch at most.
    pub most_tokens: usize,
    /// Tokens of the held-out examples that are looked at together.
    pub eval_tokens: usize,
    /// Tokens of all examples.
    pub all_tokens: usize,
}

/// A token of the vocabulary in the tokenizer's tables: its text twice, its id, its merge, and what reading them left
/// behind; as measured.
const BYTES_PER_ENTRY: u64 = 1000;
/// A token of a rendered example: its id, and whether it is trained.
const BYTES_PER_TOKEN: u64 = 5;
/// Weights that are unpacked at a time, values.
const SLAB_VALUES: u64 = 4 << 20;

/// The memory of a run on this machine, where the person allows `limit` bytes.
pub fn memory(needs: &Needs<'_>, limit: Option<u64>) -> MemoryEstimate {
    memory_with(needs, limit, room_for_all(), program_bytes())
}

/// What is free, and what this program could give back: a run that begins takes the place of what is loaded now.
pub fn room_for_all() -> u64 {
    available_memory().saturating_add(resident_bytes())
}

/// The memory of a run where `available` bytes could be had, by a program that takes `program` bytes without one.
pub fn memory_with(needs: &Needs<'_>, limit: Option<u64>, available: u64, program: u64) -> MemoryEstimate {
    let Needs { size, training, lora, most_tokens, eval_tokens, all_tokens } = *needs;
    let spec = &size.spec;
    let product = ProductType::of(training.precision, spec);
    let bytes_per_value = if product == ProductType::F32 { 4 } else { 2 };
    let num_trainable = lora.num_trainable(spec) as u64;
    let fixed = MemoryEstimate {
        weights: size.block_bytes,
        embeddings: size.embedding_bytes,
        // A and B in f32, and both once for each direction in the type of the products.
        adapter: (4 + 2 * bytes_per_value) * num_trainable,
        // Gradients and two moments; a checkpoint has copies of the moments, and the bytes that are written.
        optimizer: 4 * (1 + 2 + 4) * num_trainable,
        data: BYTES_PER_ENTRY * spec.vocab_size as u64 + BYTES_PER_TOKEN * all_tokens as u64,
        program,
        available,
        limit,
        ..MemoryEstimate::default()
    };
    let left = fixed.room().saturating_sub(fixed.total());
    let again = num_recomputed(training.gradient_checkpointing, spec, product, most_tokens, left);
    let num_layers = spec.num_layers();
    let head_of = |num_tokens| head_bytes(spec, product, num_tokens);
    let inputs_of = |num_tokens: usize| bytes_per_value * (spec.hidden_size * num_layers * num_tokens) as u64;
    let least_of = |num_tokens| activation_bytes(spec, product, num_layers, num_tokens);
    let of_blocks = activation_bytes(spec, product, again, most_tokens).saturating_sub(least_of(most_tokens));
    let num_kept = num_layers - again.saturating_sub(1).min(num_layers);
    let of_adapter = 4 * (lora_width(spec, lora) * num_kept * most_tokens) as u64;
    // A look at held-out examples keeps nothing, but may work on more tokens at once.
    let working = most_tokens.max(eval_tokens);
    MemoryEstimate {
        activations: of_blocks + inputs_of(most_tokens) + of_adapter,
        work: least_of(working).saturating_sub(head_of(working) + inputs_of(working))
            + scratch_bytes(spec, lora, bytes_per_value, working)
            + spec.delta().map_or(0, |shape| rayon::current_num_threads() as u64 * delta_bytes(shape, most_tokens))
            + bytes_per_value * SLAB_VALUES,
        head: head_of(working),
        ..fixed
    }
}

/// Columns of `x·Aᵀ` that a block keeps for each token.
fn lora_width(spec: &ModelSpec, lora: &LoraConfig) -> usize {
    let num_pairs = |layer: &LayerSpec| layer.modules().filter(|module| lora.target_modules.contains(module)).count();
    lora.r.next_multiple_of(2) * spec.layers.iter().map(num_pairs).max().unwrap_or_default()
}

/// Buffers of the adapter's part, and the inputs of products in whole numbers.
fn scratch_bytes(spec: &ModelSpec, lora: &LoraConfig, bytes_per_value: u64, num_tokens: usize) -> u64 {
    let targets = spec.shapes().filter(|(module, _)| lora.target_modules.contains(module));
    let widest = targets.map(|(_, (_, inputs))| inputs).max().unwrap_or_default();
    let r = 3 * lora.r as u64 * (2 * bytes_per_value + 4);
    let dropped = if lora.lora_dropout > 0.0 { widest as u64 * (bytes_per_value + 4) } else { 0 };
    let rounded = spec.shapes().map(|(_, (outputs, inputs))| outputs.max(inputs)).max();
    let of_scans = spec.scan_shape().map_or(0, |shape| shape.task_bytes(num_tokens, rayon::current_num_threads()));
    num_tokens as u64 * (r + dropped + rounded.unwrap_or_default() as u64) + of_scans as u64
}

/// What the program takes without a model: what it had when this was first asked.
pub fn program_bytes() -> u64 {
    static BEFORE: OnceLock<u64> = OnceLock::new();
    *BEFORE.get_or_init(resident_bytes)
}

/// What this process has in memory now, in bytes; 0 where the system doesn't say.
pub fn resident_bytes() -> u64 {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
    let me = Pid::from_u32(std::process::id());
    let mut system = System::new();
    let kind = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), false, kind);
    system.process(me).map_or(0, sysinfo::Process::memory)
}
