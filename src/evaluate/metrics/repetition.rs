//! Does it say the same again and again?

use std::collections::HashSet;

use super::{Direction, Metric, Parameter, Scale, anything, mean, once};

/// Words of a phrase.
const PHRASE: usize = 4;

pub(super) const REPETITION: Metric = Metric {
    name: "repetition",
    title: "Repetition",
    about: "The share of phrases of four words that came before in the same answer: 0 where nothing is said twice",
    direction: Direction::LowerIsBetter,
    scale: Scale::Share,
    is_binary: false,
    parameter: Parameter::None,
    needs: anything,
    is_offered: super::always,
    measure: |_, case| once(repeated(case.answer)),
    of_one: mean,
    of_sums: mean,
};

/// Welleck et al. 2020, "Neural text generation with unlikelihood training": 1 − distinct phrases / all phrases.
pub(super) fn repeated(text: &str) -> f64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let phrases = words.windows(PHRASE);
    let num = phrases.len();
    let distinct: HashSet<&[&str]> = phrases.collect();
    if num == 0 { 0.0 } else { 1.0 - distinct.len() as f64 / num as f64 }
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn what_was_said_before_is_counted() {
        assert_eq!((repeated(""), repeated("a b c"), repeated("a b c d e")), (0.0, 0.0, 0.0));
        // Five phrases, two of them for the second time.
        assert!((repeated("a b c d a b c d a") - 2.0 / 6.0).abs() < 1e-12);
    }
}
