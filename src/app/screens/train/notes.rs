//! The messages of a run in words: the same for those that are heard now and those that its folder kept.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::form::sentence;
use crate::app::kit::format;
use crate::train::{RunMessage, Told};

/// Newest on top; between two stops, one of a kind is changed, not repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    kind: NoteKind,
    pub title: String,
    pub text: String,
    /// `13:08`, or `21 Nov 13:08` of another day
    pub at: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    Started,
    WentOn,
    Best,
    Rising,
    Checkpoint,
    Warning,
    Ended,
    Interrupted,
    Failed,
}

impl Note {
    pub fn kind(&self) -> NoteKind {
        self.kind
    }
}

/// Evaluations in a row without a better one that are worth a word.
pub(super) const RISING: usize = 2;

/// See [`Note`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notes {
    newest_first: Vec<Note>,
    /// Step and loss.
    evaluations: Vec<(usize, f64)>,
}

impl Notes {
    pub fn iter(&self) -> impl Iterator<Item = &Note> {
        self.newest_first.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.newest_first.is_empty()
    }

    /// `num_steps`: all of the run.
    pub fn tell(&mut self, told: &Told, num_steps: usize) {
        let at = time_of_day(&told.at);
        let of = |step: usize| format!("{} of {} steps", number(step), number(num_steps));
        match &told.message {
            RunMessage::Started => self.note(NoteKind::Started, "Started".to_owned(), String::new(), at),
            RunMessage::WentOn { step } => {
                let title = format!("Went on from step {}", number(*step));
                self.note(NoteKind::WentOn, title, String::new(), at);
            }
            RunMessage::Evaluated { step, eval_loss } => self.evaluated(*step, *eval_loss, at),
            RunMessage::Checkpoint { step } => {
                let title = format!("Weights of step {} written", number(*step));
                self.note(NoteKind::Checkpoint, title, "In PEFT's own format, ready to resume from".to_owned(), at);
            }
            RunMessage::Warning { text } => {
                let is_known = self.iter().any(|note| note.kind == NoteKind::Warning && note.title == *text);
                if !is_known {
                    self.put(NoteKind::Warning, text.clone(), String::new(), at);
                }
            }
            RunMessage::Completed { step } => {
                self.note(NoteKind::Ended, "Done".to_owned(), self.with_best(of(*step)), at);
            }
            RunMessage::Stopped { step, with_window } => {
                let title = if *with_window { "Stopped when the window closed" } else { "Stopped" };
                self.note(NoteKind::Ended, title.to_owned(), self.with_best(of(*step)), at);
            }
            RunMessage::Failed { text, hint } => {
                self.note(NoteKind::Failed, sentence(text), hint.clone().unwrap_or_default(), at);
            }
        }
    }

    /// A killed program couldn't say so itself.
    pub fn interrupted(&mut self, num_done: usize, num_steps: usize) {
        let text = format!(
            "{} of {} steps were done; those after the last weights that were written are done again",
            number(num_done),
            number(num_steps)
        );
        self.note(NoteKind::Interrupted, "Interrupted: the program ended".to_owned(), text, String::new());
    }

    fn evaluated(&mut self, step: usize, loss: f64, at: String) {
        // After a run was killed, some are done again.
        self.evaluations.retain(|(other, _)| *other < step);
        self.evaluations.push((step, loss));
        let words = format::loss(loss);
        if step == 0 {
            let text = format!("Validation loss before tuning is {words}");
            match self.newest_first.iter_mut().find(|note| note.kind == NoteKind::Started) {
                Some(started) => started.text = text,
                None => self.note(NoteKind::Started, "Started".to_owned(), text, at),
            }
            return;
        }
        let Some((best, lowest)) = self.best() else { return };
        let num_since = self.evaluations.iter().filter(|(other, _)| *other > best).count();
        if best == step {
            self.newest_first.retain(|note| note.kind != NoteKind::Rising);
            let text = format!("At step {}", number(step));
            self.note(NoteKind::Best, format!("Best validation loss so far, {words}"), text, at);
        } else if num_since >= RISING {
            let title = format!("No better validation loss for {num_since} evaluations");
            let text = format!(
                "{} at step {}, now {words}: the model may begin to learn by heart. The best weights are kept",
                format::loss(lowest),
                number(best)
            );
            self.note(NoteKind::Rising, title, text, at);
        }
    }

