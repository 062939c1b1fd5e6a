//! The only threads of the program besides the window's. The window starts jobs through a [`Backend`] and learns of
//! them in [`Event`]s; both are plain data, and every event carries the id of its job.

pub mod backend;
mod context;
pub mod dataset;
pub mod error;
pub mod fake;
pub mod handle;
mod jobs;
mod lanes;
mod limits;
pub mod protocol;
mod worker;

pub use backend::Backend;
pub use error::EngineError;
pub use handle::{Engine, EngineOptions, start_threads};
pub use limits::Limits;
pub use protocol::{
    Answer, ComputeJob, Estimates, Event, EventKind, Facts, Failure, IoJob, JobId, JobKind, JobSpec, Lane, MemoryShort,
    NetJob, Outcome, Reply, StoreJob, Subject, TrainJob,
};
