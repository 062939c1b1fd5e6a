//! What the store tells and takes: plain data.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::data::{Example, Message, Split, import::SplitSpec};
use crate::recipe::{ModelRef, Recipe};

/// Whether an example takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExampleStatus {
    /// As imported.
    Ready,
    /// Changed by hand since.
    Edited,
    /// Kept, but in no split: not trained, not evaluated.
    SetAside,
}

/// A row of the examples table; texts are cut to 200 characters and line breaks are spaces.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleRow {
    pub id: i64,
    /// From 1, in the order of import.
    pub number: u64,
    pub split: Split,
    pub status: ExampleStatus,
    pub prompt: String,
    /// For a JSON object, its values separated by commas.
    pub answer: String,
    pub num_turns: usize,
}

/// One example in full.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredExample {
    pub id: i64,
    pub number: u64,
    pub split: Split,
    pub status: ExampleStatus,
    pub example: Example,
}

/// Which rows of the table are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExampleQuery {
    /// Words that must all occur in some turn, each as a prefix; empty for all.
    pub search: String,
    pub split: Option<Split>,
    /// Only those changed by hand.
    pub edited_only: bool,
    /// First row wanted, in the filtered order.
    pub offset: u64,
    pub limit: u64,
}

/// The answer to an [`ExampleQuery`].
#[derive(Debug, Clone, PartialEq)]
pub struct RowPage {
    pub query: ExampleQuery,
    /// Rows that match, in all.
    pub num_matching: u64,
    pub rows: Vec<ExampleRow>,
}

/// How many examples take part in each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitCounts {
    pub train: u64,
    pub validation: u64,
    pub test: u64,
    pub set_aside: u64,
    /// Of all of them, changed by hand.
    pub edited: u64,
}

impl SplitCounts {
    pub fn total(&self) -> u64 {
        self.train + self.validation + self.test + self.set_aside
    }
}

/// What is remembered for a project between starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub model: Option<ModelRef>,
    /// The form of the train screen; its data section is not used.
    pub recipe: Option<Recipe>,
}

/// A project at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectState {
    pub folder: PathBuf,
    /// The folder's name.
    pub name: String,
    pub counts: SplitCounts,
    /// The file that was imported last.
    pub source: Option<String>,
    /// In words, for the buttons' tooltips: "Undo edit of example 418".
    pub undo: Option<String>,
    pub redo: Option<String>,
    pub settings: Settings,
    /// Rises with every change of the examples; pages of an older one are stale.
    pub revision: u64,
    /// The example that the last edit, undo or redo of this session was about, if it was one and is there, so that the
    /// window can show it; the new one after `Insert` and `Duplicate`.
    pub last_changed: Option<i64>,
}

/// A change of the examples; each is one step of undo.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    SetMessages {
        id: i64,
        messages: Vec<Message>,
    },
    Insert {
        example: Example,
        split: Split,
    },
    Duplicate {
        id: i64,
    },
    Delete {
        ids: Vec<i64>,
    },
    SetSplit {
        ids: Vec<i64>,
        split: Split,
    },
    /// `Ready` for an example that was set aside brings it back into its split, still marked if it was edited.
    SetStatus {
        ids: Vec<i64>,
        status: ExampleStatus,
    },
    /// Deals all examples anew.
    Resplit {
        spec: SplitSpec,
    },
}

/// A run, as its folder tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The folder's name: `2026-11-22-3`.
    pub name: String,
    pub run_dir: PathBuf,
    pub model: ModelRef,
    pub recipe: Recipe,
    pub status: RunStatus,
    pub num_steps_done: usize,
    pub num_steps: usize,
    /// Of the base model, at step 0.
    pub first_eval_loss: Option<f64>,
    pub best_eval_loss: Option<f64>,
    pub best_step: Option<usize>,
    /// The best checkpoint, or else the last; a folder in PEFT's format.
    pub adapter: Option<PathBuf>,
    pub secs: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Completed,
    Stopped,
    /// It ended without saying so, or with an error; can go on from its last checkpoint if it has one.
    Interrupted,
}
