//! What was measured, example by example. Figures are made of it by [`super::Findings`], so that another metric needs no
//! model.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::loss::MeanLoss;
use crate::render::Tally;

/// Everything that an evaluation measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// In the order they were asked for: the others are compared with the first.
    pub contenders: Vec<ContenderReport>,
    /// Those that at least one contender could be measured on.
    pub examples: Vec<ExampleResult>,
    pub secs: f64,
}

/// One model on all examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContenderReport {
    pub name: String,
    pub model: String,
    /// The SHA-256 of the adapter's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_sha256: Option<String>,
    /// None of a model behind an address: it gives no likelihoods.
    #[serde(flatten)]
    pub measured: Option<MeanLoss>,
    /// What became of all: how many were left out of the loss, cut or split.
    #[serde(default)]
    pub tally: Tally,
}

/// One example with what each contender made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExampleResult {
    /// [`crate::data::example::content_key`], in hexadecimal digits.
    pub key: String,
    /// Its line in the file, from 1.
    pub line: u64,
    /// The last user turn.
    pub prompt: String,
    /// Empty where there is no text to compare: the answer calls tools, or is still to be written.
    pub expected: String,
    /// The expected answer's length in the first contender's tokens.
    #[serde(default)]
    pub expected_tokens: usize,
    /// What the project says of it.
    #[serde(default, skip_serializing_if = "About::is_empty")]
    pub about: About,
    /// One for each contender.
    pub outcomes: Vec<Outcome>,
}

/// What a project says of an example: what the figures are sliced by.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// As the window numbers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The file that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The group that its file says it belongs to: such examples resemble each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `2026-11`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
}

impl About {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What one contender made of one example.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Mean cross-entropy per supervised token; none where it was left out of the loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Supervised tokens.
    pub num_tokens: usize,
    /// None where no answers were asked for, or the template refuses the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<GivenAnswer>,
    /// None where no likelihoods of labels were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelPick>,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GivenAnswer {
    pub text: String,
    /// 0 where it isn't known, as in reports of version 0.1.
    pub num_tokens: usize,
    /// Rather than by its length.
    pub ended_by_itself: bool,
    /// The geometric mean of its tokens' probabilities, 0 to 1; none where it isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// The likeliest of the labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelPick {
    pub label: String,
    /// Among the labels, 0 to 1.
    pub probability: f64,
}

impl EvaluationReport {
    /// The one that the others are compared with.
    pub fn before(&self) -> Option<&ContenderReport> {
        self.contenders.first()
    }

    /// The first that is compared with it.
    pub fn after(&self) -> Option<&ContenderReport> {
        self.contenders.get(1)
    }

    /// This one's contenders, then the other's, on the examples that both were measured on.
    pub fn joined_by(mut self, other: Self) -> Self {
        let mut of_other: HashMap<u64, Vec<Outcome>> =
            other.examples.into_iter().map(|example| (example.line, example.outcomes)).collect();
        self.examples.retain_mut(|example| match of_other.remove(&example.line) {
            Some(outcomes) => {
                example.outcomes.extend(outcomes);
                true
            }
            None => false,
        });
        self.contenders.extend(other.contenders);
        Self { secs: self.secs + other.secs, ..self }
    }

    pub fn has_answers(&self) -> bool {
        self.examples.iter().any(|example| example.outcomes.iter().any(|outcome| outcome.answer.is_some()))
    }
}

impl ContenderReport {
    pub fn loss(&self) -> Option<f64> {
        self.measured.map(|measured| measured.loss)
    }
}

impl ExampleResult {
    /// The project's number of it, else its line.
    pub fn shown_number(&self) -> u64 {
        self.about.number.unwrap_or(self.line)
    }

    /// How much the loss of another contender is above the first one's.
    pub fn loss_change(&self, contender: usize) -> Option<f64> {
        Some(self.outcomes.get(contender)?.loss? - self.outcomes.first()?.loss?)
    }

    /// A contender's answer.
    pub fn answer(&self, contender: usize) -> Option<&str> {
        Some(self.outcomes.get(contender)?.answer.as_ref()?.text.as_str())
    }
}
