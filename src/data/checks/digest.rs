//! What is kept of an example while the others are read: hashes and numbers instead of its texts.

use std::borrow::Cow;

use serde_json::Value;
use whatlang::Lang;

use super::groups::Origin;
use super::json::{self, Json};
use super::language::{Detected, language};
use super::near::of_words;
use super::text::{collapse, hash, word_hashes};
use super::{Row, labels};
use crate::data::split::prompt_key;
use crate::data::{Example, Role, Split};

pub struct Digest {
    pub id: i64,
    pub number: u64,
    pub split: Split,
    /// Equal for the same prompt, white space aside.
    pub prompt: u64,
    /// Equal for the same prompt, case and white space aside.
    pub prompt_key: u64,
    /// Equal for the same answer: white space aside, and for JSON the order of the keys; `None` without text.
    pub answer: Option<u64>,
    pub prompt_chars: u32,
    pub answer_chars: u32,
    pub json: Json,
    pub origin: Origin,
    pub prompt_language: Option<Detected>,
    pub answer_language: Option<Detected>,
}

/// The languages that most of a group are in, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Languages {
    pub prompts: Option<Lang>,
    pub answers: Option<Lang>,
}

/// What the example brings besides: it goes into collections of its own.
pub struct Parts {
    pub digest: Digest,
    pub shingles: Vec<u32>,
    pub labels: Vec<(String, String)>,
    /// Why its answer isn't JSON.
    pub json_problem: Option<Cow<'static, str>>,
}

impl Parts {
    pub fn of(row: &Row, origin: Origin, usual: Languages) -> Self {
        let example = &row.example;
        let prompt = example.prompt();
        let asked = asked(example);
        let answer = example.answer().unwrap_or_default();
        let json = json::kind(answer);
        let turns: Vec<_> = prompt.iter().map(|m| (m.role, collapse(&m.content), m.tool_calls.len())).collect();
        let digest = Digest {
            id: row.id,
            number: row.number,
            split: row.split,
            prompt: hash(&turns),
            prompt_key: prompt_key(example),
            answer: answer_key(example),
            prompt_chars: num_chars(asked),
            answer_chars: num_chars(answer),
            json,
            origin,
            prompt_language: language(asked, usual.prompts),
            answer_language: language(answer, usual.answers),
        };
        Self {
            digest,
            shingles: shingles(example),
            labels: labels::of_answer(answer),
            json_problem: matches!(json, Json::Broken | Json::Other).then(|| json::problem(answer)),
        }
    }
}

/// The last thing that was asked; the rest of the prompt is often the same in all examples.
fn asked(example: &Example) -> &str {
    let prompt = example.prompt();
    let asked = prompt.iter().rev().find(|m| m.role == Role::User).or(prompt.last());
    asked.map(|m| m.content.as_str()).unwrap_or_default()
}

fn num_chars(text: &str) -> u32 {
    u32::try_from(text.trim().chars().count()).unwrap_or(u32::MAX)
}

/// The shingles of the prompt; where there is none, of the answer.
fn shingles(example: &Example) -> Vec<u32> {
    let mut words = Vec::new();
    for message in example.prompt() {
        word_hashes(&message.content, &mut words);
    }
    if words.is_empty() {
        word_hashes(example.answer().unwrap_or_default(), &mut words);
    }
    of_words(&words)
}

/// Equal for answers that mean the same.
pub fn answer_key(example: &Example) -> Option<u64> {
    let message = example.messages.iter().rev().find(|m| m.role == Role::Assistant)?;
    let calls = &message.tool_calls;
    let answer = message.content.trim();
    if answer.is_empty() && calls.is_empty() {
        return None;
    }
    let calls: Vec<String> = calls.iter().map(Value::to_string).collect();
    let text = match answer.starts_with(['{', '[']).then(|| serde_json::from_str(answer)) {
        Some(Ok(value)) => sorted(value).to_string(),
        _ => collapse(answer),
    };
    Some(hash(&(text, calls)))
}

/// A value with the keys of its objects in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Message;

    #[test]
    fn answers_are_the_same_whatever_their_white_space_and_keys_order() {
        let key = |answer: &str| answer_key(&Example::from(vec![Message::new(Role::Assistant, answer)]));
        assert_eq!(key(r#"{"a": 1, "b": {"d": 2, "c": []}}"#), key(r#"{"b":{"c":[],"d":2},"a":1}"#));
        assert_eq!(key(" yes\n please"), key("yes please"));
        assert_ne!(key("yes"), key("Yes"));
        assert_eq!(key("  "), None);
    }
}
