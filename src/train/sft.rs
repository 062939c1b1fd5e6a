//! Supervised fine-tuning with LoRA, from the recipe to the last checkpoint, readable top to bottom.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checkpoint;
use super::control::{Control, Signal};
use super::error::TrainError;
use super::feed::Feed;
use super::observer::{Observer, Phase, RunFacts, TrainEvent};
use super::optimizer::{AdamW, Gradients};
use super::preview::{beyond_context, check_memory};
use super::ready::{Ready, check_same_recipe};
use super::recorder::Recorder;
use super::schedule::Schedule;
use super::start::start;
use crate::data::import::SplitSpec;
use crate::data::split::split_examples;
use crate::data::{Placed, Split, read_placed};
use crate::evaluate::loss::mean_loss;
use crate::model::chat_template::clock;
use crate::model::gradient::num_recomputed;
use crate::model::lora::LoraAdapter;
use crate::model::{Decoder, Dropout, GradientPass, LanguageModel, ProductType, Supervised, facts};
use crate::recipe::{Plan, Recipe, Training, Validation};
use crate::render::batch::Order;
use crate::render::tally::Tally;
use crate::render::{Refusal, Rendered, render};
use crate::run::checkpoints::{self, State};
use crate::run::{EvalMetrics, Inputs, RunError, RunLock, RunStatus, RunWriter, Status, StepMetrics};
use crate::task::{Task, Unit};

/// A loss that is no number so often in a row ends the run.
const MAX_BAD_STEPS: usize = 3;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    pub was_stopped: bool,
    pub num_steps: usize,
    pub num_steps_done: usize,
    /// Of the base model, before the first step.
    pub first_eval_loss: Option<f64>,
    pub best_eval_loss: Option<f64>,
    pub best_step: Option<usize>,
    /// The best checkpoint, or the last where nothing was held out.
    pub adapter: Option<PathBuf>,
    /// Of its steps and evaluations, all legs together.
    pub secs: f64,
}

/// Trains as the plan says. Goes on from the run folder's last checkpoint if there is one. What speaks against the folder
/// or the data is told before the model is loaded.
pub fn run(plan: &Plan, control: &Control, observer: &mut dyn Observer) -> Result<RunSummary, TrainError> {
    let mut recorder = Recorder::new(observer);
    let ready = Ready::new(plan, &Steered(control), &mut recorder)?;
    recorder.observe(TrainEvent::Phase(Phase::LoadingModel));
    let model = LanguageModel::load(&plan.model_path, &Steered(control))?;
    run_ready(&model, ready, control, recorder)
}

/// The same on a model that is loaded already.
pub fn run_on(
    model: &LanguageModel,
    plan: &Plan,
    control: &Control,
    observer: &mut dyn Observer,
) -> Result<RunSummary, TrainError> {
    let mut recorder = Recorder::new(observer);
    let ready = Ready::new(plan, &Steered(control), &mut recorder)?;
    run_ready(model, ready, control, recorder)
}

fn run_ready(
    model: &LanguageModel,
    ready: Ready<'_>,
    control: &Control,
    mut recorder: Recorder<'_>,
) -> Result<RunSummary, TrainError> {
    let plan = ready.plan;
    for note in &model.facts.notes {
        recorder.observe(TrainEvent::Warning(note.clone()));
    }
    recorder.observe(TrainEvent::Phase(Phase::Tokenizing));
    let samples = clock::at(&ready.began(), || read_samples(model, plan, control, &mut recorder))?;
    let (folder, inputs) = ready.with_samples(&samples)?;
    let result = train(&model.decoder, plan, &folder, &inputs, samples, control, &mut recorder);
    recorder.end(&result, control.signal());
    result
}

/// The rendered examples of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    pub train: Vec<Rendered>,
    pub validation: Vec<Rendered>,
    /// What became of the training examples.
    pub tally: Tally,
}

/// The loop itself, on examples that are rendered already and of no file.
pub fn run_samples(
    decoder: &Decoder,
    plan: &Plan,
    samples: Samples,
    control: &Control,
    observer: &mut dyn Observer,
) -> Result<RunSummary, TrainError> {
    let folder = RunLock::claim(&plan.run_dir)?;
    let inputs = Inputs::default().with_samples(&samples);
    let mut recorder = Recorder::new(observer);
    let result = train(decoder, plan, &folder, &inputs, samples, control, &mut recorder);
    recorder.end(&result, control.signal());
    result
}

