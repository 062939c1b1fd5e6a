//! Which part of the data an example belongs to: seeded, with exact counts, and never the same prompt on both sides.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::example::first_bytes;
use super::import::SplitSpec;
use super::{Example, Split};

/// Equal for examples whose prompts differ only in case and white space; stable across versions.
pub fn prompt_key(example: &Example) -> u64 {
    let mut hash = Sha256::new();
    for message in example.prompt() {
        hash.update([message.role as u8]);
        for word in message.content.to_lowercase().split_whitespace() {
            hash.update(word.as_bytes());
            hash.update(b" ");
        }
    }
    first_bytes(hash)
}

/// Deals examples by their prompts.
pub fn split_examples(examples: &[Example], spec: &SplitSpec) -> Vec<Split> {
    let keys: Vec<_> = examples.iter().map(prompt_key).collect();
    deal(&keys, &vec![None; keys.len()], spec)
}

/// Gives each row a split. Rows with a `given` one keep it, rows with the same key stay together, and the counts of the
/// rest are the shares of `spec`, exactly, unless groups of equal keys are too large for that.
pub fn deal(keys: &[u64], given: &[Option<Split>], spec: &SplitSpec) -> Vec<Split> {
    let mut fixed: HashMap<u64, Split> = HashMap::new();
    for (key, split) in keys.iter().zip(given) {
        if let Some(split) = split {
            fixed.entry(*key).or_insert(*split);
        }
    }
    let groups = free_groups(keys, &fixed, spec.seed);
    let num_free = groups.iter().map(|(_, size)| size).sum();
    let mut room = counts(num_free, spec).map(|count| count as i64);
    let mut rng = ChaCha8Rng::seed_from_u64(spec.seed ^ 0x5eed);
    for (key, size) in groups {
        let split = draw(&room, size as i64, &mut rng);
        room[split as usize] -= size as i64;
        fixed.insert(key, split);
    }
    let of_key = |key: &u64| fixed.get(key).copied().unwrap_or(Split::Train);
    keys.iter().zip(given).map(|(key, given)| given.unwrap_or_else(|| of_key(key))).collect()
}

/// Keys that no given split fixes, with their number of rows: the largest first, for they are the hardest to place.
fn free_groups(keys: &[u64], fixed: &HashMap<u64, Split>, seed: u64) -> Vec<(u64, u64)> {
    let mut sizes: HashMap<u64, u64> = HashMap::new();
    let mut groups = Vec::new();
    for key in keys.iter().filter(|key| !fixed.contains_key(*key)) {
        let size = sizes.entry(*key).or_default();
        if *size == 0 {
            groups.push((*key, 0));
        }
        *size += 1;
    }
    for (key, size) in &mut groups {
        *size = sizes.get(key).copied().unwrap_or_default();
    }
    groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    groups.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    groups
}

/// Draws a split as from a deck with `room` cards of each; a group that fits nowhere goes where most room is left.
fn draw(room: &[i64; 3], size: i64, rng: &mut ChaCha8Rng) -> Split {
    let fits = |split: &Split| room[*split as usize] >= size;
    let total: i64 = Split::ALL.iter().filter(|s| fits(s)).map(|s| room[*s as usize]).sum();
    if total == 0 {
        return Split::ALL.into_iter().rev().max_by_key(|s| room[*s as usize]).unwrap_or(Split::Train);
    }
    let mut card = rng.random_range(0..total);
    for split in Split::ALL.into_iter().filter(fits) {
        card -= room[split as usize];
        if card < 0 {
            return split;
        }
    }
    Split::Train
}

/// How many of `num` rows go into train, validation and test: by largest remainder, and never an empty train part.
pub fn counts(num: u64, spec: &SplitSpec) -> [u64; 3] {
    let share = |share: f64| if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let validation = share(spec.validation);
    let test = share(spec.test).min(1.0 - validation);
    let quotas = [1.0 - validation - test, validation, test].map(|share| share.max(0.0) * num as f64);
    // A quota such as 0.1 × 30 may come out a hair below the whole number that it is.
    let mut counts = quotas.map(|quota| (quota + 1e-9).floor() as u64);
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| (quotas[*b] - counts[*b] as f64).total_cmp(&(quotas[*a] - counts[*a] as f64)));
    for at in order.iter().cycle() {
        if counts.iter().sum::<u64>() >= num {
            break;
        }
        counts[*at] += 1;
    }
    if counts[0] == 0 && num > 0 {
        let largest = if counts[1] > counts[2] { 1 } else { 2 };
        counts[largest] -= 1;
        counts[0] = 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Message, Role};

    fn spec(validation: f64, test: f64, seed: u64) -> SplitSpec {
        SplitSpec { validation, test, seed }
    }

    fn tally(splits: &[Split]) -> [u64; 3] {
        Split::ALL.map(|split| splits.iter().filter(|s| **s == split).count() as u64)
    }

    #[test]
    fn counts_are_exact_and_train_is_never_empty() {
        let check = |num, validation, test, expected| assert_eq!(counts(num, &spec(validation, test, 1)), expected);
        check(0, 0.1, 0.1, [0, 0, 0]);
        check(1, 0.5, 0.5, [1, 0, 0]);
        check(2, 0.5, 0.5, [1, 1, 0]);
        check(5, 0.1, 0.1, [4, 1, 0]);
        check(10, 0.1, 0.1, [8, 1, 1]);
        check(30, 0.1, 0.1, [24, 3, 3]);
        check(10_003, 0.1, 0.1, [8_003, 1_000, 1_000]);
        check(4, 1.0, 1.0, [1, 3, 0]);
        check(7, f64::NAN, -3.0, [7, 0, 0]);
    }

    #[test]
    fn a_prompt_is_the_same_in_other_case_and_spacing_but_not_in_another_role() {
        let example = |role, text: &str, answer: &str| {
            Example::from(vec![Message::new(role, text), Message::new(Role::Assistant, answer)])
        };
        let key = prompt_key(&example(Role::User, "Where is\n my  CARD? ", "a"));
        assert_eq!(key, prompt_key(&example(Role::User, "where is my card?", "b")));
        assert_ne!(key, prompt_key(&example(Role::System, "where is my card?", "b")));
        assert_ne!(key, prompt_key(&example(Role::User, "whereis my card?", "b")));
    }

    #[test]
    fn a_given_split_takes_its_copies_along() {
        let given = [Some(Split::Test), None, None, Some(Split::Validation)];
        let splits = deal(&[7, 7, 8, 7], &given, &SplitSpec::default());
        assert_eq!(splits, [Split::Test, Split::Test, Split::Train, Split::Validation]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn different_prompts_are_dealt_exactly(num in 0_u64..300, v in 0.0..0.6, t in 0.0..0.6, seed: u64) {
            let keys: Vec<_> = (0..num).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
            let given = vec![None; keys.len()];
            let splits = deal(&keys, &given, &spec(v, t, seed));
            prop_assert_eq!(tally(&splits), counts(num, &spec(v, t, seed)));
            prop_assert_eq!(&splits, &deal(&keys, &given, &spec(v, t, seed)));
        }

        #[test]
        fn equal_prompts_stay_together(keys in prop::collection::vec(0_u64..40, 1..200), v in 0.0..0.4, seed: u64) {
            let splits = deal(&keys, &vec![None; keys.len()], &spec(v, v, seed));
            let mut seen = HashMap::new();
            for (key, split) in keys.iter().zip(&splits) {
                prop_assert_eq!(seen.entry(*key).or_insert(*split), split);
            }
            prop_assert!(splits.contains(&Split::Train));
        }
    }
}
