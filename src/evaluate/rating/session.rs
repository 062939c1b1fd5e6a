//! What is rated: prompts with two answers each, in random order, the sides drawn by lot and balanced.

use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ratings::Which;
use super::{RatingError, statistics};
use crate::data::{Message, Split};
use crate::model::peft::WEIGHTS_FILE;
use crate::run::sha256_of;
use crate::words::count;

/// The version of the files' layout.
pub(super) const VERSION: u32 = 1;
/// Sides are balanced within this many prompts, so that a session that ends early is balanced, too (permuted blocks).
const BLOCK: usize = 6;

/// One of the two models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub name: String,
    /// A folder in PEFT's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<PathBuf>,
    /// The SHA-256 of its weights at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sha256: Option<String>,
}

impl Model {
    pub fn base(name: impl Into<String>) -> Self {
        Self { name: name.into(), adapter: None, adapter_sha256: None }
    }

    /// A model with the weights that the folder has now.
    ///
    /// # Errors
    /// [`RatingError::Io`] when they can't be read.
    pub fn tuned(name: impl Into<String>, adapter: &Path) -> Result<Self, RatingError> {
        let weights = adapter.join(WEIGHTS_FILE);
        let sum = sha256_of(&weights).map_err(RatingError::io(&weights))?;
        Ok(Self { name: name.into(), adapter: Some(adapter.to_owned()), adapter_sha256: Some(sum) })
    }

    /// Why these are not its weights any more, in words.
    pub fn change(&self) -> Option<String> {
        let (adapter, before) = (self.adapter.as_ref()?, self.adapter_sha256.as_ref()?);
        match sha256_of(&adapter.join(WEIGHTS_FILE)) {
            Ok(now) if now == *before => None,
            Ok(_) => Some(format!("the weights of {} were written anew", self.name)),
            Err(_) => Some(format!("the weights of {} are gone", self.name)),
        }
    }
}

/// A file that the prompts came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionData {
    pub path: PathBuf,
    pub sha256: String,
}

impl SessionData {
    /// The file as it is now.
    ///
    /// # Errors
    /// [`RatingError::Io`] when it can't be read.
    pub fn of(path: &Path) -> Result<Self, RatingError> {
        Ok(Self { path: path.to_owned(), sha256: sha256_of(path).map_err(RatingError::io(path))? })
    }
}

/// A prompt that both models have answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The project's example, where it is one.
    pub example: Option<i64>,
    pub split: Option<Split>,
    /// Everything before the answer.
    pub prompt: Vec<Message>,
    /// Descriptions of the tools that may be called.
    pub tools: Vec<Value>,
    pub expected: Option<String>,
    /// The first model's and the second's.
    pub answers: [String; 2],
}

/// A prompt of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    pub prompt: Vec<Message>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    pub answers: [String; 2],
    /// Whose answer is at the left.
    pub left: Which,
}

impl Item {
    pub fn answer(&self, of: Which) -> &str {
        &self.answers[of as usize]
    }

    pub fn left(&self) -> &str {
        self.answer(self.left)
    }

    pub fn right(&self) -> &str {
        self.answer(self.left.other())
    }
}

/// The first line of a session's file; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub version: u32,
    /// Its file's name without the ending.
    pub name: String,
    /// When it was made, with its time zone.
    pub at: String,
    pub seed: u64,
    /// The run that is rated, by the name of its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The first is the base model, or whichever the second is held against.
    pub models: [Model; 2],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<SessionData>,
    /// Prompts that were left out, because both answers are the same.
    #[serde(default)]
    pub num_same: usize,
    pub items: Vec<Item>,
}

