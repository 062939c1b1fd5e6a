//! Does it work on examples that training has not seen?

pub mod answers;
pub mod calibration;
pub mod compared;
pub mod contender;
pub mod findings;
pub mod gate;
pub mod kept;
pub mod labels;
pub mod looks;
pub mod loss;
mod measure;
pub mod metrics;
mod old_report;
pub mod rating;
mod remote;
pub mod report;
pub mod request;
pub mod scoring;
pub mod significance;
pub mod slices;
pub mod verdict;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::data::example::content_key;
use crate::data::{Example, ImportError, Placed, Role, read_placed};
use crate::endpoint::EndpointError;
use crate::model::{LanguageModel, ModelError};
use crate::recipe::ModelRef;
use crate::run::RunError;
use crate::task::{Quiet, Stage, Task};
use crate::words::count;

pub use answers::{AnswerBook, AnswerKey, KeptAnswer, ModelKey, answers_folder, answers_folder_of, answers_of};
pub use compared::{Answer, AnswerEnd, KeptPair, keep_pair, kept_pairs};
pub use contender::{Contender, Source};
pub use findings::{Evaluation, Figure, Findings, MetricFindings, SliceFindings, Turn};
pub use kept::{KeptEvaluation, Measured, Stale, keep_with_run, kept};
pub use labels::{LabelLikelihoods, LabelScore, label_likelihoods, label_likelihoods_apart};
use measure::{Loaded, measure};
pub use metrics::is_exact_match;
pub use report::{About, ContenderReport, EvaluationReport, ExampleResult, GivenAnswer, LabelPick, Outcome};
pub use request::EvaluationRequest;
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
    #[error("{} has no weights yet", run_dir.display())]
    NoWeights { run_dir: PathBuf },
    #[error("{} is an adapter, and its base model is not named: name a model or a run first", adapter.display())]
    NoBase { adapter: PathBuf },
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the evaluation names nobody to measure")]
    Nobody,
    #[error("{} can't be read: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the evaluation was stopped")]
    Stopped,
}

/// A loaded model, and where it lies: answers are kept by that.
pub struct ModelHere {
    pub model: LanguageModel,
    /// The GGUF file or the folder; of a model without one no answer is kept.
    pub path: Option<PathBuf>,
}

impl ModelHere {
    /// Loads a GGUF file or a folder.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn load<E: From<ModelError>>(path: &Path, task: &dyn Task) -> Result<Self, E> {
        Ok(Self { model: LanguageModel::load(path, task)?, path: Some(path.to_owned()) })
    }
}

/// Measures as the request says; `load` gives a model by its name. Contenders with the same model that follow each other
/// load it once.
///
/// # Errors
/// Where a model, an adapter or the examples can't be read, or the task was stopped; the error names the file.
pub fn run<E: From<EvaluateError>>(
    request: &EvaluationRequest,
    load: &mut dyn FnMut(&ModelRef) -> Result<ModelHere, E>,
    task: &dyn Task,
) -> Result<EvaluationReport, E> {
    let started = Instant::now();
    // Read in a blink; a bar of bytes would only flash by.
    let placed = read_placed(&request.data, &Quiet(task)).map_err(EvaluateError::from)?;
    let mut loaded: Option<(&ModelRef, ModelHere)> = None;
    let mut longest = None;
    let mut contenders = Vec::new();
    let mut by_contender = Vec::new();
    let mut expected_tokens = Vec::new();
    for (number, contender) in request.contenders.iter().enumerate() {
        let stages = stages(number, request);
        let (report, outcomes) = match &contender.source {
            Source::Endpoint(endpoint) => {
                let longest = longest.unwrap_or_else(|| longest_guessed(&placed));
                let mut book = book(request, || Ok(ModelKey::of_endpoint(endpoint)))?;
                let room = longest + ANSWER_ROOM;
                remote::measure(contender, endpoint, &placed, room, book.as_mut(), stages[1], task)?
            }
            Source::Local { model: name, adapter, format } => {
                if loaded.as_ref().is_none_or(|(of, _)| *of != name) {
                    // One model at a time is enough for the memory.
                    drop(loaded.take());
                    loaded = Some((name, load(name)?));
                }
                let Some((_, model)) = &loaded else { return Err(EvaluateError::Nobody.into()) };
                if longest.is_none() {
                    expected_tokens = lengths(&model.model, &placed)?;
                    longest = expected_tokens.iter().max().copied();
                }
                let local = Loaded::new(contender, &model.model, adapter.as_deref(), *format)?;
                let mut book = match &model.path {
                    Some(path) => book(request, || ModelKey::of(path, adapter.as_deref()))?,
                    None => None,
                };
                measure(&local, &placed, request, book.as_mut(), stages, task)?
            }
        };
        contenders.push(report);
        by_contender.push(outcomes);
    }
    expected_tokens.resize(placed.len(), 0);
    if contenders.is_empty() {
        return Err(EvaluateError::Nobody.into());
    }
    let mut by_contender: Vec<_> = by_contender.into_iter().map(Vec::into_iter).collect();
    let examples = placed.iter().zip(expected_tokens).filter_map(|(placed, expected_tokens)| {
        let outcomes: Vec<Outcome> = by_contender.iter_mut().filter_map(Iterator::next).collect();
        let is_measured = outcomes.iter().any(|outcome| outcome.loss.is_some() || outcome.answer.is_some());
        is_measured.then(|| result(placed, expected_tokens, outcomes))
    });
    let examples = examples.collect();
    Ok(EvaluationReport { contenders, examples, secs: started.elapsed().as_secs_f64() })
}

