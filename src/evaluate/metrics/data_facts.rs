//! What the expected answers are like: what metrics are offered by.

use std::collections::HashMap;

use super::json::{Shape, object};
use super::number::{MARK, result};
use super::{LabelSet, rouge};

/// A label has at most this many characters.
const MAX_LABEL_CHARS: usize = 60;
/// Labels occur this often on average; else they are answers that happen to be alike.
const LEAST_PER_LABEL: usize = 2;
const MAX_LABELS: usize = 500;

/// See the module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataFacts {
    /// Expected answers with text.
    pub num: usize,
    pub num_different: usize,
    /// Where the answers come from a list: all are one line of at most 60 characters and no number, there are at least two
    /// different ones, and each occurs twice on average.
    pub labels: Option<LabelSet>,
    /// That are a JSON object.
    pub num_json: usize,
    /// The objects' fields, the most frequent first.
    pub fields: Vec<String>,
    /// What the objects have in common.
    pub shape: Shape,
    /// That have a number behind `####`, or are a number.
    pub num_numbers: usize,
    /// Most have words of a–z or 0–9.
    pub has_words: bool,
}

impl DataFacts {
    /// Looks at the expected answers; empty ones don't count.
    pub fn of<'a>(expected: impl Iterator<Item = &'a str>) -> Self {
        let mut facts = Self::default();
        let mut different: HashMap<&str, usize> = HashMap::new();
        let mut fields: HashMap<String, usize> = HashMap::new();
        let mut num_with_words = 0;
        let mut are_short = true;
        for text in expected.map(str::trim).filter(|text| !text.is_empty()) {
            facts.num += 1;
            *different.entry(text).or_default() += 1;
            if let Some(object) = object(text) {
                facts.num_json += 1;
                facts.shape.add(&object);
                object.keys().for_each(|name| *fields.entry(name.clone()).or_default() += 1);
            }
            let is_number = text.parse::<f64>().is_ok();
            facts.num_numbers += usize::from(is_number || (text.contains(MARK) && result(text).is_some()));
            are_short &= !is_number && text.chars().count() <= MAX_LABEL_CHARS && !text.contains('\n');
            num_with_words += usize::from(!rouge::ascii_words(text).is_empty());
        }
        facts.num_different = different.len();
        let comes_from_list = are_short
            && (2..=MAX_LABELS).contains(&different.len())
            && facts.num >= LEAST_PER_LABEL * different.len()
            && facts.num_json == 0;
        facts.labels = comes_from_list.then(|| LabelSet::new(different.into_keys().map(str::to_owned)));
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        facts.fields = fields.into_iter().map(|(name, _)| name).collect();
        facts.has_words = 2 * num_with_words > facts.num;
        facts
    }

    /// Most are JSON objects.
    pub fn is_json(&self) -> bool {
        2 * self.num_json > self.num
    }

    /// Most have a result.
    pub fn has_numbers(&self) -> bool {
        2 * self.num_numbers > self.num
    }

    /// They are neither labels nor objects nor worked results.
    pub fn is_free_text(&self) -> bool {
        self.num > 0 && self.labels.is_none() && !self.is_json() && !self.has_numbers()
    }
}

#[cfg(test)]
mod tests {
    use super::DataFacts;

    #[test]
    fn a_list_is_short_lines_that_come_again() {
        let has_labels = |texts: &[&str]| DataFacts::of(texts.iter().copied()).labels.is_some();
        assert!(has_labels(&["yes", "no", "yes ", "no"]));
        assert!(!has_labels(&["yes", "no", "maybe", "no"]), "hardly any comes again");
        assert!(!has_labels(&["yes", "yes", "yes"]), "one class is no choice");
        assert!(!has_labels(&["1", "2", "1", "2"]), "numbers are results");
        assert!(!has_labels(&["a\nb", "c", "a\nb", "c"]) && !has_labels(&[]));
    }
}
