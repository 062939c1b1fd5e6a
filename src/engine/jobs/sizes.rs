//! How many tokens each training example has: the form of a run asks at every change, the answer changes rarely.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::data::{Example, Split};
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::model::ModelError;
use crate::project::Project;
use crate::recipe::TrainOn;
use crate::task::{Task, Unit};
use crate::train::preview::ExampleSize;

/// What the sizes depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SizesKey {
    pub project: PathBuf,
    pub revision: u64,
    pub model: PathBuf,
    pub train_on: TrainOn,
    pub max_length: usize,
}

/// Of the last key that was asked for.
#[derive(Default)]
pub(super) struct Sizes(Option<(SizesKey, Vec<ExampleSize>)>);

impl Sizes {
    /// Counts again only if the key is another.
    pub fn get(
        &mut self,
        key: SizesKey,
        project: &mut Project,
        context: &Context,
        size: impl Fn(&Example) -> Result<ExampleSize, ModelError>,
    ) -> Result<&[ExampleSize], EngineError> {
        let sizes = match self.0.take().filter(|(kept, _)| *kept == key) {
            Some((_, sizes)) => sizes,
            None => count(project, context, size)?,
        };
        Ok(&self.0.insert((key, sizes)).1)
    }
}

fn count(
    project: &mut Project,
    context: &Context,
    size: impl Fn(&Example) -> Result<ExampleSize, ModelError>,
) -> Result<Vec<ExampleSize>, EngineError> {
    let total = project.counts()?.train;
    let mut sizes: Vec<ExampleSize> = Vec::new();
    let mut end = Ok(());
    project.for_each_example(Split::Train, &mut |stored| {
        if context.is_cancelled() {
            end = Err(EngineError::Stopped);
            return ControlFlow::Break(());
        }
        context.progress(sizes.len() as u64, Some(total), Unit::Examples);
        match size(&stored.example) {
            Ok(size) => sizes.push(size),
            Err(error) => end = Err(error.into()),
        }
        if end.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    end.map(|()| sizes)
}
