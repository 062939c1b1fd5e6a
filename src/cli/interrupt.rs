//! Ctrl-C: the first ends the work in good order, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Ended, terminal};
use crate::task::CancelFlag;
use crate::train::{Control, Signal};

/// What a command polls to learn that it is to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    /// For training: a stop saves a checkpoint first.
    pub control: Control,
    /// For everything else.
    pub cancel: CancelFlag,
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
            heard.control.send(Signal::Stop { save: true });
            heard.cancel.cancel();
        };
        if let Err(error) = ctrlc::set_handler(handler) {
            log::warn!("Ctrl-C will not save a checkpoint: {error}");
        }
        interrupt
    }

    /// After a step of the work that a stop may have cut short.
    pub fn check(&self) -> Result<(), Ended> {
        if self.cancel.is_cancelled() { Err(Ended::Stopped) } else { Ok(()) }
    }
}
