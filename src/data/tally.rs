//! Counts what came in and what didn't, and why; bounded, however bad the file is.

use std::collections::HashMap;

use super::mapping::shorten;
use super::note::{Note, Rejected};

/// Rows that are kept to show.
const MAX_SHOWN: usize = 200;
/// How many reasons are counted apart.
const MAX_REASONS: usize = 500;
/// How much of a row's source is kept.
const MAX_SOURCE_CHARS: usize = 10_000;

#[derive(Debug, Default)]
pub struct Tally {
    pub num_accepted: u64,
    pub num_rejected: u64,
    pub rejected: Vec<Rejected>,
    reasons: HashMap<String, u64>,
    /// By what they say without the detail of a single row; each is shown with the first one's.
    notes: HashMap<String, Note>,
}

impl Tally {
    pub fn accept(&mut self, notes: Vec<Note>) {
        self.num_accepted += 1;
        self.note(notes);
    }

    /// Counts what is said of a row, or of a file as a whole.
    pub fn note(&mut self, notes: Vec<Note>) {
        for note in notes {
            let key = general(&note.what);
            let is_known = self.notes.contains_key(&key);
            let key = if is_known || self.notes.len() < MAX_REASONS { key } else { "other notes".to_owned() };
            match self.notes.get_mut(&key) {
                Some(known) => known.count += note.count,
                None => {
                    let what = if key == "other notes" { key.clone() } else { with_detail(&key, &note.what) };
                    self.notes.insert(key, Note { what, ..note });
                }
            }
        }
    }

    /// Adds the counts of another file.
    pub fn add(&mut self, other: Self) {
        self.num_accepted += other.num_accepted;
        self.num_rejected += other.num_rejected;
        for (reason, num) in other.reasons {
            count(&mut self.reasons, reason, num);
        }
        let room = MAX_SHOWN.saturating_sub(self.rejected.len());
        self.rejected.extend(other.rejected.into_iter().take(room));
        let mut notes: Vec<_> = other.notes.into_values().collect();
        notes.sort_by(|a, b| a.what.cmp(&b.what));
        self.note(notes);
    }

    pub fn reject(&mut self, row: &Rejected) {
        self.num_rejected += 1;
        count(&mut self.reasons, general(&row.reason), 1);
        if self.rejected.len() < MAX_SHOWN {
            self.rejected.push(capped(row));
        }
    }

    pub fn reasons(&self) -> Vec<(String, u64)> {
        by_frequency(self.reasons.iter().map(|(what, num)| (what.clone(), *num)))
    }

    pub fn notes(&self) -> Vec<Note> {
        let mut sorted: Vec<_> = self.notes.values().cloned().collect();
        sorted.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
        sorted
    }
}

/// The row with as much of its source as is worth showing.
pub fn capped(row: &Rejected) -> Rejected {
    Rejected { source: shorten(&row.source, MAX_SOURCE_CHARS), ..row.clone() }
}

fn count(counts: &mut HashMap<String, u64>, what: String, num: u64) {
    let is_known = counts.contains_key(&what);
    let what = if is_known || counts.len() < MAX_REASONS { what } else { "other reasons".to_owned() };
    *counts.entry(what).or_default() += num;
}

fn by_frequency(counts: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = counts.collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

/// Splits off what is in brackets at the end.
fn without_detail(text: &str) -> (&str, &str) {
    match text.rfind(" (") {
        Some(at) if text.ends_with(')') => text.split_at(at),
        _ => (text, ""),
    }
}

/// What is general about a note, with the detail that the note ends in.
fn with_detail(general: &str, note: &str) -> String {
    format!("{general}{}", without_detail(note).1)
}

/// A reason without what is different in every row: `messages[2].content is missing` → `messages[…].content is missing`,
/// and without the detail in brackets at its end.
fn general(reason: &str) -> String {
    let (reason, _) = without_detail(reason);
    let mut general = String::with_capacity(reason.len());
    let mut rest = reason;
    while let Some(open) = rest.find('[') {
        let inner = &rest[open + 1..];
        let num_digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        general.push_str(&rest[..=open]);
        if num_digits > 0 && inner[num_digits..].starts_with(']') {
            general.push('…');
            rest = &inner[num_digits..];
        } else {
            rest = inner;
        }
    }
    general + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::import::Place;

    #[test]
    fn reasons_are_grouped_across_rows() {
        let mut tally = Tally::default();
        for (line, reason) in
            ["messages[2].content is missing", "messages[14].content is missing", "a[b] is [", "x (at 3)"]
                .into_iter()
                .enumerate()
        {
            tally.reject(&Rejected {
                file: None,
                line: line as u64,
                last_line: line as u64,
                field: None,
                reason: reason.to_owned(),
                source: String::new(),
            });
        }
        let reasons = tally.reasons();
        assert_eq!(reasons[0], ("messages[…].content is missing".to_owned(), 2));
        assert_eq!(reasons[1..], [("a[b] is [".to_owned(), 1), ("x".to_owned(), 1)]);
    }

    #[test]
    fn a_note_keeps_the_first_row_and_its_detail() {
        let mut tally = Tally::default();
        for (line, what) in [(3, "turns[1] is odd (x)"), (7, "turns[4] is odd (y)"), (9, "other")] {
            let first = Some(Place { file: None, line });
            tally.accept(vec![Note { what: what.to_owned(), count: 1, first }]);
        }
        let notes = tally.notes();
        let first = Some(Place { file: None, line: 3 });
        assert_eq!(notes[0], Note { what: "turns[…] is odd (x)".to_owned(), count: 2, first });
        assert_eq!((notes.len(), notes[1].what.as_str()), (2, "other"));
    }
}
