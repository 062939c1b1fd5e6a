//! Do the answers get worse? A batch, alone and with those just before it, against the reference.

use super::finding::{Behind, Kind, Test, Warning};
use super::level::FalseAlarms;
use super::permutation::p_value;
use super::{is_binary, mean};

/// What the latest batches together show, a single one may be too small for.
pub const NUM_LATELY: usize = 4;

/// Tests whether the batch's values are worse than the reference's; `earlier` are the batches before it, oldest first. Values
/// of right and wrong are compared by Fisher's exact test, others by a permutation test of their mean, both one-sided. Each
/// of the two questions gets half of what the batch may spend. Empty where there is nothing to compare.
pub fn performance(
    reference: &[f64],
    earlier: &[Vec<f64>],
    batch: &[f64],
    higher_is_better: bool,
    rate: FalseAlarms,
) -> Vec<Test> {
    if reference.is_empty() || batch.is_empty() {
        return Vec::new();
    }
    let level = rate.per_batch() / 2.0;
    let test = |kind, values: &[f64]| {
        let p_value = is_worse(reference, values, higher_is_better);
        Test { kind, reference: mean(reference), batch: mean(values), p_value, level, is_drift: p_value <= level }
    };
    let mut tests = vec![test(Kind::Answers, batch)];
    let before = &earlier[earlier.len().saturating_sub(NUM_LATELY - 1)..];
    if !before.is_empty() {
        let lately: Vec<f64> = before.iter().flatten().chain(batch).copied().collect();
        tests.push(test(Kind::AnswersLately, &lately));
    }
    tests
}

/// What is said where the answers of a batch, or those of the latest ones, are worse; `of` is where the reference is from.
pub fn warning(tests: &[Test], metric: &str, of: &str, is_share: bool, behind: Vec<Behind>) -> Option<Warning> {
    let test = tests.iter().find(|test| test.is_drift)?;
    let value = |value: f64| if is_share { format!("{:.1} %", 100.0 * value) } else { format!("{value:.3}") };
    let whose = match test.kind {
        Kind::AnswersLately => format!("Answers of the latest {NUM_LATELY} batches got worse"),
        _ => "Answers got worse".to_owned(),
    };
    let (now, before) = (value(test.batch), value(test.reference));
    let text = format!("{whose}: {metric} is {now} instead of {before} of {of}");
    Some(Warning { kind: test.kind, text, behind })
}

/// The one-sided p-value.
fn is_worse(reference: &[f64], values: &[f64], higher_is_better: bool) -> f64 {
    if is_binary(reference) && is_binary(values) {
        let num = |values: &[f64]| values.iter().filter(|value| (**value == 1.0) == higher_is_better).count();
        return fisher_less(num(values), values.len(), num(reference), reference.len());
    }
    let sign = if higher_is_better { -1.0 } else { 1.0 };
    let all = [reference, values].concat();
    p_value(reference.len(), values.len(), &mut |places| places.iter().map(|at| sign * all[*at]).sum())
}

