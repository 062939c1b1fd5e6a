//! Counts what came in and what didn't, and why; bounded, however bad the file is.

use std::collections::HashMap;

use super::import::Rejected;
use super::mapping::shorten;

/// Rows that are kept to show.
const MAX_SHOWN: usize = 200;
/// Different reasons that are told apart.
const MAX_REASONS: usize = 500;
/// Of a row's source.
const MAX_SOURCE_CHARS: usize = 10_000;

#[derive(Debug, Default)]
pub struct Tally {
    pub num_accepted: u64,
    pub num_rejected: u64,
    pub rejected: Vec<Rejected>,
    reasons: HashMap<String, u64>,
    /// With the first detail, what stands in brackets at the end.
    notes: HashMap<String, (u64, String)>,
}

impl Tally {
    pub fn accept(&mut self, notes: Vec<String>) {
        self.num_accepted += 1;
        self.note(notes);
    }

    /// Of a file as a whole.
    pub fn note(&mut self, notes: Vec<String>) {
        for note in notes {
            let (what, detail) = without_detail(&note);
            let is_known = self.notes.contains_key(what);
            let what = if is_known || self.notes.len() < MAX_REASONS { what } else { "other notes" };
            self.notes.entry(what.to_owned()).or_insert_with(|| (0, detail.to_owned())).0 += 1;
        }
    }

    pub fn reject(&mut self, row: &Rejected) {
        self.num_rejected += 1;
        count(&mut self.reasons, general(&row.reason));
        if self.rejected.len() < MAX_SHOWN {
            self.rejected.push(capped(row));
        }
    }

    pub fn reasons(&self) -> Vec<(String, u64)> {
        by_frequency(self.reasons.iter().map(|(what, num)| (what.clone(), *num)))
    }

    pub fn notes(&self) -> Vec<(String, u64)> {
        by_frequency(self.notes.iter().map(|(what, (num, detail))| (format!("{what}{detail}"), *num)))
    }
}

/// The row with as much of its source as is worth showing.
pub fn capped(row: &Rejected) -> Rejected {
    Rejected { source: shorten(&row.source, MAX_SOURCE_CHARS), ..row.clone() }
}

fn count(counts: &mut HashMap<String, u64>, what: String) {
    let is_known = counts.contains_key(&what);
    let what = if is_known || counts.len() < MAX_REASONS { what } else { "other reasons".to_owned() };
    *counts.entry(what).or_default() += 1;
}

fn by_frequency(counts: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = counts.collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

/// Parts off what stands in brackets at the end.
fn without_detail(text: &str) -> (&str, &str) {
    match text.rfind(" (") {
        Some(at) if text.ends_with(')') => text.split_at(at),
        _ => (text, ""),
    }
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
                field: None,
                reason: reason.to_owned(),
                source: String::new(),
            });
        }
        let reasons = tally.reasons();
        assert_eq!(reasons[0], ("messages[…].content is missing".to_owned(), 2));
        assert_eq!(reasons[1..], [("a[b] is [".to_owned(), 1), ("x".to_owned(), 1)]);
    }
}
