//! A lane's thread: takes its jobs one after the other, and outlives a job that panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

use super::context::{Context, Outbox};
use super::error::EngineError;
use super::{EventKind, Failure, JobId, Lane, Outcome};
use crate::task::{Control, Task};
use crate::train::turn::Held;

/// More waiting jobs than a person can make; what comes beyond is refused, because the window can't wait.
const QUEUE_LENGTH: usize = 1024;

/// A job on its way to its lane.
struct Queued<J> {
    job: J,
    entry: Entry,
}

/// What a lane knows of any job.
pub(super) struct Entry {
    pub id: JobId,
    pub control: Control,
    /// Dropped when the job has ended: the handle then forgets its control.
    pub alive: Arc<()>,
}

/// What a lane does with a job. Its value lives as long as the lane and keeps what later jobs can use again.
pub(super) trait Work {
    /// The lane's jobs.
    type Job: Send + 'static;

    /// Waits until the job may start, and gives what it holds while it runs. A job that is stopped meanwhile never
    /// starts.
    fn admit(&mut self, _job: &Self::Job, _context: &Context) -> Result<Option<Held>, EngineError> {
        Ok(None)
    }

    fn run(&mut self, job: Self::Job, context: &Context) -> Result<(), EngineError>;
}

/// One lane: where its jobs are put, and its thread.
pub(super) struct Worker<J> {
    lane: Lane,
    queue: Sender<Queued<J>>,
    /// Jobs that found the queue full; the thread gives each its `Finished`.
    refused: Sender<JobId>,
    thread: JoinHandle<()>,
}

impl<J: Send + 'static> Worker<J> {
    /// `make` makes what the lane works with, on the lane's own thread; again after a panic, because the old one may be
    /// half changed.
    pub fn spawn<W: Work<Job = J>>(
        lane: Lane,
        outbox: Outbox,
        make: impl Fn() -> W + Send + 'static,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = bounded(QUEUE_LENGTH);
        let (refused, refusals) = bounded(QUEUE_LENGTH);
        let thread = Builder::new().name(thread_name(lane).to_owned()).spawn(move || {
            if matches!(lane, Lane::Train | Lane::Compute) {
                lower_priority();
            }
            run_jobs(&jobs, &refusals, &outbox, make);
        })?;
        Ok(Self { lane, queue, refused, thread })
    }

    /// Whether there was room; where there was none, the lane's thread says so.
    pub fn queue(&self, job: J, entry: Entry) -> bool {
        match self.queue.try_send(Queued { job, entry }) {
            Ok(()) => true,
            Err(TrySendError::Full(Queued { entry, .. }) | TrySendError::Disconnected(Queued { entry, .. })) => {
                if self.refused.try_send(entry.id).is_err() {
                    log::error!("the {:?} lane has no room for {:?}, and none to say so", self.lane, entry.id);
                }
                false
            }
        }
    }

    /// Without the queue's sending side the lane ends after the job in hand and those that wait.
    pub fn close(self) -> JoinHandle<()> {
        self.thread
    }
}

