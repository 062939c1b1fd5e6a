//! How many tokens each example of a run has: the form of a run asks at every change, the answer changes rarely.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::data::Split;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::model::Chat;
use crate::project::Project;
use crate::recipe::RenderSpec;
use crate::task::{Task, Unit};
use crate::train::preview::RunSizes;

/// What the sizes depend on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SizesKey {
    pub project: PathBuf,
    pub content_revision: u64,
    pub model: PathBuf,
    pub spec: RenderSpec,
}

/// The sizes of the last key that was asked for.
#[derive(Default)]
pub(super) struct Sizes(Option<(SizesKey, RunSizes)>);

impl Sizes {
    /// Counts again only if the key is another.
    pub fn get(
        &mut self,
        key: SizesKey,
        project: &mut Project,
        context: &Context,
        chat: &Chat,
    ) -> Result<&RunSizes, EngineError> {
        let sizes = match self.0.take().filter(|(kept, _)| *kept == key) {
            Some((_, sizes)) => sizes,
            None => count(project, context, chat, key.spec)?,
        };
        Ok(&self.0.insert((key, sizes)).1)
    }
}

fn count(project: &mut Project, context: &Context, chat: &Chat, spec: RenderSpec) -> Result<RunSizes, EngineError> {
    let counts = project.counts()?;
    let total = Some(counts.train + counts.validation);
    let mut sizes = RunSizes::new(spec);
    for split in [Split::Train, Split::Validation] {
        let mut end = Ok(());
        project.for_each_example(split, &mut |stored| {
            if context.is_stopped() {
                end = Err(EngineError::Stopped);
                return ControlFlow::Break(());
            }
            context.progress(sizes.num_examples() as u64, total, Unit::Examples);
            match split {
                Split::Train => sizes.add(&stored.example, stored.id, stored.number, chat),
                _ => sizes.add_held_out(&stored.example, stored.id, stored.number, chat),
            }
            ControlFlow::Continue(())
        })?;
        end?;
    }
    Ok(sizes)
}
