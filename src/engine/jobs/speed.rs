//! How fast runs are: measured by a few real steps before a run, or by a run.

use std::ops::ControlFlow;
use std::path::Path;

use crate::data::Split;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::model::device::graphics_card;
use crate::model::{LanguageModel, LoraConfig, ProductType};
use crate::project::Project;
use crate::recipe::{Plan, Recipe};
use crate::render::{Rendered, render};
use crate::task::Task;
use crate::train::cost::{TokenMix, train_flops_per_token};
use crate::train::measure::{self, MAX_BATCHES, MAX_HELD_OUT};
use crate::train::sft::Samples;
use crate::train::timing::{KnownSpeed, MeasuredBy, RunMeter, Speed, SpeedFile, Work, speed_key};

/// Trains a few steps on some of the project's examples, and forgets what was learned.
pub(super) fn measure(
    model: &LanguageModel,
    model_path: &Path,
    project: &mut Project,
    recipe: &Recipe,
    context: &Context,
) -> Result<KnownSpeed, EngineError> {
    let counts = project.counts()?;
    let wanted = MAX_BATCHES * recipe.training.per_device_train_batch_size;
    let samples = Samples {
        train: some(project, (Split::Train, counts.train), wanted, model, recipe, context)?,
        validation: some(project, (Split::Validation, counts.validation), MAX_HELD_OUT, model, recipe, context)?,
        ..Samples::default()
    };
    let speed = measure::measure(model, model_path, recipe, &samples, context)?;
    let (num_tokens, num_trained) = (
        samples.train.iter().map(|sample| sample.ids.len()).sum(),
        samples.train.iter().map(Rendered::num_trained).sum(),
    );
    let mix = TokenMix::of(num_tokens, num_trained, samples.train.len());
    Ok(known(speed, MeasuredBy::Steps, model, recipe, mix))
}

/// About `wanted` rendered examples, spread over the whole split.
fn some(
    project: &Project,
    (split, num): (Split, u64),
    wanted: usize,
    model: &LanguageModel,
    recipe: &Recipe,
    context: &Context,
) -> Result<Vec<Rendered>, EngineError> {
    let stride = (num / wanted.max(1) as u64).max(1);
    let spec = recipe.training.render_spec();
    let (mut samples, mut at) = (Vec::new(), 0);
    project.for_each_example(split, &mut |stored| {
        // One that the template refuses is left out of the run as well; the preview says so.
        if at % stride == 0
            && let Ok(rendered) = render(&model.chat, &stored.example, spec)
        {
            samples.extend(rendered.samples.into_iter().filter(|sample| sample.num_trained() > 0));
        }
        at += 1;
        let is_done = samples.len() >= wanted || context.is_stopped();
        if is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if context.is_stopped() { Err(EngineError::Stopped) } else { Ok(samples) }
}

/// What a run of a project came to serves the next one.
pub(super) fn keep_of_run(speeds: &SpeedFile, meter: &RunMeter, model: &LanguageModel, plan: &Plan) {
    let (Some(speed), Some(mix), Some(name)) = (meter.speed(), meter.mix(), plan.run_dir.file_name()) else { return };
    let Some(project) = plan.run_dir.parent().and_then(Path::parent) else { return };
    let by = MeasuredBy::Run(name.to_string_lossy().into_owned());
    let recipe = plan.recipe();
    speeds.keep(&speed_key(project, &recipe), &known(speed, by, model, &recipe, mix));
}

fn known(speed: Speed, by: MeasuredBy, model: &LanguageModel, recipe: &Recipe, mix: TokenMix) -> KnownSpeed {
    let (model_name, spec) = (recipe.base_model.to_string(), model.decoder.spec());
    // What a graphics card does says nothing of what this machine's own cores do.
    let is_on_cpu = matches!(graphics_card(recipe.training.device), Ok(None));
    let lora = LoraConfig::from_recipe(&recipe.lora, spec).ok().filter(|_| is_on_cpu);
    let work = lora.map(|lora| Work {
        product: ProductType::of(recipe.training.precision, spec),
        flops_per_token: train_flops_per_token(spec, &lora, &recipe.training, mix),
    });
    KnownSpeed { work, ..KnownSpeed::now(speed, by, model_name, model.facts.num_parameters) }
}
