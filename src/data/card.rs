//! The data card, in Markdown: where the examples came from, how they were cleaned, split and reviewed, what is in them,
//! and what is still wrong with them.

use std::fmt::Write;

use super::Split;
use super::checks::{Check, CheckCount};
use super::statistics::{Dates, FieldBalance, Histogram, NamedCount, Statistics};
use crate::words::{count, thousands};

/// What a card is made of.
pub struct CardFacts<'a> {
    pub title: &'a str,
    /// What was done to the data, in order, in the journal's words.
    pub steps: &'a [String],
    /// "1 rejected, 3 set aside", if any are.
    pub left_out: Option<String>,
    /// How far a second reviewer agrees, as a sentence.
    pub agreement: Option<&'a str>,
    pub statistics: &'a Statistics,
    /// What the last check found that still holds.
    pub findings: &'a [CheckCount],
    /// Checks that are off, and how many findings a person marked as not a fault.
    pub not_counted: (&'a [Check], usize),
    /// Name and SHA-256 of the files that were trained on.
    pub files: &'a [(String, String)],
}

const MAX_ROWS: usize = 40;

pub fn data_card(facts: &CardFacts) -> String {
    let mut card = Card::default();
    let statistics = facts.statistics;
    card.line(&format!("# Data card: {}\n", facts.title));
    let left_out = facts.left_out.as_ref().map(|words| format!("; left out: {words}")).unwrap_or_default();
    let examples = count(statistics.num_examples, "example takes", "examples take");
    card.line(&format!("{examples} part{left_out}.\n"));
    card.heading("Where they came from");
    card.counts(&statistics.sources, "No file is recorded.");
    card.heading("What was done to them");
    card.list(condensed(facts.steps), "Nothing is recorded.");
    card.heading("How they are split");
    card.splits(statistics);
    card.line("");
    for (name, sha256) in facts.files {
        card.line(&format!("- `{name}` SHA-256 `{sha256}`"));
    }
    card.heading("How they were reviewed");
    card.counts(&statistics.reviews, "Nothing was reviewed.");
    if let Some(agreement) = facts.agreement {
        card.line(&format!("\n{agreement}"));
    }
    card.heading("Lengths");
    card.lengths(statistics);
    for field in &statistics.fields {
        card.labels(field);
    }
    card.heading("What is still found");
    card.list(facts.findings.iter().map(finding).collect(), "No findings are recorded.");
    let (off, num_not_faults) = facts.not_counted;
    if !off.is_empty() {
        let titles: Vec<_> = off.iter().map(|check| check.title().to_lowercase()).collect();
        card.line(&format!("\nSwitched off: {}.", titles.join(", ")));
    }
    if num_not_faults > 0 {
        card.line(&format!("\nMarked as not a fault, and left out here: {num_not_faults}."));
    }
    card.0
}

fn finding(found: &CheckCount) -> String {
    format!(
        "{}: {}. {}",
        found.check.title(),
        count(found.num_examples, "example", "examples"),
        found.check.explanation()
    )
}

/// Steps that differ only in their numbers, such as the edits of single examples, are said once with their count.
fn condensed(steps: &[String]) -> Vec<String> {
    let shape = |step: &str| -> String { step.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect() };
    let squeezed = |step: &str| {
        let mut shape = shape(step);
        while shape.contains("##") || shape.contains("#,#") {
            shape = shape.replace("#,#", "#").replace("##", "#");
        }
        shape
    };
    let mut told: Vec<(String, String, usize)> = Vec::new();
    for step in steps {
        let shape = squeezed(step);
        match told.iter_mut().find(|(known, ..)| *known == shape) {
            Some((.., count)) => *count += 1,
            None => told.push((shape, step.clone(), 1)),
        }
    }
    let words = |(shape, first, count): (String, String, usize)| match count {
        1 => first,
        count => format!("{} ({} times)", shape.replace('#', "…"), thousands(count)),
    };
    told.into_iter().map(words).collect()
}

#[derive(Default)]
struct Card(String);

impl Card {
    fn line(&mut self, text: &str) {
        // A String takes everything.
        let _ = writeln!(self.0, "{text}");
    }

    fn heading(&mut self, text: &str) {
        self.line(&format!("\n## {text}\n"));
    }

    fn list(&mut self, items: Vec<String>, otherwise: &str) {
        if items.is_empty() {
            self.line(otherwise);
        }
        for item in items.iter().take(MAX_ROWS) {
            self.line(&format!("- {}", one_line(item)));
        }
        if items.len() > MAX_ROWS {
            self.line(&format!("- and {} more", thousands(items.len() - MAX_ROWS)));
        }
    }

