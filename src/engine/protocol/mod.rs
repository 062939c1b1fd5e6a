//! The messages between the window and the engine. Architecture invariant: plain data, no tensor, no egui type.
//!
//! A job is a variant of its lane's enum, with a row in the table beside it ([`Facts`]), and an arm in the lane.

mod compute;
mod event;
mod facts;
mod io;
mod net;
mod reply;
mod store;
mod train;

use std::mem::{Discriminant, discriminant};
use std::sync::atomic::{AtomicU64, Ordering};

pub use compute::{CompareRequest, ComputeJob};
pub use event::{Event, EventKind, Failure, MemoryShort, Outcome};
pub use facts::{Done, Facts, Subject};
pub use io::IoJob;
pub use net::NetJob;
pub use reply::{Answer, Estimates, Findings, History, Reply};
pub use store::StoreJob;
pub use train::TrainJob;

pub use crate::generate::Side;

/// Names a job; never used twice in a process. The default is that of no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct JobId(pub u64);

impl JobId {
    /// An id that no job of this process has had.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A lane works on one job at a time, in the order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Training.
    Train,
    /// Evaluating and generating. Never computes at the same time as a training: they take turns.
    Compute,
    /// Reading and tokenising files.
    Io,
    /// The project's database: quick queries and edits.
    Store,
    /// Downloads.
    Net,
    /// Questions to the Hub, which don't wait for downloads.
    Ask,
}

/// The work itself, by lane.
#[derive(Debug, Clone, PartialEq)]
pub enum JobSpec {
    Store(StoreJob),
    Io(IoJob),
    Net(NetJob),
    Train(TrainJob),
    Compute(ComputeJob),
}

/// Which job it is, whatever it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    Store(Discriminant<StoreJob>),
    Io(Discriminant<IoJob>),
    Net(Discriminant<NetJob>),
    Train(Discriminant<TrainJob>),
    Compute(Discriminant<ComputeJob>),
}

impl JobSpec {
    pub fn lane(&self) -> Lane {
        match self {
            Self::Store(_) => Lane::Store,
            Self::Io(_) => Lane::Io,
            Self::Net(job) if job.is_question() => Lane::Ask,
            Self::Net(_) => Lane::Net,
            Self::Train(_) => Lane::Train,
            Self::Compute(_) => Lane::Compute,
        }
    }

    pub fn kind(&self) -> JobKind {
        match self {
            Self::Store(job) => JobKind::Store(discriminant(job)),
            Self::Io(job) => JobKind::Io(discriminant(job)),
            Self::Net(job) => JobKind::Net(discriminant(job)),
            Self::Train(job) => JobKind::Train(discriminant(job)),
            Self::Compute(job) => JobKind::Compute(discriminant(job)),
        }
    }

    /// The job's row in its lane's table.
    pub fn facts(&self) -> Facts {
        match self {
            Self::Store(job) => job.facts(),
            Self::Io(job) => job.facts(),
            Self::Net(job) => job.facts(),
            Self::Train(job) => job.facts(),
            Self::Compute(job) => job.facts(),
        }
    }
}
