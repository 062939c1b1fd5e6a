//! The window's hand on the engine.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::context::Outbox;
use super::jobs;
use super::lanes::Lanes;
use super::limits::{Limits, SharedLimits};
use super::worker::{Entry, lower_priority};
use super::{Backend, Event, Facts, JobId, JobKind, JobSpec, Lane};
use crate::hub::Sources;
use crate::model::facts::available_memory;
use crate::task::{Control, Signal};
use crate::train::timing::SpeedFile;

/// Enough for the window to sleep through a second of the busiest jobs.
const NUM_WAITING_EVENTS: usize = 1024;
/// How often a closing engine looks whether its lanes have ended.
const DRAIN_INTERVAL: Duration = Duration::from_millis(10);

/// Where the engine keeps and gets models and what it measures; the default is this computer's models.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    pub sources: Sources,
    /// Where measured speeds are kept; by default nowhere.
    pub speeds: SpeedFile,
}

/// The real engine: one thread a lane. Belongs to one thread, the window's; nothing in it is shared by a lock.
pub struct Engine {
    /// Until the engine is dropped.
    lanes: Option<Lanes>,
    events: Receiver<Event>,
    live: RefCell<HashMap<JobId, LiveJob>>,
    limits: SharedLimits,
}

/// A job that has not ended, as far as the handle knows.
struct LiveJob {
    control: Control,
    kind: JobKind,
    lane: Lane,
    facts: Facts,
    alive: Weak<()>,
}

impl Engine {
    /// `waker` is called from the lanes' threads after each event: it asks the window for a repaint.
    ///
    /// # Errors
    /// Where a thread can't be started.
    pub fn new(options: EngineOptions, waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::with_memory(options, available_memory, waker)
    }

    /// [`Self::new`], where `free_memory` says how many bytes may still be taken; that decides what may compute beside
    /// a training.
    ///
    /// # Errors
    /// Where a thread can't be started.
    pub fn with_memory(
        options: EngineOptions,
        free_memory: impl Fn() -> u64 + Send + Sync + 'static,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        start_threads(None);
        let (sender, events) = bounded(NUM_WAITING_EVENTS);
        let outbox = Outbox { events: sender, waker: Arc::new(waker) };
        let limits = SharedLimits::new(options.sources);
        let lanes = Some(jobs::spawn_lanes(&limits, &options.speeds, Arc::new(free_memory), &outbox)?);
        Ok(Self { lanes, events, live: RefCell::default(), limits })
    }

    /// Stops the jobs that fit: those whose answer a new one makes stale, or that it must not wait for.
    fn stop(&self, fits: impl Fn(&LiveJob) -> bool) {
        for job in self.live.borrow().values().filter(|job| fits(job)) {
            job.control.send(Signal::Stop { save: false });
        }
    }
}

/// The threads that compute; `None` for as many as there are cores. Once in a process, before anything computes: rayon's
/// pool belongs to all of it, any thread may be the first to use it, and its threads are lowered here.
pub fn start_threads(threads: Option<usize>) {
    // 0 is rayon's own number.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).start_handler(|_| lower_priority());
    if pool.build_global().is_err() {
        log::debug!("rayon's threads were started before the engine and keep their priority");
    }
}

impl Backend for Engine {
    fn start(&self, spec: JobSpec) -> JobId {
        let id = JobId::next();
        let (kind, lane, facts) = (spec.kind(), spec.lane(), spec.facts());
        self.live.borrow_mut().retain(|_, job| job.alive.strong_count() > 0);
        if facts.supersedes_its_kind {
            self.stop(|job| job.kind == kind);
        }
        if facts.is_saving {
            self.stop(|job| job.facts.gives_way_to_saving);
        }
        if matches!(lane, Lane::Train | Lane::Compute) && !facts.gives_way_to_computing {
            self.stop(|job| job.facts.gives_way_to_computing);
        }
        let control = Control::default();
        let alive = Arc::new(());
        let live = LiveJob { control: control.clone(), kind, lane, facts, alive: Arc::downgrade(&alive) };
        if self.lanes.as_ref().is_some_and(|lanes| lanes.queue(spec, Entry { id, control, alive })) {
            self.live.borrow_mut().insert(id, live);
        }
        id
    }

    fn control(&self, job: JobId, signal: Signal) {
        let live = self.live.borrow();
        let Some(live) = live.get(&job) else { return };
        // A job that is stopping is not called back by a late click on Pause.
        if !live.control.is_stopped() || signal.is_stop() {
            live.control.send(signal);
        }
    }

    fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    fn configure(&self, limits: Limits) {
        self.limits.set(limits);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // 1. What only looks or computes ends soon, a training with a checkpoint unless it was to leave none; edits that
        //    wait are still written.
        let live = self.live.get_mut();
        for job in live.values().filter(|job| !job.facts.is_saving && !job.control.is_stopped()) {
            job.control.send(Signal::Close);
        }
        // 2. A training that is to write nothing more isn't waited for: its step may take minutes.
        let is_left = |job: &LiveJob| job.lane == Lane::Train && job.control.signal() == Signal::Stop { save: false };
        let is_any_left = live.values().any(|job| job.alive.strong_count() > 0 && is_left(job));
        let is_needed = |lane: Lane| lane != Lane::Train || !is_any_left;
        // 3. Without the queues' sending sides a lane ends after the job in hand and those that wait.
        let threads = self.lanes.take().map(Lanes::close).into_iter().flatten();
        let threads: Vec<_> = threads.filter(|(lane, _)| is_needed(*lane)).map(|(_, thread)| thread).collect();
        // 4. A lane may wait for room among the events: they are taken until the last lane has ended.
        while threads.iter().any(|thread| !thread.is_finished()) {
            if let Err(RecvTimeoutError::Disconnected) = self.events.recv_timeout(DRAIN_INTERVAL) {
                break;
            }
        }
        // 5. Only now can no thread be waiting for us.
        for thread in threads {
            if thread.join().is_err() {
                log::error!("a lane of the engine panicked outside a job");
            }
        }
    }
}
