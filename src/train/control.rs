//! How a running training is paused and stopped, and lets short work compute in between: the loop asks before every
//! micro-batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::turn::{Party, Turn};

/// What the loop is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Run,
    Pause,
    /// Ends the run within one micro-batch; `save` writes a checkpoint of the last finished step first.
    Stop {
        save: bool,
    },
    /// As a stop that saves, because the program ends.
    Close,
}

impl Signal {
    pub fn is_stop(self) -> bool {
        matches!(self, Self::Stop { .. } | Self::Close)
    }
}

/// How often a paused run asks whether it may go on.
const PAUSE_INTERVAL: Duration = Duration::from_millis(20);

/// Shared between the loop and whoever steers it.
#[derive(Debug, Clone, Default)]
pub struct Control {
    signal: Arc<AtomicU8>,
    turn: Turn,
}

impl Control {
    /// The same control; the run gives way to guests of this turn, which it must have.
    pub fn giving_way(&self, turn: &Turn) -> Self {
        Self { signal: self.signal.clone(), turn: turn.clone() }
    }

    pub fn send(&self, signal: Signal) {
        let code = match signal {
            Signal::Run => 0,
            Signal::Pause => 1,
            Signal::Stop { save: true } => 2,
            Signal::Stop { save: false } => 3,
            Signal::Close => 4,
        };
        self.signal.store(code, Ordering::Relaxed);
    }

    pub fn signal(&self) -> Signal {
        match self.signal.load(Ordering::Relaxed) {
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

    /// Stands while the run is paused, where guests compute as they come, and once for a guest that waits. Gives how long
    /// it stood; `None` if the run is to stop, for which it need not have the turn: what is left is writing.
    pub(super) fn go_on(&self) -> Option<Duration> {
        let mut stood = Duration::ZERO;
        loop {
            match self.signal() {
                Signal::Stop { .. } | Signal::Close => return None,
                Signal::Run if stood > Duration::ZERO || !self.turn.is_wanted_by(Party::Guest) => return Some(stood),
                Signal::Run | Signal::Pause => {}
            }
            let started = Instant::now();
            self.turn.release(Party::Training);
            while self.signal() == Signal::Pause {
                std::thread::sleep(PAUSE_INTERVAL);
            }
            if !self.turn.take(Party::Training, &|| self.is_stopped()) {
                return None;
            }
            stood += started.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_gives_way_once_and_goes_on() {
        let turn = Turn::default();
        let control = Control::default().giving_way(&turn);
        let _training = turn.hold(Party::Training, &|| false);
        assert_eq!(control.go_on(), Some(Duration::ZERO), "it stood for nobody");
        std::thread::scope(|scope| {
            // Takes the turn again at once, as a second job in the queue does: the run must come in between.
            let guest =
                scope.spawn(|| (0..2).map(|_| turn.hold(Party::Guest, &|| false).is_some()).collect::<Vec<_>>());
            while !turn.is_wanted_by(Party::Guest) {
                std::thread::yield_now();
            }
            while !guest.is_finished() {
                assert!(control.go_on().is_some());
                assert_eq!(turn.holder(), Some(Party::Training), "it went on without the turn");
            }
            assert_eq!(guest.join().unwrap(), [true, true]);
        });
    }

    #[test]
    fn a_paused_run_lets_guests_through_and_a_stop_ends_it_beside_one() {
        let turn = Turn::default();
        let control = Control::default().giving_way(&turn);
        control.send(Signal::Pause);
        let training = turn.hold(Party::Training, &|| false);
        std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                let _training = training;
                control.go_on()
            });
            for _ in 0..3 {
                assert!(turn.hold(Party::Guest, &|| false).is_some());
            }
            let guest = turn.hold(Party::Guest, &|| false);
            control.send(Signal::Close);
            assert_eq!(run.join().unwrap(), None, "the stop waited for the guest");
            assert_eq!(turn.holder(), Some(Party::Guest), "the end of the run took the guest's turn away");
            drop(guest);
        });
        assert_eq!(turn.holder(), None);
    }
}
