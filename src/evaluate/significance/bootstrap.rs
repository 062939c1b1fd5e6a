//! Intervals by drawing the examples anew (Efron 1979): the percentiles of many draws.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::evaluate::metrics::Scores;

const NUM_DRAWS: usize = 2000;

/// The numbers of an example that aren't 0, with their places: of many labels, an example has to do with two.
type Sparse = Vec<(usize, f64)>;

fn sparse(numbers: &[f64]) -> Sparse {
    numbers.iter().copied().enumerate().filter(|(_, number)| *number != 0.0).collect()
}

fn add_sparse(sums: &mut [f64], numbers: &Sparse) {
    numbers.iter().for_each(|(place, number)| sums[*place] += number);
}

/// The 95 % interval of the value. NaN where there is nothing.
pub fn interval(scores: &Scores, seed: u64) -> (f64, f64) {
    let known: Vec<Sparse> = scores.numbers.iter().flatten().map(|numbers| sparse(numbers)).collect();
    let draws = draw(known.len(), seed, |places| {
        let mut sums = vec![0.0; scores.width()];
        places.iter().for_each(|at| add_sparse(&mut sums, &known[*at]));
        scores.of_sums(&sums)
    });
    percentiles(draws)
}

/// The 95 % interval of the difference, `after − before`, over examples that both have; these are drawn in pairs.
pub fn difference(before: &Scores, after: &Scores, seed: u64) -> (f64, f64) {
    let pairs: Vec<(Sparse, Sparse)> =
        pairs(before, after).into_iter().map(|(before, after)| (sparse(before), sparse(after))).collect();
    let draws = draw(pairs.len(), seed, |places| {
        let (mut first, mut second) = (vec![0.0; before.width()], vec![0.0; after.width()]);
        for at in places {
            add_sparse(&mut first, &pairs[*at].0);
            add_sparse(&mut second, &pairs[*at].1);
        }
        after.of_sums(&second) - before.of_sums(&first)
    });
    percentiles(draws)
}

/// The numbers of examples that both have.
pub(super) fn pairs<'a>(before: &'a Scores, after: &'a Scores) -> Vec<(&'a [f64], &'a [f64])> {
    let both = before.numbers.iter().zip(&after.numbers);
    both.filter_map(|(before, after)| Some((before.as_deref()?, after.as_deref()?))).collect()
}

pub(super) fn add(sums: &mut [f64], numbers: &[f64]) {
    sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
}

/// Every draw has a stream of its own, so that the result doesn't depend on how many threads there are.
fn draw(num: usize, seed: u64, value: impl Fn(&[usize]) -> f64 + Sync) -> Vec<f64> {
    if num == 0 {
        return Vec::new();
    }
    let one = |number: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number as u64);
        let places: Vec<usize> = (0..num).map(|_| rng.random_range(0..num)).collect();
        value(&places)
    };
    (0..NUM_DRAWS).into_par_iter().map(one).filter(|value| value.is_finite()).collect()
}

/// The 2.5 % and the 97.5 % percentile, between neighbours in proportion, as NumPy's default.
fn percentiles(mut draws: Vec<f64>) -> (f64, f64) {
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * draws.len().saturating_sub(1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        match (draws.get(low), draws.get(high)) {
            (Some(low), Some(high)) => low + (high - low) * place.fract(),
            _ => f64::NAN,
        }
    };
    (at(0.025), at(0.975))
}