impl Session {
    /// Draws at most `most` of the prompts, their order and their sides by lot. Each model is at the left in half of the
    /// prompts, or one more. Two answers that are the same can't be told apart: those are left out, and counted.
    ///
    /// # Errors
    /// [`RatingError::Nothing`] where no two answers differ.
    pub fn new(
        models: [Model; 2],
        answered: Vec<Answered>,
        most: Option<usize>,
        seed: u64,
    ) -> Result<Self, RatingError> {
        let num_answered = answered.len();
        let is_same = |answered: &Answered| answered.answers[0].trim() == answered.answers[1].trim();
        let mut different: Vec<_> = answered.into_iter().filter(|answered| !is_same(answered)).collect();
        let num_same = num_answered - different.len();
        if different.is_empty() {
            return Err(RatingError::Nothing(match num_answered {
                0 => "no prompt has two complete answers yet".to_owned(),
                _ => format!("both answers are the same to {}", count(num_answered, "prompt", "prompts")),
            }));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        different.shuffle(&mut rng);
        different.truncate(most.unwrap_or(usize::MAX).max(1));
        let sides = sides(different.len(), &mut rng);
        let item = |(answered, left): (Answered, Which)| {
            let Answered { example, split, prompt, tools, expected, answers } = answered;
            Item { example, split, prompt, tools, expected, answers, left }
        };
        Ok(Self {
            version: VERSION,
            name: String::new(),
            at: jiff::Zoned::now().to_string(),
            seed,
            run: None,
            models,
            data: None,
            num_same,
            items: different.into_iter().zip(sides).map(item).collect(),
        })
    }

    pub fn model(&self, which: Which) -> &Model {
        &self.models[which as usize]
    }

    /// The day that it was made: `21 November`.
    pub fn day(&self) -> String {
        match self.at.parse::<jiff::Zoned>() {
            Ok(at) => at.strftime("%-d %B").to_string(),
            Err(_) => self.name.clone(),
        }
    }

    /// How many more ratings that choose, all for one model, would settle it at least: a plan's lower bound.
    pub fn least_to_decide() -> usize {
        statistics::least_to_decide()
    }
}

/// Who is at the left, prompt by prompt.
fn sides(num: usize, rng: &mut ChaCha8Rng) -> Vec<Which> {
    // Of an odd number, one of the two has one more, by lot.
    let odd = if rng.random::<bool>() { Which::First } else { Which::Second };
    let mut sides = Vec::with_capacity(num);
    while sides.len() < num {
        let len = BLOCK.min(num - sides.len());
        let mut block: Vec<_> = (0..len).map(|at| if at % 2 == 0 { odd } else { odd.other() }).collect();
        block.shuffle(rng);
        sides.extend(block);
    }
    sides
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::Role;

    pub fn answered(num: usize) -> Vec<Answered> {
        let one = |n: usize| Answered {
            example: Some(n as i64),
            split: Some(if n.is_multiple_of(5) { Split::Test } else { Split::Validation }),
            prompt: vec![Message::new(Role::User, format!("question {n}"))],
            tools: Vec::new(),
            expected: Some(format!("after {n}")),
            answers: [format!("before {n}"), format!("after {n}")],
        };
        (1..=num).map(one).collect()
    }

    pub fn session(num: usize, seed: u64) -> Session {
        Session::new([Model::base("Base"), Model::base("Tuned")], answered(num), None, seed).unwrap()
    }

    #[test]
    fn sides_are_balanced_also_for_who_ends_early() {
        for (num, seed) in [(1, 1), (2, 2), (7, 3), (30, 4), (31, 5), (40, 6)] {
            let session = session(num, seed);
            let mut lead = 0_i64;
            for item in &session.items {
                lead += if item.left == Which::First { 1 } else { -1 };
                assert!(lead.abs() <= 3, "{num} prompts: {lead} ahead");
            }
            assert!(lead.abs() <= 1, "{num} prompts: {lead}");
        }
    }

    #[test]
    fn the_order_and_the_sides_are_of_the_seed() {
        let order = |seed| session(30, seed).items.iter().map(|i| (i.example, i.left)).collect::<Vec<_>>();
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut ids: Vec<_> = order(1).into_iter().filter_map(|(id, _)| id).collect();
        assert_ne!(ids, (1..=30).collect::<Vec<_>>(), "shuffled");
        ids.sort_unstable();
        assert_eq!(ids, (1..=30).collect::<Vec<_>>(), "each once");
        let lefts: Vec<_> = (1..=64).map(|seed| session(5, seed)).collect();
        let first = lefts.iter().filter(|s| s.items[0].left == Which::First).count();
        assert!((16..=48).contains(&first), "the first prompt's left is the first model in {first} of 64");
    }

    #[test]
    fn equal_answers_are_left_out_and_counted() {
        let mut given = answered(3);
        given[1].answers[0] = format!("{}\n", given[1].answers[1]);
        let models = [Model::base("a"), Model::base("b")];
        let session = Session::new(models.clone(), given.clone(), Some(9), 1).unwrap();
        assert_eq!((session.items.len(), session.num_same), (2, 1));
        given.retain(|answered| answered.example == Some(2));
        let error = Session::new(models.clone(), given, None, 1).unwrap_err().to_string();
        assert_eq!(error, "there is nothing to rate: both answers are the same to 1 prompt");
        let error = Session::new(models, Vec::new(), None, 1).unwrap_err().to_string();
        assert!(error.contains("no prompt has two complete answers yet"), "{error}");
    }
}
