//! One contender on all examples: the loss of each, and its answer to each prompt.

use std::path::Path;

use super::answers::{AnswerBook, answers_of};
use super::labels::{LabelScore, label_likelihoods};
use super::metrics::DataFacts;
use super::report::{ContenderReport, GivenAnswer, LabelPick, Outcome};
use super::{ANSWER_ROOM, Contender, EvaluateError, EvaluationRequest};
use crate::data::{Example, Placed};
use crate::evaluate::loss::{MeanLoss, example_losses};
use crate::generate::{End, Sampling};
use crate::model::lora::LoraAdapter;
use crate::model::peft::{self, WEIGHTS_FILE};
use crate::model::{GradientPass, LanguageModel, ModelError, ProductType};
use crate::recipe::{ChatFormat, RenderSpec};
use crate::render::{Refusal, Rendered, Tally, conversation, render, turns};
use crate::run::checkpoints::undamaged;
use crate::run::sha256_of;
use crate::task::{Stage, Task};

/// A contender that is loaded.
pub(super) struct Loaded<'a> {
    contender: &'a Contender,
    model: &'a LanguageModel,
    format: ChatFormat,
    adapter: Option<LoraAdapter>,
    adapter_sha256: Option<String>,
}

impl<'a> Loaded<'a> {
    /// Loads the contender's adapter; `model` is its base.
    pub fn new(
        contender: &'a Contender,
        model: &'a LanguageModel,
        adapter: Option<&Path>,
        format: ChatFormat,
    ) -> Result<Self, EvaluateError> {
        let (adapter, adapter_sha256) = match adapter {
            Some(folder) => {
                let adapter = peft::load(undamaged(folder)?, model.decoder.spec())?;
                let weights = folder.join(WEIGHTS_FILE);
                let sha256 = sha256_of(&weights).map_err(|source| EvaluateError::Io { path: weights, source })?;
                (Some(adapter), Some(sha256))
            }
            None => (None, None),
        };
        Ok(Self { contender, model, format, adapter, adapter_sha256 })
    }
}

/// Examples as the model's template writes them; those that it refuses are counted and named.
struct Rendering {
    samples: Vec<Rendered>,
    /// The example of each sample: one that is split is several.
    owners: Vec<usize>,
    /// Those that the template writes.
    written: Vec<usize>,
    tally: Tally,
}

impl Rendering {
    fn of(
        placed: &[Placed],
        loaded: &Loaded<'_>,
        request: &EvaluationRequest,
        task: &dyn Task,
    ) -> Result<Self, EvaluateError> {
        let spec = RenderSpec { format: loaded.format, ..request.spec };
        let mut rendering =
            Self { samples: Vec::new(), owners: Vec::new(), written: Vec::new(), tally: Tally::new(spec) };
        for (at, Placed { example, line }) in placed.iter().enumerate() {
            if task.is_stopped() {
                return Err(EvaluateError::Stopped);
            }
            match render(&loaded.model.chat, example, spec) {
                Ok(rendered) => {
                    rendering.tally.add(&rendered);
                    rendering.owners.extend(rendered.samples.iter().map(|_| at));
                    rendering.samples.extend(rendered.samples);
                    rendering.written.push(at);
                }
                Err(error) => rendering.tally.refuse(Refusal::at(&request.data, *line, &error)),
            }
        }
        match rendering.tally.mostly_refused() {
            Some(message) => Err(EvaluateError::Refused { message }),
            None => Ok(rendering),
        }
    }
}

/// The figures of a contender, and what it made of each example. The first stage is the loss, the second the answers.
pub(super) fn measure(
    loaded: &Loaded<'_>,
    placed: &[Placed],
    request: &EvaluationRequest,
    book: Option<&mut AnswerBook>,
    [loss_stage, answers_stage]: [Stage; 2],
    task: &dyn Task,
) -> Result<(ContenderReport, Vec<Outcome>), EvaluateError> {
    let rendering = Rendering::of(placed, loaded, request, task)?;
    task.stage(loss_stage);
    let mut outcomes = losses(loaded, &rendering, placed.len(), task)?;
    let num_tokens: usize = outcomes.iter().map(|outcome| outcome.num_tokens).sum();
    let tally = rendering.tally.clone();
    if num_tokens == 0 {
        return Err(match tally.num_left_out {
            num_examples @ 1.. => EvaluateError::AllTooLong { num_examples, max_length: request.spec.max_length },
            0 => EvaluateError::NothingToMeasure { path: request.data.clone() },
        });
    }
    let sum: f64 = outcomes.iter().filter_map(|outcome| Some(outcome.loss? * outcome.num_tokens as f64)).sum();
    let report = ContenderReport {
        name: loaded.contender.name.clone(),
        model: loaded.contender.source.to_string(),
        adapter_sha256: loaded.adapter_sha256.clone(),
        measured: Some(MeanLoss {
            loss: sum / num_tokens as f64,
            num_tokens,
            num_examples: outcomes.iter().filter(|outcome| outcome.loss.is_some()).count(),
        }),
        tally,
    };
    if request.generate {
        task.stage(answers_stage);
        answer(loaded, &rendering, placed, &mut outcomes, book, task)?;
    }
    if request.labels {
        pick_labels(loaded, placed, &mut outcomes, task)?;
    }
    Ok((report, outcomes))
}

