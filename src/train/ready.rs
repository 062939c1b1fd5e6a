//! What must hold before a run begins or is resumed: its folder is free, and its data and model are those that it began
//! with.

use super::error::TrainError;
use super::observer::{Observer, TrainEvent};
use super::sft::{Examples, Samples};
use crate::recipe::{Plan, Recipe};
use crate::run::{InputFile, Inputs, RunDir, RunError, RunLock, checkpoints};
use crate::task::Task;

const NO_INPUTS: &str = "This run is of a version that didn't note what it was trained on: whether its data and its base \
                         model are still the same can't be checked";

/// What there is when a run begins.
#[derive(Debug)]
pub struct Beginning {
    pub lock: RunLock,
    /// See [`Inputs::sources`].
    pub sources: Vec<InputFile>,
    /// See [`Inputs::validation_split`].
    pub validation_split: Option<f64>,
    /// With their places in the person's own files; `None` if they are still to be read.
    pub examples: Option<Examples>,
}

impl Beginning {
    /// A beginning on the files that the plan names, as they are.
    ///
    /// # Errors
    /// Those of [`RunLock::claim`].
    pub fn on_files(plan: &Plan) -> Result<Self, RunError> {
        let lock = RunLock::claim(&plan.run_dir)?;
        Ok(Self { lock, sources: Vec::new(), validation_split: None, examples: None })
    }
}

/// A run that may begin, as far as can be known before its model is loaded.
pub(super) struct Ready<'a> {
    pub plan: &'a Plan,
    /// Read already.
    pub examples: Option<Examples>,
    folder: RunLock,
    inputs: Inputs,
    /// What a run that is resumed began with, unless its version kept none.
    began_with: Option<Inputs>,
}

impl<'a> Ready<'a> {
    pub fn new(
        plan: &'a Plan,
        beginning: Beginning,
        task: &dyn Task,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let Beginning { lock: folder, sources, validation_split, examples } = beginning;
        checkpoints::sweep(folder.dir());
        let is_resumed = checkpoints::last(folder.dir()).is_some();
        if is_resumed {
            // With an adapter to begin with, its settings count, which are among the inputs.
            check_recipe(plan, plan.adapter.folder().is_none())?;
        }
        let mut inputs = Inputs { sources, validation_split, ..Inputs::of_files(plan, task)? };
        let began_with = if is_resumed { Inputs::read(folder.dir())? } else { None };
        if let Some(what) = began_with.as_ref().and_then(|began_with| inputs.changed_file(began_with)) {
            return Err(RunError::InputsChanged { run_dir: plan.run_dir.clone(), what }.into());
        }
        if is_resumed && began_with.is_none() {
            observer.observe(TrainEvent::Warning(NO_INPUTS.to_owned()));
        }
        if let Some(began_with) = &began_with {
            if !began_with.began.is_empty() {
                inputs.began.clone_from(&began_with.began);
            }
            inputs.sources.clone_from(&began_with.sources);
            inputs.validation_split = began_with.validation_split;
        }
        Ok(Self { plan, examples, folder, inputs, began_with })
    }

    /// When the run began.
    pub fn began(&self) -> jiff::Zoned {
        self.inputs.began()
    }

    /// Checks that the same files still give the same tokens, which depend on the program and the model, too.
    pub fn with_samples(self, samples: &Samples) -> Result<(RunLock, Inputs), TrainError> {
        let inputs = self.inputs.with_samples(samples);
        if self.began_with.is_some_and(|began_with| began_with.samples_sha256 != inputs.samples_sha256) {
            let what = "the same files give other tokens than when it began, as with another version of Tunewright";
            return Err(RunError::InputsChanged { run_dir: self.plan.run_dir.clone(), what: what.to_owned() }.into());
        }
        Ok((self.folder, inputs))
    }
}

/// A folder with checkpoints is resumed, so it must be this recipe's.
pub(super) fn check_same_recipe(plan: &Plan) -> Result<(), TrainError> {
    check_recipe(plan, true)
}

fn check_recipe(plan: &Plan, with_lora: bool) -> Result<(), TrainError> {
    let path = RunDir(&plan.run_dir).recipe();
    let Some(difference) = plan.difference(&Recipe::parse(&path)?, with_lora) else { return Ok(()) };
    let what = format!("the folder holds a run of another recipe ({difference})");
    Err(RunError::InputsChanged { run_dir: plan.run_dir.clone(), what }.into())
}
