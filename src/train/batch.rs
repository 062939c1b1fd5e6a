//! Rendered examples in batches: tokens of all sequences back to back, without padding.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::render::Rendered;
use crate::model::Supervised;
use crate::ops::Segments;
use crate::recipe::Training;

/// What goes through the model at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[num_tokens]`
    pub ids: Vec<u32>,
    pub segments: Segments,
    /// The rows whose next token counts.
    pub rows: Vec<u32>,
    /// The token after each of those rows.
    pub targets: Vec<u32>,
}

impl Batch {
    pub fn new<'a>(samples: impl IntoIterator<Item = &'a Rendered>) -> Self {
        let (mut ids, mut lengths, mut rows, mut targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for sample in samples {
            let start = ids.len();
            for (i, _) in sample.is_trained.iter().enumerate().filter(|(i, trained)| **trained && *i > 0) {
                rows.push((start + i - 1) as u32);
                targets.push(sample.ids[i]);
            }
            ids.extend_from_slice(&sample.ids);
            lengths.push(sample.ids.len());
        }
        Self { ids, segments: Segments::from_lengths(lengths), rows, targets }
    }

    /// As the model takes it.
    pub fn supervised(&self) -> Supervised<'_> {
        Supervised { ids: &self.ids, segments: &self.segments, rows: &self.rows, targets: &self.targets }
    }
}

/// The order in which a run goes through its examples: the same for the same recipe, and known for any step without
/// having done the steps before it.
#[derive(Debug, Clone)]
pub struct Order {
    /// Examples that share a row: one each, or several with packing.
    packs: Vec<Vec<usize>>,
    batch_size: usize,
    gradient_accumulation_steps: usize,
    shuffle: bool,
    seed: u64,
}

impl Order {
    /// `lengths` are the examples' tokens.
    pub fn new(lengths: &[usize], training: &Training) -> Self {
        let packs = if training.packing {
            pack(lengths, training.max_length)
        } else {
            (0..lengths.len()).map(|i| vec![i]).collect()
        };
        Self {
            packs,
            batch_size: training.per_device_train_batch_size,
            gradient_accumulation_steps: training.gradient_accumulation_steps,
            shuffle: training.shuffle,
            seed: training.seed,
        }
    }

    /// Tokens that a micro-batch may have at most: those of the longest rows together.
    pub fn most_tokens(&self, lengths: &[usize]) -> usize {
        let mut rows: Vec<usize> = self.packs.iter().map(|row| row.iter().map(|&i| lengths[i]).sum()).collect();
        rows.sort_unstable_by(|a, b| b.cmp(a));
        rows.iter().take(self.batch_size).sum()
    }

    /// The last step of an epoch may be smaller; it is not dropped.
    pub fn steps_per_epoch(&self) -> usize {
        self.packs.len().div_ceil(self.batch_size).div_ceil(self.gradient_accumulation_steps)
    }

    /// As Transformers counts: `max_steps`, or `ceil(epochs · steps per epoch)`.
    pub fn num_steps(&self, training: &Training) -> usize {
        match usize::try_from(training.max_steps) {
            Ok(steps) if steps > 0 => steps,
            _ => (training.num_train_epochs * self.steps_per_epoch() as f64).ceil() as usize,
        }
    }

    /// The examples of every micro-batch of a step, counted from 0.
    pub fn step(&self, step: usize) -> Vec<Vec<usize>> {
        let (epoch, step) = (step / self.steps_per_epoch().max(1), step % self.steps_per_epoch().max(1));
        let mut order: Vec<usize> = (0..self.packs.len()).collect();
        if self.shuffle {
            // A stream for each epoch: a resumed run needs no state to find its place.
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(epoch as u64);
            order.shuffle(&mut rng);
        }
        let per_step = self.batch_size * self.gradient_accumulation_steps;
        let rows = order[(step * per_step).min(order.len())..((step + 1) * per_step).min(order.len())].to_vec();
        rows.chunks(self.batch_size)
            .map(|rows| rows.iter().flat_map(|row| self.packs[*row].iter().copied()).collect())
            .collect()
    }
}

/// Best fit, the longest first: each example goes where the least room is left over.
fn pack(lengths: &[usize], max_length: usize) -> Vec<Vec<usize>> {
    let mut longest_first: Vec<usize> = (0..lengths.len()).collect();
    longest_first.sort_by_key(|&i| (std::cmp::Reverse(lengths[i]), i));
    let mut packs: Vec<Vec<usize>> = Vec::new();
    // Room left → packs with it.
    let mut rooms: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for example in longest_first {
        let length = lengths[example].min(max_length);
        let room = rooms.range(length..).next().map(|(room, _)| *room);
        let (pack, room) = match room.and_then(|room| Some((rooms.get_mut(&room)?.pop()?, room))) {
            Some(found) => found,
            None => {
                packs.push(Vec::new());
                (packs.len() - 1, max_length)
            }
        };
        if rooms.get(&room).is_some_and(Vec::is_empty) {
            rooms.remove(&room);
        }
        packs[pack].push(example);
        rooms.entry(room - length).or_default().push(pack);
    }
    packs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_epoch_sees_every_example_once_whatever_the_batches(
            lengths in prop::collection::vec(1usize..60, 1..80),
            batch_size in 1usize..9,
            accumulation in 1usize..5,
            packing: bool,
            shuffle: bool,
            epoch in 0usize..3,
        ) {
            let training = Training {
                per_device_train_batch_size: batch_size,
                gradient_accumulation_steps: accumulation,
                max_length: 64,
                packing,
                shuffle,
                ..Training::default()
            };
            let order = Order::new(&lengths, &training);
            let steps = order.steps_per_epoch();
            let mut seen = Vec::new();
            for step in epoch * steps..(epoch + 1) * steps {
                let micro_batches = order.step(step);
                let tokens = micro_batches.iter().map(|rows| rows.iter().map(|&i| lengths[i]).sum::<usize>());
                prop_assert!(tokens.max() <= Some(order.most_tokens(&lengths)));
                prop_assert!(!micro_batches.is_empty() && micro_batches.len() <= accumulation);
                seen.extend(micro_batches.concat());
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for row in &order.packs {
                prop_assert!(row.len() == 1 || row.iter().map(|&i| lengths[i]).sum::<usize>() <= 64);
            }
        }
    }

    #[test]
    fn epochs_differ_and_repeat_by_seed() {
        let order = Order::new(&[5; 40], &Training::default());
        assert_ne!(order.step(0), order.step(5));
        assert_eq!(order.step(7), Order::new(&[5; 40], &Training::default()).step(7));
    }

    #[test]
    fn rows_predict_the_token_after_them() {
        let a = Rendered { ids: vec![1, 2, 3], is_trained: vec![false, false, true], num_cut: 0 };
        let b = Rendered { ids: vec![4, 5], is_trained: vec![true, true], num_cut: 0 };
        let batch = Batch::new([&a, &b]);
        assert_eq!((batch.rows, batch.targets), (vec![1, 3], vec![3, 5]));
    }
}
