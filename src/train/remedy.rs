//! What would make a run fit into the memory: changes of the recipe, each with what it would come to.

use super::memory::{Fit, MemoryEstimate};
use crate::recipe::params::{self, Value};
use crate::recipe::{GradientCheckpointing, Recipe};

/// One way to less memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    pub change: Change,
    /// Bytes of the run with it.
    pub total: u64,
    /// Whether the run then has room.
    pub fit: Fit,
}

/// See [`Remedy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Blocks are computed again on the way back.
    Checkpointing,
    /// The same step, in more and smaller batches.
    SmallerBatch {
        batch: usize,
        accumulation: usize,
    },
    /// Shorter examples; so many are longer.
    ShorterExamples {
        max_length: usize,
        num_longer: usize,
    },
    LowerRank {
        r: usize,
    },
}

impl Change {
    /// What is to be set, by the parameters' keys.
    pub fn values(self, recipe: &Recipe) -> Vec<(&'static str, Value)> {
        match self {
            Self::Checkpointing => {
                vec![("training.gradient_checkpointing", Value::Choice("true"))]
            }
            Self::SmallerBatch { batch, accumulation } => vec![
                ("training.per_device_train_batch_size", Value::Integer(batch as i64)),
                ("training.gradient_accumulation_steps", Value::Integer(accumulation as i64)),
            ],
            Self::ShorterExamples { max_length, .. } => {
                vec![("training.max_length", Value::Integer(max_length as i64))]
            }
            // The adapter keeps its weight.
            Self::LowerRank { r } => vec![
                ("lora.r", Value::Integer(r as i64)),
                ("lora.lora_alpha", Value::Float(recipe.lora.lora_alpha * r as f64 / recipe.lora.r.max(1) as f64)),
            ],
        }
    }

    /// The recipe with it; `None` where a value isn't allowed.
    pub fn applied(self, recipe: &Recipe) -> Option<Recipe> {
        let mut changed = recipe.clone();
        for (key, value) in self.values(recipe) {
            params::find(key)?.set(&mut changed, value).ok()?;
        }
        Some(changed)
    }
}

/// A remedy that saves less isn't worth its click.
const LEAST_SAVED: f64 = 0.03;

/// Lengths and ranks that are offered.
const LENGTHS: [usize; 8] = [2048, 1536, 1024, 768, 512, 384, 256, 128];
const RANKS: [usize; 5] = [64, 32, 16, 8, 4];

/// The ways to less memory, those that are enough by themselves first. `lengths` are the examples' tokens; `memory_of`
/// is the memory of a run with a recipe on examples of these lengths.
pub fn remedies(
    recipe: &Recipe,
    lengths: &[usize],
    now: &MemoryEstimate,
    memory_of: &dyn Fn(&Recipe, &[usize]) -> MemoryEstimate,
) -> Vec<Remedy> {
    if now.fit() == Fit::Fits {
        return Vec::new();
    }
    let training = &recipe.training;
    let longest = lengths.iter().copied().max().unwrap_or_default().min(training.max_length);
    let num_longer = |most: usize| lengths.iter().filter(|length| **length > most).count();
    let (batch, accumulation) = (training.per_device_train_batch_size, training.gradient_accumulation_steps);
    let batches = std::iter::successors(Some(batch / 2), |batch| Some(batch / 2)).take_while(|batch| *batch > 0);
    let kinds: [Vec<Change>; 4] = [
        vec![Change::Checkpointing; usize::from(training.gradient_checkpointing != GradientCheckpointing::On)],
        batches
            .map(|smaller| Change::SmallerBatch {
                batch: smaller,
                accumulation: (accumulation * batch).div_ceil(smaller),
            })
            .collect(),
        LENGTHS
            .into_iter()
            .filter(|length| *length < longest)
            .map(|max_length| Change::ShorterExamples { max_length, num_longer: num_longer(max_length) })
            .collect(),
        RANKS.into_iter().filter(|r| *r < recipe.lora.r).map(|r| Change::LowerRank { r }).collect(),
    ];
    let mut found: Vec<Remedy> = kinds
        .into_iter()
        .filter_map(|changes| {
            let tried = changes.into_iter().filter_map(|change| {
                let changed = change.applied(recipe)?;
                let memory = memory_of(&changed, &shortened(lengths, changed.training.max_length));
                Some(Remedy { change, total: memory.total(), fit: memory.fit() })
            });
            mildest(tried, now.total())
        })
        .collect();
    found.sort_by_key(|remedy| (remedy.fit, remedy.total));
    found
}

