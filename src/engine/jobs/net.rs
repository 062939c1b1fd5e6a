//! Models and data sets from the Hub: the lane of downloads and that of questions.

use crate::engine::context::Context;
use crate::engine::dataset;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::worker::Work;
use crate::engine::{NetJob, Reply};
use crate::hub::{self, Sources};

pub(super) struct Net {
    /// The sources for the job at hand.
    sources: Sources,
    limits: SharedLimits,
}

impl Net {
    pub fn new(limits: SharedLimits) -> Self {
        Self { sources: limits.sources(), limits }
    }
}

impl Work for Net {
    type Job = NetJob;

    fn run(&mut self, job: NetJob, context: &Context) -> Result<(), EngineError> {
        self.sources = self.limits.sources();
        match job {
            NetJob::FetchModel { model } => {
                hub::fetch(&model, &self.sources, context)?;
                context.reply(Reply::Facts { facts: hub::inspect(&model, &self.sources)?, model });
            }
            NetJob::SearchModels { query } => {
                context.reply(Reply::Search(hub::search(&query, &self.sources, context)?));
            }
            NetJob::ListRepo { repo, revision } => {
                let listing = hub::list_repo(&repo, revision.as_deref(), &self.sources, context)?;
                context.reply(Reply::Repo(listing));
            }
            NetJob::ListDataset { name } => {
                context.reply(Reply::Dataset(hub::dataset::list(&name, &self.sources, context)?));
            }
            NetJob::FetchDataset { wanted } => {
                context.reply(Reply::Fetched(dataset::fetch(&wanted, &self.sources, context)?));
            }
        }
        Ok(())
    }
}
