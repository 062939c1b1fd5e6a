//! ROUGE-L (Lin 2004): the longest sequence of words that both texts have in this order.

use unicode_segmentation::UnicodeSegmentation;

use super::{Direction, Metric, Parameter, Scale, mean, once};

/// Longer texts are compared by their first words: the table of the comparison grows with the square.
const MAX_WORDS: usize = 4096;

pub(super) const ROUGE_L: Metric = Metric {
    name: "rouge_l",
    title: "ROUGE-L",
    about: "How much of the expected text comes in the same order (F1 of the longest common subsequence of words), in lower \
            case; only a–z and 0–9 are words, as in rouge-score 0.1.2 without stemmer",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: false,
    parameter: Parameter::None,
    needs: |facts, _| match facts.has_words {
        true => Ok(()),
        false => {
            Err("it knows no words but those of a–z and 0–9, and most expected answers have none: rouge_l_unicode \
                      knows all letters"
                .to_owned())
        }
    },
    is_offered: |facts| facts.is_free_text() && facts.has_words,
    measure: |_, case| once(f1(&ascii_words(case.expected), &ascii_words(case.answer))),
    of_one: mean,
    of_sums: mean,
};

pub(super) const ROUGE_L_UNICODE: Metric = Metric {
    name: "rouge_l_unicode",
    title: "ROUGE-L, all letters",
    about: "ROUGE-L over the words of every language as Unicode parts them (UAX #29), in lower case; not comparable with \
            published ROUGE-L",
    needs: super::anything,
    is_offered: super::never,
    measure: |_, case| once(f1(&unicode_words(case.expected), &unicode_words(case.answer))),
    ..ROUGE_L
};

/// rouge-score's tokenizer: lower case, everything but `[a-z0-9]` parts words.
pub(super) fn ascii_words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    parts.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn unicode_words(text: &str) -> Vec<String> {
    text.to_lowercase().unicode_words().map(str::to_owned).collect()
}

fn f1(expected: &[String], answer: &[String]) -> f64 {
    if expected.is_empty() || answer.is_empty() {
        return 0.0;
    }
    let common = longest_common(expected, answer) as f64;
    let (precision, recall) = (common / answer.len() as f64, common / expected.len() as f64);
    if common > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

/// The length of the longest common subsequence.
fn longest_common(a: &[String], b: &[String]) -> usize {
    let (a, b) = (&a[..a.len().min(MAX_WORDS)], &b[..b.len().min(MAX_WORDS)]);
    let mut row = vec![0usize; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        for (at, other) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}
