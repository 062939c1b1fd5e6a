//! What each column is used for, and how columns become an example: the part of an import that can be kept and used again.

use serde::{Deserialize, Serialize};

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnRole {
    Unused,
    System,
    User,
    Assistant,
    /// Whether the answer is a good one; a bad one is kept, but not learned.
    Verdict,
    /// `train`, `validation` or `test`.
    Split,
    /// When it is from; see [`crate::data::date`].
    Date,
    /// What kind of example it is, beside the answer.
    Label,
    /// Rows of one group go into the same part of the data.
    Group,
    /// What the row is called where it comes from.
    Id,
    /// Something to know about the example that isn't trained.
    Note,
}

impl ColumnRole {
    pub const ALL: [Self; 11] = [
        Self::Unused,
        Self::System,
        Self::User,
        Self::Assistant,
        Self::Label,
        Self::Group,
        Self::Id,
        Self::Note,
        Self::Date,
        Self::Verdict,
        Self::Split,
    ];

    /// The name on the command line and in files of mappings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Verdict => "verdict",
            Self::Split => "split",
            Self::Date => "date",
            Self::Label => "label",
            Self::Group => "group",
            Self::Id => "id",
            Self::Note => "note",
        }
    }

    /// Reads a role's name, or another word that people use for it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "prompt" | "question" => Some(Self::User),
            "answer" => Some(Self::Assistant),
            _ => Self::ALL.into_iter().find(|role| role.as_str() == text),
        }
    }

    /// Several columns of this role are joined; of the others, the first counts.
    pub fn may_be_several(self) -> bool {
        matches!(self, Self::Unused | Self::System | Self::User | Self::Assistant | Self::Verdict | Self::Note)
    }
}

/// How columns become turns. Several columns of one role are joined by a line break, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Column name and role, in the file's order.
    pub columns: Vec<(String, ColumnRole)>,
    /// Put before every example; empty for none.
    pub system_message: String,
    /// The answer is one JSON object with the answer columns' names as keys, instead of their plain text.
    pub answer_as_json: bool,
    /// The prompt, with `{names}` of columns in it; empty where columns are joined by line breaks. See
    /// [`super::template`].
    pub user_template: String,
    /// The answer, written like `user_template`.
    pub answer_template: String,
    /// Other words for what columns say.
    pub renames: Vec<Rename>,
    /// Keys of a JSON answer that are called otherwise than their columns.
    pub keys: Vec<(String, String)>,
    /// No column is the answer, and that is meant: the prompts are to be labelled here.
    pub answers_to_come: bool,
}

impl Mapping {
    pub fn role_of(&self, column: &str) -> ColumnRole {
        let found = self.columns.iter().find(|(name, _)| name == column);
        found.map_or(ColumnRole::Unused, |(_, role)| *role)
    }

    pub fn has(&self, role: ColumnRole) -> bool {
        self.columns.iter().any(|(_, known)| *known == role)
    }

    /// The columns of a role, in order.
    pub fn of(&self, role: ColumnRole) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(move |(_, known)| *known == role).map(|(name, _)| name.as_str())
    }

    /// What a column's key in a JSON answer is.
    pub fn key_of<'a>(&'a self, column: &'a str) -> &'a str {
        let found = self.keys.iter().find(|(name, _)| name == column);
        found.map_or(column, |(_, key)| key.as_str())
    }

    /// `Frage as the prompt, Antwort as the answer`
    pub fn in_words(&self) -> String {
        let words = self.columns.iter().filter_map(|(name, role)| {
            let role = match role {
                ColumnRole::Unused => return None,
                ColumnRole::System => "a system message",
                ColumnRole::User => "the prompt",
                ColumnRole::Assistant => "the answer",
                ColumnRole::Verdict => "whether the answer is good",
                ColumnRole::Split => "the split",
                ColumnRole::Date => "the date",
                ColumnRole::Label => "the label",
                ColumnRole::Group => "the group",
                ColumnRole::Id => "the id",
                ColumnRole::Note => "a note",
            };
            Some(format!("{} as {role}", super::shorten(name, 40)))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// What a column says, in other words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    pub column: String,
    /// The whole cell, without the spaces around it.
    pub from: String,
    /// In a JSON answer `true`, `false`, `null` and numbers are values of their own, not texts.
    pub to: String,
}
