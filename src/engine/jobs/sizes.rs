//! How many tokens each training example has: the form of a run asks at every change, the answer changes rarely.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::data::Split;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::model::Chat;
use crate::project::Project;
use crate::recipe::RenderSpec;
use crate::task::{Task, Unit};
use crate::train::preview::TrainSizes;

/// What the sizes depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SizesKey {
    pub project: PathBuf,
    pub revision: u64,
    pub model: PathBuf,
    pub spec: RenderSpec,
}

/// Of the last key that was asked for.
#[derive(Default)]
pub(super) struct Sizes(Option<(SizesKey, TrainSizes)>);

impl Sizes {
    /// Counts again only if the key is another.
    pub fn get(
        &mut self,
        key: SizesKey,
        project: &mut Project,
        context: &Context,
        chat: &Chat,
    ) -> Result<&TrainSizes, EngineError> {
        let sizes = match self.0.take().filter(|(kept, _)| *kept == key) {
            Some((_, sizes)) => sizes,
            None => count(project, context, chat, key.spec)?,
        };
        Ok(&self.0.insert((key, sizes)).1)
    }
}

fn count(project: &mut Project, context: &Context, chat: &Chat, spec: RenderSpec) -> Result<TrainSizes, EngineError> {
    let total = project.counts()?.train;
    let mut sizes = TrainSizes::new(spec);
    let mut end = Ok(());
    project.for_each_example(Split::Train, &mut |stored| {
        if context.is_cancelled() {
            end = Err(EngineError::Stopped);
            return ControlFlow::Break(());
        }
        context.progress(sizes.tally.num_examples as u64, Some(total), Unit::Examples);
        end = sizes.add(&stored.example, chat).map_err(EngineError::from);
        if end.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    end.map(|()| sizes)
}
