//! Words that a tokenizer takes apart: what a model has no word for, it reads letter by letter.

use std::collections::HashMap;

use serde::Serialize;

/// More different words are rarely looked at; those that came first are counted on.
const MAX_WORDS: usize = 100_000;
const MIN_CHARS: usize = 4;
const MIN_COUNT: u64 = 3;
/// English words have about one token in four or five characters.
const MIN_TOKENS_PER_CHAR: f64 = 0.5;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitWord {
    pub word: String,
    pub count: u64,
    pub num_tokens: usize,
}

#[derive(Default)]
pub struct Words(HashMap<String, u64>);

impl Words {
    pub fn push(&mut self, text: &str) {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().nth(MIN_CHARS - 1).is_some());
        for word in words.filter(|word| word.chars().any(char::is_alphabetic)) {
            if let Some(count) = self.0.get_mut(word) {
                *count += 1;
            } else if self.0.len() < MAX_WORDS {
                self.0.insert(word.to_owned(), 1);
            }
        }
    }

    /// Those that cost the most tokens, beginning with the worst.
    pub fn badly_split(self, num_tokens: &dyn Fn(&str) -> usize, max: usize) -> Vec<SplitWord> {
        let often = self.0.into_iter().filter(|(_, count)| *count >= MIN_COUNT);
        // A word in a sentence has a space before it.
        let mut words: Vec<SplitWord> = often
            .map(|(word, count)| SplitWord { num_tokens: num_tokens(&format!(" {word}")), word, count })
            .filter(|word| word.num_tokens as f64 >= MIN_TOKENS_PER_CHAR * word.word.chars().count() as f64)
            .collect();
        words.sort_by_key(|word| (std::cmp::Reverse(word.count * word.num_tokens as u64), word.word.clone()));
        words.truncate(max);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_many_tokens_come_first() {
        let mut words = Words::default();
        words.push(&"Zwiebelkuchen and Qxz9rt, the invoice; 123456 ".repeat(3));
        words.push("Qxz9rt rareword");
        let num_tokens = |word: &str| if word == " invoice" { 1 } else { word.len() - 1 };
        let found = words.badly_split(&num_tokens, 10);
        let found: Vec<_> = found.iter().map(|w| (w.word.as_str(), w.count, w.num_tokens)).collect();
        assert_eq!(found, [("Zwiebelkuchen", 3, 13), ("Qxz9rt", 4, 6)]);
    }
}
