//! A lane's thread: takes its jobs one after the other, and outlives a job that panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use super::context::{Context, Outbox};
use super::error::EngineError;
use super::{EventKind, Failure, JobId, JobSpec, Lane, Outcome};
use crate::train::Control;

/// More waiting jobs than a person can make; what comes beyond is refused, because the window can't wait.
const QUEUE_LENGTH: usize = 1024;

/// A job on its way to its lane.
pub(super) struct Queued {
    pub job: JobId,
    pub spec: JobSpec,
    pub control: Control,
    /// Dropped when the job has ended: the handle then forgets its control.
    pub alive: Arc<()>,
}

/// What a lane does with a job. Its value lives as long as the lane and keeps what later jobs can use again.
pub(super) trait Work {
    fn run(&mut self, spec: JobSpec, context: &Context) -> Result<(), EngineError>;
}

/// One lane: where its jobs are put, and its thread.
pub(super) struct Worker {
    pub queue: Sender<Queued>,
    /// Jobs that found the queue full; the thread gives each its `Finished`.
    pub refused: Sender<JobId>,
    pub thread: JoinHandle<()>,
}

impl Worker {
    /// `make` makes what the lane works with, on the lane's own thread; again after a panic, because the old one may be
    /// half changed.
    pub fn spawn<W: Work>(
        lane: Lane,
        outbox: Outbox,
        make: impl Fn() -> W + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = bounded(QUEUE_LENGTH);
        let (refused, refusals) = bounded(QUEUE_LENGTH);
        let thread = Builder::new().name(thread_name(lane).to_owned()).spawn(move || {
            if lane == Lane::Compute {
                lower_priority();
            }
            run_jobs(&jobs, &refusals, &outbox, make);
        })?;
        Ok(Self { queue, refused, thread })
    }
}

/// Ends when the handle drops the queue's sending side and all that waited is done.
fn run_jobs<W: Work>(
    jobs: &Receiver<Queued>,
    refusals: &Receiver<JobId>,
    outbox: &Outbox,
    make: impl Fn() -> W,
) {
    let mut work = make();
    for Queued { job, spec, control, alive } in jobs {
        let context = Context::new(job, control, outbox.clone());
        let outcome = if context.is_stopped() {
            Outcome::Stopped
        } else {
            context.tell(EventKind::Started);
            match catch_unwind(AssertUnwindSafe(|| work.run(spec, &context))) {
                Ok(Ok(())) => Outcome::Completed,
                Ok(Err(EngineError::Stopped)) => Outcome::Stopped,
                Ok(Err(error)) => Outcome::Failed(error.failure()),
                Err(panic) => {
                    work = make();
                    Outcome::Failed(internal_failure(panic.as_ref()))
                }
            }
        };
        drop(alive);
        context.finish(outcome);
        for job in refusals.try_iter() {
            Context::new(job, Control::default(), outbox.clone()).finish(Outcome::Failed(refusal()));
        }
    }
}

/// At most 15 characters: Linux cuts what is longer.
fn thread_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Compute => "tw-compute",
        Lane::Io => "tw-io",
        Lane::Store => "tw-store",
        Lane::Net => "tw-net",
    }
}

/// The window's thread must win against all computing threads. On Linux a thread inherits this from the one that starts
/// it, so that candle's pool, which the compute lane starts, is low, too.
pub(super) fn lower_priority() {
    // 22 of 99 is a niceness of 10.
    let lowered = ThreadPriorityValue::try_from(22_u8)
        .map_err(|e| e.to_string())
        .and_then(|value| ThreadPriority::Crossplatform(value).set_for_current().map_err(|e| e.to_string()));
    if let Err(error) = lowered {
        log::warn!("the priority of the computing threads could not be lowered: {error}");
    }
}

fn internal_failure(panic: &(dyn Any + Send)) -> Failure {
    let cause = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Failure {
        message: format!("Tunewright made a mistake in this job: {cause}"),
        hint: Some("Your project is safe, and other jobs go on. Please report this message.".to_owned()),
        is_internal: true,
    }
}

fn refusal() -> Failure {
    Failure {
        message: format!("{QUEUE_LENGTH} jobs are waiting already, so that this one was not started."),
        hint: Some("Wait until some are done, then try again.".to_owned()),
        is_internal: false,
    }
}
