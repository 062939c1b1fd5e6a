//! Gemini's conversations: `{"contents": [{"role", "parts": [{"text"}]}], "systemInstruction"}`.

use serde_json::Value;

use super::converted::{Converted, Row};
use super::text::{content, is_filled};
use super::turns::turns;
use crate::data::row::Problem;
use crate::data::{Message, Role};

/// The system message's field, in both ways of writing it.
const SYSTEM: [&str; 2] = ["systemInstruction", "system_instruction"];

/// Fields that are read.
pub const FIELDS: &[&str] = &["contents", SYSTEM[0], SYSTEM[1], "split"];

/// Whether a row's `contents` is such a conversation.
pub fn is_contents(value: &Value) -> bool {
    value.as_array().and_then(|turns| turns.first()).is_some_and(|turn| turn.get("parts").is_some())
}

pub fn convert(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    for name in ["tools", "toolConfig"] {
        if row.get(name).is_some_and(is_filled) {
            return Err(Problem::field(name, "is in Gemini's words, which are not read: bring tools in OpenAI's"));
        }
    }
    let messages = &mut converted.example.messages;
    if let Some((name, instruction)) = SYSTEM.iter().find_map(|name| Some((name, row.get(*name)?)))
        && is_filled(instruction)
    {
        let parts = instruction.get("parts").unwrap_or(instruction);
        messages.push(Message::new(Role::System, content(Some(parts), name, &mut converted.notes)?));
    }
    messages.extend(turns(row, "contents", &mut converted.notes)?);
    Ok(())
}
