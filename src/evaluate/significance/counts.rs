//! Tests and intervals of what is counted: right or wrong, this or that.

use super::Z;

/// How likely chance alone brings `more` of one kind and `fewer` of the other, or something more uneven: the exact
/// two-sided binomial test of one half.
pub fn sign_test(more: u64, fewer: u64) -> f64 {
    let (num, fewer) = (more + fewer, more.min(fewer));
    let (mut log_choose, mut tail) = (0.0_f64, 0.0_f64);
    for k in 0..=fewer {
        if k > 0 {
            log_choose += ((num - k + 1) as f64 / k as f64).ln();
        }
        tail += (log_choose - num as f64 * std::f64::consts::LN_2).exp();
    }
    (2.0 * tail).min(1.0)
}

/// McNemar's exact test of paired answers: `got_right` were wrong before and right after, `went_wrong` the other way
/// round; the others say nothing of a change (McNemar 1947).
pub fn mcnemar(got_right: u64, went_wrong: u64) -> f64 {
    sign_test(got_right, went_wrong)
}

/// Wilson's 95 % interval of a share (Wilson 1927): right also where all or none are, unlike the bootstrap's.
pub fn wilson(right: u64, num: u64) -> (f64, f64) {
    if num == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (num as f64, right as f64 / num as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_as_in_the_tables() {
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-4, "{value}, not {expected}");
        // R: binom.test(5, 5), binom.test(6, 6), binom.test(8, 10), binom.test(3, 6).
        near(sign_test(5, 0), 0.0625);
        near(sign_test(0, 6), 0.03125);
        near(sign_test(2, 8), 0.109_375);
        near(sign_test(3, 3), 1.0);
        near(sign_test(0, 0), 1.0);
        assert!(sign_test(3000, 2000) < 1e-9, "many answers");
        // R: prop.test without continuity correction.
        near(wilson(0, 10).1, 0.2775);
        near(wilson(10, 49).1, 0.3364);
        assert_eq!(wilson(0, 10).0, 0.0);
    }
}