    fn counts(&mut self, counts: &[NamedCount], otherwise: &str) {
        self.list(
            counts.iter().map(|count| format!("{}: {}", count.name, thousands(count.count))).collect(),
            otherwise,
        );
    }

    fn splits(&mut self, statistics: &Statistics) {
        let (name, count) = (Split::as_str, |split: Split| thousands(statistics.by_split[split as usize]));
        if statistics.all_dates().is_none() {
            self.line("| part | examples |\n|---|---:|");
            return Split::ALL
                .into_iter()
                .for_each(|split| self.line(&format!("| {} | {} |", name(split), count(split))));
        }
        self.line("| part | examples | with a date | from | to |\n|---|---:|---:|---|---|");
        for split in Split::ALL {
            let dates = match &statistics.dates[split as usize] {
                Some(Dates { count, first, last }) => format!("{} | {first} | {last}", thousands(*count)),
                None => "0 | | ".to_owned(),
            };
            self.line(&format!("| {} | {} | {dates} |", name(split), count(split)));
        }
    }

    fn lengths(&mut self, statistics: &Statistics) {
        self.line("| | shortest | median | 95 % up to | longest |\n|---|---:|---:|---:|---:|");
        let mut row = |name: &str, of: &Histogram| {
            let [min, median, p95, max] = [of.min, of.median, of.p95, of.max].map(thousands);
            self.line(&format!("| {name} | {min} | {median} | {p95} | {max} |"));
        };
        row("prompt, characters", &statistics.prompt_chars);
        row("answer, characters", &statistics.answer_chars);
        if let Some(num_tokens) = &statistics.num_tokens {
            row("example, tokens", num_tokens);
        }
    }

    fn labels(&mut self, field: &FieldBalance) {
        self.heading(&format!("Labels: {}", one_line(&field.field)));
        self.line("| label | train | validation | test | |\n|---|---:|---:|---:|---|");
        for label in field.labels.iter().take(MAX_ROWS) {
            let [train, validation, test] = label.by_split.map(thousands);
            let gap = label.gap().unwrap_or_default();
            self.line(&format!("| {} | {train} | {validation} | {test} | {gap} |", one_line(&label.label)));
        }
        if field.labels.len() > MAX_ROWS {
            self.line(&format!("\nand {} more", thousands(field.labels.len() - MAX_ROWS)));
        }
    }
}

/// Fit for a list or a cell.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::statistics::{Collector, Item};
    use super::*;
    use crate::data::{Example, Message, Role, date};

    #[test]
    fn a_card_tells_what_was_done_and_what_is_left() {
        let mut collector = Collector::default();
        for i in 0..40 {
            let label = if i % 2 == 0 { "a|b" } else { "c" };
            let messages =
                vec![Message::new(Role::User, format!("Question {i}")), Message::new(Role::Assistant, label)];
            let example = Example::from(messages);
            let split = if i < 30 { Split::Train } else { Split::Validation };
            let date = (split == Split::Validation).then(|| date::parse("2025-03-01").unwrap());
            collector.add(&Item { split, example: &example, source: Some("tickets.csv"), review: "accepted", date });
        }
        let steps = ["import of tickets.csv", "edit of example 4", "edit of example 17", "trim (1 example)"];
        let card = data_card(&CardFacts {
            title: "Tickets",
            steps: &steps.map(str::to_owned),
            left_out: Some("3 set aside".to_owned()),
            agreement: Some("Two agree."),
            statistics: &collector.finish(),
            findings: &[CheckCount { check: Check::RareLabel, num_examples: 2, num_groups: 0 }],
            not_counted: (&[Check::Refusal], 3),
            files: &[("train.jsonl".to_owned(), "abc".to_owned())],
        });
        for line in [
            "# Data card: Tickets",
            "40 examples take part; left out: 3 set aside.",
            "Two agree.",
            "- tickets.csv: 40",
            "- import of tickets.csv",
            "- edit of example … (2 times)",
            "- trim (1 example)",
            "| train | 30 | 0 | |  |",
            "| validation | 10 | 10 | 2025-03-01 | 2025-03-01 |",
            "- `train.jsonl` SHA-256 `abc`",
            "- accepted: 40",
            "Switched off: boilerplate refusals.",
            "Marked as not a fault, and left out here: 3.",
            "| a\\|b | 15 | 5 | 0 |  |",
            "| answer, characters | 1 | 3 | 3 | 3 |",
        ] {
            assert!(card.lines().any(|found| found == line), "{line}\n{card}");
        }
        assert!(card.contains("- Rare labels: 2 examples. A label"), "{card}");
    }
}
