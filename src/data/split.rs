//! Which part of the data an example belongs to: seeded, with exact counts, and never the same prompt on both sides.
//!
//! Rows are assigned in groups that stay together: the copies of a prompt, or larger ones.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::example::first_bytes;
use super::{Example, Split};

/// Shares of the whole, the rest is for training; and how rows are assigned to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitSpec {
    pub validation: f64,
    pub test: f64,
    pub seed: u64,
    #[serde(default)]
    pub by: SplitBy,
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self { validation: 0.1, test: 0.1, seed: 42, by: SplitBy::Lot }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Prompt by prompt, by lot.
    #[default]
    Lot,
    /// By lot within each label, so that every part has its share of each.
    Label,
    /// By lot, whole groups at a time.
    Group(GroupBy),
    /// The newest are held out. Rows without a date count as older than those with one; equal ones go by the data's
    /// order, and so do all if none has a date.
    Newest,
    /// By what the imported file says; what it doesn't say, by lot.
    File,
}

impl SplitBy {
    /// `by lot`
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Lot => "by lot",
            Self::Label => "each label in its share",
            Self::Group(GroupBy::NearDuplicates) => "near-duplicates together",
            Self::Group(GroupBy::Source) => "each file together",
            Self::Group(GroupBy::Label) => "each label together",
            Self::Group(GroupBy::Tags) => "the same tags together",
            Self::Group(GroupBy::Named) => "the file's groups together",
            Self::Newest => "the newest held out",
            Self::File => "as the file says",
        }
    }
}

/// What makes a group that is not parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// Near-duplicates, as the last check found them.
    NearDuplicates,
    Source,
    Label,
    /// Rows with the same list of tags.
    Tags,
    /// Groups that the imported file names.
    Named,
}

/// What decides on a row's split; rows are in the data's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitRow {
    /// See [`prompt_key`].
    pub prompt: u64,
    /// Equal for rows with the same label; 0 for none.
    pub label: u64,
    /// Equal for rows that must not be parted.
    pub group: Option<u64>,
    /// It has its split already.
    pub given: Option<Split>,
    /// Later is larger.
    pub date: Option<i64>,
}

/// By keys that are hashes already.
type KeyMap<V> = HashMap<u64, V, BuildHasherDefault<KeyHasher>>;

#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, key: u64) {
        // Its first and last bits are what a map looks at.
        self.0 = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Gives each row a split. Rows with a given one keep it; copies of a prompt stay together, and so do groups if the spec
/// asks for it.
pub fn deal_rows(rows: &[SplitRow], spec: &SplitSpec) -> Vec<Split> {
    let given: Vec<_> = rows.iter().map(|row| row.given).collect();
    let prompts: Vec<_> = rows.iter().map(|row| row.prompt).collect();
    match spec.by {
        SplitBy::Lot | SplitBy::File => deal(&prompts, &given, spec),
        SplitBy::Group(_) => deal(&unite(rows), &given, spec),
        SplitBy::Label => deal_strata(rows, &prompts, &given, spec),
        SplitBy::Newest => {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_key(|at| rows[*at].date);
            deal_in_order(&order, &prompts, &given, spec)
        }
    }
}

/// A key for each row that is equal where prompts or groups are, also by way of other rows.
fn unite(rows: &[SplitRow]) -> Vec<u64> {
    let mut parents: Vec<usize> = (0..rows.len()).collect();
    let mut of_prompt = HashMap::new();
    let mut of_group = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        let same_prompt = *of_prompt.entry(row.prompt).or_insert(at);
        let same_group = row.group.map_or(at, |group| *of_group.entry(group).or_insert(at));
        for other in [same_prompt, same_group] {
            let (a, b) = (root(&mut parents, at), root(&mut parents, other));
            // The first row stands for all, so that keys depend on nothing else.
            parents[a.max(b)] = a.min(b);
        }
    }
    (0..rows.len()).map(|at| rows[root(&mut parents, at)].prompt).collect()
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}

/// Splits each label's rows by themselves. What rounding takes from one label, the next ones get.
fn deal_strata(rows: &[SplitRow], prompts: &[u64], given: &[Option<Split>], spec: &SplitSpec) -> Vec<Split> {
    let mut fixed = fixed_keys(prompts, given);
    // A prompt with several labels goes with the first.
    let mut label_of = HashMap::new();
    for row in rows {
        label_of.entry(row.prompt).or_insert(row.label);
    }
    let mut strata: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for (key, size) in free_groups(prompts, &fixed, spec.seed) {
        let label = label_of.get(&key).copied().unwrap_or_default();
        strata.entry(label).or_default().push((key, size));
    }
    let mut strata: Vec<_> = strata.into_values().collect();
    strata.shuffle(&mut ChaCha8Rng::seed_from_u64(spec.seed));
    let mut owed = [0.0; 2];
    let mut rng = ChaCha8Rng::seed_from_u64(spec.seed ^ 0x5eed);
    for groups in strata {
        let num: u64 = groups.iter().map(|(_, size)| size).sum();
        let room = stratum_counts(num, spec, &mut owed);
        place_groups(groups, room.map(|count| count as i64), &mut rng, &mut fixed);
    }
    apply(prompts, given, &fixed)
}

