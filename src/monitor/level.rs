//! How small a p-value must be for a warning, so that false ones are as rare as is said.

/// The false-alarm rate: of this many batches in a row without any drift, no more than a share `alpha` has a warning in
/// them, separately for answers and for inputs.
///
/// Each batch gets an equal part of `alpha` (uniform alpha spending: Bonferroni over the batches), so that a late batch is
/// tested as sharply as the first, and the rate holds for any stretch of `num_batches` batches, even though all are compared
/// with the same reference. A CUSUM or a betting martingale would find slow drift a little sooner, but holds its rate only
/// against a mean that is known; here that mean is itself estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FalseAlarms {
    pub alpha: f64,
    pub num_batches: u32,
}

impl Default for FalseAlarms {
    fn default() -> Self {
        Self { alpha: 0.05, num_batches: 50 }
    }
}

impl FalseAlarms {
    /// What a batch may spend.
    pub fn per_batch(self) -> f64 {
        self.alpha / f64::from(self.num_batches.max(1))
    }

    /// `At most 5 in 100 series of 50 batches without drift get a false warning of each kind`
    pub fn in_words(self) -> String {
        let percent = 100.0 * self.alpha;
        let num = self.num_batches;
        format!(
            "At most {percent} in 100 series of {num} batches without drift get a false warning, for answers and for inputs each"
        )
    }
}

/// The level that each of these p-values is held against, and whether it is below: Holm's step-down procedure (1979), which
/// keeps the chance of any false one below `alpha` however they depend on each other.
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<(f64, bool)> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut found = vec![(0.0, false); p_values.len()];
    let mut goes_on = true;
    for (rank, at) in order.into_iter().enumerate() {
        let level = alpha / (p_values.len() - rank) as f64;
        goes_on &= p_values[at] <= level;
        found[at] = (level, goes_on);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holm_goes_down_the_steps_until_one_is_too_high() {
        // statsmodels: multipletests([0.01, 0.04, 0.03, 0.005], 0.05, "holm") rejects the first and the last.
        let found = holm(&[0.01, 0.04, 0.03, 0.005], 0.05);
        assert_eq!(found.iter().map(|found| found.1).collect::<Vec<_>>(), [true, false, false, true]);
        assert_eq!((found[3].0, found[1].0), (0.0125, 0.05));
        assert!(holm(&[], 0.05).is_empty());
        assert_eq!(FalseAlarms::default().per_batch(), 0.001);
        let words =
            "At most 5 in 100 series of 50 batches without drift get a false warning, for answers and for inputs each";
        assert_eq!(FalseAlarms::default().in_words(), words);
    }
}
