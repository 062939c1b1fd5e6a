//! Lists that a file keeps as JSON text, as tables must: they are read as what they hold.

use std::borrow::Cow;

use serde_json::Value;

use super::turns::is_turns;
use super::{CONVERSATIONS, Row};
use crate::data::formats::{Problem, json_value};

/// Fields that hold a list wherever they are known, beside the conversations.
const LISTS: &[&str] = &["contents", "history", "rejected_messages", "preferred_output", "non_preferred_output"];
/// Fields that hold a text as well as turns.
const TEXTS_OR_TURNS: &[&str] = &["prompt", "completion", "chosen", "rejected"];

/// The row with all lists unpacked; borrowed where there is nothing to unpack.
pub fn unpack<'r>(row: &'r Row, notes: &mut Vec<String>) -> Result<Cow<'r, Row>, Problem> {
    let mut unpacked = Cow::Borrowed(row);
    for name in CONVERSATIONS.iter().chain(LISTS).chain(TEXTS_OR_TURNS) {
        let Some(Value::String(text)) = row.get(*name) else { continue };
        let may_be_text = TEXTS_OR_TURNS.contains(name);
        if let Some(list) = list_in(text, name, may_be_text)? {
            notes.push(format!("{name} is a text with JSON in it, and read as that"));
            unpacked.to_mut().insert((*name).to_owned(), list);
        }
    }
    Ok(unpacked)
}

/// The list that a text is, if it looks like one.
fn list_in(text: &str, name: &str, may_be_text: bool) -> Result<Option<Value>, Problem> {
    let text = text.trim();
    let looks_like_list = text.starts_with('[') || text.starts_with("array(");
    if !looks_like_list || (may_be_text && !looks_like_turns(text)) {
        return Ok(None);
    }
    match json_value::parse(text) {
        Ok(list) if !may_be_text || is_turns(&list) => Ok(Some(list)),
        Ok(_) => Ok(None),
        Err(_) if looks_like_python(text) => {
            let reason = "looks like a list as Python prints it, not like JSON: write it with json.dumps";
            Err(Problem::field(name, reason))
        }
        Err(_) if may_be_text => Ok(None),
        Err(e) => Err(Problem::field(name, &format!("is a text that begins like a JSON list, but isn't one ({e})"))),
    }
}

/// `[{"role": …`, also in Python's quotes.
fn looks_like_turns(text: &str) -> bool {
    let rest = text.trim_start_matches("array(").trim_start_matches('[').trim_start();
    let Some(key) = rest.strip_prefix('{') else { return false };
    let key = key.trim_start().trim_start_matches(['"', '\'']);
    ["role", "from", "content", "value"].iter().any(|name| key.starts_with(name))
}

fn looks_like_python(text: &str) -> bool {
    let start = text.trim_start_matches(['[', '(', '{', ' ', '\n']);
    text.starts_with("array(")
        || start.starts_with('\'')
        || text.contains("': '")
        || [": None", ": True", ": False", "array("].iter().any(|word| text.contains(word))
}
