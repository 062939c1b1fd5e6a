//! How a running training is paused and stopped: an atomic that the loop polls before every micro-batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What the loop is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Run,
    Pause,
    /// Ends the run within one micro-batch; `save` writes a checkpoint of the last finished step first.
    Stop {
        save: bool,
    },
}

/// Shared between the loop and whoever steers it.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<AtomicU8>);

impl Control {
    pub fn send(&self, signal: Signal) {
        let code = match signal {
            Signal::Run => 0,
            Signal::Pause => 1,
            Signal::Stop { save: true } => 2,
            Signal::Stop { save: false } => 3,
        };
        self.0.store(code, Ordering::Relaxed);
    }

    pub fn signal(&self) -> Signal {
        match self.0.load(Ordering::Relaxed) {
            0 => Signal::Run,
            1 => Signal::Pause,
            2 => Signal::Stop { save: true },
            _ => Signal::Stop { save: false },
        }
    }
}
