//! The net lane: models and data sets from the Hub.

use crate::engine::context::Context;
use crate::engine::dataset;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::worker::Work;
use crate::engine::{JobSpec, Lane, Reply};
use crate::hub::{self, Sources};

pub(super) struct Net {
    /// As they are for the job at hand.
    sources: Sources,
    limits: SharedLimits,
}

impl Net {
    pub fn new(limits: SharedLimits) -> Self {
        Self { sources: limits.sources(), limits }
    }
}

impl Work for Net {
    fn run(&mut self, spec: JobSpec, context: &Context) -> Result<(), EngineError> {
        self.sources = self.limits.sources();
        match spec {
            JobSpec::FetchModel { model } => {
                hub::fetch(&model, &self.sources, context)?;
                context.reply(Reply::Facts { facts: hub::inspect(&model, &self.sources)?, model });
            }
            JobSpec::ListDataset { name } => {
                context.reply(Reply::Dataset(hub::dataset::list(&name, &self.sources, context)?));
            }
            JobSpec::FetchDataset { wanted } => {
                context.reply(Reply::Fetched(dataset::fetch(&wanted, &self.sources, context)?));
            }
            _ => return Err(EngineError::WrongLane(Lane::Net)),
        }
        Ok(())
    }
}
