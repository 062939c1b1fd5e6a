//! Ctrl-C: the first ends the work in good order, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Ended, terminal};
use crate::task::Control;

/// What a command polls to learn that it is to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    pub control: Control,
}

impl Interrupt {
    /// Listens for Ctrl-C from now on; once in a process.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        let is_second = AtomicBool::new(false);
        let handler = move || {
            if is_second.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            terminal::note("\nStopping… (Ctrl-C again ends at once)");
            heard.control.stop();
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            log::warn!("Ctrl-C will not save a checkpoint: {error}");
        }
        interrupt
    }

    /// After a step of the work that a stop may have cut short.
    pub fn check(&self) -> Result<(), Ended> {
        if self.control.is_stopped() { Err(Ended::Stopped) } else { Ok(()) }
    }
}
