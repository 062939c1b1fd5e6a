//! Descriptions of tools and calls of them, checked as far as templates rely on them.

use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::converted::Row;
use super::text::is_filled;
use crate::data::json_words::fault;
use crate::data::json_words::json_kind;
use crate::data::row::Problem;

/// The tools that a row describes, as a list or as a text with one in it.
pub fn descriptions(row: &Row) -> Result<Vec<Value>, Problem> {
    let mut tools = list(row, "tools")?;
    // This is how they were written before there were other tools than functions.
    tools.extend(list(row, "functions")?.into_iter().map(|function| json!({"type": "function", "function": function})));
    Ok(tools)
}

fn list(row: &Row, field: &str) -> Result<Vec<Value>, Problem> {
    let Some(value) = row.get(field).filter(|value| is_filled(value)) else { return Ok(Vec::new()) };
    let parsed = match value {
        Value::String(text) => serde_json::from_str(text).map_err(|e| {
            Problem::field(field, &format!("is a text, but not one with a JSON list in it: {}", fault(&e, text)))
        })?,
        other => other.clone(),
    };
    match parsed {
        Value::Array(tools) => match tools.iter().position(|tool| !tool.is_object()) {
            Some(at) => Err(Problem::field(format!("{field}[{at}]"), "must be an object that describes a tool")),
            None => Ok(tools),
        },
        other => Err(Problem::field(field, &format!("is {}, but it must be a list of tools", json_kind(&other)))),
    }
}

/// The calls that a turn makes.
pub fn calls(turn: &Map<String, Value>, path: impl Display) -> Result<Vec<Value>, Problem> {
    let filled = |name: &str| turn.get(name).filter(|value| is_filled(value));
    if let Some(call) = filled("function_call") {
        let path = format!("{path}.function_call");
        check_function(call, path)?;
        return Ok(vec![json!({"type": "function", "function": call})]);
    }
    let Some(value) = filled("tool_calls") else { return Ok(Vec::new()) };
    let path = format!("{path}.tool_calls");
    let Some(calls) = value.as_array() else {
        return Err(Problem::field(path, &format!("is {}, but it must be a list of calls", json_kind(value))));
    };
    for (at, call) in calls.iter().enumerate() {
        // Some leave the wrapper out.
        match call.get("function") {
            Some(function) => check_function(function, format_args!("{path}[{at}].function"))?,
            None => check_function(call, format_args!("{path}[{at}]"))?,
        }
    }
    Ok(calls.clone())
}

fn check_function(function: &Value, path: impl Display) -> Result<(), Problem> {
    if function.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Problem::field(format!("{path}.name"), "is missing: a call names its function"));
    }
    match function.get("arguments") {
        None | Some(Value::String(_) | Value::Object(_) | Value::Null) => Ok(()),
        Some(other) => {
            let reason = format!("is {}, but it must be an object or a text with one in it", json_kind(other));
            Err(Problem::field(format!("{path}.arguments"), &reason))
        }
    }
}

/// The calls that are the text of a turn: `{"name", "arguments"}`, or a list of such.
pub fn calls_from_text(text: &str, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<Vec<Value>, Problem> {
    let parsed: Value = serde_json::from_str(text).map_err(|e| {
        Problem::field(path, &format!("must be a call as JSON with a name and arguments: {}", fault(&e, text)))
    })?;
    match parsed {
        Value::Array(calls) if calls.is_empty() => Err(Problem::field(path, "is an empty list of calls")),
        Value::Array(calls) => {
            calls.into_iter().enumerate().map(|(at, call)| call_of(call, format_args!("{path}[{at}]"), notes)).collect()
        }
        call => Ok(vec![call_of(call, path, notes)?]),
    }
}

fn call_of(mut call: Value, path: impl Display, notes: &mut Vec<String>) -> Result<Value, Problem> {
    // Some keep the wrapper, also in a text.
    if let Some(function) = call.get_mut("function").filter(|function| function.is_object()) {
        call = function.take();
    }
    if let Some(fields) = call.as_object_mut()
        && !fields.contains_key("arguments")
        && let Some(arguments) = fields.remove("parameters")
    {
        notes.push("parameters of a call are read as its arguments".to_owned());
        fields.insert("arguments".to_owned(), arguments);
    }
    check_function(&call, path)?;
    Ok(json!({"type": "function", "function": call}))
}
