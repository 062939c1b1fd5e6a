//! What a run would do, before it is started.

use std::path::Path;

use super::error::TrainError;
use super::schedule::Schedule;
use super::timing::KnownSpeed;
use crate::data::Example;
use crate::model::chat::Omission;
use crate::model::facts::available_memory;
use crate::model::gradient::{activation_bytes, num_recomputed};
use crate::model::{Chat, LoraConfig, ModelSpec, ProductType, inspect, weights};
use crate::recipe::{Plan, Recipe, RecipeError, RenderSpec, Training};
use crate::render::batch::Order;
use crate::render::tally::{Note, Tally};
use crate::render::{Fate, Refusal, Rendered, RenderedExample, render};
use crate::words::thousands;

/// The run preview card.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPreview {
    /// Samples of the training part: one an example, or several of those that are split.
    pub num_examples: usize,
    pub num_validation_examples: usize,
    /// Real tokens of one epoch.
    pub num_tokens: usize,
    pub num_supervised_tokens: usize,
    /// What would become of the training examples, and of those for validation.
    pub tally: Tally,
    pub held_out: Tally,
    /// Which examples those are.
    pub noted: Noted,
    pub held_out_noted: Noted,
    /// Where `max_length` is more than the model was made for: a sentence without a full stop.
    pub beyond_context: Option<String>,
    pub num_steps: usize,
    pub steps_per_epoch: usize,
    /// Between two evaluations.
    pub eval_steps: usize,
    /// Measured on this machine with such a run, if it was; the time follows from it.
    pub speed: Option<KnownSpeed>,
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
const PROGRAM_BYTES: u64 = 300 << 20;

/// The examples that a [`Tally`] counts, by their ids in the project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Noted {
    pub untrained: Vec<i64>,
    /// Left out, cut or split.
    pub too_long: Vec<i64>,
    /// By the model's template or tokenizer.
    pub refused: Vec<i64>,
    /// Those of [`Tally::omissions`].
    pub omissions: [Vec<i64>; Omission::ALL.len()],
}

impl Noted {
    pub fn of(&self, note: Note) -> &[i64] {
        match note {
            Note::TooLong => &self.too_long,
            Note::Untrained => &self.untrained,
            Note::Refused => &self.refused,
            Note::Omitted(what) => {
                let own = Omission::ALL.into_iter().zip(&self.omissions).find(|(of, _)| *of == what);
                own.map_or(&[], |(_, ids)| ids)
            }
        }
    }

    fn add(&mut self, id: i64, example: &RenderedExample) {
        self.untrained.extend(example.is_untrained().then_some(id));
        self.too_long.extend((example.fate != Fate::Whole).then_some(id));
        for (what, ids) in Omission::ALL.into_iter().zip(&mut self.omissions) {
            ids.extend(example.left_out.iter().any(|left_out| left_out.what == what).then_some(id));
        }
    }
}

/// What of the examples a preview needs: they are tokenised once, however often the recipe changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSizes {
    spec: RenderSpec,
    /// The sizes of samples in which something is trained.
    samples: Vec<SampleSize>,
    tally: Tally,
    held_out: Tally,
    noted: Noted,
    held_out_noted: Noted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SampleSize {
    num_tokens: usize,
    num_trained: usize,
}

impl RunSizes {
    pub fn new(spec: RenderSpec) -> Self {
        Self {
            spec,
            samples: Vec::new(),
            tally: Tally::new(spec),
            held_out: Tally::new(spec),
            noted: Noted::default(),
            held_out_noted: Noted::default(),
        }
    }

    /// Examples that were counted, of both parts.
    pub fn num_examples(&self) -> usize {
        self.tally.num_examples + self.held_out.num_examples
    }

    /// `id` and `number` are the example's own; the table shows the number, from 1.
    pub fn add_held_out(&mut self, example: &Example, id: i64, number: u64, chat: &Chat) {
        match render(chat, example, self.spec) {
            Ok(rendered) => {
                self.held_out.add(&rendered);
                self.held_out_noted.add(id, &rendered);
            }
            Err(error) => {
                self.held_out.refuse(Refusal::of_number(number, &error));
                self.held_out_noted.refused.push(id);
            }
        }
    }

    /// Adds an example of the training part.
    pub fn add(&mut self, example: &Example, id: i64, number: u64, chat: &Chat) {
        let rendered = match render(chat, example, self.spec) {
            Ok(rendered) => rendered,
            Err(error) => {
                self.noted.refused.push(id);
                return self.tally.refuse(Refusal::of_number(number, &error));
            }
        };
        self.tally.add(&rendered);
        self.noted.add(id, &rendered);
        let size = |sample: &Rendered| SampleSize { num_tokens: sample.ids.len(), num_trained: sample.num_trained() };
        self.samples.extend(rendered.samples.iter().map(size).filter(|size| size.num_trained > 0));
    }
}

