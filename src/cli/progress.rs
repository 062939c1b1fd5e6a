//! How far a long piece of work is, on stderr.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::terminal::{self, StatusLine};
use crate::task::{Control, Pace, Stage, Task, Unit};

/// Shows a label with its numbers and is stopped by Ctrl-C.
pub struct Progress {
    label: String,
    control: Control,
    state: Mutex<State>,
}

struct State {
    line: StatusLine,
    next: Instant,
    pace: Pace,
}

impl Progress {
    pub fn new(label: &str, control: &Control) -> Self {
        let now = Instant::now();
        let next = now + Duration::from_millis(300);
        let state = Mutex::new(State { line: StatusLine::new(), next, pace: Pace::begin(now) });
        Self { label: label.to_owned(), control: control.clone(), state }
    }
}

impl Task for Progress {
    fn progress(&self, done: u64, total: Option<u64>, unit: Unit) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.pace.progress(done, total, unit, now);
        if now < state.next {
            return;
        }
        state.next = now + if state.line.is_live() { Duration::from_millis(100) } else { Duration::from_secs(5) };
        let stage = state.pace.stage().map_or_else(String::new, in_words);
        let left = state.pace.secs_left(now).filter(|secs| *secs >= 1.0);
        let left = left.map_or_else(String::new, |secs| format!(", {} left", terminal::duration(secs)));
        let text = format!("{}: {stage}{}{left}", self.label, amount(done, total, unit));
        state.line.show(&text);
    }

    fn stage(&self, stage: Stage) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pace.enter(stage, Instant::now());
    }

    fn is_stopped(&self) -> bool {
        self.control.is_stopped()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).line.clear();
    }
}

/// `2 of 4: answers before, `
fn in_words(stage: Stage) -> String {
    format!("{} of {}: {}, ", stage.number, stage.of, stage.name)
}

fn amount(done: u64, total: Option<u64>, unit: Unit) -> String {
    let number = |num: u64| if unit == Unit::Bytes { terminal::bytes(num) } else { terminal::thousands(num) };
    let name = match unit {
        Unit::Bytes => "",
        Unit::Rows => " rows",
        Unit::Examples => " examples",
        Unit::Tokens => " tokens",
        Unit::Steps => " steps",
        Unit::Layers => " layers",
        Unit::Files => " files",
    };
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = 100.0 * done as f64 / total as f64;
            format!("{} of {}{name}, {percent:.0} %", number(done), number(total))
        }
        None => format!("{}{name}", number(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_name_their_unit() {
        assert_eq!(amount(49_181_216, Some(98_362_432), Unit::Bytes), "49.2 MB of 98.4 MB, 50 %");
        assert_eq!(amount(1200, None, Unit::Rows), "1,200 rows");
        assert_eq!(amount(0, Some(0), Unit::Files), "0 files");
    }
}
