//! Would the difference be as large if before and after were swapped at random in each example? For means this is the
//! sign-flip test, for corpus scores approximate randomisation (Noreen 1989; Riezler and Maxwell 2005).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::bootstrap::{add, pairs};
use crate::evaluate::metrics::Scores;

const NUM_DRAWS: usize = 10_000;
/// Differences that are equal but for rounding count as equal.
const TOLERANCE: f64 = 1e-12;

/// The two-sided p-value, over examples that both have; 1 where there are none.
pub fn permutation_test(before: &Scores, after: &Scores, seed: u64) -> f64 {
    let pairs = pairs(before, after);
    let (mut first, mut second) = (vec![0.0; before.width()], vec![0.0; after.width()]);
    for (before, after) in &pairs {
        add(&mut first, before);
        add(&mut second, after);
    }
    let observed = (after.of_sums(&second) - before.of_sums(&first)).abs();
    if pairs.is_empty() || !observed.is_finite() {
        return 1.0;
    }
    // What a swap moves from one sum to the other, without the places that it leaves.
    let moves: Vec<Vec<(usize, f64)>> = pairs
        .iter()
        .map(|(before, after)| {
            let moved = before.iter().zip(*after).map(|(before, after)| after - before).enumerate();
            moved.filter(|(_, moved)| *moved != 0.0).collect()
        })
        .collect();
    let is_as_large = |number: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number as u64);
        let (mut first, mut second) = (first.clone(), second.clone());
        for moves in moves.iter().filter(|_| rng.random::<bool>()) {
            for (place, moved) in moves {
                first[*place] += moved;
                second[*place] -= moved;
            }
        }
        (after.of_sums(&second) - before.of_sums(&first)).abs() >= observed - TOLERANCE
    };
    let as_large = (0..NUM_DRAWS).into_par_iter().filter(|number| is_as_large(*number)).count();
    // The observed one is one of them.
    (as_large + 1) as f64 / (NUM_DRAWS + 1) as f64
}
