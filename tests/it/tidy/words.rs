//! Plain English: phrases that no native speaker would write, and docs that don't say what they are about. They were in
//! this tree once, and are kept out of it.

use super::{Source, sources};

struct Phrase {
    is_in: fn(&str) -> bool,
    instead: &'static str,
    bad: &'static [&'static str],
    good: &'static [&'static str],
}

const PHRASES: &[Phrase] = &[
    Phrase {
        is_in: |line| ["is no number", "was no number", "are no numbers"].iter().any(|phrase| line.contains(phrase)),
        instead: "write \"is not a number (NaN)\", or of a text \"isn't a number\"",
        bad: &["// What is no number stays none.", "format!(\"the loss of step {step} was no number\")"],
        good: &["// NaN stays NaN.", "// There is no such number.", "format!(\"{key} isn't a number\")"],
    },
    Phrase {
        is_in: |line| {
            ["gone on with", "gone on from", "goes on from", "go on from"].iter().any(|phrase| line.contains(phrase))
        },
        instead: "write \"resumed\", \"resumes from\" or \"continues\"",
        bad: &["/// The step that it goes on from.", "\"can't be gone on with\""],
        good: &["/// The step that it resumes from.", "let is_resumed = goes_on_from.is_some();"],
    },
    Phrase {
        is_in: |line| doc(line).is_some_and(|doc| doc.starts_with("Of ")),
        instead: "give the doc a subject: \"The losses of …\"",
        bad: &["    /// Of the base model, before the first step.", "//! Of a run."],
        good: &["/// The loss of the base model.", "/// Offered first.", "// Of both."],
    },
    Phrase {
        is_in: |line| doc(line).is_some_and(is_the_same),
        instead: "say the same as what: \"[`sort`] of many lists\"",
        bad: &["/// The same with candle's own operations.", "    /// The same, on all threads.", "/// The same."],
        good: &["/// [`sort`] of many lists.", "/// The same seed gives the same answer", "// The same with dropout."],
    },
];

/// The text of a line of a doc comment.
fn doc(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! "))
}

/// Whether a doc says that something is the same as what the reader finds above it.
fn is_the_same(doc: &str) -> bool {
    let Some(rest) = doc.strip_prefix("The same") else { return false };
    [".", ",", ";", " with ", " for ", " of ", " on "].iter().any(|next| rest.starts_with(next))
}

/// A line for each phrase that a file has.
fn findings(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for phrase in PHRASES.iter().filter(|phrase| (phrase.is_in)(line)) {
            found.push(format!("{}:{}: {}", source.path, index + 1, phrase.instead));
        }
    }
    found
}

#[test]
fn comments_and_messages_are_plain_english() {
    let own = "tests/it/tidy/words.rs";
    let sources: Vec<Source> = sources().into_iter().filter(|source| source.path != own).collect();
    assert!(sources.len() > 100, "the sources were not found");
    let found: Vec<String> = sources.iter().flat_map(findings).collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_phrase_is_found_in_its_bad_examples_and_not_in_the_good_ones() {
    for phrase in PHRASES {
        for bad in phrase.bad {
            assert!((phrase.is_in)(bad), "{bad:?} passes");
        }
        for good in phrase.good {
            assert!(!(phrase.is_in)(good), "{good:?} fails: {}", phrase.instead);
        }
    }
}
