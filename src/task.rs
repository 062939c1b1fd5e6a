//! How a long piece of work says how far it is, and learns that it is to pause or stop; and how foreign code is run that may
//! panic on a damaged file.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Once;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

mod control;
mod pace;

pub use control::{Control, Signal};
pub use pace::Pace;

/// What [`Task::progress`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Rows,
    Examples,
    Tokens,
    Steps,
    /// The layers of a model.
    Layers,
    Files,
}

/// What a piece of work is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    LoadingModel,
    /// Copying the project's examples into the run's folder.
    Freezing,
    Tokenizing,
    Training,
    Evaluating,
    Saving,
    Generating,
}

/// How often paused work asks whether it may go on.
const PAUSE_INTERVAL: Duration = Duration::from_millis(20);

/// Given to every function that can take longer than a blink. Implemented by the engine's jobs and the command line.
pub trait Task {
    /// `total` is `None` where the amount of work is not known yet.
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit);
    /// Other work begins.
    fn phase(&self, _phase: Phase) {}
    /// A part begins that is counted for itself.
    fn stage(&self, _stage: Stage) {}
    /// Polled often; the work then ends early and leaves nothing half done.
    fn is_stopped(&self) -> bool;

    /// What it is to do, for work that can be paused.
    fn signal(&self) -> Signal {
        if self.is_stopped() { Signal::Stop { save: true } } else { Signal::Run }
    }

    /// Waits while the task is paused; call it before each batch of work that computes. Gives how long it waited;
    /// `None` if the task is to stop.
    fn go_on(&self) -> Option<Duration> {
        let started = Instant::now();
        let mut stood = Duration::ZERO;
        loop {
            match self.signal() {
                Signal::Run => return Some(stood),
                Signal::Stop { .. } | Signal::Close => return None,
                Signal::Pause => std::thread::sleep(PAUSE_INTERVAL),
            }
            stood = started.elapsed();
        }
    }
}

/// A part of a long piece of work: "2 of 4: answers before".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    pub name: &'static str,
    /// From 1.
    pub number: u32,
    pub of: u32,
    /// After this many stages the same work comes again, and how long it takes is known by then.
    pub period: u32,
}

/// A task for a part that is over in a blink: it can be stopped, and reports nothing.
pub struct Quiet<'a>(pub &'a dyn Task);

impl Task for Quiet<'_> {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }
    fn signal(&self) -> Signal {
        self.0.signal()
    }
    fn go_on(&self) -> Option<Duration> {
        self.0.go_on()
    }
}

/// A task whose work stands, and goes on, as `go_on` says; all else is handed on to `task`.
pub struct Steered<'a, F> {
    pub task: &'a dyn Task,
    pub go_on: F,
}

impl<F: Fn(&dyn Task) -> Option<Duration>> Task for Steered<'_, F> {
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit) {
        self.task.progress(done, total, unit);
    }
    fn phase(&self, phase: Phase) {
        self.task.phase(phase);
    }
    fn stage(&self, stage: Stage) {
        self.task.stage(stage);
    }
    fn is_stopped(&self) -> bool {
        self.task.is_stopped()
    }
    fn signal(&self) -> Signal {
        self.task.signal()
    }
    fn go_on(&self) -> Option<Duration> {
        (self.go_on)(self.task)
    }
}

/// A task that nobody watches or stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Task for Unwatched {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_stopped(&self) -> bool {
        false
    }
}

thread_local! {
    /// How many [`catch_panic`] this thread is inside of.
    static QUIET: Cell<usize> = const { Cell::new(0) };
}

static QUIET_HOOK: Once = Once::new();

/// Runs another crate's code on data that it may panic on.
///
/// # Errors
/// The panic's own message, which isn't printed: it is the fault of a file, and the caller says of which.
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
    use super::*;

    /// Paused when it is asked the first times; then does what it was made to.
    struct Pauses(Cell<u32>, Signal);

    impl Task for Pauses {
        fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}

        fn is_stopped(&self) -> bool {
            self.signal().is_stop()
        }

        fn signal(&self) -> Signal {
            let left = self.0.get();
            self.0.set(left.saturating_sub(1));
            if left > 0 { Signal::Pause } else { self.1 }
        }
    }

    #[test]
    fn paused_work_stands_until_it_is_to_go_on_or_to_stop() {
        assert_eq!(Control::default().go_on(), Some(Duration::ZERO));
        let pauses = Pauses(Cell::new(2), Signal::Run);
        assert!(Quiet(&pauses).go_on().is_some_and(|stood| stood >= 2 * PAUSE_INTERVAL));
        assert_eq!(pauses.0.get(), 0, "it went on while it was paused");
        assert_eq!(Pauses(Cell::new(1), Signal::Close).go_on(), None);
    }

    #[test]
    fn a_steered_task_hands_on_all_but_how_it_goes_on() {
        #[derive(Default)]
        struct Told(std::cell::RefCell<Vec<String>>);
        impl Task for Told {
            fn progress(&self, done: u64, total: Option<u64>, unit: Unit) {
                self.0.borrow_mut().push(format!("{done} {total:?} {unit:?}"));
            }
            fn phase(&self, phase: Phase) {
                self.0.borrow_mut().push(format!("{phase:?}"));
            }
            fn stage(&self, stage: Stage) {
                self.0.borrow_mut().push(stage.name.to_owned());
            }
            fn is_stopped(&self) -> bool {
                true
            }
            fn signal(&self) -> Signal {
                Signal::Close
            }
        }
        let told = Told::default();
        let stood = Duration::from_secs(1);
        let task = Steered { task: &told, go_on: |inner: &dyn Task| inner.is_stopped().then_some(stood) };
        task.progress(1, Some(2), Unit::Rows);
        task.phase(Phase::Saving);
        task.stage(Stage { name: "after", number: 1, of: 2, period: 1 });
        assert_eq!(*told.0.borrow(), ["1 Some(2) Rows", "Saving", "after"]);
        assert_eq!((task.is_stopped(), task.signal(), task.go_on()), (true, Signal::Close, Some(stood)));
        assert_eq!(told.go_on(), None);
    }

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        let nested = catch_panic(|| catch_panic(|| panic!("the {} is damaged", "file")));
        let inner: Result<(), String> = nested.unwrap();
        assert_eq!(inner, Err("the file is damaged".to_owned()));
    }
}
