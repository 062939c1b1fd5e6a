//! Supervised fine-tuning with LoRA, from the recipe to the last checkpoint, readable top to bottom.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::checkpoint;
use super::error::TrainError;
use super::estimate::RunLengths;
use super::feed::{Feed, layout};
use super::memory::resident_bytes;
use super::observer::{Observer, RunFacts, TrainEvent};
use super::optimizer::{AdamW, Gradients};
use super::preview::{beyond_context, check_memory};
use super::ready::{Beginning, Ready, check_same_recipe};
use super::recorder::Recorder;
use super::samples::render_samples;
pub use super::samples::{Examples, Samples};
use super::schedule::Schedule;
use super::start::start;
use crate::evaluate::loss::mean_loss;
use crate::model::chat_template::clock;
use crate::model::device::graphics_card;
use crate::model::gradient::num_recomputed;
use crate::model::lora::LoraAdapter;
use crate::model::{Decoder, Dropout, GradientPass, LanguageModel, ModelError, ProductType, Supervised, facts};
use crate::recipe::Plan;
use crate::render::batch::Order;
use crate::render::{Rendered, notes};
use crate::run::checkpoints::{self, State};
use crate::run::{EvalMetrics, Inputs, RunError, RunLock, RunStatus, RunWriter, Status, StepMetrics};
use crate::task::{Phase, Quiet, Signal, Steered, Task};

/// So many losses in a row that aren't a number (NaN) end the run.
const MAX_BAD_STEPS: usize = 3;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    pub was_stopped: bool,
    pub num_steps: usize,
    pub num_steps_done: usize,
    /// The loss of the base model, before the first step.
    pub first_eval_loss: Option<f64>,
    /// The lowest of the evaluations after it, whose weights were saved, and its step.
    pub best_eval_loss: Option<f64>,
    pub best_step: Option<usize>,
    /// The best checkpoint, or the last where nothing was held out.
    pub adapter: Option<PathBuf>,
    /// The time of its steps and evaluations, all legs together.
    pub secs: f64,
}

/// Trains as the plan says. Resumes from the run folder's last checkpoint if there is one.
///
/// # Errors
/// Where the folder or the data can't be used, which is found before the model is loaded; where the model, the recipe
/// or the memory don't fit; where the loss was not a number (NaN) several times running, a file can't be written, or
/// the run was stopped before its first step.
pub fn run(plan: &Plan, task: &dyn Task, observer: &mut dyn Observer) -> Result<RunSummary, TrainError> {
    run_from(Beginning::on_files(plan)?, None, plan, task, observer)
}

/// [`run`] on a model that is loaded already.
///
/// # Errors
/// As for [`run`].
pub fn run_on(
    model: &LanguageModel,
    plan: &Plan,
    task: &dyn Task,
    observer: &mut dyn Observer,
) -> Result<RunSummary, TrainError> {
    run_from(Beginning::on_files(plan)?, Some(model), plan, task, observer)
}

/// [`run`] in a folder that is held already; without a model, the plan's is loaded.
///
/// # Errors
/// As for [`run`].
pub fn run_from(
    beginning: Beginning,
    model: Option<&LanguageModel>,
    plan: &Plan,
    task: &dyn Task,
    observer: &mut dyn Observer,
) -> Result<RunSummary, TrainError> {
    let mut recorder = Recorder::new(observer);
    let ready = Ready::new(plan, beginning, &Quiet(task), &mut recorder)?;
    if let Some(model) = model {
        return run_ready(model, ready, task, recorder);
    }
    task.phase(Phase::LoadingModel);
    let model = LanguageModel::load(&plan.model_path, &Quiet(task))?;
    run_ready(&model, ready, task, recorder)
}

