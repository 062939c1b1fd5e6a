//! How a long piece of work says how far it is, and learns that nobody wants it any more; and how foreign code is run that
//! may panic on a damaged file.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

mod pace;

pub use pace::Pace;

/// What [`Task::progress`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Rows,
    Examples,
    Tokens,
    Steps,
    /// Of a model.
    Layers,
    Files,
}

/// Given to every function that can take longer than a blink. Implemented by the engine's jobs and the command line.
pub trait Task {
    /// `total` is `None` where the amount of work is not known yet.
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit);
    /// A part begins that is counted for itself.
    fn stage(&self, _stage: Stage) {}
    /// Polled often; the work then ends early and leaves nothing half done.
    fn is_cancelled(&self) -> bool;
}

/// A part of a long piece of work: "2 of 4: answers before".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    pub name: &'static str,
    /// From 1.
    pub number: u32,
    pub of: u32,
    /// After so many stages the same work comes again, and how long it takes is known by then.
    pub period: u32,
}

/// For a part that is over in a blink: it can be cancelled, and says nothing.
pub struct Quiet<'a>(pub &'a dyn Task);

impl Task for Quiet<'_> {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
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

thread_local! {
    /// How many [`catch_panic`] this thread is inside of.
    static QUIET: Cell<usize> = const { Cell::new(0) };
}

static QUIET_HOOK: Once = Once::new();

/// Runs another crate's code on data that it may panic on. The error is the panic's own message, which isn't printed: it
/// is the fault of a file, and the caller says of which.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    QUIET_HOOK.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if QUIET.try_with(Cell::get).unwrap_or_default() == 0 {
                hook(panic);
            }
        }));
    });
    QUIET.set(QUIET.get() + 1);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(QUIET.get() - 1);
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        text.unwrap_or("no message").lines().next().unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::catch_panic;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        let nested = catch_panic(|| catch_panic(|| panic!("the {} is damaged", "file")));
        let inner: Result<(), String> = nested.unwrap();
        assert_eq!(inner, Err("the file is damaged".to_owned()));
    }
}
