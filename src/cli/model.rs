//! How a command names a model, and gets it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::terminal;
use crate::hub::{self, HubError, Sources};
use crate::model::{Chat, ModelFacts, inspect};
use crate::recipe::choices::Choice;
use crate::recipe::{ChatFormat, ModelRef, Recipe, RenderSpec, TemplateChoice, Thinking};
use crate::run::RunDir;
use crate::workbench::checks::ModelRendering;

/// The flags that every command about one model shares.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// `starter`, a GGUF file, a folder, or a Hub repository owner/name or owner/name@revision
    #[arg(long, value_name = "M", value_parser = model_ref)]
    pub model: ModelRef,
    /// A folder in PEFT's format
    #[arg(long, value_name = "DIR")]
    pub adapter: Option<PathBuf>,
}

/// How turns are written, where it isn't as the run that made the adapter had it.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArgs {
    /// The template that turns are written with: model, chatml, llama3, gemma, mistral, phi, alpaca, zephyr or plain
    #[arg(long, value_name = "NAME", value_parser = choice::<TemplateChoice>)]
    chat_template: Option<TemplateChoice>,
    /// What becomes of thinking in answers: template, keep, drop or empty
    #[arg(long, value_name = "HOW", value_parser = choice::<Thinking>)]
    thinking: Option<Thinking>,
}

impl FormatArgs {
    /// What is written on the command line, else what the adapter's run had.
    pub fn with_run_of(self, adapter: Option<&Path>) -> ChatFormat {
        let run = adapter.and_then(RunDir::of_checkpoint).and_then(|run| Recipe::read(&run.recipe()).ok());
        let format = run.map(|recipe| recipe.training.chat_format()).unwrap_or_default();
        ChatFormat {
            chat_template: self.chat_template.unwrap_or(format.chat_template),
            thinking: self.thinking.unwrap_or(format.thinking),
        }
    }
}

fn choice<T: Choice>(name: &str) -> Result<T, String> {
    let names = || T::WORDS.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ");
    T::from_key(name).ok_or_else(|| format!("it must be one of {}", names()))
}

/// Any text names a model; whether it is there is seen later.
pub fn model_ref(text: &str) -> Result<ModelRef, Infallible> {
    Ok(ModelRef::parse(text))
}

/// The model's file or folder on this disk, fetched if need be.
pub fn locate(model: &ModelRef, interrupt: &Interrupt) -> Result<PathBuf, Ended> {
    let sources = Sources::default();
    match hub::resolve(model, &sources) {
        Err(HubError::NotFetched { .. }) => fetch(model, interrupt),
        found => Ok(found?),
    }
}

/// Tells what a model doesn't say and what was taken instead.
pub fn tell_notes(facts: &ModelFacts) {
    facts.notes.iter().for_each(|note| terminal::note(&format!("warning: {note}")));
}

/// What the model's tokenizer and template make of examples.
pub fn rendering(model: &ModelRef, spec: RenderSpec, interrupt: &Interrupt) -> Result<ModelRendering, Ended> {
    let path = locate(model, interrupt)?;
    tell_notes(&inspect(&path)?);
    let chat = Arc::new(Chat::load(&path)?);
    Ok(ModelRendering { model: model.to_string(), chat, spec })
}

pub fn fetch(model: &ModelRef, interrupt: &Interrupt) -> Result<PathBuf, Ended> {
    let progress = Progress::new(&format!("Fetching {model}"), &interrupt.control);
    Ok(hub::fetch(model, &Sources::default(), &progress)?)
}
