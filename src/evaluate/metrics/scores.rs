//! A metric's numbers of many examples.

use super::{Case, Chosen};

/// Numbers by example, and what their sums mean.
#[derive(Debug, Clone)]
pub struct Scores {
    /// `None` where nothing is said of an example.
    pub numbers: Vec<Option<Vec<f64>>>,
    of_one: fn(&[f64]) -> f64,
    of_sums: fn(&[f64]) -> f64,
    /// Every example's value is 0 or 1, and the whole one is their mean.
    pub is_binary: bool,
    width: usize,
    num: usize,
}

impl Scores {
    /// The metric of each case; one without an answer has none.
    pub fn of<'a>(chosen: &Chosen, cases: impl Iterator<Item = Option<&'a Case<'a>>>) -> Self {
        let metric = chosen.metric;
        let numbers = cases.map(|case| (metric.measure)(chosen, case?)).collect();
        Self { is_binary: metric.is_binary, ..Self::new(numbers, metric.of_one, metric.of_sums) }
    }

    /// Numbers that were made elsewhere: a loss by example.
    pub fn new(numbers: Vec<Option<Vec<f64>>>, of_one: fn(&[f64]) -> f64, of_sums: fn(&[f64]) -> f64) -> Self {
        let known = || numbers.iter().flatten();
        let width = known().map(Vec::len).max().unwrap_or_default();
        let num = known().count();
        Self { numbers, of_one, of_sums, is_binary: false, width, num }
    }

    /// Each example is right (1 of 1) or wrong (0 of 1).
    #[must_use]
    pub fn of_right_and_wrong(self) -> Self {
        Self { is_binary: true, ..self }
    }

    /// How many examples have numbers.
    pub fn num(&self) -> usize {
        self.num
    }

    /// How many numbers an example has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The value of all; NaN of none.
    pub fn value(&self) -> f64 {
        let mut sums = vec![0.0; self.width];
        for numbers in self.numbers.iter().flatten() {
            sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        self.of_sums(&sums)
    }

    pub fn of_sums(&self, sums: &[f64]) -> f64 {
        if self.num == 0 { f64::NAN } else { (self.of_sums)(sums) }
    }

    /// Each example's own value.
    pub fn per_example(&self) -> Vec<Option<f64>> {
        self.numbers.iter().map(|numbers| numbers.as_ref().map(|numbers| (self.of_one)(numbers))).collect()
    }

    /// Only these examples.
    #[must_use]
    pub fn only(&self, examples: &[usize]) -> Self {
        let numbers: Vec<_> = examples.iter().map(|at| self.numbers.get(*at).cloned().flatten()).collect();
        let num = numbers.iter().flatten().count();
        Self { numbers, num, of_one: self.of_one, of_sums: self.of_sums, is_binary: self.is_binary, width: self.width }
    }
}
