//! What the window needs from an engine: the real one or, in the window's tests, a scripted one.

use crossbeam_channel::Receiver;

use super::{Event, JobId, JobSpec, Limits};
use crate::task::Signal;

/// None of its functions waits for a job.
pub trait Backend {
    /// Queues a job on its lane. Its events carry the id; the last is `Finished`.
    fn start(&self, spec: JobSpec) -> JobId;

    /// Steers a job that is queued or running; one that has ended ignores it.
    fn control(&self, job: JobId, signal: Signal);

    /// Sets what the person's settings allow, for the jobs that start from now on.
    fn configure(&self, limits: Limits);

    /// Everything that all jobs report, in order.
    fn events(&self) -> &Receiver<Event>;
}
