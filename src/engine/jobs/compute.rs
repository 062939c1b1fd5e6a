//! The compute lane: training, evaluating, answering.

use super::running::Running;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::worker::Work;
use crate::engine::{JobSpec, Lane};
use crate::hub::Sources;

pub(super) struct Compute {
    sources: Sources,
    running: Running,
}

impl Compute {
    pub fn new(sources: Sources, running: Running) -> Self {
        Self { sources, running }
    }
}

impl Work for Compute {
    fn run(&mut self, _spec: JobSpec, _context: &Context) -> Result<(), EngineError> {
        Err(EngineError::WrongLane(Lane::Compute))
    }
}
