//! How the next token is chosen.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::ops::inference;
use crate::ops::product::Isa;

/// How answers are sampled; the same settings and seed give the same answer.
///
/// The formulas and their order are those of Transformers' logits processors (`_get_logits_processor` of
/// `generation/utils.py`, 4.57): repetition penalty, temperature, `top_k`, `top_p`, `min_p`. Each looks only at what the
/// ones before it left. At temperature 0 the penalty alone has a say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 takes the likeliest token every time.
    pub temperature: f64,
    /// Samples from the smallest set of tokens whose probabilities reach this sum; 1 is all of them.
    pub top_p: f64,
    pub max_new_tokens: usize,
    pub seed: u64,
    /// Samples from this many of the likeliest tokens, and those as likely as the last of them; 0 is all.
    #[serde(default)]
    pub top_k: usize,
    /// Samples from tokens at least this share as likely as the likeliest; 0 is all.
    #[serde(default)]
    pub min_p: f64,
    /// Divides the logits of tokens that the prompt or the answer has already, or multiplies them where they are negative
    /// (Keskar et al. 2019, "CTRL"); 1 changes nothing.
    #[serde(default = "no_penalty")]
    pub repetition_penalty: f64,
    /// An answer ends before the first of these texts in it.
    #[serde(default)]
    pub stop: Vec<String>,
}

fn no_penalty() -> f64 {
    1.0
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            max_new_tokens: 128,
            seed: 42,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: no_penalty(),
            stop: Vec::new(),
        }
    }
}

impl Sampling {
    /// The highest temperature: beyond it, every token is as likely as any other.
    pub const MAX_TEMPERATURE: f64 = 100.0;
    /// The highest repetition penalty: beyond it, no token would come twice.
    pub const MAX_PENALTY: f64 = 100.0;

    /// Whether every token is the likeliest, so that the seed changes nothing.
    pub fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }

    /// Checks that answers can be made with these settings.
    ///
    /// # Errors
    /// A sentence that names the first value that can't be used, and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, max: f64| match (0.0..=max).contains(&value) {
            true => Ok(()),
            false => Err(format!("{name} is {value}, but must be from 0 to {max}")),
        };
        within("temperature", self.temperature, Self::MAX_TEMPERATURE)?;
        within("top_p", self.top_p, 1.0)?;
        within("min_p", self.min_p, 1.0)?;
        within("repetition_penalty", self.repetition_penalty, Self::MAX_PENALTY)?;
        if self.repetition_penalty == 0.0 {
            return Err("repetition_penalty is 0, but must be above 0 (1 is no penalty)".to_owned());
        }
        match self.stop.iter().any(String::is_empty) {
            true => Err("a stop string is empty, and would end every answer before it begins".to_owned()),
            false => Ok(()),
        }
    }
}

/// Chooses tokens by their logits.
pub struct Sampler {
    temperature: f64,
    top_p: f64,
    top_k: usize,
    min_p: f64,
    repetition_penalty: f32,
    /// Tokens that are penalised; empty without a penalty.
    seen: BTreeSet<u32>,
    rng: ChaCha8Rng,
}

impl Sampler {
    pub fn new(sampling: &Sampling) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            top_k: sampling.top_k,
            min_p: sampling.min_p,
            repetition_penalty: sampling.repetition_penalty as f32,
            seen: BTreeSet::new(),
            rng: ChaCha8Rng::seed_from_u64(sampling.seed),
        }
    }

    /// Takes notice of tokens that the prompt or the answer has.
    pub fn see(&mut self, tokens: &[u32]) {
        if self.repetition_penalty != 1.0 {
            self.seen.extend(tokens);
        }
    }

    /// The next token's id; the logits are the same afterwards.
    pub fn sample(&mut self, logits: &mut [f32]) -> u32 {
        if self.seen.is_empty() {
            return self.choose(logits);
        }
        let seen: Vec<usize> = self.seen.iter().map(|id| *id as usize).filter(|id| *id < logits.len()).collect();
        let before: Vec<f32> = seen.iter().map(|id| logits[*id]).collect();
        for id in &seen {
            let logit = &mut logits[*id];
            *logit = if *logit < 0.0 { *logit * self.repetition_penalty } else { *logit / self.repetition_penalty };
        }
        let token = self.choose(logits);
        seen.iter().zip(before).for_each(|(id, logit)| logits[*id] = logit);
        token
    }

    fn choose(&mut self, logits: &[f32]) -> u32 {
        if self.temperature <= 0.0 {
            return argmax(logits);
        }
        let mut ranked = Ranked::new(logits, self.temperature);
        let mut size = ranked.tokens.len();
        if let Some(last) = self.top_k.checked_sub(1).and_then(|last| ranked.get(last)) {
            size = ranked.count(self.top_k, |(_, weight)| weight >= last.1);
        }
        let mut total = ranked.sum(size);
        // The smallest set whose probabilities reach top_p (Holtzman et al. 2020); never empty.
        if self.top_p < 1.0 {
            let (needed, mut kept) = (self.top_p * total, 0.0);
            let nucleus = ranked.count(0, |(_, weight)| {
                let is_needed = kept < needed;
                kept += weight;
                is_needed
            });
            size = size.min(nucleus.max(1));
            total = ranked.sum(size);
        }
        if self.min_p > 0.0 {
            let least = self.min_p * ranked.get(0).map_or(0.0, |(_, weight)| weight);
            size = size.min(ranked.count(0, |(_, weight)| weight >= least).max(1));
            total = ranked.sum(size);
        }
        let mut place = self.rng.random_range(0.0..1.0) * total;
        let mut at = 0;
        while let Some((token, weight)) = ranked.get(at).filter(|_| at < size) {
            place -= weight;
            if place <= 0.0 || at + 1 == size {
                return token;
            }
            at += 1;
        }
        argmax(logits)
    }
}

