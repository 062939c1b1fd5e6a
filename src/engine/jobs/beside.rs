//! May a job compute beside a training? Beside a paused one at once; beside a running one between two of its
//! micro-batches, if memory allows.

use std::sync::Arc;
use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::models::Models;
use crate::engine::context::Context;
use crate::engine::error::EngineError;
use crate::engine::limits::SharedLimits;
use crate::engine::{ComputeJob, EventKind, MemoryShort};
use crate::evaluate::Contender;
use crate::generate::Sampling;
use crate::hub;
use crate::model::gradient::activation_bytes;
use crate::model::{ModelSpec, ProductType, inspect, weights};
use crate::recipe::ModelRef;
use crate::task::Task;
use crate::train::turn::{Held, Party, Turn};

/// How often it is asked anew whether memory is still short.
const INTERVAL: Duration = Duration::from_millis(100);
/// Tokens whose loss is computed at once.
const LOSS_TOKENS: usize = 1024;
/// Tokens of all answers in the making: many short ones when measuring, two longer ones when comparing.
const ANSWER_TOKENS: usize = 8192;
/// Left to the rest of the system.
const RESERVE: u64 = 256 << 20;

/// How the compute lane comes to its turn.
pub(super) struct Beside {
    turn: Turn,
    models: Models,
    limits: SharedLimits,
    free_memory: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Beside {
    pub fn new(
        turn: Turn,
        models: Models,
        limits: SharedLimits,
        free_memory: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        Self { turn, models, limits, free_memory }
    }

    /// Waits for the turn, and reports it if that is because memory is short.
    pub fn admit(&self, job: &ComputeJob, context: &Context) -> Result<Held, EngineError> {
        let mut needed = None;
        let mut has_told = false;
        // A paused run has given its turn back.
        while self.turn.holder() == Some(Party::Training) {
            if context.is_stopped() {
                return Err(EngineError::Stopped);
            }
            let needed = *needed.get_or_insert_with(|| self.needed(job));
            let free = self.free();
            if fits(needed, free) {
                break;
            }
            if !has_told {
                context.tell(EventKind::Waiting(MemoryShort { needed, free }));
                has_told = true;
            }
            std::thread::sleep(INTERVAL);
        }
        self.turn.hold(Party::Guest, context).ok_or(EngineError::Stopped)
    }

    /// Bytes; no more than the person's limit leaves.
    fn free(&self) -> u64 {
        let free = (self.free_memory)();
        self.limits.memory().map_or(free, |limit| free.min(limit.saturating_sub(used_memory())))
    }

    /// Bytes beside what is in memory already. Nothing where the model can't be read: the job itself will say why.
    fn needed(&self, job: &ComputeJob) -> u64 {
        let Some((model, num_tokens)) = model_of(job) else { return 0 };
        let Ok(path) = hub::resolve(model, &self.limits.sources()) else { return 0 };
        match self.models.find(&path) {
            Some(loaded) => work_bytes(loaded.decoder.spec(), num_tokens),
            None => match (inspect(&path), weights::open(&path)) {
                (Ok(facts), Ok(weights)) => facts.num_bytes + work_bytes(weights.spec(), num_tokens),
                _ => 0,
            },
        }
    }
}

/// Bytes that this program holds.
fn used_memory() -> u64 {
    let me = Pid::from_u32(std::process::id());
    let mut system = System::new();
    let kind = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), false, kind);
    system.process(me).map_or(0, sysinfo::Process::memory)
}

/// The job's model, and the tokens that its answers have room for.
fn model_of(job: &ComputeJob) -> Option<(&ModelRef, usize)> {
    match job {
        // Gives way to whatever trains.
        ComputeJob::MeasureSpeed { .. } => None,
        ComputeJob::Compare { request } => {
            let Sampling { max_new_tokens, .. } = request.sampling;
            Some((&request.model, 2 * (max_new_tokens + LOSS_TOKENS)))
        }
        ComputeJob::Evaluate { request } => {
            let answer_tokens = if request.generate { ANSWER_TOKENS } else { 0 };
            let first = request.contenders.iter().find_map(Contender::model);
            first.map(|model| (model, answer_tokens))
        }
        ComputeJob::ScoreExamples { judge, .. } => Some((&judge.model, 0)),
        ComputeJob::LabelNext { judge, .. } => Some((&judge.model, ANSWER_TOKENS)),
    }
}

/// A pass without gradient, and the keys and values of answers.
fn work_bytes(spec: &ModelSpec, num_answer_tokens: usize) -> u64 {
    let values = spec.num_cached_values() * num_answer_tokens;
    activation_bytes(spec, ProductType::F32, spec.num_layers(), LOSS_TOKENS) + 4 * values as u64
}

fn fits(needed: u64, free: u64) -> bool {
    needed.saturating_add(RESERVE) <= free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LanguageModel;
    use crate::task::Unwatched;

    #[test]
    fn what_is_loaded_already_costs_only_its_work() {
        assert!(fits(1 << 30, 2 << 30) && !fits(2 << 30, 2 << 30));
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama");
        let model = LanguageModel::load(&folder, &Unwatched).unwrap();
        let (short, long) = (work_bytes(model.decoder.spec(), 0), work_bytes(model.decoder.spec(), ANSWER_TOKENS));
        assert!(0 < short && short < long, "{short} {long}");
    }
}
