//! The shapes of rows that are recognised by themselves, and how each becomes an example.

use serde_json::{Map, Value};

use super::formats::{Problem, json_kind};
use super::import::Format;
use super::{Example, Message, Role};

/// An example, and what about it deserves a word although it came in.
#[derive(Debug, Default, PartialEq)]
pub struct Converted {
    pub example: Example,
    pub notes: Vec<String>,
}

type Row = Map<String, Value>;

/// The shape of a row, from its field names.
pub fn recognise(row: &Row) -> Option<Format> {
    let has = |name: &str| row.contains_key(name);
    let turns =
        ["messages", "conversations", "conversation"].into_iter().find(|name| row.get(*name).is_some_and(is_turns));
    match turns {
        Some("messages") => Some(Format::OpenAiMessages),
        Some(_) => Some(Format::ShareGpt),
        None if has("messages") => Some(Format::OpenAiMessages),
        None if has("instruction") && has("output") => Some(Format::Alpaca),
        None if has("prompt") && has("completion") => Some(Format::PromptCompletion),
        None => None,
    }
}

/// The fields of a shape that are read; others are not, and the preview says so.
pub fn fields(format: Format) -> &'static [&'static str] {
    match format {
        Format::OpenAiMessages => &["messages"],
        Format::ShareGpt => &["conversations", "conversation", "system"],
        Format::Alpaca => &["instruction", "input", "output", "system", "history"],
        Format::PromptCompletion => &["prompt", "completion", "system"],
        Format::Columns => &[],
    }
}

/// Turns a row of a known shape into an example.
pub fn convert(format: Format, row: &Row) -> Result<Converted, Problem> {
    let mut converted = Converted::default();
    match format {
        Format::OpenAiMessages => turns(row, "messages", &mut converted)?,
        Format::ShareGpt => {
            let field = if row.contains_key("conversations") { "conversations" } else { "conversation" };
            system(row, &mut converted)?;
            turns(row, field, &mut converted)?;
        }
        Format::Alpaca => alpaca(row, &mut converted)?,
        Format::PromptCompletion => prompt_completion(row, &mut converted)?,
        Format::Columns => return Err(Problem::row("the row has no known shape and needs a mapping")),
    }
    for field in ["tools", "functions"] {
        if row.get(field).is_some_and(is_filled) {
            converted.notes.push(format!("{field} is not used: descriptions of tools can't be trained on yet"));
        }
    }
    check_answers(&mut converted)?;
    Ok(converted)
}

fn check_answers(converted: &mut Converted) -> Result<(), Problem> {
    let answers = || converted.example.messages.iter().filter(|m| m.role == Role::Assistant);
    if answers().next().is_none() {
        return Err(Problem::row("there is no assistant turn, so there is nothing to learn"));
    }
    if answers().all(|m| m.weight == Some(0)) {
        converted.notes.push("every assistant turn has the weight 0: nothing of it is trained".to_owned());
    } else if answers().any(|m| m.weight != Some(0) && m.content.trim().is_empty()) {
        converted.notes.push("an answer is empty".to_owned());
    }
    Ok(())
}

fn is_turns(value: &Value) -> bool {
    let is_turn = |item: &Value| item.get("role").is_some() || item.get("from").is_some();
    value.as_array().is_some_and(|items| items.first().is_some_and(is_turn))
}

/// Neither missing nor null nor empty.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn turns(row: &Row, field: &str, converted: &mut Converted) -> Result<(), Problem> {
    let Some(value) = row.get(field) else { return Err(Problem::field(field, "is missing")) };
    let Some(items) = value.as_array() else {
        return Err(Problem::field(field, &format!("is {}, but it must be a list of turns", json_kind(value))));
    };
    if items.is_empty() {
        return Err(Problem::field(field, "is empty"));
    }
    for (at, item) in items.iter().enumerate() {
        let message = turn(item, &format!("{field}[{at}]"), &mut converted.notes)?;
        converted.example.messages.push(message);
    }
    Ok(())
}

/// One turn, in OpenAI's words (`role`, `content`) or ShareGPT's (`from`, `value`).
fn turn(item: &Value, path: &str, notes: &mut Vec<String>) -> Result<Message, Problem> {
    let Some(fields) = item.as_object() else {
        return Err(Problem::field(path, &format!("is {}, but it must be an object", json_kind(item))));
    };
    for name in ["tool_calls", "function_call"] {
        if fields.get(name).is_some_and(is_filled) {
            return Err(Problem::field(format!("{path}.{name}"), "holds a tool call, which can't be imported yet"));
        }
    }
    let is_share_gpt = fields.contains_key("from") && !fields.contains_key("role");
    let (role_name, content_name) = if is_share_gpt { ("from", "value") } else { ("role", "content") };
    let role = role(fields.get(role_name), &format!("{path}.{role_name}"))?;
    let content = content(fields.get(content_name), &format!("{path}.{content_name}"))?;
    let weight = weight(fields.get("weight"), role, &format!("{path}.weight"))?;
    for (name, value) in fields {
        let is_read = [role_name, content_name, "weight"].contains(&name.as_str());
        if !is_read && is_filled(value) && !HARMLESS.contains(&name.as_str()) {
            notes.push(format!("{name} of a turn is not used"));
        }
    }
    Ok(Message { weight, ..Message::new(role, content) })
}