/// Tokens by falling weight, sorted only as far as somebody looks: that is rarely far.
struct Ranked {
    tokens: Vec<(u32, f64)>,
    num_sorted: usize,
}

impl Ranked {
    /// How many tokens are sorted at first.
    const FIRST: usize = 64;

    fn new(logits: &[f32], temperature: f64) -> Self {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: &f32| (f64::from(logit - max) / temperature).exp();
        let tokens = logits.iter().enumerate().map(|(id, logit)| (id as u32, weight(logit))).collect();
        Self { tokens, num_sorted: 0 }
    }

    /// The token with the largest weight but `at`, and that weight.
    fn get(&mut self, at: usize) -> Option<(u32, f64)> {
        if at >= self.num_sorted && at < self.tokens.len() {
            let end = (at + 1).max(4 * self.num_sorted).max(Self::FIRST).min(self.tokens.len());
            let by_weight = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
            let (rest, num) = (&mut self.tokens[self.num_sorted..], end - self.num_sorted);
            if num < rest.len() {
                rest.select_nth_unstable_by(num, by_weight);
            }
            rest[..num].sort_unstable_by(by_weight);
            self.num_sorted = end;
        }
        self.tokens.get(at).copied()
    }

    /// The first `known` tokens and those after them that are as wanted, up to the first that isn't.
    fn count(&mut self, known: usize, mut is_wanted: impl FnMut((u32, f64)) -> bool) -> usize {
        let mut at = known;
        while self.get(at).is_some_and(&mut is_wanted) {
            at += 1;
        }
        at
    }

    /// The weight of the first `size` tokens, which are sorted unless they are all.
    fn sum(&self, size: usize) -> f64 {
        self.tokens[..size.min(self.tokens.len())].iter().map(|(_, weight)| weight).sum()
    }
}

