//! Questions and answers in turn: `[{"human", "assistant"}]`, `[["question", "answer"]]`, `["question", "answer", …]`.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::marks;
use super::text::{content, is_filled};
use super::turns::{is_turns, turns_in};
use crate::data::json_words::json_kind;
use crate::data::mapping::shorten;
use crate::data::row::Problem;
use crate::data::{Message, Role};

const QUESTIONS: &[&str] = &["human", "user", "question", "prompt", "instruction", "input", "query"];
const ANSWERS: &[&str] = &["assistant", "gpt", "bot", "answer", "response", "completion", "output", "model", "chatgpt"];

/// How texts begin that say themselves who speaks.
const SPEAKERS: &[&str] = &[
    "Human:",
    "User:",
    "USER:",
    "Assistant:",
    "ASSISTANT:",
    "### Human:",
    "<human>:",
    "<|im_start|>",
    "<|user|>",
    "[INST]",
];

/// Whether a list's first item is a question with its answer, or a text.
pub fn is_pairs(value: &Value) -> bool {
    let Some(first) = value.as_array().and_then(|items| items.first()) else { return false };
    match first {
        Value::String(_) => true,
        Value::Array(pair) => pair.len() == 2 && pair.iter().all(Value::is_string),
        Value::Object(fields) => key(fields, QUESTIONS).is_some() && key(fields, ANSWERS).is_some(),
        _ => false,
    }
}

/// The first of these names that the item has, in any case.
fn key<'f>(fields: &'f Map<String, Value>, names: &[&str]) -> Option<&'f str> {
    fields.keys().map(String::as_str).find(|key| names.contains(&key.to_lowercase().as_str()))
}

/// The turns of such a list, which may also hold turns that name their role.
pub fn pairs(value: &Value, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    let Some(items) = value.as_array() else {
        return Err(Problem::field(path, &format!("is {}, but it must be a list", json_kind(value))));
    };
    if is_turns(value) {
        return turns_in(value, path, notes);
    }
    if items.first().is_some_and(Value::is_string) {
        return texts_in_turn(items, path, notes);
    }
    let mut messages = Vec::with_capacity(2 * items.len());
    for (at, item) in items.iter().enumerate() {
        let path = format_args!("{path}[{at}]");
        match item {
            Value::Array(pair) => {
                let [Value::String(question), Value::String(answer)] = pair.as_slice() else {
                    return Err(Problem::field(path, "must be a list of two texts, question and answer"));
                };
                messages.push(Message::new(Role::User, question));
                messages.push(Message::new(Role::Assistant, answer));
            }
            Value::Object(fields) => pair_of_fields(fields, path, &mut messages, notes)?,
            other => {
                let reason = format!("is {}, but it must be a question with its answer", json_kind(other));
                return Err(Problem::field(path, &reason));
            }
        }
    }
    Ok(messages)
}

fn texts_in_turn(items: &[Value], path: impl Display, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    let texts: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
    let Some(texts) = texts.filter(|texts| texts.len().is_multiple_of(2)) else {
        let reason = "is a list of texts, which must be questions and answers in turn, but they don't come in twos";
        return Err(Problem::field(path, reason));
    };
    if let Some(said) = SPEAKERS.iter().find(|said| texts.iter().any(|text| text.trim_start().starts_with(**said))) {
        let reason = format!("is a list of texts that say who speaks ({said}): bring turns with a role and a content");
        return Err(Problem::field(path, &reason));
    }
    // Questions may be asked for JSON, but a column of conversations written as JSON has nothing else.
    let mut filled = texts.iter().map(|text| text.trim_start()).filter(|text| !text.is_empty()).peekable();
    if filled.peek().is_some() && filled.all(|text| text.starts_with(['[', '{'])) {
        let reason = "is a list of texts with JSON in them: does the file hold columns instead of rows?";
        return Err(Problem::field(path, reason));
    }
    notes.push(format!("{path} is a list of texts, read as questions and answers in turn"));
    let role = |at: usize| if at.is_multiple_of(2) { Role::User } else { Role::Assistant };
    Ok(texts.into_iter().enumerate().map(|(at, text)| Message::new(role(at), text)).collect())
}

/// `{"system", "input", "output", "output_with_loss"}` and the like.
fn pair_of_fields(
    fields: &Map<String, Value>,
    path: impl Display + Copy,
    messages: &mut Vec<Message>,
    notes: &mut Vec<String>,
) -> Result<(), Problem> {
    let one_of = |names: &[&str], what: &str| {
        let found: Vec<_> = fields.keys().filter(|key| names.contains(&key.to_lowercase().as_str())).collect();
        match found.as_slice() {
            [only] => Ok(only.as_str()),
            [] => Err(Problem::field(path, &format!("has no {what} ({})", names.join(", ")))),
            [first, second, ..] => {
                Err(Problem::field(path, &format!("has both {first} and {second}, and which is the {what} is unknown")))
            }
        }
    };
    let (question, answer) = (one_of(QUESTIONS, "question")?, one_of(ANSWERS, "answer")?);
    let mut text = |name: &str| content(fields.get(name), format_args!("{path}.{name}"), notes);
    if fields.get("system").is_some_and(is_filled) {
        messages.push(Message::new(Role::System, text("system")?));
    }
    messages.push(Message::new(Role::User, text(question)?));
    let said = text(answer)?;
    let weight = marks::turn_weight(fields, Role::Assistant, path, notes)?;
    messages.push(Message { weight, ..Message::new(Role::Assistant, said) });
    for name in fields.iter().filter(|(_, value)| is_filled(value)).map(|(name, _)| name) {
        if ![question, answer, "system"].contains(&name.as_str()) && !marks::is_turn_mark(name) {
            notes.push(format!("{} of a turn is not used", shorten(name, 40)));
        }
    }
    Ok(())
}