fn stratum_counts(num: u64, spec: &SplitSpec, owed: &mut [f64; 2]) -> [u64; 3] {
    let [_, validation, test] = shares(spec);
    let mut left = num;
    let mut counts = [0; 3];
    for (at, share) in [validation, test].into_iter().enumerate() {
        let quota = share * num as f64;
        owed[at] += quota;
        // What an earlier label had no room for must not make this one's share lopsided.
        counts[at + 1] = (owed[at].round().max(0.0) as u64).min(quota.ceil() as u64).min(left);
        owed[at] -= counts[at + 1] as f64;
        left -= counts[at + 1];
    }
    counts[0] = left;
    counts
}

/// Fills train, validation and test one after the other, in this order of the rows; a prompt is where its first copy
/// is.
fn deal_in_order(rows: &[usize], prompts: &[u64], given: &[Option<Split>], spec: &SplitSpec) -> Vec<Split> {
    let mut fixed = fixed_keys(prompts, given);
    let mut sizes: HashMap<u64, u64> = HashMap::new();
    let mut order = Vec::new();
    for key in rows.iter().map(|at| &prompts[*at]).filter(|key| !fixed.contains_key(*key)) {
        let size = sizes.entry(*key).or_default();
        if *size == 0 {
            order.push(*key);
        }
        *size += 1;
    }
    let [train, validation, _] = counts(sizes.values().sum(), spec);
    let mut num_placed = 0;
    for key in order {
        let split = match num_placed {
            n if n < train => Split::Train,
            n if n < train + validation => Split::Validation,
            _ => Split::Test,
        };
        num_placed += sizes.get(&key).copied().unwrap_or_default();
        fixed.insert(key, split);
    }
    apply(prompts, given, &fixed)
}

/// Equal for examples whose prompts differ only in case and white space; stable across versions.
pub fn prompt_key(example: &Example) -> u64 {
    let mut text = Vec::new();
    for message in example.prompt() {
        text.reserve(message.content.len() + 2);
        text.push(message.role as u8);
        for word in message.content.to_lowercase().split_whitespace() {
            text.extend_from_slice(word.as_bytes());
            text.push(b' ');
        }
    }
    first_bytes(Sha256::new_with_prefix(text))
}

/// Splits examples by their prompts.
pub fn split_examples(examples: &[Example], spec: &SplitSpec) -> Vec<Split> {
    let keys: Vec<_> = examples.iter().map(prompt_key).collect();
    deal(&keys, &vec![None; keys.len()], spec)
}

/// Gives each row a split. Rows with a `given` one keep it, rows with the same key stay together, and the counts of the
/// rest are the shares of `spec`, exactly, unless groups of equal keys are too large for that.
pub fn deal(keys: &[u64], given: &[Option<Split>], spec: &SplitSpec) -> Vec<Split> {
    let mut fixed = fixed_keys(keys, given);
    let groups = free_groups(keys, &fixed, spec.seed);
    let num_free = groups.iter().map(|(_, size)| size).sum();
    let room = counts(num_free, spec).map(|count| count as i64);
    let smallest = groups.last().map(|(key, _)| *key);
    place_groups(groups, room, &mut ChaCha8Rng::seed_from_u64(spec.seed ^ 0x5eed), &mut fixed);
    // Large groups may have left nothing to train on.
    if let Some(key) = smallest.filter(|_| !fixed.values().any(|split| *split == Split::Train)) {
        fixed.insert(key, Split::Train);
    }
    apply(keys, given, &fixed)
}

/// The split of each key that a row brings along.
fn fixed_keys(keys: &[u64], given: &[Option<Split>]) -> KeyMap<Split> {
    let mut fixed = KeyMap::default();
    for (key, split) in keys.iter().zip(given) {
        if let Some(split) = split {
            fixed.entry(*key).or_insert(*split);
        }
    }
    fixed
}

fn place_groups(groups: Vec<(u64, u64)>, mut room: [i64; 3], rng: &mut ChaCha8Rng, fixed: &mut KeyMap<Split>) {
    fixed.reserve(groups.len());
    for (key, size) in groups {
        let split = draw(&room, size as i64, rng);
        room[split as usize] -= size as i64;
        fixed.insert(key, split);
    }
}

