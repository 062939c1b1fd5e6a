//! How many words an answer shares with the expected one.

use std::collections::HashMap;

use super::exact::normalize;
use super::{Direction, Metric, Parameter, Scale, anything, mean, once};

pub(super) const TOKEN_F1: Metric = Metric {
    name: "token_f1",
    title: "Words in common",
    about: "The harmonic mean of how many words of the answer are in the expected one and the other way round (F1), in lower \
            case, without punctuation and English articles, as SQuAD counts them",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: false,
    parameter: Parameter::None,
    needs: anything,
    is_offered: |facts| facts.is_free_text() && facts.has_words,
    measure: |_, case| once(f1(case.expected, case.answer)),
    of_one: mean,
    of_sums: mean,
};

/// SQuAD 2.0's `compute_f1`.
fn f1(expected: &str, answer: &str) -> f64 {
    let (expected, answer) = (normalize(expected), normalize(answer));
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (expected, answer) = (words(&expected), words(&answer));
    if expected.is_empty() || answer.is_empty() {
        return if expected == answer { 1.0 } else { 0.0 };
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    expected.iter().for_each(|word| *left.entry(word).or_default() += 1);
    let mut num_common = 0;
    for word in &answer {
        if let Some(num) = left.get_mut(word.as_str()).filter(|num| **num > 0) {
            *num -= 1;
            num_common += 1;
        }
    }
    2.0 * f64::from(num_common) / (expected.len() + answer.len()) as f64
}
