//! What is tested of a batch, and what is said of it.

use serde::{Deserialize, Serialize};

/// What may have drifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The answers of this batch.
    Answers,
    /// Those of the latest batches together.
    AnswersLately,
    /// The prompts' length in characters.
    Length,
    /// How often each label comes.
    Labels,
    /// Words that no training prompt has.
    NewWords,
    /// The base model's mean hidden state.
    Hidden,
}

impl Kind {
    pub fn title(self) -> &'static str {
        match self {
            Self::Answers => "Answers",
            Self::AnswersLately => "Answers of the latest batches",
            Self::Length => "Length of the prompts",
            Self::Labels => "Mix of labels",
            Self::NewWords => "New words",
            Self::Hidden => "Meaning of the prompts",
        }
    }

    /// The test and its source.
    pub fn method(self) -> &'static str {
        match self {
            Self::Answers | Self::AnswersLately => "Fisher's exact test, or a permutation test of the mean; one-sided",
            Self::Length => "Kolmogorov–Smirnov distance, permutation test",
            Self::Labels => "chi-square, permutation test",
            Self::NewWords => "mean share of new words, one-sided permutation test",
            Self::Hidden => "energy distance of the base model's mean hidden states, permutation test",
        }
    }

    pub fn is_of_inputs(self) -> bool {
        !matches!(self, Self::Answers | Self::AnswersLately)
    }
}

/// One test of one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    pub kind: Kind,
    /// The mean of the answers' measure; the median length in characters; the mean share of new words; for the mix of labels
    /// and for the hidden states, 0.
    pub reference: f64,
    /// What the batch has of it; for the mix of labels the total variation distance to the reference's, for hidden states the
    /// energy distance.
    pub batch: f64,
    pub p_value: f64,
    /// The p-value is held against it.
    pub level: f64,
    pub is_drift: bool,
}

/// Something that has drifted, and the examples behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    pub kind: Kind,
    /// A sentence.
    pub text: String,
    /// Those that contribute the most, first.
    pub behind: Vec<Behind>,
}

/// An example behind a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// Its place in the batch, from 0.
    pub row: usize,
    /// `3 new words: kuvert, porto, …`
    pub why: String,
}

/// Behind one warning, no more are named.
pub const MOST_BEHIND: usize = 20;
