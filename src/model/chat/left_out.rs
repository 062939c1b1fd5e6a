//! What a template doesn't write as it was given, so that it can be reported.

use crate::words::{count, thousands};

/// A kind of text that a template leaves out or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Omission {
    System,
    User,
    Answer,
    ToolResult,
    /// What an assistant turn says beside its calls of tools.
    TextBesideCall,
    /// Between `<think>` and `</think>` in an answer.
    Thinking,
    /// A call of a tool.
    Call,
    /// The descriptions of tools.
    Tools,
    /// A turn is written with another text.
    Changed,
    /// An answer is written, but it isn't certain where; it isn't trained.
    Uncertain,
}

/// What a template does with one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub what: Omission,
    /// From 0; `None` for what belongs to no turn.
    pub turn: Option<usize>,
}

impl Omission {
    pub const ALL: [Self; 10] = [
        Self::System,
        Self::User,
        Self::Answer,
        Self::ToolResult,
        Self::TextBesideCall,
        Self::Thinking,
        Self::Call,
        Self::Tools,
        Self::Changed,
        Self::Uncertain,
    ];

    pub(super) fn of_role(role: &str) -> Self {
        match role {
            "system" | "developer" => Self::System,
            "assistant" => Self::Answer,
            "tool" => Self::ToolResult,
            _ => Self::User,
        }
    }

    /// Continues "the model's chat template".
    fn in_words(self) -> &'static str {
        match self {
            Self::System => "leaves out the system turn",
            Self::User => "leaves out a user turn",
            Self::Answer => "leaves out an answer",
            Self::ToolResult => "leaves out the result of a tool",
            Self::TextBesideCall => "leaves out the text beside a call of a tool",
            Self::Thinking => "leaves out the thinking of an answer",
            Self::Call => "leaves out a call of a tool",
            Self::Tools => "leaves out the descriptions of tools",
            Self::Changed => "changes the text of a turn",
            Self::Uncertain => "writes an answer in a place that isn't certain, so it isn't trained",
        }
    }

    /// A sentence about many examples: "the model's chat template leaves out the system turn in 40 of 50 examples".
    pub fn counted(self, num: usize, num_examples: usize) -> String {
        let of = format!("{} of {}", thousands(num), count(num_examples, "example", "examples"));
        match self {
            Self::Uncertain => format!(
                "in {of} it isn't certain where the model's chat template writes an answer: \
                 that answer isn't trained"
            ),
            _ => format!("the model's chat template {} in {of}", self.in_words()),
        }
    }
}

impl LeftOut {
    /// A sentence about one example: "The model's chat template leaves out the system turn (turn 1)".
    pub fn in_words(&self) -> String {
        let place = self.turn.map(|turn| format!(" (turn {})", turn + 1)).unwrap_or_default();
        format!("The model's chat template {}{place}", self.what.in_words())
    }
}

/// What an answer thinks before it speaks.
pub(super) fn thinking(content: &str) -> Option<&str> {
    let (before, _) = content.split_once("</think>")?;
    let thought = before.rsplit_once("<think>").map_or(before, |(_, thought)| thought).trim();
    (!thought.is_empty()).then_some(thought)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_is_found_with_and_without_its_first_mark() {
        assert_eq!(thinking("<think>\nwhy\n</think>\n\nYes."), Some("why"));
        assert_eq!(thinking("why</think>Yes."), Some("why"));
        assert_eq!((thinking("Yes."), thinking("<think>\n\n</think>\nYes.")), (None, None));
    }

    #[test]
    fn every_kind_is_listed_once_in_order() {
        assert!(Omission::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
