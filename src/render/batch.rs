//! Rendered examples in batches: tokens of all sequences back to back, without padding.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::Rendered;
use crate::model::Supervised;
use crate::ops::Segments;
use crate::recipe::Training;

/// A shorter beginning costs more to share than to compute.
const MIN_SHARED: usize = 8;

/// What goes through the model at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[num_rows]`
    pub ids: Vec<u32>,
    pub segments: Segments,
    /// The rows whose next token counts.
    pub rows: Vec<u32>,
    /// The id of the token after each of those rows.
    pub targets: Vec<u32>,
    /// Which sequence, in the order they were given, each of those rows is of.
    pub owners: Vec<u32>,
    /// The number of tokens of all sequences in full.
    pub num_tokens: usize,
}

/// How a batch lays out its sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// [`Batch::new`]
    Whole,
    /// [`Batch::compact`], with [`ModelSpec::switches_beyond`](crate::model::ModelSpec::switches_beyond).
    Compact(Option<usize>),
}

/// Sequences that begin with the same `shared` tokens.
struct Group<'a> {
    shared: usize,
    sequences: Vec<Sequence<'a>>,
}

#[derive(Clone, Copy)]
struct Sequence<'a> {
    /// Among those that were given.
    place: u32,
    sample: &'a Rendered,
    /// Those of its tokens that are needed.
    used: &'a [u32],
}

impl Batch {
    /// A batch with every token in a row of its own.
    pub fn new<'a>(samples: impl IntoIterator<Item = &'a Rendered>) -> Self {
        let samples: Vec<_> = samples.into_iter().collect();
        let whole =
            |(place, sample): (usize, &&'a Rendered)| Sequence { place: place as u32, sample, used: &sample.ids };
        let groups: Vec<_> =
            samples.iter().enumerate().map(|sequence| Group { shared: 0, sequences: vec![whole(sequence)] }).collect();
        Self::of(&groups, &samples)
    }

    /// A batch in a layout.
    pub fn laid_out<'a>(samples: impl IntoIterator<Item = &'a Rendered>, layout: Layout) -> Self {
        match layout {
            Layout::Whole => Self::new(samples),
            Layout::Compact(switches_beyond) => Self::compact(samples, switches_beyond),
        }
    }

    /// A batch with the same loss and gradients in fewer rows: a beginning that several sequences share, such as a
    /// system message, has its rows once, and what comes after the last token that counts has none. Where the model takes texts
    /// of more than `switches_beyond` tokens otherwise, those stay as long as that and share nothing with shorter ones.
    pub fn compact<'a>(samples: impl IntoIterator<Item = &'a Rendered>, switches_beyond: Option<usize>) -> Self {
        let samples: Vec<_> = samples.into_iter().collect();
        let is_long = |sample: &Rendered| switches_beyond.is_some_and(|most| sample.ids.len() > most);
        let needed = |(place, sample): (usize, &&'a Rendered)| {
            let last = sample.is_trained.iter().rposition(|trained| *trained).unwrap_or(0);
            let least = if is_long(sample) { switches_beyond.unwrap_or(0) + 1 } else { 0 };
            Sequence { place: place as u32, sample, used: &sample.ids[..last.max(least)] }
        };
        let (long, short): (Vec<_>, Vec<_>) =
            samples.iter().enumerate().map(needed).partition(|sequence| is_long(sequence.sample));
        let mut groups = Vec::new();
        for mut sequences in [short, long] {
            sequences.sort_by(|a, b| a.used.cmp(b.used));
            let beginnings: Vec<_> = sequences.iter().map(|sequence| sequence.used).collect();
            let mut rest = &sequences[..];
            for (size, shared) in groups_by_beginning(&beginnings) {
                let (group, others) = rest.split_at(size);
                groups.push(Group { shared, sequences: group.to_vec() });
                rest = others;
            }
        }
        Self::of(&groups, &samples)
    }

    fn of(groups: &[Group<'_>], samples: &[&Rendered]) -> Self {
        let (mut ids, mut rows, mut targets, mut owners) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for Group { shared, sequences } in groups {
            let first = ids.len();
            ids.extend(sequences.iter().take(1).flat_map(|sequence| &sequence.used[..*shared]));
            for Sequence { place, sample, used } in sequences {
                let start = ids.len();
                ids.extend_from_slice(&used[*shared..]);
                let row_of = |token: usize| if token < *shared { first + token } else { start + token - shared };
                for (i, _) in sample.is_trained.iter().enumerate().skip(1).filter(|(_, trained)| **trained) {
                    rows.push(row_of(i - 1) as u32);
                    targets.push(sample.ids[i]);
                    owners.push(*place);
                }
            }
        }
        let own = |group: &Group<'_>| group.sequences.iter().map(|s| s.used.len() - group.shared).collect::<Vec<_>>();
        let segments = Segments::sharing_prefixes(groups.iter().map(|group| (group.shared, own(group))));
        Self { ids, segments, rows, targets, owners, num_tokens: samples.iter().map(|sample| sample.ids.len()).sum() }
    }

    /// The batch as the model takes it.
    pub fn supervised(&self) -> Supervised<'_> {
        Supervised { ids: &self.ids, segments: &self.segments, rows: &self.rows, targets: &self.targets, dropout: None }
    }
}

