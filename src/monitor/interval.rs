//! Figures with their 95 % intervals.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A mean over examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As the evaluation calls it: `exact_match`.
    pub metric: String,
    pub value: f64,
    pub low: f64,
    pub high: f64,
    /// Examples that it is of.
    pub num: usize,
}

const NUM_RESAMPLES: usize = 2000;
const SEED: u64 = 17;

impl Figure {
    /// By Wilson's interval (1927) where all are right or wrong, else by the percentile bootstrap (Efron 1979; 2,000
    /// resamples). `None` without a value.
    pub fn of(metric: &str, values: impl IntoIterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().flatten().collect();
        if values.is_empty() {
            return None;
        }
        let num = values.len();
        let value = mean(&values);
        let (low, high) = if is_binary(&values) { wilson(value, num) } else { bootstrap(&values) };
        Some(Self { metric: metric.to_owned(), value, low, high, num })
    }
}

/// Right or wrong, and nothing in between.
pub fn is_binary(values: &[f64]) -> bool {
    values.iter().all(|value| *value == 0.0 || *value == 1.0)
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn wilson(p: f64, num: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let n = num as f64;
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() / (1.0 + Z * Z / n);
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

fn bootstrap(values: &[f64]) -> (f64, f64) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut resample = || {
        let sum: f64 = (0..values.len()).map(|_| values[random.random_range(0..values.len())]).sum();
        sum / values.len() as f64
    };
    let mut means: Vec<f64> = (0..NUM_RESAMPLES).map(|_| resample()).collect();
    means.sort_by(f64::total_cmp);
    (means[NUM_RESAMPLES / 40], means[NUM_RESAMPLES - 1 - NUM_RESAMPLES / 40])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_as_in_the_tables() {
        let near = |value: f64, expected: f64, by: f64| assert!((value - expected).abs() < by, "{value}, not {expected}");
        // statsmodels: proportion_confint(10, 49, method="wilson").
        let right = Figure::of("exact_match", (0..50).map(|at| (at > 0).then_some(f64::from(at <= 10)))).unwrap();
        near(right.value, 10.0 / 49.0, 1e-12);
        near(right.low, 0.114_822, 1e-5);
        near(right.high, 0.336_370, 1e-5);
        assert_eq!(right.num, 49);
        // The normal interval of 0..1 evenly spread: 0.5 ± 1.96·0.2887/√400.
        let even = Figure::of("f1", (0..400).map(|at| Some(f64::from(at) / 399.0))).unwrap();
        near(even.low, 0.4716, 0.004);
        near(even.high, 0.5284, 0.004);
        assert_eq!(Figure::of("f1", [None, None]), None);
    }
}
