//! How a piece of work is steered from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{Task, Unit};

/// What a piece of work is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Run,
    Pause,
    /// Ends it soon; `save` keeps what was done so far: a run writes a checkpoint of its last finished step first.
    Stop {
        save: bool,
    },
    /// A stop that saves, because the program ends.
    Close,
}

impl Signal {
    pub fn is_stop(self) -> bool {
        matches!(self, Self::Stop { .. } | Self::Close)
    }
}

/// Shared between the work and whoever steers it; by itself a task that nobody watches.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<AtomicU8>);

impl Control {
    pub fn send(&self, signal: Signal) {
        let code = match signal {
            Signal::Run => 0,
            Signal::Pause => 1,
            Signal::Stop { save: true } => 2,
            Signal::Stop { save: false } => 3,
            Signal::Close => 4,
        };
        self.0.store(code, Ordering::Relaxed);
    }

    /// Ends the work; what was done so far is kept where that makes sense.
    pub fn stop(&self) {
        self.send(Signal::Stop { save: true });
    }

    pub fn signal(&self) -> Signal {
        match self.0.load(Ordering::Relaxed) {
            0 => Signal::Run,
            1 => Signal::Pause,
            2 => Signal::Stop { save: true },
            4 => Signal::Close,
            _ => Signal::Stop { save: false },
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.signal().is_stop()
    }
}

impl Task for Control {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}

    fn signal(&self) -> Signal {
        self.signal()
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }
}
