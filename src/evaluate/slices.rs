//! Parts of the held-out examples: by label, tag, source, month and length of the prompt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ExampleResult;
use crate::words::thousands;

/// A slice of fewer examples says nothing, and isn't made.
pub const FEWEST: usize = 5;
/// A kind has at most this many slices, the largest.
const MOST: usize = 100;

/// What examples are parted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliceBy {
    Label,
    Tag,
    Source,
    Month,
    Length,
}

impl SliceBy {
    pub const ALL: [Self; 5] = [Self::Label, Self::Tag, Self::Source, Self::Month, Self::Length];

    pub fn title(self) -> &'static str {
        match self {
            Self::Label => "Label",
            Self::Tag => "Tag",
            Self::Source => "Source",
            Self::Month => "Month",
            Self::Length => "Length of the prompt",
        }
    }
}

/// Examples that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    pub by: SliceBy,
    pub value: String,
    /// Places in the report's examples, in order.
    pub examples: Vec<usize>,
}

/// All slices with enough examples, by kind, the largest first; a kind with one slice of all examples is none. `labels`
/// are the expected answers where these come from a list.
pub fn slices(examples: &[ExampleResult], labels: Option<&[String]>) -> Vec<Slice> {
    let is_label = |text: &str| labels.is_some_and(|labels| labels.iter().any(|label| label == text.trim()));
    let by_length = LengthBands::of(examples);
    let mut all: BTreeMap<(SliceBy, String), Vec<usize>> = BTreeMap::new();
    for (at, example) in examples.iter().enumerate() {
        let about = &example.about;
        let label =
            about.label.clone().or_else(|| is_label(&example.expected).then(|| example.expected.trim().to_owned()));
        let values = label.map(|label| (SliceBy::Label, label)).into_iter();
        let values = values.chain(about.tags.iter().map(|tag| (SliceBy::Tag, tag.clone())));
        let values = values.chain(about.source.clone().map(|source| (SliceBy::Source, source)));
        let values = values.chain(about.month.clone().map(|month| (SliceBy::Month, month)));
        let values = values.chain(by_length.name(example).map(|name| (SliceBy::Length, name)));
        values.for_each(|value| all.entry(value).or_default().push(at));
    }
    let mut found = Vec::new();
    for by in SliceBy::ALL {
        let of_kind = all.iter().filter(|((of, _), examples)| *of == by && examples.len() >= FEWEST);
        let mut of_kind: Vec<_> = of_kind
            .map(|((_, value), places)| Slice { by, value: value.clone(), examples: places.clone() })
            .filter(|slice| slice.examples.len() < examples.len())
            .collect();
        if by != SliceBy::Month && by != SliceBy::Length {
            of_kind.sort_by_key(|slice| std::cmp::Reverse(slice.examples.len()));
        }
        of_kind.truncate(MOST);
        found.extend(of_kind);
    }
    found
}

/// Thirds by the prompts' characters.
struct LengthBands(Option<(usize, usize)>);

impl LengthBands {
    fn of(examples: &[ExampleResult]) -> Self {
        let mut lengths: Vec<usize> = examples.iter().map(length).collect();
        lengths.sort_unstable();
        let third = lengths.len() / 3;
        let edge = |at: usize| lengths.get(at.saturating_sub(1)).copied().unwrap_or_default();
        let (low, high) = (edge(third), edge(2 * third));
        // Where lengths hardly differ there is nothing to part.
        Self((third >= FEWEST && low < high && high < edge(lengths.len())).then_some((low, high)))
    }

    fn name(&self, example: &ExampleResult) -> Option<String> {
        let (low, high) = self.0?;
        let words = |num: usize| thousands(num as u64);
        Some(match length(example) {
            length if length <= low => format!("1. at most {} characters", words(low)),
            length if length <= high => format!("2. {}–{} characters", words(low + 1), words(high)),
            _ => format!("3. more than {} characters", words(high)),
        })
    }
}

fn length(example: &ExampleResult) -> usize {
    example.prompt.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::About;

    fn example(prompt: &str, expected: &str, tags: &[&str]) -> ExampleResult {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        ExampleResult {
            key: String::new(),
            line: 1,
            prompt: prompt.to_owned(),
            expected: expected.to_owned(),
            expected_tokens: 1,
            about: About { tags, ..About::default() },
            outcomes: Vec::new(),
        }
    }

    #[test]
    fn examples_are_parted_by_what_they_have_in_common() {
        let labels = ["yes".to_owned(), "no".to_owned()];
        let examples: Vec<_> = (0..30)
            .map(|i| {
                let tags: &[&str] = if i < 4 {
                    &["rare"]
                } else if i < 12 {
                    &["loud", "new"]
                } else {
                    &["new"]
                };
                example(&"x".repeat(i + 1), if i % 3 == 0 { "no " } else { "yes" }, tags)
            })
            .collect();
        let told: Vec<_> = slices(&examples, Some(&labels))
            .into_iter()
            .map(|slice| (slice.by, slice.value, slice.examples.len()))
            .collect();
        let expected = [
            (SliceBy::Label, "yes", 20),
            (SliceBy::Label, "no", 10),
            (SliceBy::Tag, "new", 26),
            (SliceBy::Tag, "loud", 8),
            (SliceBy::Length, "1. at most 10 characters", 10),
            (SliceBy::Length, "2. 11–20 characters", 10),
            (SliceBy::Length, "3. more than 20 characters", 10),
        ];
        assert_eq!(told, expected.map(|(by, value, num)| (by, value.to_owned(), num)));
        assert!(slices(&examples[..4], Some(&labels)).is_empty(), "too few to tell");
        let alike: Vec<_> = (0..30).map(|_| example("same", "free text", &["all"])).collect();
        assert!(slices(&alike, None).is_empty(), "one slice of all is none");
    }
}