/// Ends when the handle drops the queue's sending side and all that waited is done.
fn run_jobs<W: Work>(
    jobs: &Receiver<Queued<W::Job>>,
    refusals: &Receiver<JobId>,
    outbox: &Outbox,
    make: impl Fn() -> W,
) {
    let mut work = make();
    for Queued { job, entry } in jobs {
        let Entry { id, control, alive } = entry;
        let context = Context::new(id, control, outbox.clone());
        let outcome = if context.is_stopped() {
            Outcome::Stopped
        } else {
            let done = catch_unwind(AssertUnwindSafe(|| {
                let _held = work.admit(&job, &context)?;
                context.tell(EventKind::Started);
                work.run(job, &context)
            }));
            match done {
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
        Lane::Train => "tw-train",
        Lane::Compute => "tw-compute",
        Lane::Io => "tw-io",
        Lane::Store => "tw-store",
        Lane::Net => "tw-net",
        Lane::Ask => "tw-ask",
    }
}

/// The window's thread must win against all computing threads. On Linux a thread inherits this from the one that starts
/// it, so that candle's pool, which the lanes that compute start, is low, too.
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::Event;
    use crate::task::Signal;

    /// Does what the job says, and counts its jobs since it was made.
    #[derive(Default)]
    struct Script {
        num_jobs: usize,
    }

    impl Work for Script {
        type Job = &'static str;

        fn run(&mut self, what: &'static str, context: &Context) -> Result<(), EngineError> {
            self.num_jobs += 1;
            context.tell(EventKind::Warning(self.num_jobs.to_string()));
            match what {
                "panic" => panic!("the {} job", "second"),
                "fail" => Err(EngineError::io(Path::new(what))(std::io::ErrorKind::NotFound.into())),
                "stop" => Err(EngineError::Stopped),
                _ => Ok(()),
            }
        }
    }

    fn queued(job: &'static str) -> Queued<&'static str> {
        let entry = Entry { id: JobId::next(), control: Control::default(), alive: Arc::new(()) };
        Queued { job, entry }
    }

    /// Runs the jobs to their end, and gives for each its events.
    fn run(jobs: Vec<Queued<&'static str>>) -> Vec<Vec<EventKind>> {
        let (events, receiver) = bounded::<Event>(100);
        let outbox = Outbox { events, waker: Arc::new(|| {}) };
        let worker = Worker::spawn(Lane::Io, outbox, Script::default).unwrap();
        let ids: Vec<JobId> = jobs.iter().map(|queued| queued.entry.id).collect();
        for Queued { job, entry } in jobs {
            assert!(worker.queue(job, entry));
        }
        worker.close().join().unwrap();
        let events: Vec<Event> = receiver.iter().collect();
        let of = |id: &JobId| events.iter().filter(|event| event.job == *id).map(|event| event.kind.clone()).collect();
        ids.iter().map(of).collect()
    }

    fn warning(text: &str) -> EventKind {
        EventKind::Warning(text.to_owned())
    }

    #[test]
    fn a_panic_is_a_failure_of_one_job_and_the_next_one_runs_on_fresh_ground() {
        let told = run(vec![queued("good"), queued("panic"), queued("good")]);
        let completed = EventKind::Finished(Outcome::Completed);
        assert_eq!(told[0], [EventKind::Started, warning("1"), completed.clone()]);
        let Some(EventKind::Finished(Outcome::Failed(failure))) = told[1].last() else { panic!("{:?}", told[1]) };
        assert!(failure.is_internal && failure.message.contains("the second job"), "{failure:?}");
        assert_eq!(told[1].len(), 3);
        assert_eq!(
            told[2],
            [EventKind::Started, warning("1"), completed],
            "what the panicking job left was used again"
        );
    }

    #[test]
    fn every_end_is_told_once() {
        let told = run(vec![queued("fail"), queued("stop")]);
        let Some(EventKind::Finished(Outcome::Failed(failure))) = told[0].last() else { panic!("{:?}", told[0]) };
        assert!(!failure.is_internal && failure.hint.is_some(), "{failure:?}");
        assert_eq!(told[1].last(), Some(&EventKind::Finished(Outcome::Stopped)));
        for events in &told {
            assert_eq!(events.iter().filter(|kind| matches!(kind, EventKind::Finished(_))).count(), 1);
        }
    }

    #[test]
    fn a_job_that_is_stopped_in_the_queue_never_starts() {
        let stopped = queued("good");
        stopped.entry.control.send(Signal::Stop { save: false });
        let told = run(vec![stopped, queued("good")]);
        assert_eq!(told[0], [EventKind::Finished(Outcome::Stopped)]);
        assert_eq!(told[1][1], warning("1"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_compute_lane_and_what_it_starts_give_way_to_the_window() {
        let niceness = || {
            lower_priority();
            // The 19th field; the 2nd is the thread's name in brackets, which may hold spaces.
            let stat = || std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let of = |stat: String| stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().to_owned();
            let child = std::thread::spawn(move || of(stat())).join().unwrap();
            (of(stat()), child)
        };
        assert_eq!(std::thread::spawn(niceness).join().unwrap(), ("10".to_owned(), "10".to_owned()));
    }
}
