//! Two contenders under one metric, on the same examples.

use serde::{Deserialize, Serialize};

use super::bootstrap::{add, difference, pairs};
use super::{LEVEL, Z, mcnemar, permutation_test, power};
use crate::evaluate::metrics::{Direction, Scores};
use crate::words::thousands;

/// Fewer pairs say nothing.
const FEWEST: usize = 5;

/// A change with its 95 % interval, and what a paired test says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// After less before.
    pub change: f64,
    pub low: f64,
    pub high: f64,
    pub p_value: f64,
    /// The test's name.
    pub test: String,
    pub verdict: Verdict3,
}

/// What can be said of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict3 {
    Better,
    Worse,
    CantTell {
        num: usize,
        /// About so many would tell, if the change is what it looks like.
        would_do: Option<usize>,
    },
}

/// Compares over the examples that both have; `None` of none.
pub fn contrast(before: &Scores, after: &Scores, direction: Direction, seed: u64) -> Option<Contrast> {
    let pairs = pairs(before, after);
    let num = pairs.len();
    if num == 0 {
        return None;
    }
    let (mut sums_before, mut sums_after) = (vec![0.0; before.width()], vec![0.0; after.width()]);
    for (before, after) in &pairs {
        add(&mut sums_before, before);
        add(&mut sums_after, after);
    }
    let change = after.of_sums(&sums_after) - before.of_sums(&sums_before);
    let (low, high) = difference(before, after, seed);
    let (p_value, test, would_do) = if before.is_binary && after.is_binary {
        let turned = |from: f64, to: f64| pairs.iter().filter(|(a, b)| a[0] == from && b[0] == to).count() as u64;
        let (got_right, went_wrong) = (turned(0.0, 1.0), turned(1.0, 0.0));
        (mcnemar(got_right, went_wrong), "McNemar's exact test", power::for_shares(got_right, went_wrong, num))
    } else {
        let p_value = permutation_test(before, after, seed);
        let standard_error = (high - low) / (2.0 * Z);
        (p_value, "a paired permutation test", power::for_values(change, standard_error, num))
    };
    let verdict = match p_value < LEVEL && num >= FEWEST {
        true if (change > 0.0) == (direction != Direction::LowerIsBetter) => Verdict3::Better,
        true => Verdict3::Worse,
        false => Verdict3::CantTell { num, would_do },
    };
    Some(Contrast { change, low, high, p_value, test: test.to_owned(), verdict })
}

impl Contrast {
    /// `+0.123, 95 % interval +0.041 to +0.202, p = 0.004 by McNemar's exact test`
    pub fn in_words(&self) -> String {
        let signed = |value: f64| format!("{}{:.3}", if value < 0.0 { "−" } else { "+" }, value.abs());
        let told = match self.verdict {
            Verdict3::CantTell { num, would_do: Some(would_do) } => {
                format!(". Can't tell with {} examples; about {} would do", thousands(num), thousands(would_do))
            }
            Verdict3::CantTell { num, would_do: None } => format!(". Can't tell with {} examples", thousands(num)),
            Verdict3::Better | Verdict3::Worse => String::new(),
        };
        let p_value = match self.p_value {
            p_value if p_value < 0.001 => "p < 0.001".to_owned(),
            p_value => format!("p = {p_value:.3}"),
        };
        let (change, low, high) = (signed(self.change), signed(self.low), signed(self.high));
        format!("{change}, 95 % interval {low} to {high}, {p_value} by {}{told}", self.test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(sums: &[f64]) -> f64 {
        sums[0] / sums[1]
    }

    fn scores(values: &[f64]) -> Scores {
        Scores::new(values.iter().map(|value| Some(vec![*value, 1.0])).collect(), mean, mean)
    }

    fn right_and_wrong(values: &[f64]) -> Scores {
        scores(values).of_right_and_wrong()
    }

    #[test]
    fn a_change_is_better_worse_or_unsure() {
        let (zeros, ones) = (right_and_wrong(&[0.0; 20]), right_and_wrong(&[1.0; 20]));
        let verdict =
            |before: &Scores, after: &Scores, direction| contrast(before, after, direction, 1).unwrap().verdict;
        assert_eq!(verdict(&zeros, &ones, Direction::HigherIsBetter), Verdict3::Better);
        assert_eq!(verdict(&zeros, &ones, Direction::LowerIsBetter), Verdict3::Worse);
        let few = contrast(
            &right_and_wrong(&[0.0, 0.0, 1.0, 0.0]),
            &right_and_wrong(&[1.0, 0.0, 1.0, 0.0]),
            Direction::HigherIsBetter,
            1,
        );
        let few = few.unwrap();
        let Verdict3::CantTell { num: 4, would_do: Some(would_do) } = few.verdict else { panic!("{few:?}") };
        assert!(would_do > 4 && few.in_words().contains("Can't tell with 4 examples; about"), "{}", few.in_words());
        let values: Vec<f64> = (0..40).map(|i| f64::from(i) / 7.0).collect();
        let more: Vec<f64> = values.iter().enumerate().map(|(i, v)| v + 0.3 + (i % 3) as f64 / 10.0).collect();
        let better = contrast(&scores(&values), &scores(&more), Direction::HigherIsBetter, 1).unwrap();
        assert!(better.verdict == Verdict3::Better && better.low > 0.0 && better.high < 0.5, "{better:?}");
        assert_eq!(contrast(&scores(&[]), &scores(&[]), Direction::HigherIsBetter, 1), None);
    }
}