fn train(
    decoder: &Decoder,
    plan: &Plan,
    folder: &RunLock,
    inputs: &Inputs,
    samples: Samples,
    control: &Control,
    recorder: &mut Recorder<'_>,
) -> Result<RunSummary, TrainError> {
    let Samples { train, validation, tally } = samples;
    let (adapter, plan) = start(decoder, plan)?;
    let plan = &plan;
    let training = &plan.recipe.training;
    let lengths: Vec<usize> = train.iter().map(|s| s.ids.len()).collect();
    if let Some(message) = beyond_context(training.max_length, decoder.spec().context_length, &lengths) {
        recorder.observe(TrainEvent::Warning(message));
    }
    let order = Order::new(&lengths, training);
    let num_steps = order.num_steps(training);
    let vars = adapter.named_vars();
    let num_trainable = vars.iter().map(|(_, var)| var.elem_count()).sum();
    check_memory(plan, decoder.spec(), num_trainable, order.most_tokens(&lengths))?;
    let pass = gradient_pass(decoder, plan, &order, &lengths);
    let mut optimizer = AdamW::new(training, &vars);
    let mut state = State { step: 0, best_step: None, best_eval_loss: None, rate_factor: 1.0, secs: 0.0 };
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
    let (steps, is_compact) = (state.step..num_steps, adapter.config.lora_dropout == 0.0);
    let status = status_of(plan, decoder, RunStatus::Running, (num_steps, train.len()), &state);
    let recipe = plan.recipe_of_run().to_toml()?;
    let files = RunWriter::open(&plan.run_dir, &recipe, &status, inputs, last_step)?;
    recorder.open(&plan.run_dir, state.step);
    std::thread::scope(|scope| {
        let feed = Feed::start(scope, &train, &order, steps, is_compact).map_err(RunError::io(&plan.run_dir))?;
        let run = Run {
            decoder,
            plan,
            control,
            feed,
            validation,
            schedule: Schedule::new(training, num_steps),
            eval_steps: eval_steps(&plan.recipe, &order),
            files,
            order: &order,
            num_steps,
            num_examples: train.len(),
            adapter: &adapter,
            pass,
            gradients: Gradients::zeros(&vars),
            optimizer,
            state,
            first_eval_loss: None,
            started: Instant::now(),
            stood: Cell::default(),
            saved_step: None,
        };
        run.to_the_end(recorder)
    })
}

/// Steps between evaluations. The last step is evaluated in any case.
pub fn eval_steps(recipe: &Recipe, order: &Order) -> usize {
    recipe.evaluation.steps_between(order.steps_per_epoch())
}

/// A run under way.
struct Run<'a> {
    decoder: &'a Decoder,
    plan: &'a Plan,
    control: &'a Control,
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
    /// Of the step under way.
    gradients: Gradients,
    optimizer: AdamW,
    state: State,
    first_eval_loss: Option<f64>,
    started: Instant,
    /// How much of the time since then it was paused, or gave way to others: not a time that it took.
    stood: Cell<Duration>,
    saved_step: Option<usize>,
}