fn run_ready(
    model: &LanguageModel,
    mut ready: Ready<'_>,
    task: &dyn Task,
    mut recorder: Recorder<'_>,
) -> Result<RunSummary, TrainError> {
    let plan = ready.plan;
    let of_format = notes::warnings(&model.chat, plan.training.chat_format());
    for note in model.facts.notes.iter().chain(&of_format) {
        recorder.observe(TrainEvent::Warning(note.clone()));
    }
    task.phase(Phase::Tokenizing);
    let examples = match ready.examples.take() {
        Some(examples) => examples,
        None => Examples::read(plan, &Quiet(task))?,
    };
    let samples = clock::at(&ready.began(), || render_samples(model, plan, &examples, task, &mut recorder))?;
    drop(examples);
    let (folder, inputs) = ready.with_samples(&samples)?;
    let result = train(&model.decoder, plan, &folder, &inputs, samples, task, &mut recorder);
    recorder.end(&result, task.signal());
    result
}

/// The loop itself, on examples that are rendered already and of no file.
///
/// # Errors
/// As for [`run`], except for what it reads.
pub fn run_samples(
    decoder: &Decoder,
    plan: &Plan,
    samples: Samples,
    task: &dyn Task,
    observer: &mut dyn Observer,
) -> Result<RunSummary, TrainError> {
    let folder = RunLock::claim(&plan.run_dir)?;
    let inputs = Inputs::default().with_samples(&samples);
    let mut recorder = Recorder::new(observer);
    let result = train(decoder, plan, &folder, &inputs, samples, task, &mut recorder);
    recorder.end(&result, task.signal());
    result
}

fn train(
    decoder: &Decoder,
    plan: &Plan,
    folder: &RunLock,
    inputs: &Inputs,
    samples: Samples,
    task: &dyn Task,
    recorder: &mut Recorder<'_>,
) -> Result<RunSummary, TrainError> {
    let Samples { train, validation, tally } = samples;
    let (adapter, plan) = start(decoder, plan)?;
    let plan = &plan;
    let training = &plan.training;
    let lengths: Vec<usize> = train.iter().map(|s| s.ids.len()).collect();
    if let Some(message) = beyond_context(training.max_length, decoder.spec().context_length, &lengths) {
        recorder.observe(TrainEvent::Warning(message));
    }
    let order = Order::new(&lengths, training);
    let num_steps = order.num_steps(training);
    let vars = adapter.named_vars();
    let num_trainable = vars.iter().map(|(_, var)| var.elem_count()).sum();
    let num_held_out = validation.len();
    let run_lengths = RunLengths { train: lengths.clone(), num_held_out, ..RunLengths::default() };
    check_memory(plan, &adapter.config, &run_lengths, order.most_tokens(&lengths))?;
    let pass = gradient_pass(decoder, plan, &order, &lengths)?;
    let mut optimizer = AdamW::new(training, &vars);
    let mut state = State { rate_factor: 1.0, ..State::default() };
    let mut last_step = None;
    if checkpoints::last(folder.dir()).is_some() {
        check_same_recipe(plan)?;
        let mut tell = |message| recorder.observe(TrainEvent::Warning(message));
        if let Some(restored) = checkpoint::restore(folder.dir(), num_steps, &adapter, &mut optimizer, &mut tell)? {
            state = restored;
            last_step = Some(state.step);
        }
    }
    recorder.observe(TrainEvent::Facts(RunFacts {
        num_examples: train.len(),
        num_validation_examples: validation.len(),
        num_tokens: lengths.iter().sum(),
        num_supervised_tokens: train.iter().map(Rendered::num_trained).sum(),
        num_steps,
        num_trainable,
        tally,
    }));
    // Dropout makes rows of the same tokens differ.
    let (steps, layout) = (state.step..num_steps, layout(decoder.spec(), adapter.config.lora_dropout));
    let status = status_of(plan, decoder, RunStatus::Running, (num_steps, train.len()), &state);
    let recipe = plan.recipe_of_run().to_toml()?;
    let files = RunWriter::open(&plan.run_dir, &recipe, &status, inputs, last_step)?;
    recorder.open(&plan.run_dir, state.step);
    let stood = Cell::default();
    let task = Steered {
        task,
        go_on: |task: &dyn Task| {
            let now = task.go_on()?;
            stood.set(stood.get() + now);
            Some(now)
        },
    };
    std::thread::scope(|scope| {
        let feed = Feed::start(scope, &train, &order, steps, layout).map_err(RunError::io(&plan.run_dir))?;
        let run = Run {
            decoder,
            plan,
            task: &task,
            stood: &stood,
            feed,
            validation,
            schedule: Schedule::new(training, num_steps),
            eval_steps: plan.evaluation.steps_between(order.steps_per_epoch()),
            files,
            order: &order,
            num_steps,
            num_examples: train.len(),
            adapter: &adapter,
            pass,
            gradients: Gradients::zeros(&vars),
            optimizer,
            state,
            started: Instant::now(),
            saved_step: None,
        };
        run.all_the_way(recorder)
    })
}