/// The index of the largest logit, the first of equal ones.
pub fn argmax(logits: &[f32]) -> u32 {
    inference::argmax(Isa::current(), logits) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities 0.09, 0.665, 0.245, 0.0002.
    const LOGITS: [f32; 4] = [1.0, 3.0, 2.0, -5.0];

    fn draw(sampling: Sampling) -> Vec<u32> {
        let mut sampler = Sampler::new(&sampling);
        (0..200).map(|_| sampler.sample(&mut LOGITS.clone())).collect()
    }

    fn drawn(sampling: Sampling) -> BTreeSet<u32> {
        draw(sampling).into_iter().collect()
    }

    fn warm(seed: u64) -> Sampling {
        Sampling { temperature: 1.0, seed, ..Sampling::default() }
    }

    #[test]
    fn zero_is_greedy_and_a_seed_repeats() {
        assert!(draw(Sampling::default()).iter().all(|t| *t == 1));
        assert_eq!(draw(warm(7)), draw(warm(7)));
        assert_ne!(draw(warm(7)), draw(warm(8)));
    }

    #[test]
    fn each_setting_leaves_the_unlikely_out() {
        let share = draw(warm(3)).iter().filter(|t| **t == 1).count();
        assert!((110..160).contains(&share), "{share} of 200");
        let sets: [(Sampling, &[u32]); 8] = [
            (Sampling { top_p: 0.6, ..warm(3) }, &[1]),
            (Sampling { top_p: 0.9, ..warm(3) }, &[1, 2]),
            (Sampling { top_p: 0.0, ..warm(3) }, &[1]),
            (Sampling { top_k: 1, ..warm(3) }, &[1]),
            (Sampling { top_k: 3, temperature: 3.0, ..warm(3) }, &[0, 1, 2]),
            (Sampling { min_p: 0.2, ..warm(3) }, &[1, 2]),
            (Sampling { min_p: 1.0, ..warm(3) }, &[1]),
            // Of the two that top_k leaves, the first has 0.73.
            (Sampling { top_k: 2, top_p: 0.7, ..warm(3) }, &[1]),
        ];
        for (sampling, expected) in sets {
            assert_eq!(drawn(sampling.clone()), expected.iter().copied().collect(), "{sampling:?}");
        }
    }

    #[test]
    fn tokens_as_likely_as_the_last_of_top_k_stay() {
        let mut sampler = Sampler::new(&Sampling { top_k: 2, ..warm(1) });
        let found: BTreeSet<u32> = (0..300).map(|_| sampler.sample(&mut [1.0, 2.0, 1.0, 0.9, 1.0])).collect();
        assert_eq!(found, BTreeSet::from([0, 1, 2, 4]));
    }

    #[test]
    fn what_was_seen_is_penalised_as_transformers_does() {
        let mut sampler = Sampler::new(&Sampling { repetition_penalty: 2.0, ..Sampling::default() });
        let mut logits = [4.0, 3.0, -1.0, -1.5];
        assert_eq!(sampler.sample(&mut logits), 0);
        sampler.see(&[0, 0, 900]);
        assert_eq!(sampler.sample(&mut logits), 1, "4 becomes 2, however often it was seen");
        assert_eq!(logits, [4.0, 3.0, -1.0, -1.5], "the logits are the model's again");
        let mut negative = [-2.0, -1.5, -1.0, -3.0];
        sampler.see(&[2]);
        assert_eq!(sampler.sample(&mut negative), 1, "−1 becomes −2");
    }

    /// The whole list sorted and walked, as it is written down.
    fn plainly(logits: &[f32], sampling: &Sampling, rng: &mut ChaCha8Rng) -> u32 {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| (f64::from(logit - max) / sampling.temperature).exp();
        let mut tokens: Vec<(usize, f64)> = logits.iter().map(|l| weight(*l)).enumerate().collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if sampling.top_k > 0 {
            tokens.truncate(sampling.top_k);
        }
        let total: f64 = tokens.iter().map(|(_, weight)| weight).sum();
        let mut kept = 0.0;
        tokens.retain(|(_, weight)| {
            kept += weight;
            kept - weight < sampling.top_p * total
        });
        tokens.retain(|(_, weight)| *weight >= sampling.min_p);
        let mut place = rng.random_range(0.0..1.0) * tokens.iter().map(|(_, weight)| weight).sum::<f64>();
        for (token, weight) in &tokens {
            place -= weight;
            if place <= 0.0 {
                return *token as u32;
            }
        }
        tokens.last().unwrap().0 as u32
    }

    #[test]
    fn sorting_as_far_as_needed_chooses_as_sorting_all_does() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for case in 0..200 {
            let logits: Vec<f32> = (0..3000).map(|_| rng.random_range(-6.0..6.0)).collect();
            let sampling = Sampling {
                temperature: [0.3, 1.0, 2.0][case % 3],
                top_k: [0, 3, 70, 900][case % 4],
                top_p: [1.0, 0.95, 0.5][case / 4 % 3],
                min_p: [0.0, 0.05][case / 12 % 2],
                seed: case as u64,
                ..Sampling::default()
            };
            let expected = plainly(&logits, &sampling, &mut ChaCha8Rng::seed_from_u64(sampling.seed));
            assert_eq!(Sampler::new(&sampling).sample(&mut logits.clone()), expected, "{sampling:?}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_by_name() {
        assert_eq!(Sampling::default().check(), Ok(()));
        let default = Sampling::default;
        for (sampling, name) in [
            (Sampling { temperature: f64::NAN, ..default() }, "temperature"),
            (Sampling { temperature: -0.1, ..default() }, "temperature"),
            (Sampling { top_p: 1.1, ..default() }, "top_p"),
            (Sampling { min_p: -0.1, ..default() }, "min_p"),
            (Sampling { repetition_penalty: 0.0, ..default() }, "repetition_penalty"),
            (Sampling { repetition_penalty: f64::INFINITY, ..default() }, "repetition_penalty"),
            (Sampling { stop: vec![String::new()], ..default() }, "stop string"),
        ] {
            let message = sampling.check().unwrap_err();
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn settings_of_earlier_versions_still_read() {
        let old = r#"{"temperature":0.5,"top_p":0.9,"max_new_tokens":64,"seed":7}"#;
        let read: Sampling = serde_json::from_str(old).unwrap();
        let expected = Sampling { temperature: 0.5, top_p: 0.9, max_new_tokens: 64, seed: 7, ..Sampling::default() };
        assert_eq!(read, expected);
        assert!(serde_json::from_str::<Sampling>(r#"{"top_p":0.9,"max_new_tokens":64,"seed":7}"#).is_err());
    }
}
