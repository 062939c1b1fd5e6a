//! Answers from a list: is it the right label, and how well is each label found?

use super::{Chosen, DataFacts, Direction, Metric, Parameter, Scale, mean, share};

/// The labels that answers are to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSet(Vec<String>);

impl LabelSet {
    /// Sorted, each once.
    pub fn new(labels: impl IntoIterator<Item = String>) -> Self {
        let mut labels: Vec<String> = labels.into_iter().collect();
        labels.sort();
        labels.dedup();
        Self(labels)
    }

    pub fn labels(&self) -> &[String] {
        &self.0
    }

    /// The place of the label that an answer is: by the letter, else without regard to case, quotes and a full stop at the
    /// end.
    pub fn find(&self, answer: &str) -> Option<usize> {
        let answer = answer.trim();
        self.0.iter().position(|label| label == answer).or_else(|| {
            let bare =
                |text: &str| text.trim_matches(|c: char| c == '"' || c == '\'' || c == '.' || c == '`').to_lowercase();
            let wanted = bare(answer);
            self.0.iter().position(|label| bare(label) == wanted)
        })
    }
}

fn needs(facts: &DataFacts, _chosen: &Chosen) -> Result<(), String> {
    match facts.labels {
        Some(_) => Ok(()),
        None => Err(format!(
            "the expected answers come from no list: {} different ones of {}, or longer than a label",
            facts.num_different, facts.num
        )),
    }
}

pub(super) const ACCURACY: Metric = Metric {
    name: "label_accuracy",
    title: "Right label",
    about: "Answers that are the expected label, without regard to case, quotes and a full stop at the end",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: true,
    parameter: Parameter::None,
    needs,
    is_offered: |facts| facts.labels.is_some(),
    measure: |chosen, case| {
        let labels = chosen.labels.as_ref()?;
        let expected = labels.find(case.expected)?;
        share(labels.find(case.answer) == Some(expected))
    },
    of_one: mean,
    of_sums: mean,
};

/// Numbers of a label: right ones, answered ones, expected ones.
const PER_LABEL: usize = 3;

pub(super) const MACRO_F1: Metric = Metric {
    name: "macro_f1",
    title: "Macro-F1",
    about: "The harmonic mean of precision and recall of each label, every label counted alike however rare; an answer that is \
            no label is a class of its own",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: false,
    parameter: Parameter::None,
    needs,
    is_offered: |facts| facts.labels.is_some(),
    measure: |chosen, case| {
        let labels = chosen.labels.as_ref()?;
        let other = labels.labels().len();
        let (expected, answered) = (labels.find(case.expected)?, labels.find(case.answer).unwrap_or(other));
        let mut numbers = vec![0.0; PER_LABEL * (other + 1)];
        numbers[PER_LABEL * expected] = if expected == answered { 1.0 } else { 0.0 };
        numbers[PER_LABEL * answered + 1] += 1.0;
        numbers[PER_LABEL * expected + 2] += 1.0;
        Some(numbers)
    },
    of_one: |numbers| if numbers.chunks_exact(PER_LABEL).any(|label| label[0] > 0.0) { 1.0 } else { 0.0 },
    of_sums: macro_f1,
};

/// As scikit-learn's `f1_score(average="macro", zero_division=0)` over the labels that were expected or answered.
fn macro_f1(sums: &[f64]) -> f64 {
    let seen = sums.chunks_exact(PER_LABEL).filter(|label| label[1] + label[2] > 0.0);
    let (mut sum, mut num) = (0.0, 0.0);
    for label in seen {
        sum += 2.0 * label[0] / (label[1] + label[2]);
        num += 1.0;
    }
    if num > 0.0 { sum / num } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_label_in_other_letters_too() {
        let labels = LabelSet::new(["card_arrival", "Refund", "refund"].map(str::to_owned));
        let found = |answer: &str| labels.find(answer).map(|at| labels.labels()[at].as_str());
        assert_eq!(found("refund"), Some("refund"));
        assert_eq!(found("\"Card_Arrival\".\n"), Some("card_arrival"));
        assert_eq!(found("card arrival"), None);
    }
}