/// Cuts sorted sequences into groups whose common beginnings save the most rows: the size of each group and the length
/// of what its sequences share.
fn groups_by_beginning(sorted: &[&[u32]]) -> Vec<(usize, usize)> {
    let common = |two: &[&[u32]]| two[0].iter().zip(two[1]).take_while(|(a, b)| a == b).count();
    let commons: Vec<usize> = sorted.windows(2).map(common).collect();
    // Rows saved in the first `end` sequences at best, and where the last group of that cut begins.
    let mut best = vec![(0, 0, 0)];
    for end in 1..=sorted.len() {
        let (mut shared, mut choice) = (0, (best[end - 1].0, end - 1, 0));
        for start in (0..end - 1).rev() {
            let next = commons[start];
            shared = if start + 2 == end { next } else { next.min(shared) };
            if shared < MIN_SHARED {
                break;
            }
            let saved = best[start].0 + (end - start - 1) * shared;
            if saved > choice.0 {
                choice = (saved, start, shared);
            }
        }
        best.push(choice);
    }
    let mut groups = Vec::new();
    let mut end = sorted.len();
    while end > 0 {
        let (_, start, shared) = best[end];
        groups.push((end - start, shared));
        end = start;
    }
    groups.reverse();
    groups
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

    /// The number of steps, as Transformers counts: `max_steps`, or `ceil(epochs · steps per epoch)`.
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
        let a = Rendered { ids: vec![1, 2, 3], is_trained: vec![false, false, true] };
        let b = Rendered { ids: vec![4, 5], is_trained: vec![true, true] };
        let batch = Batch::new([&a, &b]);
        assert_eq!((batch.rows, batch.targets), (vec![1, 3], vec![3, 5]));
    }

    /// Sequences of few different tokens, so that many begin alike.
    fn samples() -> impl Strategy<Value = Vec<Rendered>> {
        let token = (0u32..3, any::<bool>());
        let tail = prop::collection::vec(token, 1..30);
        prop::collection::vec((0usize..25, tail), 1..12).prop_map(|tails| {
            let rendered = |(shared, tail): (usize, Vec<(u32, bool)>)| {
                let head = std::iter::repeat_n((7, false), shared);
                let (ids, is_trained) = head.chain(tail).unzip();
                Rendered { ids, is_trained }
            };
            tails.into_iter().map(rendered).collect()
        })
    }

    /// What each supervised row sees, itself included, what comes next, and whose it is.
    fn seen(batch: &Batch) -> Vec<(Vec<u32>, u32, u32)> {
        let sees = |row: usize| {
            let segment = batch.segments.iter().find(|segment| segment.rows.contains(&row)).unwrap();
            [&batch.ids[segment.prefix.clone()], &batch.ids[segment.rows.start..=row]].concat()
        };
        let rows = batch.rows.iter().zip(&batch.targets).zip(&batch.owners);
        let mut seen: Vec<_> = rows.map(|((row, target), owner)| (sees(*row as usize), *target, *owner)).collect();
        seen.sort();
        seen
    }

    proptest! {
        #[test]
        fn a_compact_batch_predicts_the_same_from_the_same(samples in samples()) {
            let (whole, compact) = (Batch::new(&samples), Batch::compact(&samples, None));
            prop_assert_eq!(seen(&whole), seen(&compact));
            prop_assert_eq!(compact.segments.num_tokens(), compact.ids.len());
            prop_assert!(compact.ids.len() <= whole.ids.len());
            prop_assert_eq!(whole.num_tokens, compact.num_tokens);
        }
    }

    #[test]
    fn what_sequences_share_has_its_rows_once() {
        let sample = |shared: u32, tail: u32| Rendered {
            ids: (0..20).map(|i| 100 * shared + i).chain([tail, 9]).collect(),
            is_trained: [[false; 21].as_slice(), &[true]].concat(),
        };
        let batch = Batch::compact(&[sample(1, 1), sample(2, 2), sample(1, 3), sample(2, 4), sample(3, 5)], None);
        assert_eq!((batch.num_tokens, batch.ids.len()), (110, 22 + 22 + 21));
    }
}
