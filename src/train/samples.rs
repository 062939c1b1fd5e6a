//! From a plan's files to what the loop is fed: examples, and their tokens.

use std::path::{Path, PathBuf};

use super::error::TrainError;
use super::observer::{Observer, TrainEvent};
use crate::data::import::SplitSpec;
use crate::data::split::split_examples;
use crate::data::{Placed, Split, read_placed};
use crate::model::LanguageModel;
use crate::recipe::{Plan, Training, Validation};
use crate::render::tally::Tally;
use crate::render::{Refusal, Rendered, render};
use crate::task::{Task, Unit};

/// The examples of a run, with the files that they are in.
#[derive(Debug)]
pub struct Examples {
    pub train: (PathBuf, Vec<Placed>),
    pub validation: (PathBuf, Vec<Placed>),
}

impl Examples {
    /// Reads the files that a plan names, and holds a share out where it says so.
    ///
    /// # Errors
    /// [`TrainError::NoExamples`], and the files' own when one can't be read.
    pub fn read(plan: &Plan, task: &dyn Task) -> Result<Self, TrainError> {
        let path = &plan.train;
        let examples = read_placed(path, task)?;
        if examples.is_empty() {
            return Err(TrainError::NoExamples { path: path.clone() });
        }
        let (train, validation, held_out_of) = match &plan.validation {
            Validation::File(held_out) => (examples, read_placed(held_out, task)?, held_out),
            Validation::Share(share) => {
                let (train, held_out) = hold_out(examples, *share, plan.training.seed);
                (train, held_out, path)
            }
        };
        Ok(Self { train: (path.clone(), train), validation: (held_out_of.clone(), validation) })
    }
}

/// The rendered examples of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    pub train: Vec<Rendered>,
    pub validation: Vec<Rendered>,
    /// What became of the training examples.
    pub tally: Tally,
}

/// The rendered training and validation examples; those in which nothing is trained are left out, and said so.
pub(super) fn render_samples(
    model: &LanguageModel,
    plan: &Plan,
    examples: &Examples,
    task: &dyn Task,
    observer: &mut dyn Observer,
) -> Result<Samples, TrainError> {
    let Examples { train: (path, train), validation: (held_out_of, validation) } = examples;
    let training = &plan.training;
    let total = train.len() + validation.len();
    let mut done = 0;
    let mut count = || {
        done += 1;
        task.progress(done, Some(total as u64), Unit::Examples);
    };
    let (train, tally) = render_all(model, train, path, training, task, &mut count)?;
    let (validation, held_out) = render_all(model, validation, held_out_of, training, task, &mut count)?;
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
/// the run; it is left out and reported with its place.
fn render_all(
    model: &LanguageModel,
    examples: &[Placed],
    path: &Path,
    training: &Training,
    task: &dyn Task,
    count: &mut dyn FnMut(),
) -> Result<(Vec<Rendered>, Tally), TrainError> {
    let spec = training.render_spec();
    let mut samples = Vec::with_capacity(examples.len());
    let mut tally = Tally::new(spec);
    for example in examples {
        if task.is_stopped() {
            return Err(TrainError::Stopped);
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
