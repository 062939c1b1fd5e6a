//! The few formulas that ratings need.

use super::decided::is_decided;
use crate::evaluate::significance;

/// `ln n!`
pub(super) fn ln_factorial(num: usize) -> f64 {
    (2..=num).map(|factor| (factor as f64).ln()).sum()
}

/// Wins in a row that decide, without a loss.
pub(super) fn least_to_decide() -> usize {
    (1..).find(|wins| is_decided(*wins, 0)).unwrap_or_default()
}

/// [`significance::wilson`] of more than nothing.
pub(super) fn wilson(hits: usize, num: usize) -> Option<(f64, f64)> {
    (num > 0).then(|| significance::wilson(hits as u64, num as u64))
}

/// [`significance::sign_test`] of more than nothing.
pub(super) fn sign_test(wins: usize, losses: usize) -> Option<f64> {
    (wins + losses > 0).then(|| significance::sign_test(wins as u64, losses as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::significance::kappa;

    fn close(found: Option<f64>, wanted: f64) {
        assert!((found.unwrap() - wanted).abs() < 1e-9, "{found:?} {wanted}");
    }

    /// statsmodels 0.14 `proportion_confint(…, method="wilson")`, scipy `binomtest`, scikit-learn `cohen_kappa_score`.
    #[test]
    fn they_are_those_of_the_references() {
        let (low, high) = wilson(27, 31).unwrap();
        close(Some(low), WILSON_27_31.0);
        close(Some(high), WILSON_27_31.1);
        assert_eq!((wilson(0, 0), sign_test(0, 0), kappa::<u8>(&[])), (None, None, None));
        close(sign_test(27, 4), SIGN_27_4);
        close(sign_test(5, 5), 1.0);
        close(sign_test(0, 6), 0.03125);
        let pairs: Vec<_> = [0, 0, 1, 2, 2, 1, 0, 3].into_iter().zip([0, 1, 1, 2, 0, 1, 0, 3]).collect();
        close(kappa(&pairs), KAPPA);
        assert_eq!(kappa(&[(1, 1), (1, 1)]), None, "nothing beyond chance can be told");
    }

    const WILSON_27_31: (f64, f64) = (0.7114759374369357, 0.9486571562537085);
    const SIGN_27_4: f64 = 3.39532271027565e-05;
    const KAPPA: f64 = 0.6521739130434783;
}
