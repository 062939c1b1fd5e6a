//! What the store gives and takes: plain data.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data::checks::{Check, CheckCount};
use crate::data::{Example, Message, Role, Split, import::SplitSpec};
use crate::recipe::{ModelRef, Recipe, RenderSpec};
use crate::words::thousands;

/// Whether an example takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExampleStatus {
    /// Unchanged since the import.
    Ready,
    /// Changed by hand since.
    Edited,
    /// Kept, but in no split: not trained, not evaluated.
    SetAside,
}

/// Whether an example is in its split, and so trained on, evaluated, checked, counted and exported: this is the one
/// place that decides it, `TAKES_PART` in `store/codes.rs` says the same to the store.
pub fn takes_part(status: ExampleStatus, review: Review) -> bool {
    status != ExampleStatus::SetAside && review != Review::Rejected
}

/// What a reviewer said of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    #[default]
    Unreviewed,
    Accepted,
    /// Takes no part until the review is taken back.
    Rejected,
    /// To be looked at again; takes part all the same.
    Flagged,
}

impl Review {
    pub const ALL: [Self; 4] = [Self::Unreviewed, Self::Accepted, Self::Rejected, Self::Flagged];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreviewed => "unreviewed",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Flagged => "flagged",
        }
    }
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
    /// The answer; of a JSON object, its values separated by commas.
    pub answer: String,
    pub num_turns: usize,
    pub annotations: Annotations,
    /// What the last checks found, each once, what must be fixed first.
    pub findings: Vec<Check>,
}

impl ExampleRow {
    pub fn takes_part(&self) -> bool {
        takes_part(self.status, self.annotations.review)
    }
}

/// What is said about an example, beside what it says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    pub review: Review,
    pub label: Option<String>,
    /// What a second reviewer says; read with a single example only.
    pub second_label: Option<String>,
    /// Sorted.
    pub tags: Vec<String>,
    pub notes: String,
    /// The file that it came from.
    pub source: Option<String>,
    /// When it is from, where its file says so.
    pub date: Option<Timestamp>,
    /// What its file calls it; read with a single example only.
    pub row_id: Option<String>,
    /// The group that its file says it belongs to; read with a single example only.
    pub group: Option<String>,
    /// The length with the model of [`ProjectState::tokens_from`]; `None` until counted.
    pub num_tokens: Option<u32>,
    /// The loss under the model or run of [`ProjectState::loss_from`]; `None` until computed.
    pub loss: Option<f32>,
}

/// One example in full.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredExample {
    pub id: i64,
    pub number: u64,
    pub split: Split,
    pub status: ExampleStatus,
    pub example: Example,
    pub annotations: Annotations,
    /// Equal for the same content, wherever it is.
    pub content_key: u64,
}

impl StoredExample {
    pub fn takes_part(&self) -> bool {
        takes_part(self.status, self.annotations.review)
    }
}

/// How an example was before or after an entry of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Equal for what was done in one step.
    pub entry: i64,
    /// Milliseconds since 1970; not known for edits by version 0.1.
    pub at: Option<i64>,
    /// What was done: "edit of example 418".
    pub what: String,
    /// It was taken back, and could be made again.
    pub is_undone: bool,
    pub change: VersionChange,
}

#[derive(Debug, Clone, PartialEq)]
pub enum VersionChange {
    /// It came in, was made, or was brought back.
    Appeared,
    Removed,
    Messages {
        before: Vec<Message>,
        after: Vec<Message>,
    },
    /// Anything else, in words; empty for none.
    Field {
        name: &'static str,
        before: String,
        after: String,
    },
}

/// What the last checks were run on, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckedWith {
    /// The revision of the content; a later one means that it has changed since. In older projects it is missing, and
    /// counts as one that never comes.
    #[serde(default = "never")]
    pub content_revision: u64,
    /// The model's name, and what of the examples it was to train on; `None` without a model.
    pub model: Option<(String, RenderSpec)>,
    pub num_examples: u64,
    pub secs: f64,
    /// Not done, because they need a model.
    pub skipped: Vec<Check>,
}

fn never() -> u64 {
    u64::MAX
}

/// What the last checks found and still holds.
#[derive(Debug, Clone, PartialEq)]
pub struct LastChecks {
    pub with: CheckedWith,
    pub counts: Vec<CheckCount>,
    /// Checks that are off in this project.
    pub off: Vec<Check>,
    /// Examples with a finding that a person marked as no fault.
    pub not_faults: Vec<i64>,
}

