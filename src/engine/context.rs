//! What a running job has in hand: it reports events through it, and learns from it that nobody wants it any more.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Sender, TrySendError};

use super::{Event, EventKind, JobId, Outcome, Reply, protocol::Side};
use crate::task::{Control, Phase, Signal, Stage, Task, Unit};
use crate::train::StepMetrics;

/// A bar needs no more than about twenty values a second.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
/// Text flows smoothly at thirty pieces a second; more would only wake the window.
const TEXT_INTERVAL: Duration = Duration::from_millis(30);

/// The way to the window, shared by all lanes.
#[derive(Clone)]
pub(super) struct Outbox {
    pub events: Sender<Event>,
    /// Asks the window to look at its events.
    pub waker: Arc<dyn Fn() + Send + Sync>,
}

/// One job's view of the engine.
pub(super) struct Context {
    job: JobId,
    control: Control,
    outbox: Outbox,
    told_progress_at: Cell<Option<Instant>>,
    text: RefCell<[PendingText; 2]>,
}

/// Text of one answer that was not sent yet.
#[derive(Default)]
struct PendingText {
    text: String,
    told_at: Option<Instant>,
}

impl Context {
    pub fn new(job: JobId, control: Control, outbox: Outbox) -> Self {
        Self { job, control, outbox, told_progress_at: Cell::new(None), text: RefCell::default() }
    }

    /// Waits while the window lags; text that was held back goes first, so that the order stays right.
    pub fn tell(&self, kind: EventKind) {
        self.flush_text();
        if matches!(kind, EventKind::Phase(_)) {
            // The first count of a phase is never too soon.
            self.told_progress_at.set(None);
        }
        self.send(kind);
    }

    pub fn reply(&self, reply: Reply) {
        self.tell(EventKind::Reply(Box::new(reply)));
    }

    pub fn finish(&self, outcome: Outcome) {
        self.tell(EventKind::Finished(outcome));
    }

    /// The one event that is dropped when the window lags: training never waits for a curve.
    pub fn step(&self, metrics: StepMetrics) {
        match self.outbox.events.try_send(self.event(EventKind::Step(metrics))) {
            Ok(()) => (self.outbox.waker)(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Adds to an answer; sent at once when the last piece was sent long enough ago, else with a later one.
    pub fn token(&self, side: Side, text: &str) {
        let due = {
            let mut pending = self.text.borrow_mut();
            let pending = &mut pending[side as usize];
            pending.text.push_str(text);
            pending.told_at.is_none_or(|at| at.elapsed() >= TEXT_INTERVAL)
        };
        if due {
            self.flush_side(side);
        }
    }

    fn flush_text(&self) {
        self.flush_side(Side::Before);
        self.flush_side(Side::After);
    }

    fn flush_side(&self, side: Side) {
        let text = {
            let mut pending = self.text.borrow_mut();
            let pending = &mut pending[side as usize];
            pending.told_at = Some(Instant::now());
            std::mem::take(&mut pending.text)
        };
        if !text.is_empty() {
            self.send(EventKind::Token { side, text });
        }
    }

    fn send(&self, kind: EventKind) {
        // Fails only when the window is gone; then nobody needs it.
        if self.outbox.events.send(self.event(kind)).is_ok() {
            (self.outbox.waker)();
        }
    }

    fn event(&self, kind: EventKind) -> Event {
        Event { job: self.job, at: SystemTime::now(), kind }
    }
}

impl Task for Context {
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit) {
        let is_due = self.told_progress_at.get().is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
        if is_due || total == Some(done) {
            self.told_progress_at.set(Some(Instant::now()));
            self.tell(EventKind::Progress { done, total, unit });
        }
    }

    fn stage(&self, stage: Stage) {
        self.told_progress_at.set(None);
        self.tell(EventKind::Stage(stage));
    }

    fn phase(&self, phase: Phase) {
        self.tell(EventKind::Phase(phase));
    }

    fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }

    fn signal(&self) -> Signal {
        self.control.signal()
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, bounded};

    use super::*;

    fn context(capacity: usize) -> (Context, Receiver<Event>) {
        let (events, receiver) = bounded(capacity);
        let outbox = Outbox { events, waker: Arc::new(|| {}) };
        (Context::new(JobId::next(), Control::default(), outbox), receiver)
    }

    fn metrics(step: usize) -> StepMetrics {
        StepMetrics {
            step,
            epoch: 0.0,
            loss: 1.0,
            learning_rate: 0.1,
            grad_norm: 1.0,
            num_tokens: 1,
            num_supervised_tokens: 1,
            tokens_per_sec: 1.0,
            step_secs: 1.0,
        }
    }

    #[test]
    fn text_is_gathered_and_none_is_lost() {
        let (context, events) = context(1000);
        for i in 0..200 {
            context.token(Side::Before, &format!("{i} "));
            context.token(Side::After, &format!("{i},"));
        }
        context.finish(Outcome::Completed);
        let told: Vec<_> = events.try_iter().map(|event| event.kind).collect();
        let join = |wanted: Side| -> String {
            told.iter()
                .filter_map(|kind| match kind {
                    EventKind::Token { side, text } if *side == wanted => Some(text.as_str()),
                    _ => None,
                })
                .collect()
        };
        assert_eq!(join(Side::Before), (0..200).map(|i| format!("{i} ")).collect::<String>());
        assert_eq!(join(Side::After), (0..200).map(|i| format!("{i},")).collect::<String>());
        assert_eq!(told.last(), Some(&EventKind::Finished(Outcome::Completed)));
        assert!(told.len() < 50, "400 pieces made {} events", told.len());
    }

    #[test]
    fn only_steps_are_dropped_when_the_window_lags() {
        let (context, events) = context(2);
        for step in 1..=10 {
            context.step(metrics(step));
        }
        std::thread::scope(|scope| {
            let listener = scope.spawn(|| events.iter().take(3).map(|event| event.kind).collect::<Vec<_>>());
            context.tell(EventKind::Warning("waits for room".to_owned()));
            let told = listener.join().unwrap();
            assert_eq!(told[..2], [EventKind::Step(metrics(1)), EventKind::Step(metrics(2))]);
            assert_eq!(told[2], EventKind::Warning("waits for room".to_owned()));
        });
    }
}