/// A run under way.
struct Run<'a> {
    decoder: &'a Decoder,
    plan: &'a Plan,
    task: &'a dyn Task,
    /// How long it was paused, or gave way to others: not a time that it took.
    stood: &'a Cell<Duration>,
    feed: Feed,
    validation: Vec<Rendered>,
    order: &'a Order,
    schedule: Schedule,
    num_steps: usize,
    num_examples: usize,
    eval_steps: usize,
    files: RunWriter,
    adapter: &'a LoraAdapter,
    pass: GradientPass,
    /// The gradients of the step under way.
    gradients: Gradients,
    optimizer: AdamW,
    state: State,
    started: Instant,
    saved_step: Option<usize>,
}

impl Run<'_> {
    /// The status says how it ended, also after an error.
    fn all_the_way(mut self, observer: &mut dyn Observer) -> Result<RunSummary, TrainError> {
        let result = self.all_steps(observer).and_then(|was_stopped| self.finish(was_stopped, observer));
        if result.is_err() {
            self.status(RunStatus::Interrupted).write_at_any_cost(&self.plan.run_dir);
        }
        result
    }

    /// Whether it was stopped before the last one.
    fn all_steps(&mut self, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        if self.state.step == 0 {
            self.evaluate(observer)?;
        }
        let mut bad_steps = 0;
        let mut was_stopped = false;
        self.task.phase(Phase::Training);
        while self.state.step < self.num_steps {
            let began = self.worked();
            let Some(step) = self.accumulate()? else {
                was_stopped = true;
                break;
            };
            let learning_rate = self.schedule.rate(self.state.step) * self.state.rate_factor;
            let grad_norm = self.gradients.norm();
            if step.loss.is_finite() && grad_norm.is_finite() {
                bad_steps = 0;
                self.update(grad_norm, learning_rate)?;
            } else {
                bad_steps += 1;
                self.skip_bad_step(bad_steps, observer)?;
            }
            self.state.step += 1;
            let step_secs = self.worked().saturating_sub(began).as_secs_f64();
            self.state.secs += step_secs;
            let metrics = StepMetrics {
                step: self.state.step,
                epoch: self.epoch(),
                loss: step.loss,
                learning_rate,
                grad_norm,
                num_tokens: step.num_tokens,
                num_supervised_tokens: step.num_supervised_tokens,
                tokens_per_sec: step.num_tokens as f64 / step_secs.max(1e-9),
                step_secs,
            };
            self.files.step(&metrics)?;
            observer.observe(TrainEvent::Step(metrics));
            if self.state.step.is_multiple_of(self.eval_steps) || self.state.step == self.num_steps {
                self.evaluate(observer)?;
                self.save(observer)?;
                self.task.phase(Phase::Training);
            }
        }
        Ok(was_stopped)
    }

    /// The loss and gradient of one optimizer step over its micro-batches; `None` when the run is to stop.
    fn accumulate(&mut self) -> Result<Option<StepSums>, TrainError> {
        let Some(batches) = self.feed.next() else { return Ok(None) };
        // The whole step's supervised tokens, so that batch 8 × 1, 4 × 2 and packing agree.
        let num_supervised_tokens: usize = batches.iter().map(|b| b.targets.len()).sum();
        self.gradients.clear();
        let mut step =
            StepSums { loss: 0.0, num_tokens: batches.iter().map(|b| b.num_tokens).sum(), num_supervised_tokens };
        self.pass.set_adapter(self.decoder, self.adapter)?;
        let weight = 1.0 / num_supervised_tokens.max(1) as f64;
        for (i, batch) in batches.iter().enumerate() {
            if self.task.go_on().is_none() {
                return Ok(None);
            }
            let batch = Supervised { dropout: self.dropout(i), ..batch.supervised() };
            let gradients = self.gradients.as_mut_slice();
            step.loss += weight * self.pass.add_gradients(self.decoder, batch, weight, gradients)?;
        }
        Ok(Some(step))
    }

    fn update(&mut self, norm: f64, learning_rate: f64) -> Result<(), TrainError> {
        self.gradients.clip(norm, self.plan.training.max_grad_norm);
        Ok(self.optimizer.update(&self.adapter.named_vars(), &self.gradients, learning_rate)?)
    }

    /// The weights stay as they were, the rate is halved from here on.
    fn skip_bad_step(&mut self, times: usize, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let step = self.state.step + 1;
        if times == 1
            && let Some(damage) = self.decoder.damage()
        {
            return Err(damage.into());
        }
        if times >= MAX_BAD_STEPS {
            let has_checkpoint = checkpoints::last(&self.plan.run_dir).is_some();
            return Err(TrainError::NotFinite { step, times, has_checkpoint });
        }
        self.state.rate_factor /= 2.0;
        let message =
            format!("The loss of step {step} was not a number (NaN): the step was left out, the learning rate halved");
        observer.observe(TrainEvent::Warning(message));
        Ok(())
    }

    /// The loss on the validation part.
    fn evaluate(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.validation.is_empty() {
            return Ok(());
        }
        self.task.phase(Phase::Evaluating);
        let began = self.worked();
        // B is zero before the first step: the base model is measured without its cost.
        if self.state.step > 0 || self.plan.adapter.folder().is_some() {
            self.pass.set_adapter(self.decoder, self.adapter)?;
        }
        let mean = mean_loss(self.decoder, &mut self.pass, &self.validation, self.task)?;
        let Some(mean) = mean else { return Ok(()) };
        if self.state.step == 0 && !mean.loss.is_finite() {
            return Err(self.decoder.not_finite("the loss before the first step").into());
        }
        let is_lower_than = |loss: Option<f64>| loss.is_none_or(|loss| mean.loss < loss);
        let is_best_of_run = mean.loss.is_finite() && is_lower_than(self.state.best_eval_loss);
        let is_best = is_best_of_run && is_lower_than(self.state.base_eval_loss);
        if self.state.step == 0 {
            self.state.base_eval_loss = Some(mean.loss);
        } else if is_best_of_run {
            // Only weights that are saved count, even if none beats the base model.
            (self.state.best_step, self.state.best_eval_loss) = (Some(self.state.step), Some(mean.loss));
        }
        let eval_secs = self.worked().saturating_sub(began).as_secs_f64();
        self.state.secs += eval_secs;
        let metrics = EvalMetrics {
            step: self.state.step,
            epoch: self.epoch(),
            eval_loss: mean.loss,
            eval_num_tokens: mean.num_tokens,
            eval_secs,
            is_best,
        };
        self.files.eval(&metrics)?;
        observer.observe(TrainEvent::Eval(metrics));
        Ok(())
    }

    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.state.step == 0 || self.saved_step == Some(self.state.step) {
            return Ok(());
        }
        self.files.check_is_there()?;
        self.task.phase(Phase::Saving);
        let base_model = self.plan.recipe_of_run().base_model.to_string();
        let path = checkpoint::save(&self.plan.run_dir, &base_model, self.adapter, &self.optimizer, &self.state)?;
        checkpoints::prune(&self.plan.run_dir, self.state.best_step);
        self.saved_step = Some(self.state.step);
        self.files.status(&self.status(RunStatus::Running))?;
        observer.observe(TrainEvent::Checkpoint { step: self.state.step, path });
        Ok(())
    }

    fn finish(&mut self, was_stopped: bool, observer: &mut dyn Observer) -> Result<RunSummary, TrainError> {
        if self.task.signal() != (Signal::Stop { save: false }) {
            self.save(observer)?;
        }
        self.files.status(&self.status(if was_stopped { RunStatus::Stopped } else { RunStatus::Completed }))?;
        Ok(RunSummary {
            was_stopped,
            num_steps: self.num_steps,
            num_steps_done: self.state.step,
            first_eval_loss: self.state.base_eval_loss,
            best_eval_loss: self.state.best_eval_loss,
            best_step: self.state.best_step,
            adapter: checkpoints::best_or_last(&self.plan.run_dir, self.state.best_step),
            secs: self.state.secs,
        })
    }

    /// Since it began, without the time that it stood.
    fn worked(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.stood.get())
    }

    fn epoch(&self) -> f64 {
        self.state.step as f64 / self.order.steps_per_epoch().max(1) as f64
    }

    fn dropout(&self, micro_batch: usize) -> Option<Dropout> {
        let (p, seed) = (self.adapter.config.lora_dropout, self.plan.training.seed);
        Dropout::new(p, seed, self.state.step, micro_batch)
    }

    fn status(&self, status: RunStatus) -> Status {
        status_of(self.plan, self.decoder, status, (self.num_steps, self.num_examples), &self.state)
    }
}

