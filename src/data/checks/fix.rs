//! What to do about findings: plain data, shown before it is done; the project makes one step of undo of it.

use serde::{Deserialize, Serialize};

use super::Check;
use crate::data::{Message, Split};
use crate::words::count;

/// A way to be rid of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Of each group, the first stays and the others are deleted.
    KeepOne,
    /// Kept in the project, but in no split.
    SetAside,
    /// The text is mended.
    Repair,
    /// Replaced by what it was: `[email]`.
    Redact,
    /// Of each group, all examples go where the held-out one is.
    MoveToOneSplit,
    /// White space around the text goes.
    Trim,
}

impl Remedy {
    pub const ALL: [Self; 6] =
        [Self::KeepOne, Self::SetAside, Self::Repair, Self::Redact, Self::MoveToOneSplit, Self::Trim];

    /// As the command line and files call it; never changes.
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

    /// On a button.
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

/// A remedy worked out for a check's findings: what would change. Examples that can't be mended are not among it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    pub check: Check,
    pub remedy: Remedy,
    pub changes: Vec<Change>,
}

/// What would become of one example.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub id: i64,
    /// From 1, as the table shows it.
    pub number: u64,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    SetMessages { before: Vec<Message>, after: Vec<Message> },
    Delete,
    SetAside,
    MoveTo { before: Split, after: Split },
}

impl Fix {
    /// Goes on after "Undo": "repair (broken JSON, 12 examples)".
    pub fn label(&self) -> String {
        let mut what = self.check.title().to_owned();
        what[..1].make_ascii_lowercase();
        let count = count(self.changes.len(), "example", "examples");
        format!("{} ({what}, {count})", self.remedy.title().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde() {
        for remedy in Remedy::ALL {
            assert_eq!(serde_json::to_value(remedy).unwrap(), remedy.name());
        }
    }
}
