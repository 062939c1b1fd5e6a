//! A few real steps, to know how fast a run would be before it is started.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::TrainError;
use super::feed::layout;
use super::optimizer::{AdamW, Gradients};
use super::sft::{Samples, gradient_pass};
use super::start::start;
use super::timing::{Speed, tokens_per_sec};
use crate::evaluate::loss::example_losses;
use crate::model::{Decoder, Dropout, GradientPass, LanguageModel, LoraAdapter, Supervised};
use crate::recipe::{Plan, Recipe, Training};
use crate::render::Rendered;
use crate::render::batch::{Batch, Order};
use crate::task::{Task, Unit};

/// Batches that are trained on, the first of which only warms up.
pub const MAX_BATCHES: usize = 6;
/// Held-out examples that are looked at.
pub const MAX_HELD_OUT: usize = 64;
/// Then what was measured is enough.
const ENOUGH: Duration = Duration::from_secs(6);

/// Trains a scratch adapter on some of a run's samples and measures some held-out ones, for about ten seconds.
///
/// # Errors
/// Where the recipe doesn't fit the model, memory would not do, or the task was stopped.
pub fn measure(
    model: &LanguageModel,
    model_path: &Path,
    recipe: &Recipe,
    samples: &Samples,
    task: &dyn Task,
) -> Result<Speed, TrainError> {
    if samples.train.is_empty() {
        return Err(TrainError::NothingTrained { num_examples: samples.tally.num_examples });
    }
    let decoder = &model.decoder;
    // Never written to.
    let plan = Plan::new(recipe.clone(), model_path.to_owned(), PathBuf::new())?;
    let (adapter, plan) = start(decoder, &plan)?;
    // A step is as many batches as are accumulated; each is measured by itself.
    let training = Training { gradient_accumulation_steps: 1, ..plan.training.clone() };
    let lengths: Vec<usize> = samples.train.iter().map(|sample| sample.ids.len()).collect();
    let order = Order::new(&lengths, &training);
    let mut pass = gradient_pass(decoder, &plan, &order, &lengths)?;
    let mut steps = train(decoder, &plan, &adapter, &mut pass, (&order, &samples.train), task)?;
    if steps.len() > 1 {
        steps.remove(0);
    }
    let train_tokens_per_sec =
        tokens_per_sec(&steps).ok_or(TrainError::NothingTrained { num_examples: samples.train.len() })?;
    pass.set_adapter(decoder, &adapter)?;
    let eval_examples_per_sec = look(decoder, &mut pass, &samples.validation, task)?;
    if task.is_stopped() {
        return Err(TrainError::Stopped);
    }
    Ok(Speed { train_tokens_per_sec, eval_examples_per_sec })
}

/// Tokens and seconds of each batch.
fn train(
    decoder: &Decoder,
    plan: &Plan,
    adapter: &LoraAdapter,
    pass: &mut GradientPass,
    (order, samples): (&Order, &[Rendered]),
    task: &dyn Task,
) -> Result<Vec<(usize, f64)>, TrainError> {
    let training = &plan.training;
    let vars = adapter.named_vars();
    let (mut optimizer, mut gradients) = (AdamW::new(training, &vars), Gradients::zeros(&vars));
    let dropout = adapter.config.lora_dropout;
    let mut steps = Vec::new();
    let began = Instant::now();
    let total = Some(MAX_BATCHES as u64);
    task.progress(0, total, Unit::Steps);
    for at in 0..order.steps_per_epoch().min(MAX_BATCHES) {
        if task.is_stopped() {
            return Err(TrainError::Stopped);
        }
        if at > 0 && began.elapsed() > ENOUGH {
            break;
        }
        let rows = order.step(at).into_iter().flatten().map(|i| &samples[i]);
        // The same as the run does, where another thread makes the batches.
        let batch = Batch::laid_out(rows, layout(decoder.spec(), dropout));
        let started = Instant::now();
        pass.set_adapter(decoder, adapter)?;
        gradients.clear();
        let weight = 1.0 / batch.targets.len().max(1) as f64;
        let supervised = Supervised { dropout: Dropout::new(dropout, training.seed, at, 0), ..batch.supervised() };
        pass.add_gradients(decoder, supervised, weight, gradients.as_mut_slice())?;
        let computed = started.elapsed().as_secs_f64();
        let norm = gradients.norm();
        gradients.clip(norm, training.max_grad_norm);
        optimizer.update(&vars, &gradients, training.learning_rate)?;
        // The update comes once a step.
        let updated = started.elapsed().as_secs_f64() - computed;
        steps.push((batch.num_tokens, computed + updated / training.gradient_accumulation_steps as f64));
        task.progress(at as u64 + 1, total, Unit::Steps);
    }
    Ok(steps)
}

/// Held-out examples a second.
fn look(
    decoder: &Decoder,
    pass: &mut GradientPass,
    samples: &[Rendered],
    task: &dyn Task,
) -> Result<Option<f64>, TrainError> {
    let look = Look { task, began: Instant::now(), num_done: Cell::new(0) };
    example_losses(decoder, pass, samples, &look)?;
    let (num_done, secs) = (look.num_done.get(), look.began.elapsed().as_secs_f64());
    Ok((num_done > 0 && secs > 0.0).then(|| num_done as f64 / secs))
}

/// Ends when enough was seen, and knows how much that was.
struct Look<'a> {
    task: &'a dyn Task,
    began: Instant,
    num_done: Cell<u64>,
}

impl Task for Look<'_> {
    fn progress(&self, done: u64, _total: Option<u64>, _unit: Unit) {
        self.num_done.set(done);
    }

    fn is_stopped(&self) -> bool {
        self.task.is_stopped() || self.began.elapsed() > ENOUGH / 2
    }
}