/// Counts what a run with this recipe on these examples would do, where it may take at most `memory_limit` bytes.
///
/// # Errors
/// Where the model's header can't be read, or the recipe doesn't fit it.
pub fn preview(
    model_path: &Path,
    recipe: &Recipe,
    sizes: &RunSizes,
    memory_limit: u64,
) -> Result<RunPreview, TrainError> {
    recipe.check()?;
    let facts = inspect(model_path)?;
    let spec = weights::open(model_path)?.spec().clone();
    let lengths: Vec<usize> = sizes.samples.iter().map(|size| size.num_tokens).collect();
    let order = Order::new(&lengths, &recipe.training);
    let num_steps = order.num_steps(&recipe.training);
    let config = LoraConfig::from_recipe(&recipe.lora, &spec)
        .map_err(|message| RecipeError::Invalid { key: "lora.target_modules", message })?;
    let num_trainable = config.num_trainable(&spec);
    Ok(RunPreview {
        num_examples: sizes.samples.len(),
        num_validation_examples: sizes.held_out.num_examples,
        num_tokens: lengths.iter().sum(),
        num_supervised_tokens: sizes.samples.iter().map(|size| size.num_trained).sum(),
        tally: sizes.tally.clone(),
        held_out: sizes.held_out.clone(),
        noted: sizes.noted.clone(),
        held_out_noted: sizes.held_out_noted.clone(),
        beyond_context: beyond_context(recipe.training.max_length, spec.context_length, &lengths),
        num_steps,
        steps_per_epoch: order.steps_per_epoch(),
        eval_steps: recipe.evaluation.steps_between(order.steps_per_epoch()),
        speed: None,
        num_trainable,
        num_parameters: facts.num_parameters as usize,
        memory: memory(
            facts.num_bytes,
            &spec,
            &recipe.training,
            num_trainable,
            order.most_tokens(&lengths),
            memory_limit,
        ),
        learning_rates: rates(&Schedule::new(&recipe.training, num_steps), num_steps),
    })
}

/// What is beyond the length that the model was made for can hardly be learned. `lengths` are the samples', in tokens.
pub fn beyond_context(max_length: usize, context_length: usize, lengths: &[usize]) -> Option<String> {
    let num = lengths.iter().filter(|length| **length > context_length).count();
    let of = thousands(lengths.len());
    let examples = match num {
        0 => "no example is longer than that".to_owned(),
        1 => format!("1 of {of} examples is longer than that, and hardly learned beyond it"),
        _ => format!("{} of {of} examples are longer than that, and hardly learned beyond it", thousands(num)),
    };
    let limit = thousands(context_length);
    let words = format!("max_length is {max_length}, but the model was made for at most {limit} tokens; {examples}");
    (max_length > context_length).then_some(words)
}

/// The memory of a run, from the shapes that the loop allocates.
fn memory(
    model_bytes: u64,
    spec: &ModelSpec,
    training: &Training,
    num_trainable: usize,
    num_tokens: usize,
    limit: u64,
) -> MemoryEstimate {
    let available = available_memory();
    let product = ProductType::of(training.precision, spec);
    let allowed = available.min(limit);
    let num_recomputed = num_recomputed(training.gradient_checkpointing, spec, product, num_tokens, allowed);
    MemoryEstimate {
        weights: model_bytes,
        // The weights, their gradient, AdamW's two moments, packed copies, and what a checkpoint is written from.
        adapter: 4 * 12 * num_trainable as u64,
        activations: activation_bytes(spec, product, num_recomputed, num_tokens),
        program: PROGRAM_BYTES,
        available,
    }
}

/// Checks that a run takes no more memory than it may.
///
/// # Errors
/// Where it would take more; the error says how much, and what it may take.
pub fn check_memory(plan: &Plan, spec: &ModelSpec, num_trainable: usize, num_tokens: usize) -> Result<(), TrainError> {
    let limit = plan.memory_limit;
    if limit == Plan::NO_LIMIT {
        return Ok(());
    }
    let model_bytes = inspect(&plan.model_path)?.num_bytes;
    let needed = memory(model_bytes, spec, &plan.training, num_trainable, num_tokens, limit).total();
    if needed > limit { Err(TrainError::OverLimit { needed, limit }) } else { Ok(()) }
}

fn rates(schedule: &Schedule, num_steps: usize) -> Vec<(usize, f64)> {
    let stride = num_steps.div_ceil(100).max(1);
    let mut rates: Vec<_> = (0..num_steps).step_by(stride).map(|step| (step, schedule.rate(step))).collect();
    rates.push((num_steps, schedule.rate(num_steps)));
    rates
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The preview of a run that does nothing.
    pub fn preview() -> RunPreview {
        RunPreview {
            num_examples: 0,
            num_validation_examples: 0,
            num_tokens: 0,
            num_supervised_tokens: 0,
            tally: Tally::default(),
            held_out: Tally::default(),
            noted: Noted::default(),
            held_out_noted: Noted::default(),
            beyond_context: None,
            num_steps: 0,
            steps_per_epoch: 0,
            eval_steps: 1,
            speed: None,
            num_trainable: 0,
            num_parameters: 0,
            memory: MemoryEstimate::default(),
            learning_rates: Vec::new(),
        }
    }
}
