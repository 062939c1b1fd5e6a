//! What a data set looks like in numbers: lengths, turns, labels, sources, review.

mod agreement;
mod histogram;
mod words;

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

pub use agreement::{Agreement, Disagreement, agreement, kappa};
pub use histogram::Histogram;
pub use words::SplitWord;

use super::checks::labels::{self, Labels};
use super::example::content_key;
use super::{Example, Split, date};
use words::Words;

/// The number of bins of every histogram, at most.
pub const MAX_BINS: usize = 40;
const MAX_SPLIT_WORDS: usize = 30;

/// Asks a tokenizer, which this module doesn't know.
pub trait Tokens {
    /// The length of the whole example as it is trained; `None` where the template refuses it.
    fn of_example(&self, example: &Example) -> Option<usize>;
    fn of_text(&self, text: &str) -> usize;
}

/// One example with what is said of it.
pub struct Item<'a> {
    pub split: Split,
    pub example: &'a Example,
    /// The file that it came from.
    pub source: Option<&'a str>,
    /// What the reviewer said: `accepted`.
    pub review: &'a str,
    pub date: Option<Timestamp>,
}

/// Train, validation, test.
pub type BySplit = [u64; 3];

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    pub num_examples: u64,
    pub by_split: BySplit,
    /// Copies of an example that is there already.
    pub num_duplicates: u64,
    pub prompt_chars: Histogram,
    pub answer_chars: Histogram,
    /// With a model.
    pub num_tokens: Option<Histogram>,
    /// How many examples have each number of turns.
    pub turns: BTreeMap<usize, u64>,
    pub fields: Vec<FieldBalance>,
    pub sources: Vec<NamedCount>,
    pub reviews: Vec<NamedCount>,
    /// When the examples of train, validation and test are from, as far as they say so.
    pub dates: [Option<Dates>; 3],
    /// With a model.
    pub badly_split: Vec<SplitWord>,
}

/// How often each label of a field is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldBalance {
    /// The field of JSON answers; `answer` where the whole answer is the label.
    pub field: String,
    /// The most frequent first.
    pub labels: Vec<LabelBalance>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelBalance {
    pub label: String,
    pub by_split: BySplit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedCount {
    pub name: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dates {
    /// Examples with a date.
    pub count: u64,
    pub first: String,
    pub last: String,
}

impl Statistics {
    /// The dates of all parts.
    pub fn all_dates(&self) -> Option<Dates> {
        let known = || self.dates.iter().flatten();
        Some(Dates {
            count: known().map(|dates| dates.count).sum(),
            // Dates sort as they are written.
            first: known().map(|dates| &dates.first).min()?.clone(),
            last: known().map(|dates| &dates.last).max()?.clone(),
        })
    }
}

impl LabelBalance {
    pub fn count(&self) -> u64 {
        self.by_split.iter().sum()
    }

    /// Held out without being trained, or trained without being measured; `None` if it is covered.
    pub fn gap(&self) -> Option<&'static str> {
        match (self.by_split[0], self.by_split[1] + self.by_split[2]) {
            (0, 1..) => Some("never trained"),
            (1.., 0) => Some("never measured"),
            _ => None,
        }
    }
}

/// Takes all examples in, then gives the numbers.
#[derive(Default)]
pub struct Collector<'a> {
    tokens: Option<&'a dyn Tokens>,
    splits: Vec<Split>,
    seen: HashSet<u64>,
    prompt_chars: Vec<u32>,
    answer_chars: Vec<u32>,
    num_tokens: Vec<u32>,
    turns: BTreeMap<usize, u64>,
    labels: Labels,
    sources: HashMap<String, u64>,
    reviews: HashMap<String, u64>,
    /// How many, the first and the last.
    dates: [Option<(u64, Timestamp, Timestamp)>; 3],
    words: Words,
}

impl<'a> Collector<'a> {
    pub fn new(tokens: Option<&'a dyn Tokens>) -> Self {
        Self { tokens, ..Self::default() }
    }

    pub fn add(&mut self, item: &Item) {
        let example = item.example;
        let answer = example.answer().unwrap_or_default();
        let num_chars = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.labels.push(self.splits.len() as u32, labels::of_answer(answer));
        self.splits.push(item.split);
        self.seen.insert(content_key(example));
        self.prompt_chars.push(example.prompt().iter().map(|m| num_chars(&m.content)).fold(0, u32::saturating_add));
        self.answer_chars.push(num_chars(answer));
        *self.turns.entry(example.messages.len()).or_default() += 1;
        *self.reviews.entry(item.review.to_owned()).or_default() += 1;
        if let Some(source) = item.source {
            *self.sources.entry(source.to_owned()).or_default() += 1;
        }
        if let Some(date) = item.date {
            let dates = &mut self.dates[item.split as usize];
            let (count, first, last) = dates.unwrap_or((0, date, date));
            *dates = Some((count + 1, first.min(date), last.max(date)));
        }
        if let Some(tokens) = self.tokens {
            let num_tokens = tokens.of_example(example);
            self.num_tokens.extend(num_tokens.map(|num| u32::try_from(num).unwrap_or(u32::MAX)));
            example.messages.iter().for_each(|message| self.words.push(&message.content));
        }
    }

