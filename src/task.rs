//! How a long piece of work says how far it is, and learns that nobody wants it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What [`Task::progress`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Rows,
    Examples,
    Tokens,
    Steps,
    Files,
}

/// Given to every function that can take longer than a blink. Implemented by the engine's jobs and the command line.
pub trait Task {
    /// `total` is `None` where the amount of work is not known yet.
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit);
    /// Polled often; the work then ends early and leaves nothing half done.
    fn is_cancelled(&self) -> bool;
}

/// A task that nobody watches or cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Task for Unwatched {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A flag that one thread raises and another polls.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