fn apply(keys: &[u64], given: &[Option<Split>], fixed: &KeyMap<Split>) -> Vec<Split> {
    let of_key = |key: &u64| fixed.get(key).copied().unwrap_or(Split::Train);
    keys.iter().zip(given).map(|(key, given)| given.unwrap_or_else(|| of_key(key))).collect()
}

/// Keys that no given split fixes, with their number of rows: the largest first, for they are the hardest to place.
fn free_groups(keys: &[u64], fixed: &KeyMap<Split>, seed: u64) -> Vec<(u64, u64)> {
    let mut sizes: KeyMap<u64> =
        KeyMap::with_capacity_and_hasher(keys.len().saturating_sub(fixed.len()), Default::default());
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

/// The shares of train, validation and test, together 1.
fn shares(spec: &SplitSpec) -> [f64; 3] {
    let share = |share: f64| if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let validation = share(spec.validation);
    let test = share(spec.test).min(1.0 - validation);
    [(1.0 - validation - test).max(0.0), validation, test]
}

/// How many of `num` rows go into train, validation and test: by largest remainder, and never an empty train part.
pub fn counts(num: u64, spec: &SplitSpec) -> [u64; 3] {
    let quotas = shares(spec).map(|share| share * num as f64);
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
        SplitSpec { validation, test, seed, ..SplitSpec::default() }
    }

    fn by(by: SplitBy, validation: f64, test: f64, seed: u64) -> SplitSpec {
        SplitSpec { by, ..spec(validation, test, seed) }
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
        fn no_group_and_no_prompt_is_on_both_sides(
            rows in prop::collection::vec((0_u64..60, prop::option::of(0_u64..30)), 1..200), v in 0.0..0.4, seed: u64,
        ) {
            let rows: Vec<_> =
                rows.into_iter().map(|(prompt, group)| SplitRow { prompt, group, ..SplitRow::default() }).collect();
            let splits = deal_rows(&rows, &by(SplitBy::Group(GroupBy::NearDuplicates), v, v, seed));
            let mut prompts = HashMap::new();
            let mut groups = HashMap::new();
            for (row, split) in rows.iter().zip(&splits) {
                prop_assert_eq!(prompts.entry(row.prompt).or_insert(*split), split);
                if let Some(group) = row.group {
                    prop_assert_eq!(groups.entry(group).or_insert(*split), split);
                }
            }
            prop_assert!(splits.contains(&Split::Train));
        }

        #[test]
        fn every_label_has_its_share_to_within_one_row(
            labels in prop::collection::vec(0_u64..8, 1..300), v in 0.0..0.4, t in 0.0..0.4, seed: u64,
        ) {
            let rows: Vec<_> = labels
                .iter()
                .enumerate()
                .map(|(at, label)| SplitRow { prompt: at as u64, label: *label, ..SplitRow::default() })
                .collect();
            let splits = deal_rows(&rows, &by(SplitBy::Label, v, t, seed));
            let close = |count: u64, quota: f64| (count as f64 - quota).abs() <= 1.0 + 1e-6;
            for label in 0..8 {
                let of_label: Vec<_> =
                    splits.iter().zip(&labels).filter(|(_, l)| **l == label).map(|(s, _)| *s).collect();
                let num = of_label.len() as f64;
                let [_, validation, test] = tally(&of_label);
                prop_assert!(close(validation, v * num) && close(test, t * num), "{validation} {test} of {num}");
            }
            let [_, validation, test] = tally(&splits);
            let num = rows.len() as f64;
            prop_assert!(close(validation, v * num) && close(test, t * num), "{validation} {test} of {num}");
        }

        #[test]
        fn the_newest_are_held_out_and_a_prompt_stays_with_its_first_copy(
            rows in prop::collection::vec((0_u64..50, prop::option::of(0_i64..40)), 1..200), v in 0.0..0.4, t in 0.0..0.4,
        ) {
            let rows: Vec<_> =
                rows.into_iter().map(|(prompt, date)| SplitRow { prompt, date, ..SplitRow::default() }).collect();
            let splits = deal_rows(&rows, &by(SplitBy::Newest, v, t, 1));
            let mut in_time: Vec<_> = rows.iter().zip(&splits).collect();
            // Rows without a date are the oldest; equal ones stay in order.
            in_time.sort_by_key(|(row, _)| row.date.unwrap_or(-1));
            let mut first = HashMap::new();
            let mut newest = Split::Train;
            for (row, split) in in_time {
                let is_first = !first.contains_key(&row.prompt);
                prop_assert_eq!(first.entry(row.prompt).or_insert(*split), split);
                prop_assert!(!is_first || *split as u8 >= newest as u8, "it goes back in time");
                newest = if is_first { *split } else { newest };
            }
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
