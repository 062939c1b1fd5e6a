//! chrF (Popović 2015): sequences of characters that both texts have, as sacrebleu 2 counts them
//! (`nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no`).

use std::collections::HashMap;

use super::{Direction, Metric, Parameter, Scale, anything};

/// The longest sequence.
const ORDER: usize = 6;
/// Numbers of an order: sequences of the answer, of the expected text, of both.
const PER_ORDER: usize = 3;
/// Recall counts this many times as much as precision.
const BETA: f64 = 2.0;

pub(super) const CHRF: Metric = Metric {
    name: "chrf",
    title: "chrF",
    about: "Sequences of up to six characters that the answer and the expected text share (F2), without white space: forgives \
            other endings of words, and works in every language; over all examples at once, as sacrebleu counts",
    direction: Direction::HigherIsBetter,
    scale: Scale::Score,
    is_binary: false,
    parameter: Parameter::None,
    needs: anything,
    is_offered: |facts| facts.is_free_text(),
    measure: |_, case| Some(statistics(case.expected, case.answer)),
    of_one: score,
    of_sums: score,
};

fn statistics(expected: &str, answer: &str) -> Vec<f64> {
    let characters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
    let (expected, answer) = (characters(expected), characters(answer));
    let mut numbers = Vec::with_capacity(ORDER * PER_ORDER);
    for order in 1..=ORDER {
        let (in_expected, in_answer) = (counts(&expected, order), counts(&answer, order));
        let common = in_answer.iter().map(|(part, num)| (*num).min(in_expected.get(part).copied().unwrap_or(0))).sum();
        let sum = |counts: &HashMap<&[char], u32>| f64::from(counts.values().sum::<u32>());
        // Where the expected text is too short for such sequences, those of the answer don't count.
        let answered = if in_expected.is_empty() { 0.0 } else { sum(&in_answer) };
        let common: u32 = common;
        numbers.extend([answered, sum(&in_expected), f64::from(common)]);
    }
    numbers
}

fn counts(characters: &[char], order: usize) -> HashMap<&[char], u32> {
    let mut counts = HashMap::new();
    for part in characters.windows(order) {
        *counts.entry(part).or_default() += 1;
    }
    counts
}

fn score(numbers: &[f64]) -> f64 {
    let (mut precision, mut recall, mut num_orders) = (0.0, 0.0, 0.0);
    for order in numbers.chunks_exact(PER_ORDER) {
        let [answered, expected, common] = [order[0], order[1], order[2]];
        if answered > 0.0 && expected > 0.0 {
            precision += common / answered;
            recall += common / expected;
            num_orders += 1.0;
        }
    }
    if num_orders == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / num_orders, recall / num_orders);
    let factor = BETA * BETA;
    match precision + recall > 0.0 {
        true => 100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall),
        false => 0.0,
    }
}
