//! Whose turn it is to compute: a training's, or that of short work beside it, its guest. Never both at once, or each
//! would be slower than one after the other.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::task::{Signal, Steered, Task};

/// Who may compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Training,
    /// A comparison, an evaluation, a ranking.
    Guest,
}

impl Party {
    fn other(self) -> Self {
        match self {
            Self::Training => Self::Guest,
            Self::Guest => Self::Training,
        }
    }
}

/// How often a waiting party asks whether it is still wanted: a signal wakes nobody by itself.
const PATIENCE: Duration = Duration::from_millis(20);

/// Shared by both parties; clones are the same turn. By itself nobody has it.
#[derive(Debug, Clone, Default)]
pub struct Turn(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    holder: Option<Party>,
    /// Who had it before: where both wait, the other comes first, so that neither starves.
    last: Option<Party>,
    waits: [bool; 2],
}

impl Turn {
    /// Waits until the turn is this party's, and gives it back when the guard is dropped, also by a panic. `None` where
    /// the task was stopped before.
    pub fn hold(&self, party: Party, task: &dyn Task) -> Option<Held> {
        self.take(party, task).then(|| Held { turn: self.clone(), party })
    }

    /// [`Self::hold`] without a guard; whether the turn was had.
    fn take(&self, party: Party, task: &dyn Task) -> bool {
        let mut state = self.lock();
        state.waits[party as usize] = true;
        let has_it = loop {
            let is_next = state.last != Some(party) || !state.waits[party.other() as usize];
            if state.holder.is_none() && is_next {
                state.holder = Some(party);
                break true;
            }
            if task.is_stopped() {
                break false;
            }
            state = self.0.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.waits[party as usize] = false;
        drop(state);
        self.0.changed.notify_all();
        has_it
    }

    /// Does nothing where this party hasn't the turn.
    fn release(&self, party: Party) {
        let mut state = self.lock();
        if state.holder == Some(party) {
            (state.holder, state.last) = (None, Some(party));
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether the party waits for the turn.
    pub fn is_wanted_by(&self, party: Party) -> bool {
        self.lock().waits[party as usize]
    }

    pub fn holder(&self) -> Option<Party> {
        self.lock().holder
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn, until this is dropped.
#[derive(Debug)]
pub struct Held {
    turn: Turn,
    party: Party,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.turn.release(self.party);
    }
}

/// A training that lets guests compute between its micro-batches; it must have the turn.
pub fn giving_way<'a>(task: &'a dyn Task, turn: &'a Turn) -> Steered<'a, impl Fn(&dyn Task) -> Option<Duration> + 'a> {
    Steered { task, go_on: |task: &dyn Task| give_way(task, turn) }
}

/// Waits while the run is paused, where guests compute as they come, and once for a guest that waits. A run that is to
/// stop need not have the turn: what is left is writing.
fn give_way(task: &dyn Task, turn: &Turn) -> Option<Duration> {
    let mut stood = Duration::ZERO;
    loop {
        match task.signal() {
            Signal::Stop { .. } | Signal::Close => return None,
            Signal::Run if stood > Duration::ZERO || !turn.is_wanted_by(Party::Guest) => return Some(stood),
            Signal::Run | Signal::Pause => {}
        }
        let started = Instant::now();
        turn.release(Party::Training);
        // Guests come and go; so does this until it is to run or to stop.
        let stopped = task.go_on().is_none();
        if stopped || !turn.take(Party::Training, task) {
            return None;
        }
        stood += started.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;
    use crate::task::{Control, Unwatched};

    fn stopped() -> Control {
        let control = Control::default();
        control.stop();
        control
    }

    #[test]
    fn only_one_has_it_and_a_panic_gives_it_back() {
        let turn = Turn::default();
        let held = turn.hold(Party::Training, &Unwatched).unwrap();
        assert!(turn.hold(Party::Guest, &stopped()).is_none(), "both had it");
        assert!(!turn.is_wanted_by(Party::Guest), "who gave up still waits");
        drop(held);
        let other = turn.clone();
        let panic = std::thread::spawn(move || {
            let _held = other.hold(Party::Guest, &Unwatched);
            panic!("a guest's mistake");
        });
        assert!(panic.join().is_err());
        assert_eq!(turn.holder(), None);
        assert!(turn.hold(Party::Training, &stopped()).is_some());
    }

    #[test]
    fn where_both_wait_they_take_turns() {
        let turn = Turn::default();
        let (tell, told) = bounded(100);
        let first = turn.hold(Party::Training, &Unwatched);
        std::thread::scope(|scope| {
            for party in [Party::Training, Party::Guest] {
                let (turn, tell) = (&turn, tell.clone());
                scope.spawn(move || {
                    for i in 0..3 {
                        let held = turn.hold(party, &Unwatched).unwrap();
                        tell.send(party).unwrap();
                        while i < 2 && !turn.is_wanted_by(party.other()) {
                            std::thread::yield_now();
                        }
                        drop(held);
                    }
                });
            }
            // Both wait before the first turn is given back.
            while !(turn.is_wanted_by(Party::Guest) && turn.is_wanted_by(Party::Training)) {
                std::thread::yield_now();
            }
            drop(first);
        });
        let order: Vec<_> = told.try_iter().collect();
        assert_eq!(order[..5], [Party::Guest, Party::Training, Party::Guest, Party::Training, Party::Guest]);
        assert_eq!(order.len(), 6);
    }

    #[test]
    fn a_run_gives_way_once_and_goes_on() {
        let turn = Turn::default();
        let control = Control::default();
        let run = giving_way(&control, &turn);
        let _training = turn.hold(Party::Training, &Unwatched);
        assert_eq!(run.go_on(), Some(Duration::ZERO), "it stood for nobody");
        std::thread::scope(|scope| {
            // Takes the turn again at once, as a second job in the queue does: the run must come in between.
            let guest =
                scope.spawn(|| (0..2).map(|_| turn.hold(Party::Guest, &Unwatched).is_some()).collect::<Vec<_>>());
            while !turn.is_wanted_by(Party::Guest) {
                std::thread::yield_now();
            }
            while !guest.is_finished() {
                assert!(run.go_on().is_some());
                assert_eq!(turn.holder(), Some(Party::Training), "it went on without the turn");
            }
            assert_eq!(guest.join().unwrap(), [true, true]);
        });
    }

    #[test]
    fn a_paused_run_lets_guests_through_and_a_stop_ends_it_beside_one() {
        let turn = Turn::default();
        let control = Control::default();
        control.send(Signal::Pause);
        let training = turn.hold(Party::Training, &Unwatched);
        std::thread::scope(|scope| {
            let ended = scope.spawn(|| {
                let _training = training;
                giving_way(&control, &turn).go_on()
            });
            for _ in 0..3 {
                assert!(turn.hold(Party::Guest, &Unwatched).is_some());
            }
            let guest = turn.hold(Party::Guest, &Unwatched);
            control.send(Signal::Close);
            assert_eq!(ended.join().unwrap(), None, "the stop waited for the guest");
            assert_eq!(turn.holder(), Some(Party::Guest), "the end of the run took the guest's turn away");
            drop(guest);
        });
        assert_eq!(turn.holder(), None);
    }
}
