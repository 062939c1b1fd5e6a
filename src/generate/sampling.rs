//! How the next token is chosen.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::ops::inference;
use crate::ops::product::Isa;

/// How answers are sampled; the same settings and seed give the same answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 takes the likeliest token every time.
    pub temperature: f64,
    /// Samples from the smallest set of tokens whose probabilities reach this sum; 1 is all of them.
    pub top_p: f64,
    pub max_new_tokens: usize,
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, max_new_tokens: 128, seed: 42 }
    }
}

/// Chooses tokens by their logits.
pub struct Sampler {
    temperature: f64,
    top_p: f64,
    rng: ChaCha8Rng,
}

impl Sampler {
    pub fn new(sampling: &Sampling) -> Self {
        Self { temperature: sampling.temperature, top_p: sampling.top_p, rng: ChaCha8Rng::seed_from_u64(sampling.seed) }
    }

    /// The next token's id.
    pub fn sample(&mut self, logits: &[f32]) -> u32 {
        if self.temperature <= 0.0 {
            return argmax(logits);
        }
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| (f64::from(logit - max) / self.temperature).exp();
        let mut tokens: Vec<(usize, f64)> = logits.iter().map(|l| weight(*l)).enumerate().collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let total: f64 = tokens.iter().map(|(_, weight)| weight).sum();
        // The smallest set whose probabilities reach top_p (Holtzman et al. 2020); never empty.
        let mut kept = 0.0;
        let nucleus = tokens.iter().take_while(|(_, weight)| {
            let is_needed = kept < self.top_p * total;
            kept += weight;
            is_needed
        });
        let size = nucleus.count().max(1);
        let nucleus = &tokens[..size];
        let mut place = self.rng.random_range(0.0..1.0) * nucleus.iter().map(|(_, weight)| weight).sum::<f64>();
        for (token, weight) in nucleus {
            place -= weight;
            if place <= 0.0 {
                return *token as u32;
            }
        }
        nucleus[size - 1].0 as u32
    }
}

/// The index of the largest logit, the first of equal ones.
pub fn argmax(logits: &[f32]) -> u32 {
    inference::argmax(Isa::current(), logits) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(temperature: f64, top_p: f64, seed: u64) -> Vec<u32> {
        let mut sampler = Sampler::new(&Sampling { temperature, top_p, seed, ..Default::default() });
        (0..200).map(|_| sampler.sample(&[1.0, 3.0, 2.0, -5.0])).collect()
    }

    #[test]
    fn zero_is_greedy_and_a_seed_repeats() {
        assert!(draw(0.0, 1.0, 1).iter().all(|t| *t == 1));
        assert_eq!(draw(1.0, 1.0, 7), draw(1.0, 1.0, 7));
        assert_ne!(draw(1.0, 1.0, 7), draw(1.0, 1.0, 8));
    }

    #[test]
    fn the_nucleus_leaves_the_unlikely_out() {
        // Probabilities 0.09, 0.665, 0.245, 0.0002.
        assert!(draw(1.0, 0.6, 3).iter().all(|t| *t == 1));
        let two = draw(1.0, 0.9, 3);
        assert!(two.contains(&2) && two.iter().all(|t| *t == 1 || *t == 2));
        let share = draw(1.0, 1.0, 3).iter().filter(|t| **t == 1).count();
        assert!((110..160).contains(&share), "{share} of 200");
    }
}
