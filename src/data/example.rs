//! One labelled example: a conversation whose assistant turns are the answers to learn.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::System, Self::User, Self::Assistant, Self::Tool];

    /// The name that chat templates and files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One turn of a conversation, in the words of OpenAI's format; what is absent there is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    #[serde(default, deserialize_with = "text_or_null")]
    pub content: String,
    /// Who of several speaks in this role; for a tool, which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The calls that an assistant turn makes: `{"id", "type": "function", "function": {"name", "arguments"}}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Value>,
    /// The call that a tool turn answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// OpenAI's per-turn weight: `Some(0)` keeps an assistant turn out of the loss, `None` and `Some(1)` train on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
}

impl Message {
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        let content = content.into();
        Self { role, content, name: None, tool_calls: Vec::new(), tool_call_id: None, weight: None }
    }

    /// Whether it says nothing and calls no tool.
    pub fn is_blank(&self) -> bool {
        self.content.trim().is_empty() && self.tool_calls.is_empty()
    }
}

/// A turn that only calls tools has `null` for its text.
fn text_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A conversation, as OpenAI's fine-tuning format writes it: `{"messages": [...], "tools": [...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Example {
    pub messages: Vec<Message>,
    /// Descriptions of the tools that the assistant may call: `{"type": "function", "function": {…}}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// In a preference pair, the answer that was found worse, kept for methods that learn from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Message>,
}

impl From<Vec<Message>> for Example {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }
}

impl Example {
    /// What the model is shown: everything before the last assistant turn.
    pub fn prompt(&self) -> &[Message] {
        let end = self.messages.iter().rposition(|m| m.role == Role::Assistant).unwrap_or(self.messages.len());
        &self.messages[..end]
    }

    /// Puts a text before the conversation; a system message that is there already follows it in the same turn.
    pub fn add_system_message(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.messages.first_mut() {
            Some(first) if first.role == Role::System => first.content = format!("{text}\n{}", first.content),
            _ => self.messages.insert(0, Message::new(Role::System, text)),
        }
    }

    /// The answer of the last assistant turn, if there is one.
    pub fn answer(&self) -> Option<&str> {
        self.last_answer().map(|m| m.content.as_str())
    }

    /// A prompt that is still to be labelled: the last assistant turn is blank, or there is none.
    pub fn is_unanswered(&self) -> bool {
        self.last_answer().is_none_or(Message::is_blank)
    }

    /// Whether the last assistant turn calls tools.
    pub fn ends_with_call(&self) -> bool {
        self.last_answer().is_some_and(|m| !m.tool_calls.is_empty())
    }

    fn last_answer(&self) -> Option<&Message> {
        self.messages.iter().rev().find(|m| m.role == Role::Assistant)
    }
}

/// Equal for examples with the same content; stable across versions, so that a file imported again is known.
pub fn content_key(example: &Example) -> u64 {
    // Texts and JSON values can always be written.
    key_of_json(&serde_json::to_vec(example).unwrap_or_default())
}

/// [`content_key`] of an example that is written as JSON already.
pub(crate) fn key_of_json(json: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(json);
    first_bytes(hash)
}

/// The first 64 bits of a hash.
pub(super) fn first_bytes(hash: Sha256) -> u64 {
    hash.finalize().iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// The part of a data set that an example belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_written_without_what_is_absent_and_its_key_never_changes() {
        let example = Example::from(vec![Message::new(Role::User, "a"), Message::new(Role::Assistant, "b")]);
        let text = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
        assert_eq!(serde_json::to_string(&example).unwrap(), text);
        assert_eq!(content_key(&example), 5_737_558_140_486_098_512);
        let with_tools = Example { tools: vec![Value::from("t")], ..example.clone() };
        assert_ne!(content_key(&with_tools), content_key(&example));
    }

    #[test]
    fn a_blank_answer_is_none_and_a_call_is_one() {
        let of =
            |turns: &[(Role, &str)]| Example::from(turns.iter().map(|t| Message::new(t.0, t.1)).collect::<Vec<_>>());
        assert!(of(&[(Role::User, "a")]).is_unanswered() && of(&[(Role::Assistant, " \n")]).is_unanswered());
        let mut example = of(&[(Role::User, "a"), (Role::Assistant, "")]);
        example.messages[1].tool_calls.push(Value::Null);
        assert!(!example.is_unanswered() && !of(&[(Role::Assistant, "b")]).is_unanswered());
    }

    #[test]
    fn a_turn_that_only_calls_a_tool_has_no_text() {
        let text = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!((message.content.as_str(), message.tool_calls.len()), ("", 1));
        let text = r#"{"role":"tool","content":"4","name":"add","tool_call_id":"1"}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }
}