/// Fisher's exact test, one-sided: the chance that of the batch's answers no more than `right` are right, were all answers
/// dealt into batch and reference by lot (the lower tail of the hypergeometric distribution; scipy's `fisher_exact` with
/// `alternative="less"`).
fn fisher_less(right: usize, num: usize, right_reference: usize, num_reference: usize) -> f64 {
    let ln_factorials: Vec<f64> = std::iter::once(0.0)
        .chain((1..=num + num_reference).scan(0.0, |sum, k| {
            *sum += (k as f64).ln();
            Some(*sum)
        }))
        .collect();
    let ln_choose = |n: usize, k: usize| ln_factorials[n] - ln_factorials[k] - ln_factorials[n - k];
    let all_right = right + right_reference;
    let fewest = all_right.saturating_sub(num_reference);
    let ln_all = ln_choose(num + num_reference, all_right);
    let chance = |k: usize| (ln_choose(num, k) + ln_choose(num_reference, all_right - k) - ln_all).exp();
    (fewest..=right).map(chance).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn fisher_s_test_is_scipy_s() {
        let near = |p: f64, expected: f64| assert!((p / expected - 1.0).abs() < 1e-9, "{p}, not {expected}");
        near(fisher_less(30, 60, 85, 100), 2.661_295_673_246_796_7e-6);
        near(fisher_less(51, 60, 85, 100), 0.585_137_724_004_493_3);
        near(fisher_less(0, 3, 3, 4), 0.114_285_714_285_714_27);
        near(fisher_less(5, 5, 3, 4), 1.0);
    }

    /// Values of so many answers, each right with this chance.
    fn answers(random: &mut ChaCha8Rng, num: usize, accuracy: f64) -> Vec<f64> {
        (0..num).map(|_| f64::from(random.random::<f64>() < accuracy)).collect()
    }

    /// The numbers of the batches with a warning, of ten, from 1.
    fn warned(reference: &[f64], batches: &[Vec<f64>], higher_is_better: bool) -> Vec<usize> {
        let rate = FalseAlarms::default();
        let is_warned = |at: usize| {
            let tests = performance(reference, &batches[..at], &batches[at], higher_is_better, rate);
            tests.iter().any(|test| test.is_drift)
        };
        (0..batches.len()).filter(|at| is_warned(*at)).map(|at| at + 1).collect()
    }

    #[test]
    fn labels_that_change_half_way_are_told_at_the_first_changed_batch() {
        let first_is_right = |seed: u64| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let reference = answers(&mut random, 100, 0.85);
            let batches: Vec<_> = (0..10)
                .map(|at| {
                    let num = random.random_range(60..=100);
                    answers(&mut random, num, if at < 5 { 0.85 } else { 0.45 })
                })
                .collect();
            warned(&reference, &batches, true).first() == Some(&6)
        };
        let num_right = (0..100).filter(|seed| first_is_right(*seed)).count();
        assert!(num_right >= 95, "{num_right} of 100");
    }

    #[test]
    fn without_change_hardly_ever_anything_is_told() {
        let of = |accuracy: f64, num_batches: usize, num_reference: usize| {
            let is_warned = |seed: u64| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let reference = answers(&mut random, num_reference, accuracy);
                let batches: Vec<_> = (0..num_batches).map(|_| answers(&mut random, 80, accuracy)).collect();
                !warned(&reference, &batches, true).is_empty()
            };
            (0..100).filter(|seed| is_warned(*seed)).count()
        };
        let ten = of(0.85, 10, 100);
        assert!(ten <= 5, "{ten} of 100 series of ten");
        // The whole of what is promised: fifty batches against one small reference, which they all share.
        let fifty = [0.85, 0.5].map(|accuracy| of(accuracy, 50, 60));
        assert!(fifty.iter().all(|num| *num <= 10), "{fifty:?} of 100 series of fifty");
    }

    #[test]
    fn slow_decline_shows_over_several_batches_and_gains_are_none() {
        let of = |accuracy: fn(usize) -> f64| {
            let is_warned = |seed: u64| {
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let reference = answers(&mut random, 300, 0.85);
                let batches: Vec<_> = (0..10).map(|at| answers(&mut random, 50, accuracy(at))).collect();
                !warned(&reference, &batches, true).is_empty()
            };
            (0..100).filter(|seed| is_warned(*seed)).count()
        };
        let (slow, better) = (of(|at| 0.85 - 0.03 * at as f64), of(|at| 0.85 + 0.01 * at as f64));
        assert!(slow >= 95 && better <= 1, "{slow} of 100 with a slow decline, {better} of 100 that get better");
    }

    #[test]
    fn other_measures_are_compared_by_their_mean_in_their_own_direction() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut losses = |num: usize, more: f64| (0..num).map(|_| random.random::<f64>() + more).collect::<Vec<_>>();
        let (reference, same, higher) = (losses(100, 0.0), losses(60, 0.0), losses(60, 0.4));
        assert_eq!(warned(&reference, &[same.clone(), higher.clone()], false), [2]);
        assert_eq!(warned(&reference, &[same, higher], true), [0_usize; 0]);
        assert!(performance(&[], &[], &[1.0], true, FalseAlarms::default()).is_empty());
        assert!(performance(&reference, &[], &[], true, FalseAlarms::default()).is_empty());
    }
}