/// Examples longer than that are cut, split or left out: none has more tokens.
fn shortened(lengths: &[usize], max_length: usize) -> Vec<usize> {
    lengths.iter().map(|length| (*length).min(max_length)).collect()
}

/// The first that fits, else the one that saves the most.
fn mildest(tried: impl Iterator<Item = Remedy>, now: u64) -> Option<Remedy> {
    let mut best: Option<Remedy> = None;
    for remedy in tried {
        let is_better = best.as_ref().is_none_or(|best| (remedy.fit, remedy.total) < (best.fit, best.total));
        let fits = remedy.fit == Fit::Fits;
        if is_better {
            best = Some(remedy);
        }
        if fits {
            break;
        }
    }
    best.filter(|remedy| (remedy.total as f64) < (1.0 - LEAST_SAVED) * now as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::ModelRef;

    /// A run takes a byte for each token of a batch and for each rank, half of that with checkpointing.
    fn memory_of(recipe: &Recipe, lengths: &[usize], available: u64) -> MemoryEstimate {
        let longest = lengths.iter().copied().max().unwrap_or_default();
        let tokens = (longest * recipe.training.per_device_train_batch_size) as u64;
        let is_on = recipe.training.gradient_checkpointing == GradientCheckpointing::On;
        let activations = if is_on { tokens / 2 } else { tokens };
        MemoryEstimate { activations, adapter: recipe.lora.r as u64, available, ..MemoryEstimate::default() }
    }

    fn remedies_at(available: u64) -> Vec<Remedy> {
        let recipe = Recipe::new(ModelRef::Starter, "a".into());
        let of = |recipe: &Recipe, lengths: &[usize]| memory_of(recipe, lengths, available);
        let lengths = [900, 500, 100];
        remedies(&recipe, &lengths, &of(&recipe, &lengths), &of)
    }

    #[test]
    fn a_run_that_fits_needs_no_remedy() {
        assert_eq!(remedies_at(10_000), []);
    }

    #[test]
    fn the_mildest_change_of_each_kind_that_is_enough_comes_first() {
        // 8 · 900 tokens and a rank of 16.
        let told: Vec<_> = remedies_at(7000).into_iter().map(|remedy| (remedy.change, remedy.fit)).collect();
        assert_eq!(
            told,
            [
                (Change::Checkpointing, Fit::Fits),
                (Change::SmallerBatch { batch: 4, accumulation: 2 }, Fit::Fits),
                (Change::ShorterExamples { max_length: 512, num_longer: 1 }, Fit::Fits),
            ],
            "a lower rank saves next to nothing"
        );
    }

    #[test]
    fn what_is_not_enough_by_itself_is_offered_after_what_is() {
        let told = remedies_at(2200);
        assert_eq!(told[0].change, Change::ShorterExamples { max_length: 128, num_longer: 2 });
        assert_eq!(told[1].change, Change::SmallerBatch { batch: 2, accumulation: 4 });
        assert!(told[2].change == Change::Checkpointing && told[2].fit == Fit::TooLarge, "{told:?}");
    }

    #[test]
    fn a_lower_rank_keeps_the_weight_of_the_adapter() {
        let recipe = Recipe::new(ModelRef::Starter, "a".into());
        let changed = Change::LowerRank { r: 4 }.applied(&recipe).unwrap();
        assert_eq!((changed.lora.r, changed.lora.lora_alpha), (4, 8.0));
        let changed = Change::SmallerBatch { batch: 2, accumulation: 4 }.applied(&recipe).unwrap();
        assert_eq!(changed.training.per_device_train_batch_size, 2);
        assert_eq!(changed.training.gradient_accumulation_steps, 4);
        let on = Change::Checkpointing.applied(&recipe).unwrap();
        assert_eq!(on.training.gradient_checkpointing, GradientCheckpointing::On);
    }
}
