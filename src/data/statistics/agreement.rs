//! How far two reviewers agree, beyond what chance alone would give.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::data::Example;
use crate::data::split::prompt_key;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// Prompts that both labelled.
    pub num_shared: usize,
    pub num_agreeing: usize,
    pub only_first: usize,
    pub only_second: usize,
    /// Cohen's: 1 for full agreement, 0 for that of chance. `None` where both only ever gave one and the same label, or
    /// nothing is shared: then there is nothing to measure.
    pub kappa: Option<f64>,
    /// In the order of the first reviewer.
    pub disagreements: Vec<Disagreement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    pub prompt: String,
    pub first: String,
    pub second: String,
}

/// Compares the answers to the same prompts; the second time that a prompt comes is compared with its second time.
pub fn agreement(first: &[Example], second: &[Example]) -> Agreement {
    let mut of_second: HashMap<u64, std::collections::VecDeque<&Example>> = HashMap::new();
    for example in second {
        of_second.entry(prompt_key(example)).or_default().push_back(example);
    }
    let mut pairs = Vec::new();
    let mut disagreements = Vec::new();
    for example in first {
        let twin = of_second.get_mut(&prompt_key(example)).and_then(|twins| twins.pop_front());
        let Some(twin) = twin else { continue };
        let label = |example: &Example| example.answer().unwrap_or_default().trim().to_owned();
        let (first, second) = (label(example), label(twin));
        if first != second {
            let prompt = example.prompt().last().map(|message| message.content.clone()).unwrap_or_default();
            disagreements.push(Disagreement { prompt, first: first.clone(), second: second.clone() });
        }
        pairs.push((first, second));
    }
    Agreement {
        num_shared: pairs.len(),
        num_agreeing: pairs.len() - disagreements.len(),
        only_first: first.len() - pairs.len(),
        only_second: second.len() - pairs.len(),
        kappa: kappa(pairs.iter().map(|(first, second)| (first.as_str(), second.as_str(), 1))),
        disagreements,
    }
}

/// Cohen's kappa, (observed − expected) / (1 − expected), from the labels of both and how often they came together.
/// `None` where there is nothing to measure.
pub fn kappa<'a>(pairs: impl Iterator<Item = (&'a str, &'a str, u64)>) -> Option<f64> {
    let (mut num, mut agreeing) = (0.0, 0.0);
    let mut counts: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (first, second, times) in pairs {
        let times = times as f64;
        num += times;
        agreeing += if first == second { times } else { 0.0 };
        counts.entry(first).or_default().0 += times;
        counts.entry(second).or_default().1 += times;
    }
    let observed = agreeing / num;
    let expected: f64 = counts.values().map(|(first, second)| first * second / (num * num)).sum();
    (num > 0.0 && expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Message, Role};

    fn labelled(labels: &[(&str, &str)]) -> Vec<Example> {
        let example = |(prompt, label): &(&str, &str)| {
            Example::from(vec![Message::new(Role::User, *prompt), Message::new(Role::Assistant, *label)])
        };
        labels.iter().map(example).collect()
    }

    /// A textbook case: 20 and 15 agreed, 5 and 10 not: observed 0.7, expected 0.5.
    #[test]
    fn kappa_is_cohens() {
        let pairs = [("yes", "yes", 20), ("no", "no", 15), ("yes", "no", 5), ("no", "yes", 10)];
        assert!((kappa(pairs.into_iter()).unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(kappa([("a", "a", 1)].into_iter()), None);
        assert_eq!(kappa([].into_iter()), None);
    }

    #[test]
    fn reviewers_are_matched_by_prompt() {
        let first = labelled(&[("one", "a"), ("two", "b"), ("one", "b"), ("mine", "a")]);
        let second = labelled(&[("TWO", " b"), ("one", "a"), ("one", "a")]);
        let found = agreement(&first, &second);
        assert_eq!((found.num_shared, found.num_agreeing, found.only_first, found.only_second), (3, 2, 1, 0));
        let [disagreement] = found.disagreements.as_slice() else { panic!("{found:?}") };
        assert_eq!((disagreement.first.as_str(), disagreement.second.as_str()), ("b", "a"));
    }
}
