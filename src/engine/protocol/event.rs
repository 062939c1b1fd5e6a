//! What the engine reports of its jobs.

use std::path::PathBuf;
use std::time::SystemTime;

use super::{JobId, Reply};
use crate::generate::Side;
use crate::task::{Phase, Stage, Unit};
use crate::train::observer::RunFacts;
use crate::train::{EvalMetrics, StepMetrics};

/// One thing that the engine reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub job: JobId,
    pub at: SystemTime,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// Before it started: it waits until the training beside it pauses or ends, because memory for both is short.
    Waiting(MemoryShort),
    Started,
    Phase(Phase),
    /// A part begins that is counted for itself.
    Stage(Stage),
    Progress {
        done: u64,
        total: Option<u64>,
        unit: Unit,
    },
    /// The run's folder and size; before the first step.
    RunStarted {
        run_dir: PathBuf,
        facts: RunFacts,
    },
    /// The only event that may be dropped when the window lags: `metrics.jsonl` is the truth.
    Step(StepMetrics),
    Eval(EvalMetrics),
    Checkpoint {
        step: usize,
        path: PathBuf,
    },
    /// Text that was added to an answer; coalesced, never lost.
    Token {
        side: Side,
        text: String,
    },
    /// One side's answer is complete.
    AnswerDone {
        side: Side,
        num_tokens: usize,
        tokens_per_sec: f64,
        ended_by_itself: bool,
    },
    Warning(String),
    /// What the job was asked for.
    Reply(Box<Reply>),
    /// Exactly one a job, and its last.
    Finished(Outcome),
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryShort {
    /// What the job would take beside the training.
    pub needed: u64,
    /// What this machine has free.
    pub free: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Completed,
    /// It ended because it was asked to.
    Stopped,
    Failed(Failure),
}

/// An error, as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What is wrong, and where.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it is our own fault (a panic) rather than the input's.
    pub is_internal: bool,
}
