//! Lists that a file keeps as JSON text, as tables must: they are read as what they hold.

use std::borrow::Cow;

use serde_json::Value;

use super::converted::{CONVERSATIONS, Row};
use super::turns::{is_turns, speaks};
use crate::data::formats::json_value;
use crate::data::json_words::fault;
use crate::data::row::Problem;

/// Fields that hold a list wherever they are known, beside the conversations.
const LISTS: &[&str] = &["contents", "history", "rejected_messages", "preferred_output", "non_preferred_output"];
/// Fields that hold a text as well as turns.
const TEXTS_OR_TURNS: &[&str] = &["prompt", "completion", "chosen", "rejected"];

/// Fields that hold an object where they don't hold a text.
const OBJECTS: &[&str] = &["input", "systemInstruction", "system_instruction"];

/// The row with all lists unpacked; borrowed where there is nothing to unpack.
///
/// # Errors
/// Where a text begins like such a list and can't be read as one; the problem names the field.
pub fn unpack<'r>(row: &'r Row, notes: &mut Vec<String>) -> Result<Cow<'r, Row>, Problem> {
    let mut unpacked = Cow::Borrowed(row);
    let kinds =
        [(CONVERSATIONS, Kind::List), (LISTS, Kind::List), (TEXTS_OR_TURNS, Kind::Turns), (OBJECTS, Kind::Object)];
    for (name, kind) in kinds.into_iter().flat_map(|(names, kind)| names.iter().map(move |name| (*name, kind))) {
        let Some(Value::String(text)) = row.get(name) else { continue };
        if let Some(value) = value_in(text.trim(), name, kind)? {
            notes.push(format!("{name} is a text with JSON in it, and read as that"));
            unpacked.to_mut().insert(name.to_owned(), value);
        }
    }
    Ok(unpacked)
}

/// What a field may hold in a text.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    List,
    /// Turns; everything else is a text as it is.
    Turns,
    /// What a conversation is wrapped in; everything else is a text as it is.
    Object,
}

impl Kind {
    /// Whether a text looks as if it held such a thing.
    fn is_likely(self, text: &str) -> bool {
        match self {
            Self::List => text.starts_with('[') || text.starts_with("array("),
            Self::Turns => {
                text.starts_with(['[', '{']) && begins_with_key(text, &["role", "from", "content", "value"])
                    || text.starts_with("array([{")
            }
            Self::Object => text.starts_with('{') && begins_with_key(text, &["messages", "tools", "parts", "role"]),
        }
    }

    fn is(self, value: &Value) -> bool {
        match self {
            Self::List => value.is_array(),
            Self::Turns => is_turns(value) && value.get(0).is_some_and(speaks) || speaks(value),
            Self::Object => value.get("messages").or(value.get("parts")).is_some_and(Value::is_array),
        }
    }
}

/// The list or object that a text is, if it looks like one.
fn value_in(text: &str, name: &str, kind: Kind) -> Result<Option<Value>, Problem> {
    if !kind.is_likely(text) {
        return Ok(None);
    }
    match json_value::parse(text) {
        Ok((value, unread)) if unread.is_empty() => Ok(Some(value).filter(|value| kind.is(value))),
        Ok((_, unread)) => {
            Err(Problem::field(name, &format!("has {} in its JSON, which can't be read", unread[0].what)))
        }
        Err(_) if looks_like_python(text) => {
            let reason = "looks like a list as Python prints it, not like JSON: write it with json.dumps";
            Err(Problem::field(name, reason))
        }
        Err(e) if kind == Kind::List => Err(Problem::field(
            name,
            &format!("is a text that begins like a JSON list, but isn't one: {}", fault(&e, text)),
        )),
        Err(_) => Ok(None),
    }
}

/// Whether the first key is one of these, in JSON's quotes or Python's.
fn begins_with_key(text: &str, keys: &[&str]) -> bool {
    let inner = text.trim_start_matches(['[', '{', ' ', '\n', '\t', '\r']);
    let key = inner.trim_start_matches(['"', '\'']);
    key.len() < inner.len() && keys.iter().any(|name| key.starts_with(name))
}

fn looks_like_python(text: &str) -> bool {
    let start = text.trim_start_matches(['[', '(', '{', ' ', '\n']);
    text.starts_with("array(")
        || start.starts_with('\'')
        || text.contains("': '")
        || [": None", ": True", ": False", "array("].iter().any(|word| text.contains(word))
}
