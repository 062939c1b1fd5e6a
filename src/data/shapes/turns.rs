//! One turn of a conversation, as files write it.

use std::fmt::Display;

use serde_json::Value;

use super::{Row, is_filled, tools};
use crate::data::formats::{Problem, json_kind};
use crate::data::{Message, Role};

pub(super) fn is_turns(value: &Value) -> bool {
    let is_turn = |item: &Value| item.get("role").is_some() || item.get("from").is_some();
    value.as_array().is_some_and(|items| items.first().is_some_and(is_turn))
}

/// The turns in a row's field.
pub(super) fn turns(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    let Some(value) = row.get(field) else { return Err(Problem::field(field, "is missing")) };
    let Some(items) = value.as_array() else {
        return Err(Problem::field(field, &format!("is {}, but it must be a list of turns", json_kind(value))));
    };
    if items.is_empty() {
        return Err(Problem::field(field, "is empty"));
    }
    items.iter().enumerate().map(|(at, item)| turn(item, format_args!("{field}[{at}]"), notes)).collect()
}

/// One turn, in OpenAI's words (`role`, `content`) or ShareGPT's (`from`, `value`).
fn turn(item: &Value, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<Message, Problem> {
    let Some(fields) = item.as_object() else {
        return Err(Problem::field(path, &format!("is {}, but it must be an object", json_kind(item))));
    };
    let is_share_gpt = fields.contains_key("from") && !fields.contains_key("role");
    let (role_name, content_name) = if is_share_gpt { ("from", "value") } else { ("role", "content") };
    // Only a problem makes a text of it.
    let content_path = format_args!("{path}.{content_name}");
    if fields.get(role_name).and_then(Value::as_str).is_some_and(|name| CALLS.contains(&name)) {
        let call = tools::call_from_text(&content(fields.get(content_name), content_path)?, content_path)?;
        return Ok(Message { tool_calls: vec![call], ..Message::new(Role::Assistant, "") });
    }
    let role = role(fields.get(role_name), format_args!("{path}.{role_name}"))?;
    let tool_calls = tools::calls(fields, path)?;
    let content = match fields.get(content_name) {
        // A turn that only calls tools says nothing.
        None | Some(Value::Null) if !tool_calls.is_empty() => String::new(),
        value => content(value, content_path)?,
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    for (name, value) in fields {
        let is_read = [role_name, content_name].contains(&name.as_str()) || READ.contains(&name.as_str());
        if !is_read && is_filled(value) && !HARMLESS.contains(&name.as_str()) {
            notes.push(format!("{name} of a turn is not used"));
        }
    }
    Ok(Message {
        name: text("name"),
        tool_calls,
        tool_call_id: text("tool_call_id"),
        weight: weight(fields.get("weight"), role, format_args!("{path}.weight"))?,
        ..Message::new(role, content)
    })
}

/// Roles whose text is a call of a tool.
const CALLS: &[&str] = &["function_call", "tool_call"];
/// Fields of a turn that are read beside its role and text.
const READ: &[&str] = &["name", "tool_calls", "function_call", "tool_call_id", "weight"];

/// Fields of a turn that say nothing about its text.
const HARMLESS: &[&str] = &["id", "timestamp", "created_at", "create_time", "audio", "annotations"];

fn role(value: Option<&Value>, path: impl Display) -> Result<Role, Problem> {
    let Some(value) = value else { return Err(Problem::field(path, "is missing")) };
    let Some(name) = value.as_str() else {
        return Err(Problem::field(path, &format!("is {}, but it must be a text", json_kind(value))));
    };
    match name.trim().to_lowercase().as_str() {
        "system" | "developer" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        "assistant" | "gpt" | "chatgpt" | "model" | "bot" | "bard" | "bing" => Ok(Role::Assistant),
        "tool" | "function" | "observation" | "function_response" => Ok(Role::Tool),
        _ => {
            let name: String = name.chars().take(40).collect();
            let reason = format!("is \"{name}\", but it must be system, user, assistant or tool");
            Err(Problem::field(path, &reason))
        }
    }
}

/// A text, or a list of text parts; parts are joined by a line break.
pub(super) fn content(value: Option<&Value>, path: impl Display) -> Result<String, Problem> {
    match value {
        None => Err(Problem::field(path, "is missing")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let parts = parts.iter().enumerate().map(|(at, part)| text_part(part, format_args!("{path}[{at}]")));
            Ok(parts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        Some(other) => Err(Problem::field(path, &format!("is {}, but it must be a text", json_kind(other)))),
    }
}

fn text_part(part: &Value, path: impl Display) -> Result<String, Problem> {
    if let Some(text) = part.as_str() {
        return Ok(text.to_owned());
    }
    match (part.get("type").and_then(Value::as_str), part.get("text").and_then(Value::as_str)) {
        (None | Some("text" | "input_text" | "output_text"), Some(text)) => Ok(text.to_owned()),
        (Some("text"), None) | (None, None) => Err(Problem::field(path, "has no text")),
        (Some(kind), _) => {
            let kind: String = kind.chars().take(40).collect();
            Err(Problem::field(path, &format!("is of the type \"{kind}\", but only text can be trained on")))
        }
    }
}

/// Only an assistant turn's weight means something.
fn weight(value: Option<&Value>, role: Role, path: impl Display) -> Result<Option<u8>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            _ if role != Role::Assistant => Ok(None),
            Some(0.0) => Ok(Some(0)),
            Some(1.0) => Ok(Some(1)),
            _ => Err(Problem::field(path, &format!("is {value}, but it must be 0 or 1"))),
        },
    }
}
