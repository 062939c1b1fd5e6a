//! How long answers are.

use super::{Direction, Metric, Parameter, Scale, anything, mean, never, share};

pub(super) const LENGTH_RATIO: Metric = Metric {
    name: "length_ratio",
    title: "Length",
    about: "The answers' length in tokens for each token of the expected ones: 1 is as long",
    direction: Direction::Neither,
    scale: Scale::Ratio,
    is_binary: false,
    parameter: Parameter::None,
    needs: anything,
    is_offered: super::always,
    // Of sums, so that a short expected answer doesn't outweigh all others.
    measure: |_, case| {
        let is_known = case.expected_tokens > 0 && (case.answer_tokens > 0 || case.answer.is_empty());
        is_known.then(|| vec![case.answer_tokens as f64, case.expected_tokens as f64])
    },
    of_one: mean,
    of_sums: mean,
};

pub(super) const NOT_EMPTY: Metric = Metric {
    name: "not_empty",
    title: "Not empty",
    about: "Answers that say anything at all",
    direction: Direction::HigherIsBetter,
    scale: Scale::Share,
    is_binary: true,
    parameter: Parameter::None,
    needs: anything,
    is_offered: never,
    measure: |_, case| share(!case.answer.trim().is_empty()),
    of_one: mean,
    of_sums: mean,
};