fn status_of(
    plan: &Plan,
    decoder: &Decoder,
    status: RunStatus,
    (num_steps, num_examples): (usize, usize),
    state: &State,
) -> Status {
    Status {
        status,
        num_steps,
        num_steps_done: state.step,
        best_step: state.best_step,
        secs: state.secs,
        num_examples: Some(num_examples),
        precision: precision(decoder, plan).name().to_owned(),
    }
}

/// What a run's products are made in.
fn precision(decoder: &Decoder, plan: &Plan) -> ProductType {
    match graphics_card(plan.training.device) {
        Ok(Some(_)) => ProductType::F32,
        _ => ProductType::of(plan.training.precision, decoder.spec()),
    }
}

/// On the device and in the precision that the recipe asks for, with checkpointing where it says so or the memory would not do.
pub(super) fn gradient_pass(
    decoder: &Decoder,
    plan: &Plan,
    order: &Order,
    lengths: &[usize],
) -> Result<GradientPass, ModelError> {
    let training = &plan.training;
    if let Some(device) = graphics_card(training.device)? {
        log::info!("products in f32 on {:?}", device.location());
        return Ok(GradientPass::on_device(decoder, &device)?);
    }
    let product = ProductType::of(training.precision, decoder.spec());
    let (setting, num_tokens) = (training.gradient_checkpointing, order.most_tokens(lengths));
    // What is loaded by now counts towards the limit.
    let allowed = facts::available_memory().min(plan.memory_limit.saturating_sub(resident_bytes()));
    let num = num_recomputed(setting, decoder.spec(), product, num_tokens, allowed);
    log::info!("products in {}, {num} of {} blocks computed again", product.name(), decoder.spec().num_layers());
    Ok(GradientPass::new(product, num))
}

/// What the micro-batches of a step add up to.
struct StepSums {
    loss: f64,
    num_tokens: usize,
    num_supervised_tokens: usize,
}