/// What a new split would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitPreview {
    pub spec: SplitSpec,
    /// How many would be in each part, of those that take part.
    pub counts: [u64; 3],
    /// Held out now, and trained on then.
    pub num_into_training: u64,
    /// Examples with what the split goes by: a label, a group, a date, a part that the file named.
    pub num_known: u64,
    /// How many different ones of it there are.
    pub num_kinds: u64,
    /// The oldest date among those that would be held out; for a split by time only.
    pub held_out_since: Option<Timestamp>,
}

/// What is looked for in the turns' texts, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replacement {
    pub find: String,
    /// `$1` and `$name` stand for groups of a regular expression.
    pub with: String,
    pub is_regex: bool,
    pub ignores_case: bool,
    /// Only in turns of this role.
    pub role: Option<Role>,
}

/// What a [`Replacement`] would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacePreview {
    pub num_examples: u64,
    pub num_matches: u64,
    /// The first of them.
    pub turns: Vec<ReplacedTurn>,
    /// The examples that would change.
    pub ids: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedTurn {
    pub id: i64,
    pub number: u64,
    /// Index into the messages.
    pub turn: usize,
    pub before: String,
    pub after: String,
}

/// How many examples take part in each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SplitCounts {
    pub train: u64,
    pub validation: u64,
    pub test: u64,
    pub set_aside: u64,
    /// In review, and not set aside as well.
    pub rejected: u64,
    /// How many of all these were changed by hand.
    pub edited: u64,
    /// How many of those in training are to be looked at again.
    pub flagged: u64,
}

impl SplitCounts {
    pub fn total(&self) -> u64 {
        self.taking_part() + self.set_aside + self.rejected
    }

    pub fn taking_part(&self) -> u64 {
        self.train + self.validation + self.test
    }

    /// "1 rejected, 3 set aside": those that take no part, if there are any.
    pub fn left_out(&self) -> Option<String> {
        let told = |(num, what): (u64, &str)| (num > 0).then(|| format!("{} {what}", thousands(num)));
        let all: Vec<String> =
            [(self.rejected, "rejected"), (self.set_aside, "set aside")].into_iter().filter_map(told).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// What is remembered for a project between starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub model: Option<ModelRef>,
    /// The form of the train screen; its data section is not used.
    pub recipe: Option<Recipe>,
    /// The labels that answers may have, as the person says; empty for those that are found.
    pub labels: Vec<String>,
    /// The name that the person gave the project; empty for its folder's.
    pub name: String,
    /// It came with the program and nobody has made it theirs: what is imported may belong somewhere else.
    pub is_sample: bool,
}

/// A project at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectState {
    pub folder: PathBuf,
    /// It can only be looked at: its disk can't be written to.
    pub is_read_only: bool,
    /// The name that the person gave it, or else the folder's.
    pub name: String,
    pub counts: SplitCounts,
    /// The file that was imported last.
    pub source: Option<String>,
    /// In words, for the buttons' tooltips: "Undo edit of example 418".
    pub undo: Option<String>,
    pub redo: Option<String>,
    pub settings: Settings,
    /// The model whose tokens were counted, and the model or run whose losses were computed.
    pub tokens_from: Option<String>,
    pub loss_from: Option<String>,
    /// Examples that were found to be labelled or reviewed next, and that nobody has reviewed yet.
    pub num_queued: u64,
    /// Some examples say when they are from.
    pub has_dates: bool,
    /// Rises with every change of the examples; pages of an older one are stale.
    pub revision: u64,
    /// Rises with every edit, and not with what checks and models say of the examples.
    pub content_revision: u64,
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
    /// Splits all examples anew.
    Resplit {
        spec: SplitSpec,
    },
    /// Tags that take the place of those that they have.
    SetTags {
        ids: Vec<i64>,
        tags: Vec<String>,
    },
    AddTag {
        ids: Vec<i64>,
        tag: String,
    },
    RemoveTag {
        ids: Vec<i64>,
        tag: String,
    },
    SetNotes {
        id: i64,
        notes: String,
    },
    SetReview {
        ids: Vec<i64>,
        review: Review,
    },
    /// Where the label is the answer, or the answer is still empty, the answer changes with it.
    SetLabel {
        ids: Vec<i64>,
        label: Option<String>,
    },
    /// What a check found at these is not a fault, or is one after all.
    MarkFindings {
        check: Check,
        ids: Vec<i64>,
        is_fault: bool,
    },
    /// Switches a check; what one that is off finds is left out in this project.
    SwitchCheck {
        check: Check,
        is_on: bool,
    },
    ReplaceText {
        ids: Vec<i64>,
        replacement: Replacement,
    },
    /// All of them as one step; each finds what the one before left.
    Several {
        /// Continues "Undo": "redaction of 12 examples".
        label: String,
        edits: Vec<Edit>,
    },
}
