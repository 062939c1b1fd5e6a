//! What decides which tokens of an example a run is trained on, beside the example and the model's template.

use serde::{Deserialize, Serialize};

/// Which tokens the loss counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainOn {
    /// Every assistant turn, its end-of-turn token included.
    Assistant,
    /// Every token.
    All,
    /// The last assistant turn only.
    Last,
}

/// What becomes of an example that has more than `max_length` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// It is left out: nothing is ever trained that breaks off or begins in the middle.
    #[default]
    Drop,
    /// Its beginning is left off, so that the last answer stays.
    CutLeft,
    /// Its end is left off.
    CutRight,
    /// It becomes several examples of whole turns.
    Split,
}

impl TooLong {
    pub const ALL: [Self; 4] = [Self::Drop, Self::CutLeft, Self::CutRight, Self::Split];

    /// Continues "3 of 40 examples are longer than 512 tokens:".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Drop => "left out",
            Self::CutLeft => "cut at the beginning",
            Self::CutRight => "cut at the end",
            Self::Split => "split into parts",
        }
    }

    /// One sentence: what that does to the model.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::Drop => "What is longer than the limit is left out of training, and nothing of it is learned.",
            Self::CutLeft => {
                "Longer examples lose their beginning, and the model learns answers without all of the question."
            }
            Self::CutRight => "What is beyond the limit is cut off, and the model learns answers that break off.",
            Self::Split => {
                "Longer examples become several of whole turns; the later ones don't see the turns before them."
            }
        }
    }
}

/// The chat template that conversations are written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateChoice {
    /// The model's own; plain turns where it has none.
    #[default]
    Model,
    Chatml,
    Llama3,
    Gemma,
    Mistral,
    Phi,
    Alpaca,
    Zephyr,
    Plain,
}

/// What becomes of what answers think before they speak, between `<think>` and `</think>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// What the template does by itself; many leave out the thinking of all answers but the last.
    #[default]
    Template,
    /// It stays, in every answer.
    Keep,
    /// It is left out, and nothing is written in its place.
    Drop,
    /// It is left out, and an empty thought is in its place: some models' own form of answering without thinking.
    Empty,
}

/// How conversations become text, beside what the model's template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatFormat {
    pub chat_template: TemplateChoice,
    pub thinking: Thinking,
}

impl ChatFormat {
    /// Everything as the model's own template has it.
    pub const OF_MODEL: Self = Self { chat_template: TemplateChoice::Model, thinking: Thinking::Template };
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderSpec {
    pub train_on: TrainOn,
    pub max_length: usize,
    pub too_long: TooLong,
    #[serde(default)]
    pub format: ChatFormat,
}

impl RenderSpec {
    /// The answers of examples in full, however long they are.
    pub const WHOLE: Self = Self {
        train_on: TrainOn::Assistant,
        max_length: usize::MAX,
        too_long: TooLong::Drop,
        format: ChatFormat::OF_MODEL,
    };
}
