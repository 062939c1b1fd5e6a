//! What a model says of single examples: the loss of each, and how unsure it is of its own answers.

use std::path::PathBuf;

use super::EvaluateError;
use crate::data::Example;
use crate::evaluate::loss::example_losses;
use crate::generate::{greedy_doubts, mean_hidden};
use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, GradientPass, LanguageModel, ModelError, ProductType, peft};
use crate::recipe::{ModelRef, RenderSpec};
use crate::render::{Rendered, conversation, render, turns};
use crate::run::checkpoints::undamaged;
use crate::task::Task;

/// How many tokens of an answer show how unsure the model is: a label or the fields of a short object.
const DOUBTED_TOKENS: usize = 24;

/// A base model, or one with a run's adapter, that judges examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// The name that is kept beside its losses: "starter" or "run 2026-11-23-1".
    pub name: String,
    pub model: ModelRef,
    /// A folder in PEFT's format.
    pub adapter: Option<PathBuf>,
    pub spec: RenderSpec,
}

/// A [`Judge`] that is loaded.
pub struct Scorer<'a> {
    model: &'a LanguageModel,
    adapter: Option<LoraAdapter>,
    pass: GradientPass,
    spec: RenderSpec,
}

impl<'a> Scorer<'a> {
    /// Loads the judge's adapter; `model` is its base.
    ///
    /// # Errors
    /// Where the adapter can't be read or doesn't fit the model.
    pub fn new(model: &'a LanguageModel, judge: &Judge) -> Result<Self, EvaluateError> {
        let spec = model.decoder.spec();
        let adapter = match &judge.adapter {
            Some(folder) => Some(peft::load(undamaged(folder)?, spec)?),
            None => None,
        };
        let mut pass = GradientPass::new(ProductType::F32, 0);
        if let Some(adapter) = &adapter {
            pass.set_adapter(&model.decoder, adapter).map_err(ModelError::from)?;
        }
        Ok(Self { model, adapter, pass, spec: judge.spec })
    }

    /// Each example's mean loss per trained token; `None` where nothing is trained or the template refuses it, and for what was not reached when the
    /// task was stopped.
    ///
    /// # Errors
    /// Where the model can't compute.
    pub fn losses(&mut self, examples: &[Example], task: &dyn Task) -> Result<Vec<Option<f64>>, EvaluateError> {
        let (mut samples, mut owners): (Vec<Rendered>, Vec<usize>) = (Vec::new(), Vec::new());
        for (at, example) in examples.iter().enumerate() {
            // One that the model's template refuses has no loss.
            let Ok(rendered) = render(&self.model.chat, example, self.spec) else { continue };
            // One that is split is several.
            for sample in rendered.samples {
                samples.push(sample);
                owners.push(at);
            }
        }
        let losses = example_losses(&self.model.decoder, &mut self.pass, &samples, task);
        let losses = losses.map_err(ModelError::from)?;
        if losses.iter().flatten().any(|loss| !loss.is_finite()) {
            return Err(self.model.decoder.not_finite("the loss of an example").into());
        }
        let mut means = vec![Mean::default(); examples.len()];
        for ((sample, owner), loss) in samples.iter().zip(owners).zip(losses) {
            means[owner].add(sample.num_trained(), loss);
        }
        Ok(means.into_iter().map(Mean::get).collect())
    }

    /// How unsure the model is of its own answer to each example's prompt, see [`greedy_doubts`]; `None` for a prompt that
    /// leaves no room for an answer, that the template refuses, or that is none.
    ///
    /// # Errors
    /// Where the model can't compute.
    pub fn doubts(&self, examples: &[&Example], task: &dyn Task) -> Result<Vec<Option<f64>>, EvaluateError> {
        let room = self.spec.max_length.min(self.model.decoder.spec().context_length).saturating_sub(DOUBTED_TOKENS);
        let ask = |prompts: &[Conversation<'_>]| {
            greedy_doubts(self.model, self.adapter.as_ref(), prompts, DOUBTED_TOKENS, task)
        };
        self.of_prompts(examples, room, ask)
    }

    /// The base model's mean hidden state of each example's prompt, see [`mean_hidden`]; `None` for a prompt that is longer
    /// than the model reads, that the template refuses, or that is none.
    ///
    /// # Errors
    /// Where the model can't compute.
    pub fn hidden(&self, examples: &[&Example], task: &dyn Task) -> Result<Vec<Option<Vec<f32>>>, EvaluateError> {
        let room = self.model.decoder.spec().context_length;
        self.of_prompts(examples, room, |prompts| mean_hidden(self.model, prompts, task))
    }

    /// What the model says of the prompts that have at most `room` tokens.
    fn of_prompts<T>(
        &self,
        examples: &[&Example],
        room: usize,
        ask: impl FnOnce(&[Conversation<'_>]) -> Result<Option<Vec<T>>, ModelError>,
    ) -> Result<Vec<Option<T>>, EvaluateError> {
        let prompts: Vec<_> = examples.iter().map(|example| turns(example.prompt())).collect();
        let mut kept = Vec::new();
        for (at, turns) in prompts.iter().enumerate().filter(|(_, turns)| !turns.is_empty()) {
            let prompt = conversation(turns, &examples[at].tools, self.spec.format);
            if self.model.chat.encode(prompt, true).is_ok_and(|prompt| prompt.tokens.len() <= room) {
                kept.push((at, prompt));
            }
        }
        let prompts: Vec<_> = kept.iter().map(|(_, prompt)| *prompt).collect();
        let found = ask(&prompts)?.ok_or(EvaluateError::Stopped)?;
        let mut all: Vec<Option<T>> = examples.iter().map(|_| None).collect();
        for ((at, _), found) in kept.iter().zip(found) {
            all[*at] = Some(found);
        }
        Ok(all)
    }
}

/// Over the parts of an example, by their trained tokens.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    num_tokens: usize,
    /// A part was not reached.
    is_open: bool,
}

impl Mean {
    fn add(&mut self, num_tokens: usize, loss: Option<f64>) {
        self.is_open |= num_tokens > 0 && loss.is_none();
        self.num_tokens += num_tokens;
        self.sum += loss.unwrap_or_default() * num_tokens as f64;
    }

    fn get(self) -> Option<f64> {
        (self.num_tokens > 0 && !self.is_open).then(|| self.sum / self.num_tokens as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::Mean;

    #[test]
    fn parts_count_by_their_tokens_and_only_together() {
        let of = |parts: &[(usize, Option<f64>)]| {
            let mut mean = Mean::default();
            parts.iter().for_each(|(num_tokens, loss)| mean.add(*num_tokens, *loss));
            mean.get()
        };
        assert_eq!(of(&[(1, Some(4.0)), (3, Some(0.0)), (0, None)]), Some(1.0));
        assert_eq!((of(&[(1, Some(4.0)), (3, None)]), of(&[(0, None)]), of(&[])), (None, None, None));
    }
}
