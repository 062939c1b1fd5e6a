//! Does it work on examples that training has not seen?

pub mod compared;
pub mod held_out;
pub mod kept;
pub mod loss;
pub mod rating;
pub mod scoring;
pub mod verdict;

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::data::{Example, ImportError, Role, Split, read_placed};
use crate::model::{LanguageModel, ModelError, peft};
use crate::recipe::{ModelRef, Recipe, RenderSpec};
use crate::render::{Refusal, Rendered, Tally, render};
use crate::run::checkpoints::undamaged;
use crate::run::{RunDir, RunError};
use crate::task::{Quiet, Stage, Task};
use crate::words::count;

pub use compared::{Answer, AnswerEnd, KeptPair, keep_pair, kept_pairs};
pub use held_out::{is_exact_match, measure};
pub use kept::{KeptEvaluation, Measured, Stale, keep_with_run, kept};
pub use scoring::{Judge, Scorer};
pub use verdict::{Change, Judgement, Outcomes, Verdict};

/// What can end an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("{} has no example with an answer to measure", path.display())]
    NothingToMeasure { path: PathBuf },
    #[error(
        "{} longer than {} and left out, and no other has an answer to measure: raise max_length, or have them cut \
         or split",
        count(num_examples, "example is", "examples are"),
        count(max_length, "token", "tokens")
    )]
    AllTooLong { num_examples: usize, max_length: usize },
    #[error("{message}")]
    Refused { message: String },
    #[error("the evaluation was stopped")]
    Stopped,
}

/// What to measure, on which examples.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRequest {
    pub model: ModelRef,
    pub adapter: Option<PathBuf>,
    /// JSONL in any known format.
    pub data: PathBuf,
    /// What the loss counts, and what becomes of longer examples.
    pub spec: RenderSpec,
    /// Also answer every prompt greedily, however long its example is, and compare with the expected answer.
    pub generate: bool,
    /// Measure the base model, too, for before and after.
    pub with_base: bool,
}

impl EvaluationRequest {
    /// A run against its base model, on the frozen examples that it held out.
    pub fn of_run(run_dir: &Path, recipe: &Recipe, adapter: Option<PathBuf>, part: Split, generate: bool) -> Self {
        Self {
            model: recipe.base_model.clone(),
            adapter,
            data: RunDir(run_dir).data_of(part),
            spec: recipe.training.render_spec(),
            generate,
            with_base: true,
        }
    }
}

/// One model on one file; `evaluate --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Mean cross-entropy per supervised token.
    pub loss: f64,
    pub perplexity: f64,
    /// Supervised tokens.
    pub num_tokens: usize,
    /// How many examples have such a token.
    pub num_examples: usize,
    /// What became of all: how many were left out of the loss, cut or split.
    #[serde(default)]
    pub tally: Tally,
    /// 0 to 1: answers equal to the expected one (as JSON values where both are JSON, else as trimmed text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact_match: Option<f64>,
}

/// One prompt with its answers, for reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnsweredExample {
    /// The last user turn.
    pub prompt: String,
    /// Empty where there is no text to compare: the answer calls tools, or is still to be written.
    pub expected: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    pub before: Option<HeldOut>,
    pub after: Option<HeldOut>,
    /// Empty without `generate`.
    pub answers: Vec<AnsweredExample>,
    pub secs: f64,
}

/// Loads the model and measures as the request says.
///
/// # Errors
/// Where the model, the adapter or the examples can't be read, or the task was stopped; the error names the file.
pub fn run(request: &EvaluationRequest, model_path: &Path, task: &dyn Task) -> Result<EvaluationReport, EvaluateError> {
    run_on(&LanguageModel::load(model_path, task)?, request, task)
}

/// [`run`] on a model that is loaded already. Without an adapter the figures of the base model are `before`.
///
/// # Errors
/// Where the adapter or the examples can't be read, or the task was stopped; the error names the file.
pub fn run_on(
    model: &LanguageModel,
    request: &EvaluationRequest,
    task: &dyn Task,
) -> Result<EvaluationReport, EvaluateError> {
    let started = Instant::now();
    // Read in a blink; a bar of bytes would only flash by.
    let held_out = Rendering::read(model, request, &Quiet(task))?;
    let adapter = match &request.adapter {
        Some(folder) => Some(peft::load(undamaged(folder)?, model.decoder.spec())?),
        None => None,
    };
    let has_before = request.with_base || adapter.is_none();
    let period = 1 + u32::from(request.generate);
    let stages = |names: [&'static str; 2], pass: u32| {
        let of = period * (u32::from(has_before) + u32::from(adapter.is_some()));
        [0, 1].map(|at| Stage { name: names[at], number: pass * period + at as u32 + 1, of, period })
    };
    let before = match has_before {
        true => Some(measure(model, None, &held_out, request, stages(["loss before", "answers before"], 0), task)?),
        false => None,
    };
    let after = match &adapter {
        Some(adapter) => {
            let stages = stages(["loss after", "answers after"], u32::from(has_before));
            Some(measure(model, Some(adapter), &held_out, request, stages, task)?)
        }
        None => None,
    };
    let answer = |side: &Option<(HeldOut, Vec<String>)>, i: usize| side.as_ref()?.1.get(i).cloned();
    let answers = match request.generate {
        true => held_out
            .examples
            .iter()
            .enumerate()
            .map(|(i, e)| answered(e, answer(&before, i), answer(&after, i)))
            .collect(),
        false => Vec::new(),
    };
    Ok(EvaluationReport {
        before: before.map(|(held_out, _)| held_out),
        after: after.map(|(held_out, _)| held_out),
        answers,
        secs: started.elapsed().as_secs_f64(),
    })
}

/// Examples as the model's template writes them; those that it refuses are counted and named.
pub struct Rendering {
    pub examples: Vec<Example>,
    pub samples: Vec<Rendered>,
    pub tally: Tally,
}

impl Rendering {
    fn read(model: &LanguageModel, request: &EvaluationRequest, task: &dyn Task) -> Result<Self, EvaluateError> {
        let placed = read_placed(&request.data, task)?;
        let mut rendering = Self {
            examples: Vec::with_capacity(placed.len()),
            samples: Vec::with_capacity(placed.len()),
            tally: Tally::new(request.spec),
        };
        for placed in placed {
            if task.is_stopped() {
                return Err(EvaluateError::Stopped);
            }
            match render(&model.chat, &placed.example, request.spec) {
                Ok(rendered) => {
                    rendering.tally.add(&rendered);
                    rendering.samples.extend(rendered.samples);
                    rendering.examples.push(placed.example);
                }
                Err(error) => rendering.tally.refuse(Refusal::at(&request.data, placed.line, &error)),
            }
        }
        match rendering.tally.mostly_refused() {
            Some(message) => Err(EvaluateError::Refused { message }),
            None => Ok(rendering),
        }
    }
}

fn answered(example: &Example, before: Option<String>, after: Option<String>) -> AnsweredExample {
    let question = example.prompt().iter().rev().find(|m| m.role == Role::User);
    AnsweredExample {
        prompt: question.map(|m| m.content.clone()).unwrap_or_default(),
        expected: held_out::expected(example).unwrap_or_default().to_owned(),
        before,
        after,
    }
}