/// Each example's mean loss over all its parts.
fn losses(
    loaded: &Loaded<'_>,
    rendering: &Rendering,
    num_examples: usize,
    task: &dyn Task,
) -> Result<Vec<Outcome>, EvaluateError> {
    let decoder = &loaded.model.decoder;
    let mut pass = GradientPass::new(ProductType::F32, 0);
    if let Some(adapter) = &loaded.adapter {
        pass.set_adapter(decoder, adapter).map_err(ModelError::from)?;
    }
    let losses = example_losses(decoder, &mut pass, &rendering.samples, task).map_err(ModelError::from)?;
    if task.is_stopped() {
        return Err(EvaluateError::Stopped);
    }
    let mut sums = vec![0.0; num_examples];
    let mut outcomes = vec![Outcome::default(); num_examples];
    for ((sample, owner), loss) in rendering.samples.iter().zip(&rendering.owners).zip(losses) {
        if let Some(loss) = loss {
            sums[*owner] += loss * sample.num_trained() as f64;
            outcomes[*owner].num_tokens += sample.num_trained();
        }
    }
    if sums.iter().any(|sum| !sum.is_finite()) {
        return Err(decoder.not_finite("the loss").into());
    }
    for (outcome, sum) in outcomes.iter_mut().zip(sums).filter(|(outcome, _)| outcome.num_tokens > 0) {
        outcome.loss = Some(sum / outcome.num_tokens as f64);
    }
    Ok(outcomes)
}

fn answer(
    loaded: &Loaded<'_>,
    rendering: &Rendering,
    placed: &[Placed],
    outcomes: &mut [Outcome],
    book: Option<&mut AnswerBook>,
    task: &dyn Task,
) -> Result<(), EvaluateError> {
    let examples: Vec<&Example> = rendering.written.iter().map(|at| &placed[*at].example).collect();
    let prompts: Vec<_> = examples.iter().map(|e| turns(e.prompt())).collect();
    let format = loaded.format;
    let prompts: Vec<_> =
        examples.iter().zip(&prompts).map(|(e, turns)| conversation(turns, &e.tools, format)).collect();
    let longest = rendering.samples.iter().map(Rendered::num_trained).max().unwrap_or_default();
    let sampling = Sampling { max_new_tokens: longest + ANSWER_ROOM, ..Sampling::default() };
    let answers = answers_of(loaded.model, loaded.adapter.as_ref(), &prompts, &sampling, book, task)?;
    for (at, answer) in rendering.written.iter().zip(answers) {
        outcomes[*at].answer = Some(GivenAnswer {
            num_tokens: answer.num_tokens,
            ended_by_itself: answer.end == End::ByItself,
            confidence: (answer.num_tokens > 0).then(|| answer.mean_log_probability.exp()),
            text: answer.text,
        });
    }
    Ok(())
}

/// The likeliest of the labels that the expected answers come from; nothing where they come from no list.
fn pick_labels(
    loaded: &Loaded<'_>,
    placed: &[Placed],
    outcomes: &mut [Outcome],
    task: &dyn Task,
) -> Result<(), EvaluateError> {
    let facts = DataFacts::of(placed.iter().filter_map(|placed| expected(&placed.example)));
    let Some(labels) = facts.labels else { return Ok(()) };
    let examples: Vec<Example> = placed.iter().map(|placed| placed.example.clone()).collect();
    let likelihoods =
        label_likelihoods(loaded.model, loaded.adapter.as_ref(), &examples, labels.labels(), loaded.format, task)?;
    for (at, outcome) in outcomes.iter_mut().enumerate() {
        let Some(pick) = likelihoods.pick(at, LabelScore::Sum) else { continue };
        let probability = likelihoods.probabilities(at, LabelScore::Sum).get(pick).copied().unwrap_or_default();
        outcome.label = labels.labels().get(pick).map(|label| LabelPick { label: label.clone(), probability });
    }
    Ok(())
}

/// The answer to compare with. One that calls tools has no text, and one that is still to be written none either.
pub(super) fn expected(example: &Example) -> Option<&str> {
    (!example.ends_with_call() && !example.is_unanswered()).then(|| example.answer())?
}