impl Run<'_> {
    /// The status says how it ended, also after an error.
    fn to_the_end(mut self, observer: &mut dyn Observer) -> Result<RunSummary, TrainError> {
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
        observer.observe(TrainEvent::Phase(Phase::Training));
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
                observer.observe(TrainEvent::Phase(Phase::Training));
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
            if !self.may_go_on() {
                return Ok(None);
            }
            let batch = Supervised { dropout: self.dropout(i), ..batch.supervised() };
            let gradients = self.gradients.as_mut_slice();
            step.loss += weight * self.pass.add_gradients(self.decoder, batch, weight, gradients)?;
        }
        Ok(Some(step))
    }

    fn update(&mut self, norm: f64, learning_rate: f64) -> Result<(), TrainError> {
        self.gradients.clip(norm, self.plan.recipe.training.max_grad_norm);
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
        let message = format!("The loss of step {step} was no number: the step was left out, the learning rate halved");
        observer.observe(TrainEvent::Warning(message));
        Ok(())
    }

    /// The loss on the validation part.
    fn evaluate(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.validation.is_empty() {
            return Ok(());
        }
        observer.observe(TrainEvent::Phase(Phase::Evaluating));
        let began = self.worked();
        // B is zero before the first step: the base model is measured without its cost.
        if self.state.step > 0 || self.plan.recipe.init_adapter.is_some() {
            self.pass.set_adapter(self.decoder, self.adapter)?;
        }
        let is_cancelled = || !may_go_on(self.control, &self.stood);
        let total = self.validation.len();
        let mut progress = |done| observer.observe(TrainEvent::Progress { done, total });
        progress(0);
        let mean = mean_loss(self.decoder, &mut self.pass, &self.validation, &mut progress, &is_cancelled)?;
        let Some(mean) = mean else { return Ok(()) };
        if self.state.step == 0 && !mean.loss.is_finite() {
            return Err(self.decoder.not_finite("the loss before the first step").into());
        }
        let is_best = self.state.best_eval_loss.is_none_or(|best| mean.loss < best);
        if self.state.step == 0 {
            self.first_eval_loss = Some(mean.loss);
        } else if is_best || self.state.best_step.is_none() {
            self.state.best_step = Some(self.state.step);
        }
        if is_best {
            self.state.best_eval_loss = Some(mean.loss);
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
        observer.observe(TrainEvent::Phase(Phase::Saving));
        let base_model = self.plan.recipe_of_run().base_model.to_string();
        let path = checkpoint::save(&self.plan.run_dir, &base_model, self.adapter, &self.optimizer, &self.state)?;
        checkpoints::prune(&self.plan.run_dir, self.state.best_step);
        self.saved_step = Some(self.state.step);
        self.files.status(&self.status(RunStatus::Running))?;
        observer.observe(TrainEvent::Checkpoint { step: self.state.step, path });
        Ok(())
    }

    fn finish(&mut self, was_stopped: bool, observer: &mut dyn Observer) -> Result<RunSummary, TrainError> {
        if self.control.signal() != (Signal::Stop { save: false }) {
            self.save(observer)?;
        }
        self.files.status(&self.status(if was_stopped { RunStatus::Stopped } else { RunStatus::Completed }))?;
        Ok(RunSummary {
            was_stopped,
            num_steps: self.num_steps,
            num_steps_done: self.state.step,
            first_eval_loss: self.first_eval_loss,
            best_eval_loss: self.state.best_eval_loss,
            best_step: self.state.best_step,
            adapter: checkpoints::best_or_last(&self.plan.run_dir, self.state.best_step),
            secs: self.state.secs,
        })
    }

    fn may_go_on(&self) -> bool {
        may_go_on(self.control, &self.stood)
    }

    /// Since it began; what it stood doesn't count.
    fn worked(&self) -> Duration {
        self.started.elapsed().saturating_sub(self.stood.get())
    }

    fn epoch(&self) -> f64 {
        self.state.step as f64 / self.order.steps_per_epoch().max(1) as f64
    }

    fn dropout(&self, micro_batch: usize) -> Option<Dropout> {
        let (p, seed) = (self.adapter.config.lora_dropout, self.plan.recipe.training.seed);
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
        precision: ProductType::of(plan.recipe.training.precision, decoder.spec()).name().to_owned(),
    }
}

/// Polled before every micro-batch; waits while the run is paused or a guest computes, which adds to `stood`.
fn may_go_on(control: &Control, stood: &Cell<Duration>) -> bool {
    let Some(more) = control.go_on() else { return false };
    stood.set(stood.get() + more);
    true
}

/// In the precision that the recipe asks for, with checkpointing where it says so or the memory would not do.
pub(super) fn gradient_pass(decoder: &Decoder, plan: &Plan, order: &Order, lengths: &[usize]) -> GradientPass {
    let training = &plan.recipe.training;
    let product = ProductType::of(training.precision, decoder.spec());
    let (setting, num_tokens) = (training.gradient_checkpointing, order.most_tokens(lengths));
    let available = facts::available_memory();
    let allowed = plan.memory_limit.map_or(available, |limit| limit.min(available));
    let num = num_recomputed(setting, decoder.spec(), product, num_tokens, allowed);
    log::info!("products in {}, {num} of {} blocks computed again", product.name(), decoder.spec().num_layers);
    GradientPass::new(product, num)
}

