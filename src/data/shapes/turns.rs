//! One turn of a conversation, as files write it.

use std::fmt::Display;

use serde_json::Value;

use super::converted::Row;
use super::marks;
use super::text::{content, is_filled};
use super::tools;
use crate::data::json_words::json_kind;
use crate::data::mapping::shorten;
use crate::data::row::Problem;
use crate::data::{Message, Role};

/// Fields that say who speaks.
const ROLES: &[&str] = &["role", "from", "speaker", "author", "sender"];
/// Fields that say what is said.
const TEXTS: &[&str] = &["content", "value", "text", "message", "parts"];
/// Roles whose text is a call of a tool.
const CALLS: &[&str] = &["function_call", "tool_call", "function_calls", "tool_calls"];
/// Fields of a turn that are read beside its role and text.
const READ: &[&str] = &["name", "tool_calls", "function_call", "tool_call_id"];
/// Fields of a turn that say nothing about its text.
const HARMLESS: &[&str] = &["id", "timestamp", "created_at", "create_time", "audio", "annotations"];
/// What a turn thought before it answered.
const THOUGHTS: &[&str] = &[
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thinking",
    "thought",
    "thoughts",
    "think",
    "thinking_content",
];

/// A list whose first item says who speaks.
pub fn is_turns(value: &Value) -> bool {
    let is_turn = |item: &Value| ROLES.iter().any(|name| item.get(*name).is_some());
    value.as_array().is_some_and(|items| items.first().is_some_and(is_turn))
}

/// An object whose role is a known one.
pub fn speaks(value: &Value) -> bool {
    let name = ROLES.iter().find_map(|name| value.get(*name)?.as_str());
    name.is_some_and(|name| {
        let name = normalised(name);
        CALLS.contains(&name.as_str()) || known_role(&name).is_some()
    })
}

/// The turns in a row's field.
pub fn turns(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    let Some(value) = row.get(field) else { return Err(Problem::field(field, "is missing")) };
    turns_in(value, field, notes)
}

/// The turns in a list.
pub fn turns_in(value: &Value, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    let Some(items) = value.as_array() else {
        return Err(Problem::field(path, &format!("is {}, but it must be a list of turns", json_kind(value))));
    };
    if items.is_empty() {
        return Err(Problem::field(path, "is empty"));
    }
    items.iter().enumerate().map(|(at, item)| turn(item, format_args!("{path}[{at}]"), notes)).collect()
}

/// One turn, in OpenAI's words (`role`, `content`), ShareGPT's (`from`, `value`) or other usual ones.
pub fn turn(item: &Value, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<Message, Problem> {
    let Some(fields) = item.as_object() else {
        return Err(Problem::field(path, &format!("is {}, but it must be an object", json_kind(item))));
    };
    let role_name = ROLES.iter().find(|name| fields.contains_key(**name)).copied().unwrap_or("role");
    let text_name = text_name(fields, role_name);
    // Only a problem makes a text of it.
    let text_path = format_args!("{path}.{text_name}");
    let name = role_text(fields.get(role_name), format_args!("{path}.{role_name}"))?;
    let role_word = normalised(name);
    if CALLS.contains(&role_word.as_str()) {
        let calls = tools::calls_from_text(&content(fields.get(text_name), text_path, notes)?, text_path, notes)?;
        note_unused(fields, &[role_name, text_name], notes);
        let weight = marks::turn_weight(fields, Role::Assistant, path, notes)?;
        return Ok(Message { tool_calls: calls, weight, ..Message::new(Role::Assistant, "") });
    }
    let role = role(name, &role_word, format_args!("{path}.{role_name}"), notes)?;
    let tool_calls = tools::calls(fields, path)?;
    let content = match fields.get(text_name) {
        // A turn that only calls tools says nothing.
        None | Some(Value::Null) if !tool_calls.is_empty() => String::new(),
        value => content(value, text_path, notes)?,
    };
    note_unused(fields, &[role_name, text_name], notes);
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Message {
        name: text("name"),
        tool_calls,
        tool_call_id: text("tool_call_id"),
        weight: marks::turn_weight(fields, role, path, notes)?,
        ..Message::new(role, content)
    })
}

/// The field with the turn's text; what it would be called, where there is none.
fn text_name(fields: &Row, role_name: &str) -> &'static str {
    let usual = if role_name == "from" { "value" } else { "content" };
    let candidates = || std::iter::once(usual).chain(TEXTS.iter().copied());
    let is_there = |name: &&'static str| fields.get(*name).is_some_and(|value| !value.is_null());
    let named = || candidates().find(|name| fields.contains_key(*name));
    candidates().find(is_there).or_else(named).unwrap_or(usual)
}

fn note_unused(fields: &Row, used: &[&str], notes: &mut Vec<String>) {
    for (name, value) in fields {
        let is_read = used.contains(&name.as_str()) || READ.contains(&name.as_str()) || marks::is_turn_mark(name);
        if is_read || !is_filled(value) || HARMLESS.contains(&name.as_str()) {
            continue;
        }
        notes.push(match THOUGHTS.contains(&name.as_str()) {
            true => format!("{name} of a turn is left out: the answer is learned without its thinking"),
            false => format!("{} of a turn is not used", shorten(name, 40)),
        });
    }
}

fn role_text(value: Option<&Value>, path: impl Display) -> Result<&str, Problem> {
    match value {
        None => Err(Problem::field(path, "is missing")),
        Some(Value::String(name)) => Ok(name),
        Some(other) => Err(Problem::field(path, &format!("is {}, but it must be a text", json_kind(other)))),
    }
}

/// `Function-Call` → `function_call`.
fn normalised(name: &str) -> String {
    name.trim().to_lowercase().replace(['-', ' '], "_")
}

/// The role that a name means. Names that only some tools write are said.
fn role(name: &str, normalised: &str, path: impl Display, notes: &mut Vec<String>) -> Result<Role, Problem> {
    let Some((role, is_usual)) = known_role(normalised) else {
        let reason = format!("is \"{}\", but it must be system, user, assistant or tool", shorten(name, 40));
        return Err(Problem::field(path, &reason));
    };
    if !is_usual {
        notes.push(format!("the role \"{}\" is read as {}", name.trim(), role.as_str()));
    }
    Ok(role)
}

/// The role of a name, and whether most tools write it so.
fn known_role(normalised: &str) -> Option<(Role, bool)> {
    Some(match normalised {
        "system" | "developer" => (Role::System, true),
        "sys" | "system_prompt" | "system_message" => (Role::System, false),
        "user" | "human" => (Role::User, true),
        "usr" | "prompter" | "human_user" => (Role::User, false),
        "assistant" | "gpt" | "model" => (Role::Assistant, true),
        "ai" | "bot" | "chatbot" | "chatgpt" | "bard" | "bing" | "claude" | "gemini" | "llm" | "ai_assistant" => {
            (Role::Assistant, false)
        }
        "tool" | "function" | "observation" => (Role::Tool, true),
        "function_response" | "tool_response" | "function_result" | "tool_result" | "tool_output" | "ipython" => {
            (Role::Tool, false)
        }
        _ => return None,
    })
}
