//! The permutation test: how often a random deal of the same examples into reference and batch looks as different as the
//! one that was seen. Exact for any statistic, whatever the examples are like (Phipson & Smyth 2010, "Permutation p-values
//! should never be zero"); few draws where chance is plain (Besag & Clifford 1991, "Sequential Monte Carlo p-values").

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws at most: the smallest p-value is 1 in 20,001.
const MAX_DRAWS: u32 = 20_000;
/// So many deals as extreme as the observed one are enough to know that chance explains it.
const ENOUGH: u32 = 40;
/// The same examples give the same p-value every time.
const SEED: u64 = 17;

/// The p-value of a statistic that is large where batch and reference differ. It is given the places of the batch's
/// examples among all: those of the reference come first, `0..num_reference`.
pub fn p_value(num_reference: usize, num_batch: usize, statistic: &mut dyn FnMut(&[usize]) -> f64) -> f64 {
    let num = num_reference + num_batch;
    if num_reference == 0 || num_batch == 0 {
        return 1.0;
    }
    let mut places: Vec<usize> = (num_reference..num).chain(0..num_reference).collect();
    let observed = statistic(&places[..num_batch]);
    // Deals of the same value differ in their last digits, by the order of the sums.
    let at_least = observed - 1e-9 * observed.abs();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut num_extreme = 0;
    for draw in 1..=MAX_DRAWS {
        for at in 0..num_batch {
            places.swap(at, random.random_range(at..num));
        }
        num_extreme += u32::from(statistic(&places[..num_batch]) >= at_least);
        if num_extreme == ENOUGH {
            return f64::from(num_extreme) / f64::from(draw);
        }
    }
    f64::from(num_extreme + 1) / f64::from(MAX_DRAWS + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of the batch is large.
    fn of_means(reference: &[f64], batch: &[f64]) -> f64 {
        let all = [reference, batch].concat();
        p_value(reference.len(), batch.len(), &mut |places| places.iter().map(|at| all[*at]).sum())
    }

    #[test]
    fn a_p_value_is_the_share_of_deals_as_extreme() {
        // Of the 10 ways to choose 2 of 5 values, one has the sum 9, and two have at least 8.
        let near = |p: f64, expected: f64| assert!((p - expected).abs() < 0.03, "{p}, not {expected}");
        near(of_means(&[1.0, 2.0, 3.0], &[4.0, 5.0]), 0.1);
        near(of_means(&[1.0, 2.0, 4.0], &[3.0, 5.0]), 0.2);
        near(of_means(&[4.0, 5.0], &[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(of_means(&[1.0; 5], &[1.0; 5]), 1.0, "ties are as extreme");
        assert_eq!((of_means(&[], &[1.0]), of_means(&[1.0], &[])), (1.0, 1.0));
        let far = of_means(&[0.0; 60], &[1.0; 30]);
        assert_eq!(far, 1.0 / 20_001.0);
        assert_eq!(far, of_means(&[0.0; 60], &[1.0; 30]), "the same every time");
    }

    #[test]
    fn under_the_null_p_values_are_spread_evenly() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut draw = |num: usize| (0..num).map(|_| random.random::<f64>()).collect::<Vec<_>>();
        let p_values: Vec<f64> = (0..400).map(|_| of_means(&draw(40), &draw(20))).collect();
        for level in [0.05, 0.25, 0.5] {
            let share = p_values.iter().filter(|p| **p <= level).count() as f64 / 400.0;
            let error = 3.0 * (level * (1.0 - level) / 400.0_f64).sqrt();
            assert!((share - level).abs() < error, "{share} at {level}");
        }
    }
}