/// [`run`] where all contenders are of one model, which is loaded already.
///
/// # Errors
/// As for [`run`].
pub fn run_on(
    model: &LanguageModel,
    request: &EvaluationRequest,
    task: &dyn Task,
) -> Result<EvaluationReport, EvaluateError> {
    run(request, &mut |_| Ok(ModelHere { model: model.clone(), path: None }), task)
}

/// [`run`] where all contenders are of one model, which lies here.
///
/// # Errors
/// As for [`run`].
pub fn run_at(path: &Path, request: &EvaluationRequest, task: &dyn Task) -> Result<EvaluationReport, EvaluateError> {
    run(request, &mut |_| ModelHere::load(path, task), task)
}

/// Where answers are kept: with the run that is measured, or its project.
fn book(
    request: &EvaluationRequest,
    key: impl FnOnce() -> Result<ModelKey, RunError>,
) -> Result<Option<AnswerBook>, EvaluateError> {
    match &request.answers {
        Some(folder) if request.generate => Ok(Some(AnswerBook::open(folder, &key()?)?)),
        _ => Ok(None),
    }
}

/// Names of the stages of the first and of the second contender; more have none of their own.
const STAGES: [[&str; 2]; 2] = [["loss before", "answers before"], ["loss after", "answers after"]];

fn stages(contender: usize, request: &EvaluationRequest) -> [Stage; 2] {
    let period = 1 + u32::from(request.generate);
    let of = period * request.contenders.len() as u32;
    let names = STAGES.get(contender).copied().unwrap_or(["loss", "answers"]);
    [0, 1].map(|at| Stage { name: names[at], number: contender as u32 * period + at as u32 + 1, of, period })
}

/// Room that an answer gets beyond the longest expected one, in tokens.
const ANSWER_ROOM: usize = 16;

/// Where no tokenizer is at hand: no token of a text is shorter than a byte of it, and few languages have two a word.
fn longest_guessed(placed: &[Placed]) -> usize {
    let length = |placed: &Placed| measure::expected(&placed.example).map_or(0, str::len);
    placed.iter().map(length).max().unwrap_or_default()
}

/// The expected answers' lengths in tokens.
fn lengths(model: &LanguageModel, placed: &[Placed]) -> Result<Vec<usize>, EvaluateError> {
    let length = |placed: &Placed| {
        let Some(text) = measure::expected(&placed.example) else { return Ok(0) };
        Ok(model.chat.tokenizer.encode_text(text)?.len())
    };
    placed.iter().map(length).collect()
}

fn result(placed: &Placed, expected_tokens: usize, outcomes: Vec<Outcome>) -> ExampleResult {
    let Placed { example, line } = placed;
    ExampleResult {
        key: format!("{:016x}", content_key(example)),
        line: *line,
        prompt: question(example),
        expected: measure::expected(example).unwrap_or_default().to_owned(),
        expected_tokens,
        about: About::default(),
        outcomes,
    }
}

/// The last user turn.
fn question(example: &Example) -> String {
    let question = example.prompt().iter().rev().find(|m| m.role == Role::User);
    question.map(|m| m.content.clone()).unwrap_or_default()
}
