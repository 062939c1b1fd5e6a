//! The ways to be rid of findings.

use serde::{Deserialize, Serialize};

/// A way to be rid of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The first of each group stays, and the others are deleted.
    KeepOne,
    /// Kept in the project, but in no split.
    SetAside,
    /// The text is mended.
    Repair,
    /// Replaced by what it was: `[email]`.
    Redact,
    /// All examples of a group go where the held-out one is.
    MoveToOneSplit,
    /// White space around the text goes.
    Trim,
}

impl Remedy {
    pub const ALL: [Self; 6] =
        [Self::KeepOne, Self::SetAside, Self::Repair, Self::Redact, Self::MoveToOneSplit, Self::Trim];

    /// The name on the command line and in files; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeepOne => "keep_one",
            Self::SetAside => "set_aside",
            Self::Repair => "repair",
            Self::Redact => "redact",
            Self::MoveToOneSplit => "move_to_one_split",
            Self::Trim => "trim",
        }
    }

    /// The words on a button.
    pub fn title(self) -> &'static str {
        match self {
            Self::KeepOne => "Keep one of each",
            Self::SetAside => "Set aside",
            Self::Repair => "Repair",
            Self::Redact => "Redact",
            Self::MoveToOneSplit => "Move to one split",
            Self::Trim => "Trim",
        }
    }
}