    fn best(&self) -> Option<(usize, f64)> {
        let finite = self.evaluations.iter().filter(|(_, loss)| loss.is_finite());
        finite.min_by(|a, b| a.1.total_cmp(&b.1)).copied()
    }

    fn with_best(&self, steps: String) -> String {
        match self.best() {
            Some((0, _)) if self.evaluations.len() > 1 => format!("{steps}, no evaluation beat the base model"),
            Some((step, loss)) if step > 0 => {
                format!("{steps}, best validation loss {} at step {}", format::loss(loss), number(step))
            }
            _ => steps,
        }
    }

    /// Puts a message on top; an older one of its kind goes, unless the run ended in between.
    fn note(&mut self, kind: NoteKind, title: String, text: String, at: String) {
        let is_end = |note: &Note| matches!(note.kind, NoteKind::Ended | NoteKind::Interrupted | NoteKind::Failed);
        let num_since = self.iter().position(is_end).unwrap_or(self.newest_first.len());
        if let Some(same) = self.newest_first[..num_since].iter().position(|note| note.kind == kind) {
            self.newest_first.remove(same);
        }
        self.put(kind, title, text, at);
    }

    fn put(&mut self, kind: NoteKind, title: String, text: String, at: String) {
        self.newest_first.insert(0, Note { kind, title, text, at });
    }
}

fn number(value: usize) -> String {
    format::thousands(value as u64)
}

/// In the machine's zone.
fn time_of_day(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return String::new() };
    let zone = TimeZone::system();
    let (at, now) = (at.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone));
    at.strftime(if at.date() == now.date() { "%H:%M" } else { "%-d %b %H:%M" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(messages: &[RunMessage]) -> Vec<String> {
        let mut notes = Notes::default();
        for message in messages {
            notes.tell(&Told::now(message.clone()), 12);
        }
        notes.iter().map(|note| note.title.clone()).collect()
    }

    fn evaluated(step: usize, eval_loss: f64) -> RunMessage {
        RunMessage::Evaluated { step, eval_loss }
    }

    #[test]
    fn a_message_is_changed_not_repeated_and_goes_when_it_is_no_longer_true() {
        let mut told: Vec<_> =
            [(2, 1.0), (4, 1.1), (6, 1.2), (8, 1.3)].into_iter().map(|(step, loss)| evaluated(step, loss)).collect();
        let titles = notes(&told);
        assert_eq!(titles, ["No better validation loss for 3 evaluations", "Best validation loss so far, 1.000"]);
        told.push(evaluated(10, 0.5));
        assert_eq!(notes(&told), ["Best validation loss so far, 0.500"]);
    }

    #[test]
    fn what_was_told_before_a_stop_stays() {
        let stopped = |with_window| RunMessage::Stopped { step: 3, with_window };
        let titles = notes(&[
            RunMessage::Started,
            evaluated(0, 2.0),
            RunMessage::Checkpoint { step: 2 },
            RunMessage::Checkpoint { step: 3 },
            stopped(true),
            RunMessage::WentOn { step: 3 },
            RunMessage::Checkpoint { step: 4 },
            stopped(false),
        ]);
        let expected = [
            "Stopped",
            "Weights of step 4 written",
            "Went on from step 3",
            "Stopped when the window closed",
            "Weights of step 3 written",
            "Started",
        ];
        assert_eq!(titles, expected);
    }

    #[test]
    fn another_day_is_named() {
        let now = Timestamp::now();
        assert_eq!(time_of_day(&now.to_string()).len(), "13:08".len());
        assert!(time_of_day("2020-02-03T12:00:00Z").contains(" Feb "));
        assert_eq!(time_of_day("yesterday"), "");
    }
}
