//! When a session is decided, by a rule that holds however often one looks.
//!
//! The evidence against "both are preferred equally often" is the likelihood ratio of all win rates, weighted evenly,
//! against one half: with `w` wins and `l` losses, `2ⁿ · w! · l! / (n + 1)!` (Robbins, *Statistical methods related to the
//! law of the iterated logarithm*, 1970). Where there is no difference it is a martingale, so that it ever reaches 20 in at
//! most one of 20 sessions (Ville's inequality), wherever one stops.

use super::statistics::ln_factorial;

/// The evidence that decides: the inverse of an error of 5 %.
pub const LEAST_EVIDENCE: f64 = 20.0;

/// See the module; 1 before the first.
pub fn evidence(wins: usize, losses: usize) -> f64 {
    let num = wins + losses;
    (num as f64 * std::f64::consts::LN_2 + ln_factorial(wins) + ln_factorial(losses) - ln_factorial(num + 1)).exp()
}

/// Whether one of the two is preferred beyond doubt.
pub(super) fn is_decided(wins: usize, losses: usize) -> bool {
    evidence(wins, losses) >= LEAST_EVIDENCE
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_evidence_is_the_weighted_likelihood_ratio() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b, "{a} {b}");
        close(evidence(0, 0), 1.0);
        close(evidence(3, 1), 16.0 / 20.0);
        close(evidence(8, 0), 256.0 / 9.0);
        close(evidence(1, 3), evidence(3, 1));
        assert!(is_decided(8, 0) && is_decided(0, 8) && !is_decided(7, 0) && !is_decided(20, 15));
        assert_eq!(super::super::statistics::least_to_decide(), 8);
    }

    /// Follows every session of 400 prompts at once: the share that ever said "decided" without a difference.
    #[test]
    fn without_a_difference_looking_all_the_time_errs_in_less_than_one_of_twenty() {
        let (mut open, mut wrong) = (vec![1.0], 0.0);
        for num in 1..=400 {
            let mut next = vec![0.0; num + 1];
            for (wins, share) in open.iter().enumerate() {
                next[wins] += share / 2.0;
                next[wins + 1] += share / 2.0;
            }
            for (wins, share) in next.iter_mut().enumerate() {
                if is_decided(wins, num - wins) {
                    wrong += std::mem::take(share);
                }
            }
            open = next;
        }
        assert!((0.01..=0.05).contains(&wrong), "{wrong}");
    }

    #[test]
    fn of_a_hundred_sessions_without_a_difference_at_most_five_say_decided() {
        let ever_decided = |seed: u64, rate: f64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (mut wins, mut losses) = (0, 0);
            (0..200).any(|_| {
                // A fifth are ties.
                match rng.random::<f64>() {
                    at if at < 0.2 => {}
                    at if at < 0.2 + 0.8 * rate => wins += 1,
                    _ => losses += 1,
                }
                is_decided(wins, losses)
            })
        };
        let num = |rate: f64| (0..100).filter(|seed| ever_decided(*seed, rate)).count();
        assert!(num(0.5) <= 5, "{}", num(0.5));
        assert!(num(0.7) >= 90, "a difference is found: {}", num(0.7));
    }
}