/// Fields of a turn that say nothing about its text.
const HARMLESS: &[&str] = &["id", "timestamp", "created_at", "create_time", "tool_call_id", "audio", "annotations"];

fn role(value: Option<&Value>, path: &str) -> Result<Role, Problem> {
    let Some(value) = value else { return Err(Problem::field(path, "is missing")) };
    let Some(name) = value.as_str() else {
        return Err(Problem::field(path, &format!("is {}, but it must be a text", json_kind(value))));
    };
    match name.trim().to_lowercase().as_str() {
        "system" | "developer" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        "assistant" | "gpt" | "chatgpt" | "model" | "bot" | "bard" | "bing" => Ok(Role::Assistant),
        "tool" | "function" | "observation" | "function_response" => Ok(Role::Tool),
        "function_call" | "tool_call" => Err(Problem::field(path, "is a tool call, which can't be imported yet")),
        _ => {
            let name: String = name.chars().take(40).collect();
            let reason = format!("is \"{name}\", but it must be system, user, assistant or tool");
            Err(Problem::field(path, &reason))
        }
    }
}

/// A text, or a list of text parts; parts are joined by a line break.
fn content(value: Option<&Value>, path: &str) -> Result<String, Problem> {
    match value {
        None => Err(Problem::field(path, "is missing")),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let parts = parts.iter().enumerate().map(|(at, part)| text_part(part, &format!("{path}[{at}]")));
            Ok(parts.collect::<Result<Vec<_>, _>>()?.join("\n"))
        }
        Some(other) => Err(Problem::field(path, &format!("is {}, but it must be a text", json_kind(other)))),
    }
}

fn text_part(part: &Value, path: &str) -> Result<String, Problem> {
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
fn weight(value: Option<&Value>, role: Role, path: &str) -> Result<Option<u8>, Problem> {
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

/// A text field that must be there and not be blank.
fn required(row: &Row, field: &str) -> Result<String, Problem> {
    let text = content(row.get(field), field)?;
    if text.trim().is_empty() { Err(Problem::field(field, "is empty")) } else { Ok(text) }
}

/// A text field that may be missing, null or empty.
fn optional(row: &Row, field: &str) -> Result<Option<String>, Problem> {
    match row.get(field) {
        None | Some(Value::Null) => Ok(None),
        value => Ok(Some(content(value, field)?).filter(|text| !text.trim().is_empty())),
    }
}

/// The row's own system message, as the first turn.
fn system(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    if let Some(text) = optional(row, "system")? {
        converted.example.messages.push(Message::new(Role::System, text));
    }
    Ok(())
}

fn alpaca(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    let messages = &mut converted.example.messages;
    for (at, turn) in history(row)?.iter().enumerate() {
        let pair = turn.as_array().map(Vec::as_slice);
        let Some([Value::String(question), Value::String(answer)]) = pair else {
            return Err(Problem::field(format!("history[{at}]"), "must be a list of two texts, question and answer"));
        };
        messages.push(Message::new(Role::User, question));
        messages.push(Message::new(Role::Assistant, answer));
    }
    let mut question = required(row, "instruction")?;
    if let Some(input) = optional(row, "input")? {
        question = format!("{question}\n{input}");
    }
    messages.push(Message::new(Role::User, question));
    messages.push(Message::new(Role::Assistant, required(row, "output")?));
    Ok(())
}

fn history(row: &Row) -> Result<&[Value], Problem> {
    match row.get("history") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(turns)) => Ok(turns),
        Some(other) => Err(Problem::field("history", &format!("is {}, but it must be a list", json_kind(other)))),
    }
}

fn prompt_completion(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    if row.get("prompt").is_some_and(is_turns) {
        let start = converted.example.messages.len();
        turns(row, "prompt", converted)?;
        // Only the completion is to be learned; answers in the prompt are context.
        for message in &mut converted.example.messages[start..] {
            if message.role == Role::Assistant {
                message.weight = Some(0);
            }
        }
    } else {
        converted.example.messages.push(Message::new(Role::User, required(row, "prompt")?));
    }
    if row.get("completion").is_some_and(is_turns) {
        turns(row, "completion", converted)
    } else {
        converted.example.messages.push(Message::new(Role::Assistant, required(row, "completion")?));
        Ok(())
    }
}
