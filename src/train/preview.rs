//! What a run would do, before it is started.

use std::path::Path;

use super::batch::Order;
use super::error::TrainError;
use super::render::{Rendered, render};
use super::schedule::Schedule;
use super::sft::eval_steps;
use crate::data::Example;
use crate::model::facts::available_memory;
use crate::model::language_model::will_expand;
use crate::model::{Chat, LoraConfig, ModelFacts, ModelSpec, inspect, weights};
use crate::recipe::{Recipe, RecipeError};
use crate::task::{Task, Unit};

/// The run preview card.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPreview {
    pub num_examples: usize,
    pub num_validation_examples: usize,
    /// Real tokens of one epoch.
    pub num_tokens: usize,
    pub num_supervised_tokens: usize,
    /// The longest example, in tokens, before cutting.
    pub longest: usize,
    /// Examples of the training part that would be cut.
    pub num_cut: usize,
    /// Examples in which no token would be trained; the run leaves them out.
    pub num_untrained: usize,
    pub num_steps: usize,
    pub eval_steps: usize,
    pub num_trainable: usize,
    pub num_parameters: usize,
    pub memory: MemoryEstimate,
    /// Step and rate at about 100 places.
    pub learning_rates: Vec<(usize, f64)>,
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEstimate {
    pub weights: u64,
    /// The adapter with its gradient and AdamW's two moments.
    pub adapter: u64,
    pub activations: u64,
    pub program: u64,
    /// What this machine has free now.
    pub available: u64,
}

impl MemoryEstimate {
    pub fn total(&self) -> u64 {
        self.weights + self.adapter + self.activations + self.program
    }
}

/// The program itself, the tokenizer and the window, as measured.
const PROGRAM_BYTES: u64 = 150 << 20;

/// Counts what a run with this recipe would do. `None` when `task` was cancelled.
pub fn preview(
    model_path: &Path,
    recipe: &Recipe,
    train: &[Example],
    validation: &[Example],
    task: &dyn Task,
) -> Result<Option<RunPreview>, TrainError> {
    recipe.check()?;
    let facts = inspect(model_path)?;
    let spec = weights::open(model_path)?.spec().clone();
    let chat = Chat::load(model_path)?;
    let training = &recipe.training;
    let mut samples = Vec::with_capacity(train.len());
    for (i, example) in train.iter().enumerate() {
        if task.is_cancelled() {
            return Ok(None);
        }
        task.progress(i as u64, Some(train.len() as u64), Unit::Examples);
        samples.push(render(&chat, &example.messages, training.train_on, training.max_length)?);
    }
    let longest = samples.iter().map(|s| s.ids.len() + s.num_cut).max().unwrap_or_default();
    let num_cut = samples.iter().filter(|s| s.num_cut > 0).count();
    samples.retain(|s| s.num_trained() > 0);
    let lengths: Vec<usize> = samples.iter().map(|s| s.ids.len()).collect();
    let order = Order::new(&lengths, training);
    let num_steps = order.num_steps(training);
    let config = LoraConfig::from_recipe(&recipe.lora)
        .map_err(|message| RecipeError::Invalid { key: "lora.target_modules", message })?;
    let num_trainable = config.num_trainable(&spec);
    Ok(Some(RunPreview {
        num_examples: samples.len(),
        num_validation_examples: validation.len(),
        num_tokens: lengths.iter().sum(),
        num_supervised_tokens: samples.iter().map(Rendered::num_trained).sum(),
        longest,
        num_cut,
        num_untrained: train.len() - samples.len(),
        num_steps,
        eval_steps: eval_steps(recipe, &order),
        num_trainable,
        num_parameters: facts.num_parameters as usize,
        memory: memory(&facts, &spec, num_trainable, most_tokens(&samples, &order)),
        learning_rates: rates(&Schedule::new(training, num_steps), num_steps),
    }))
}

/// Tokens of the largest micro-batch of the first epoch.
fn most_tokens(samples: &[Rendered], order: &Order) -> usize {
    (0..order.steps_per_epoch())
        .flat_map(|step| order.step(step))
        .map(|rows| rows.into_iter().map(|i| samples[i].ids.len()).sum())
        .max()
        .unwrap_or_default()
}

/// From the shapes that the loop allocates.
fn memory(facts: &ModelFacts, spec: &ModelSpec, num_trainable: usize, num_tokens: usize) -> MemoryEstimate {
    let available = available_memory();
    let expanded = if will_expand(facts, available) { 4 * facts.num_parameters } else { 0 };
    // Values a block keeps per token until backward: inputs and outputs of its norms, projections, rope, attention and
    // SwiGLU; backward holds a gradient for about one block at a time.
    let (q, kv) = (spec.num_heads * spec.head_dim, spec.num_kv_heads * spec.head_dim);
    let block = 6 * spec.hidden_size + 3 * q + 3 * kv + 3 * spec.intermediate_size;
    let kept = num_tokens * (block * spec.num_layers + 2 * block + 4 * spec.hidden_size);
    let logits = crate::ops::cross_entropy::CHUNK_VALUES;
    MemoryEstimate {
        weights: facts.num_bytes + expanded,
        adapter: 4 * 4 * num_trainable as u64,
        activations: 4 * (kept + logits) as u64,
        program: PROGRAM_BYTES,
        available,
    }
}

fn rates(schedule: &Schedule, num_steps: usize) -> Vec<(usize, f64)> {
    let stride = num_steps.div_ceil(100).max(1);
    let mut rates: Vec<_> = (0..num_steps).step_by(stride).map(|step| (step, schedule.rate(step))).collect();
    rates.push((num_steps, schedule.rate(num_steps)));
    rates
}