/// What the micro-batches of a step add up to.
struct StepSums {
    loss: f64,
    num_tokens: usize,
    num_supervised_tokens: usize,
}

/// The rendered training and validation examples; those in which nothing is trained are left out, and said so.
fn read_samples(
    model: &LanguageModel,
    plan: &Plan,
    control: &Control,
    observer: &mut dyn Observer,
) -> Result<Samples, TrainError> {
    let task = Steered(control);
    let path = &plan.recipe.data.train;
    let examples = read_placed(path, &task)?;
    if examples.is_empty() {
        return Err(TrainError::NoExamples { path: path.clone() });
    }
    let (train, validation, held_out_of) = match &plan.validation {
        Validation::File(held_out) => (examples, read_placed(held_out, &task)?, held_out),
        Validation::Share(share) => {
            let (train, held_out) = hold_out(examples, *share, plan.recipe.training.seed);
            (train, held_out, path)
        }
    };
    let training = &plan.recipe.training;
    let total = train.len() + validation.len();
    let mut done = 0;
    let mut count = || {
        done += 1;
        observer.observe(TrainEvent::Progress { done, total });
    };
    let (train, tally) = render_all(model, &train, path, training, control, &mut count)?;
    let (validation, held_out) = render_all(model, &validation, held_out_of, training, control, &mut count)?;
    if let Some(message) = tally.mostly_refused().or_else(|| held_out.mostly_refused()) {
        return Err(TrainError::Refused { message });
    }
    if train.is_empty() {
        return Err(nothing_trained(&tally));
    }
    warn(&tally, "training", observer);
    warn(&held_out, "validation", observer);
    Ok(Samples { train, validation, tally })
}

fn nothing_trained(tally: &Tally) -> TrainError {
    let Tally { num_examples, max_length, .. } = *tally;
    match tally.num_left_out {
        n if n == num_examples => TrainError::AllTooLong { num_examples, max_length },
        _ => TrainError::NothingTrained { num_examples },
    }
}

/// Nothing is left out or cut silently.
fn warn(tally: &Tally, part: &str, observer: &mut dyn Observer) {
    for note in tally.notes() {
        observer.observe(TrainEvent::Warning(format!("In the {part} part, {note}")));
    }
}

fn hold_out(placed: Vec<Placed>, share: f64, seed: u64) -> (Vec<Placed>, Vec<Placed>) {
    let (lines, examples): (Vec<_>, Vec<_>) = placed.into_iter().map(|placed| (placed.line, placed.example)).unzip();
    let splits = split_examples(&examples, &SplitSpec { validation: share, test: 0.0, seed, ..SplitSpec::default() });
    let placed = lines.into_iter().zip(examples).map(|(line, example)| Placed { example, line });
    let (train, held_out): (Vec<_>, Vec<_>) = placed.zip(splits).partition(|(_, split)| *split == Split::Train);
    let strip = |part: Vec<(Placed, Split)>| part.into_iter().map(|(placed, _)| placed).collect();
    (strip(train), strip(held_out))
}

/// The samples in which something is trained, and what became of all. An example that the template refuses doesn't end
/// the run; it is left out and told with its place.
fn render_all(
    model: &LanguageModel,
    examples: &[Placed],
    path: &Path,
    training: &Training,
    control: &Control,
    count: &mut dyn FnMut(),
) -> Result<(Vec<Rendered>, Tally), TrainError> {
    let spec = training.render_spec();
    let mut samples = Vec::with_capacity(examples.len());
    let mut tally = Tally::new(spec);
    for example in examples {
        if control.is_stopped() {
            return Err(TrainError::Cancelled);
        }
        count();
        match render(&model.chat, &example.example, spec) {
            Ok(rendered) => {
                tally.add(&rendered);
                samples.extend(rendered.samples.into_iter().filter(|sample| sample.num_trained() > 0));
            }
            Err(error) => tally.refuse(Refusal::at(path, example.line, &error)),
        }
    }
    Ok((samples, tally))
}

/// Lets files and models be read under the same control as the loop.
struct Steered<'a>(&'a Control);

impl Task for Steered<'_> {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}

    fn is_cancelled(&self) -> bool {
        self.0.is_stopped()
    }
}
