//! What runs with several models would take, from how long the project's examples are.

use std::ops::ControlFlow;
use std::path::Path;

use super::io::Io;
use super::sizes::SizesKey;
use super::store::reopen;
use crate::data::Split;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::{Estimates, Reply};
use crate::hub;
use crate::model::device::graphics_card;
use crate::model::{ModelSize, ProductType};
use crate::project::Project;
use crate::recipe::{ModelRef, Recipe};
use crate::task::Task;
use crate::train::estimate::{MachineNow, Rate, RunLengths, estimate, products_rate};
use crate::train::memory::program_bytes;

/// Letters that make a token, about, where no tokenizer is here to count.
const LETTERS_PER_TOKEN: usize = 4;
/// Tokens that a template adds to a message.
const TOKENS_PER_MESSAGE: usize = 5;

impl Io {
    pub(super) fn estimate_models(
        &mut self,
        project: Option<&Path>,
        recipe: &Recipe,
        models: &[(ModelRef, ModelSize)],
        context: &Context,
    ) -> Result<(), EngineError> {
        // Before a tokenizer is loaded.
        program_bytes();
        let lengths = self.lengths(project, recipe, context)?;
        let machine = MachineNow::look(self.limits.memory());
        let speeds = self.speeds.by_model();
        // Nothing was measured that says how fast a graphics card is with other models.
        let is_on_cpu = matches!(graphics_card(recipe.training.device), Ok(None));
        let mut by_model = Vec::new();
        for (model, size) in models {
            if context.is_stopped() {
                return Err(EngineError::Stopped);
            }
            let product = ProductType::of(recipe.training.precision, &size.spec);
            let (name, num_parameters) = (model.to_string(), size.spec.num_parameters());
            let of = |products| Rate::nearest(&speeds, product, &name, num_parameters, products);
            // While a run trains, products are slower than they are.
            let products = || if self.running.is_idle() { products_rate(&self.speeds, product) } else { None };
            let rate = if is_on_cpu { of(None).or_else(|| of(products())) } else { None };
            // A module that the recipe names and this model lacks is told where the model is chosen.
            match estimate(size, recipe, &lengths, &machine, rate.as_ref()) {
                Ok(estimate) => by_model.push((model.clone(), estimate)),
                Err(error) => log::info!("no estimate of {name}: {error}"),
            }
        }
        context.reply(Reply::Estimates(Estimates {
            by_model,
            num_examples: if lengths.is_assumed { 0 } else { lengths.train.len() },
        }));
        Ok(())
    }

    /// How long the project's examples are: by the tokenizer of its model or the starter's, else by their letters.
    fn lengths(
        &mut self,
        project: Option<&Path>,
        recipe: &Recipe,
        context: &Context,
    ) -> Result<RunLengths, EngineError> {
        let assumed = || RunLengths::assumed(&recipe.training);
        let Some(project) = project else { return Ok(assumed()) };
        let here = [&recipe.base_model, &ModelRef::Starter].into_iter().find_map(|model| {
            let path = hub::resolve(model, &self.sources).ok()?;
            Some((self.chats.get(&path).ok()?, path))
        });
        let project = reopen(&mut self.project, project)?;
        let lengths = match here {
            Some((chat, path)) => {
                let key = SizesKey {
                    project: project.folder().to_owned(),
                    content_revision: project.state()?.content_revision,
                    model: path,
                    spec: recipe.training.render_spec(),
                };
                self.sizes.get(key, project, context, &chat)?.lengths()
            }
            None => by_letters(project, recipe.training.max_length)?,
        };
        Ok(if lengths.train.is_empty() { assumed() } else { lengths })
    }
}

fn by_letters(project: &mut Project, max_length: usize) -> Result<RunLengths, EngineError> {
    let mut lengths = RunLengths { num_held_out: project.counts()?.validation as usize, ..RunLengths::default() };
    project.for_each_example(Split::Train, &mut |stored| {
        let messages = &stored.example.messages;
        let tokens_of = |text: &str| text.chars().count().div_ceil(LETTERS_PER_TOKEN);
        let num_tokens = messages.iter().map(|message| tokens_of(&message.content) + TOKENS_PER_MESSAGE).sum::<usize>();
        lengths.train.push(num_tokens.min(max_length));
        lengths.num_trained += stored.example.answer().map_or(0, tokens_of);
        ControlFlow::Continue(())
    })?;
    Ok(lengths)
}
