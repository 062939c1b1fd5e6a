//! Whose turn it is to compute: a training's, or that of short work beside it, its guest. Never both at once, or each
//! would be slower than one after the other.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    /// `is_cancelled` said so before.
    pub fn hold(&self, party: Party, is_cancelled: &dyn Fn() -> bool) -> Option<Held> {
        self.take(party, is_cancelled).then(|| Held { turn: self.clone(), party })
    }

    /// The same without a guard; whether the turn was had.
    pub(super) fn take(&self, party: Party, is_cancelled: &dyn Fn() -> bool) -> bool {
        let mut state = self.lock();
        state.waits[party as usize] = true;
        let has_it = loop {
            let is_next = state.last != Some(party) || !state.waits[party.other() as usize];
            if state.holder.is_none() && is_next {
                state.holder = Some(party);
                break true;
            }
            if is_cancelled() {
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
    pub(super) fn release(&self, party: Party) {
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

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;

    #[test]
    fn only_one_has_it_and_a_panic_gives_it_back() {
        let turn = Turn::default();
        let held = turn.hold(Party::Training, &|| false).unwrap();
        assert!(turn.hold(Party::Guest, &|| true).is_none(), "both had it");
        assert!(!turn.is_wanted_by(Party::Guest), "who gave up still waits");
        drop(held);
        let other = turn.clone();
        let panic = std::thread::spawn(move || {
            let _held = other.hold(Party::Guest, &|| false);
            panic!("a guest's mistake");
        });
        assert!(panic.join().is_err());
        assert_eq!(turn.holder(), None);
        assert!(turn.hold(Party::Training, &|| true).is_some());
    }

    #[test]
    fn where_both_wait_they_take_turns() {
        let turn = Turn::default();
        let (tell, told) = bounded(100);
        let first = turn.hold(Party::Training, &|| false);
        std::thread::scope(|scope| {
            for party in [Party::Training, Party::Guest] {
                let (turn, tell) = (&turn, tell.clone());
                scope.spawn(move || {
                    for i in 0..3 {
                        let held = turn.hold(party, &|| false).unwrap();
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
}