    pub fn num_examples(&self) -> u64 {
        self.splits.len() as u64
    }

    pub fn finish(self) -> Statistics {
        let num_examples = self.num_examples();
        let fields = self.labels.label_fields().map(|field| balance(field, &self.splits)).collect();
        let badly_split = self
            .tokens
            .map(|tokens| self.words.badly_split(&|word| tokens.of_text(word), MAX_SPLIT_WORDS))
            .unwrap_or_default();
        Statistics {
            num_examples,
            by_split: tally(self.splits.iter().copied()),
            num_duplicates: num_examples - self.seen.len() as u64,
            prompt_chars: Histogram::of(self.prompt_chars, MAX_BINS),
            answer_chars: Histogram::of(self.answer_chars, MAX_BINS),
            num_tokens: self.tokens.map(|_| Histogram::of(self.num_tokens, MAX_BINS)),
            turns: self.turns,
            fields,
            sources: named(self.sources),
            reviews: named(self.reviews),
            dates: self.dates.map(|dates| {
                let (count, first, last) = dates?;
                Some(Dates { count, first: date::words(first), last: date::words(last) })
            }),
            badly_split,
        }
    }
}

fn balance(field: &labels::Field, splits: &[Split]) -> FieldBalance {
    let of_label = |label: &labels::Label| LabelBalance {
        label: label.text.clone(),
        by_split: tally(label.rows.iter().map(|row| splits[*row as usize])),
    };
    let mut labels: Vec<LabelBalance> = field.labels.iter().map(of_label).collect();
    labels.sort_by_key(|label| std::cmp::Reverse(label.count()));
    FieldBalance { field: field.name.clone(), labels }
}

fn tally(splits: impl Iterator<Item = Split>) -> BySplit {
    let mut counts = [0; 3];
    splits.for_each(|split| counts[split as usize] += 1);
    counts
}

/// The most frequent first.
fn named(counts: HashMap<String, u64>) -> Vec<NamedCount> {
    let mut counts: Vec<NamedCount> = counts.into_iter().map(|(name, count)| NamedCount { name, count }).collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Message, Role};

    /// A token a word, and three in a long one.
    struct Spaces;

    impl Tokens for Spaces {
        fn of_example(&self, example: &Example) -> Option<usize> {
            Some(example.messages.iter().map(|m| self.of_text(&m.content)).sum())
        }
        fn of_text(&self, text: &str) -> usize {
            text.split_whitespace().map(|word| if word.len() > 10 { word.len() } else { 1 }).sum()
        }
    }

    #[test]
    fn everything_is_counted() {
        let mut collector = Collector::new(Some(&Spaces));
        for i in 0..40_usize {
            let prompt = format!("question number {} about Donaudampfschifffahrt", i / 2);
            let label = if i < 30 { "yes" } else { "no" };
            let example = Example::from(vec![Message::new(Role::User, prompt), Message::new(Role::Assistant, label)]);
            let split = if i < 20 { Split::Train } else { Split::Test };
            let date = (i < 10).then(|| date::parse(&format!("2025-03-{:02}", 20 - i)).unwrap());
            collector.add(&Item { split, example: &example, source: Some("a.csv"), review: "accepted", date });
        }
        let found = collector.finish();
        assert_eq!((found.num_examples, found.by_split, found.num_duplicates), (40, [20, 0, 20], 20));
        assert_eq!(found.turns, BTreeMap::from([(2, 40)]));
        assert_eq!((found.answer_chars.min, found.answer_chars.max), (2, 3));
        assert_eq!(found.num_tokens.as_ref().unwrap().median, 4 + 21 + 1);
        assert_eq!(found.sources, [NamedCount { name: "a.csv".to_owned(), count: 40 }]);
        let dates = Dates { count: 10, first: "2025-03-11".to_owned(), last: "2025-03-20".to_owned() };
        assert_eq!((found.all_dates(), &found.dates), (Some(dates.clone()), &[Some(dates), None, None]));
        assert_eq!(found.badly_split[0].word, "Donaudampfschifffahrt");
        let labels = &found.fields[0].labels;
        assert_eq!(labels.iter().map(|l| (l.label.as_str(), l.count())).collect::<Vec<_>>(), [("yes", 30), ("no", 10)]);
        assert_eq!(labels.iter().map(LabelBalance::gap).collect::<Vec<_>>(), [None, Some("never trained")]);
    }
}
