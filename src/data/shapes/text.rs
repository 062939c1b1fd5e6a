//! The text of a field: what is one, and what only could be made one, which is refused. A list of texts is there where
//! the file holds columns instead of rows, and an object where pandas wrote a column as one.

use std::fmt::Display;

use serde_json::{Number, Value};

use super::converted::Row;
use crate::data::json_words::json_kind;
use crate::data::row::Problem;
use crate::words::{count, thousands};

/// Above it, not every whole number has a floating-point number of its own.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Neither missing nor null nor empty.
pub fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A field without a text: missing, null, or blank.
pub fn is_blank(row: &Row, field: &str) -> bool {
    match row.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

/// A text field that must be there and not be blank.
pub fn required(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<String, Problem> {
    let text = field_text(row.get(field), field, notes)?;
    if text.trim().is_empty() { Err(Problem::field(field, "is empty")) } else { Ok(text) }
}

/// A text field that may be missing, null or empty.
pub fn optional(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<Option<String>, Problem> {
    match row.get(field) {
        None | Some(Value::Null) => Ok(None),
        value => Ok(Some(field_text(value, field, notes)?).filter(|text| !text.trim().is_empty())),
    }
}

/// The text of a row's field. Only objects can be parts of it.
fn field_text(value: Option<&Value>, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<String, Problem> {
    match value {
        Some(Value::Array(items)) if items.iter().any(|item| !item.is_object()) => Err(not_a_text(value, path)),
        _ => content(value, path, notes),
    }
}

/// The text of a turn: a text, a number, true or false, or a list of text parts.
pub fn content(value: Option<&Value>, path: impl Display + Copy, notes: &mut Vec<String>) -> Result<String, Problem> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => scalar(value, path, notes),
        Some(Value::Array(items)) if !items.is_empty() => {
            let texts = items.iter().enumerate().map(|(at, part)| text_part(part, format_args!("{path}[{at}]")));
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            if texts.len() > 1 {
                notes.push(format!(
                    "{path} has several parts, joined by line breaks ({} parts)",
                    thousands(texts.len())
                ));
            }
            Ok(texts.join("\n"))
        }
        _ => Err(not_a_text(value, path)),
    }
}

/// A number, true or false as its text, which is said.
///
/// # Errors
/// Where it is anything else; the problem names `path`.
pub fn scalar(value: &Value, path: impl Display, notes: &mut Vec<String>) -> Result<String, Problem> {
    if let Value::Number(number) = value
        && !is_exact(number)
    {
        let reason = format!("is a number that is not kept to its last digit ({number}): write it as a text");
        return Err(Problem::field(path, &reason));
    }
    notes.push(format!("{path} is {}, and its text is taken ({value})", json_kind(value)));
    Ok(value.to_string())
}

fn is_exact(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.abs() < LARGEST_EXACT)
}

/// Why a value isn't a text, with what it may be instead.
pub fn not_a_text(value: Option<&Value>, path: impl Display) -> Problem {
    let reason = match value {
        None => "is missing".to_owned(),
        Some(Value::Array(items)) if !items.is_empty() && items.iter().all(Value::is_string) => {
            let texts = count(items.len(), "text", "texts");
            format!("is a list of {texts}, but it must be one text (does the file hold columns instead of rows?)")
        }
        Some(other) => format!("is {}, but it must be a text", json_kind(other)),
    };
    Problem::field(path, &reason)
}

fn text_part(part: &Value, path: impl Display) -> Result<String, Problem> {
    if let Some(text) = part.as_str() {
        return Ok(text.to_owned());
    }
    if part.get("thought").is_some_and(|thought| thought == true) {
        return Err(Problem::field(path, "is a thought, and thoughts of a turn are not read"));
    }
    match (part.get("type").and_then(Value::as_str), part.get("text").and_then(Value::as_str)) {
        (None | Some("text" | "input_text" | "output_text"), Some(text)) => Ok(text.to_owned()),
        (Some("text"), None) => Err(Problem::field(path, "has no text")),
        (None, _) => Err(Problem::field(path, &format!("has no text{}", only_key(part)))),
        (Some(kind), _) => {
            let kind: String = kind.chars().take(40).collect();
            Err(Problem::field(path, &format!("is of the type \"{kind}\", but only text can be trained on")))
        }
    }
}

/// What a part has instead of a text, if that is one thing.
fn only_key(part: &Value) -> String {
    match part.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.keys().next()) {
        Some(key) => {
            format!(": it is \"{}\", and only text can be trained on", key.chars().take(40).collect::<String>())
        }
        None => String::new(),
    }
}
