//! The few formulas that ratings need.

use super::decided::is_decided;

/// `ln n!`
pub(super) fn ln_factorial(num: usize) -> f64 {
    (2..=num).map(|factor| (factor as f64).ln()).sum()
}

/// Wins in a row that decide, without a loss.
pub(super) fn least_to_decide() -> usize {
    (1..).find(|wins| is_decided(*wins, 0)).unwrap_or_default()
}

/// Wilson's 95 % interval of a share (Wilson, *Probable inference, the law of succession, and statistical inference*,
/// 1927). `None` of nothing.
pub(super) fn wilson(hits: usize, num: usize) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_963_984_540_054;
    if num == 0 {
        return None;
    }
    let (n, share) = (num as f64, hits as f64 / num as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    Some((((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0)))
}

/// The exact two-sided sign test: how likely a split at least as uneven is where both sides are as likely. `None` of
/// nothing.
pub(super) fn sign_test(wins: usize, losses: usize) -> Option<f64> {
    let num = wins + losses;
    if num == 0 {
        return None;
    }
    let of_all = ln_factorial(num) - num as f64 * std::f64::consts::LN_2;
    let tail: f64 = (0..=wins.min(losses)).map(|k| (of_all - ln_factorial(k) - ln_factorial(num - k)).exp()).sum();
    Some((2.0 * tail).min(1.0))
}

/// Cohen's kappa of two who sorted the same things: agreement beyond chance (Cohen, *A coefficient of agreement for
/// nominal scales*, 1960). `None` of nothing, and where chance alone would make them agree on all.
pub(super) fn kappa<T: PartialEq + Copy>(pairs: &[(T, T)], labels: &[T]) -> Option<f64> {
    let num = pairs.len() as f64;
    let observed = pairs.iter().filter(|(a, b)| a == b).count() as f64 / num;
    let share = |of: fn(&(T, T)) -> T, label: T| pairs.iter().filter(|pair| of(pair) == label).count() as f64 / num;
    let expected: f64 = labels.iter().map(|label| share(|pair| pair.0, *label) * share(|pair| pair.1, *label)).sum();
    (!pairs.is_empty() && expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, wanted: f64) {
        assert!((found.unwrap() - wanted).abs() < 1e-9, "{found:?} {wanted}");
    }

    /// statsmodels 0.14 `proportion_confint(…, method="wilson")`, scipy `binomtest`, scikit-learn `cohen_kappa_score`.
    #[test]
    fn they_are_those_of_the_references() {
        let (low, high) = wilson(27, 31).unwrap();
        close(Some(low), WILSON_27_31.0);
        close(Some(high), WILSON_27_31.1);
        assert_eq!((wilson(0, 0), sign_test(0, 0), kappa::<u8>(&[], &[1])), (None, None, None));
        close(sign_test(27, 4), SIGN_27_4);
        close(sign_test(5, 5), 1.0);
        close(sign_test(0, 6), 0.03125);
        let pairs: Vec<_> = [0, 0, 1, 2, 2, 1, 0, 3].into_iter().zip([0, 1, 1, 2, 0, 1, 0, 3]).collect();
        close(kappa(&pairs, &[0, 1, 2, 3]), KAPPA);
        assert_eq!(kappa(&[(1, 1), (1, 1)], &[1, 2]), None, "nothing beyond chance can be told");
    }

    const WILSON_27_31: (f64, f64) = (0.7114759374369357, 0.9486571562537085);
    const SIGN_27_4: f64 = 3.39532271027565e-05;
    const KAPPA: f64 = 0.6521739130434783;
}
