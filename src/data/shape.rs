//! The shapes of rows, and the kinds of file that they are written in.

use serde::{Deserialize, Serialize};

/// How a row says its example, the same whether it is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `{"messages": [{"role", "content"}]}`
    OpenAiMessages,
    /// `{"conversations": [{"from", "value"}]}`
    ShareGpt,
    /// `{"conversation": [{"human", "assistant"}]}`, or lists of two texts, or texts in turn
    Pairs,
    /// `{"contents": [{"role", "parts": [{"text"}]}], "systemInstruction"}`
    Gemini,
    /// `{"instruction", "input", "output"}`
    Alpaca,
    /// `{"prompt", "completion"}`, as text or as messages
    PromptCompletion,
    /// `{"query", "response", "history", "rejected_response"}`
    QueryResponse,
    /// `{"prompt", "chosen", "rejected"}`, as text or as messages; also `{"input", "preferred_output",
    /// "non_preferred_output"}`
    Preference,
    /// `{"text"}` with a whole conversation as a chat template writes it
    Rendered,
    /// Rows with named columns (CSV, TSV, or JSON objects of no known shape); needs a [`Mapping`](super::mapping::Mapping).
    Columns,
}

impl Shape {
    /// "Alpaca instructions"
    pub fn in_words(self) -> &'static str {
        match self {
            Self::OpenAiMessages => "OpenAI messages",
            Self::ShareGpt => "ShareGPT conversations",
            Self::Alpaca => "Alpaca instructions",
            Self::PromptCompletion => "prompts and completions",
            Self::Preference => "preference pairs",
            Self::Pairs => "questions and answers in turn",
            Self::Gemini => "Gemini contents",
            Self::QueryResponse => "queries and responses",
            Self::Rendered => "conversations written out as text",
            Self::Columns => "columns",
        }
    }
}

/// What a file that is written is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A JSON object a line.
    JsonLines,
    /// A table of texts.
    Csv,
    /// A packed table whose cells may be lists.
    Parquet,
}

/// A shape in a kind of file: what an export writes. Each of [`Self::ALL`] can be imported again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileShape {
    pub shape: Shape,
    pub kind: FileKind,
}

impl FileShape {
    /// `{"messages": [{"role", "content"}], "tools": […]}`; holds everything.
    pub const OPENAI_MESSAGES: Self = Self::of(Shape::OpenAiMessages, FileKind::JsonLines);
    /// Rows have `messages`, a list of roles and texts.
    pub const OPENAI_MESSAGES_PARQUET: Self = Self::of(Shape::OpenAiMessages, FileKind::Parquet);
    /// `{"conversations": [{"from", "value"}]}`
    pub const SHAREGPT: Self = Self::of(Shape::ShareGpt, FileKind::JsonLines);
    /// `{"instruction", "input", "output", "system", "history"}`
    pub const ALPACA: Self = Self::of(Shape::Alpaca, FileKind::JsonLines);
    /// `{"prompt", "completion"}`, as texts where that is enough, otherwise as turns.
    pub const PROMPT_COMPLETION: Self = Self::of(Shape::PromptCompletion, FileKind::JsonLines);
    /// `{"prompt", "chosen", "rejected"}`
    pub const PREFERENCE: Self = Self::of(Shape::Preference, FileKind::JsonLines);
    /// Columns `prompt`, `completion` and `system`.
    pub const PROMPT_COMPLETION_CSV: Self = Self::of(Shape::PromptCompletion, FileKind::Csv);
    /// Columns `text` and `label`.
    pub const TEXT_LABEL_CSV: Self = Self::of(Shape::Columns, FileKind::Csv);

    pub const ALL: [Self; 8] = [
        Self::OPENAI_MESSAGES,
        Self::OPENAI_MESSAGES_PARQUET,
        Self::SHAREGPT,
        Self::ALPACA,
        Self::PROMPT_COMPLETION,
        Self::PREFERENCE,
        Self::PROMPT_COMPLETION_CSV,
        Self::TEXT_LABEL_CSV,
    ];

    const fn of(shape: Shape, kind: FileKind) -> Self {
        Self { shape, kind }
    }

    /// The name on the command line; empty for what is not written.
    pub fn name(self) -> &'static str {
        match self {
            Self::OPENAI_MESSAGES => "openai-messages",
            Self::OPENAI_MESSAGES_PARQUET => "openai-messages-parquet",
            Self::SHAREGPT => "sharegpt",
            Self::ALPACA => "alpaca",
            Self::PROMPT_COMPLETION => "prompt-completion",
            Self::PREFERENCE => "preference",
            Self::PROMPT_COMPLETION_CSV => "prompt-completion-csv",
            Self::TEXT_LABEL_CSV => "text-label-csv",
            _ => "",
        }
    }

    /// The ending of its files.
    pub fn extension(self) -> &'static str {
        match self.kind {
            FileKind::JsonLines => "jsonl",
            FileKind::Csv => "csv",
            FileKind::Parquet => "parquet",
        }
    }

    /// Whether its files may be packed; Parquet packs its columns itself.
    pub fn is_text(self) -> bool {
        self.kind != FileKind::Parquet
    }

    /// The columns of a table, without split and date.
    pub fn columns(self) -> Option<&'static [&'static str]> {
        match self {
            Self::PROMPT_COMPLETION_CSV => Some(&["prompt", "completion", "system"]),
            Self::TEXT_LABEL_CSV => Some(&["text", "label"]),
            _ => None,
        }
    }
}
