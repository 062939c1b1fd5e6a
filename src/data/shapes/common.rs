//! What several shapes share: the row's own system message, its question, the context of its answer.

use super::converted::{Converted, Row};
use super::text::{optional, required};
use crate::data::row::Problem;
use crate::data::{Message, Role};

/// Fields with the row's own system message.
pub const SYSTEMS: &[&str] = &["system", "system_prompt", "system_message"];

/// The row's own system message, as the first turn.
pub fn system(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    for name in SYSTEMS {
        if let Some(text) = optional(row, name, &mut converted.notes)? {
            converted.example.messages.push(Message::new(Role::System, text));
            break;
        }
    }
    Ok(())
}

/// A question's text; an instruction may have an input.
pub fn question_field(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<String, Problem> {
    let question = required(row, field, notes)?;
    match if field == "instruction" { optional(row, "input", notes)? } else { None } {
        Some(input) => Ok(format!("{question}\n{input}")),
        None => Ok(question),
    }
}

/// Only what follows is to be learned; answers in the prompt are context.
pub fn context(turns: Vec<Message>) -> impl Iterator<Item = Message> {
    turns.into_iter().map(|turn| match turn.role {
        Role::Assistant => Message { weight: Some(0), ..turn },
        _ => turn,
    })
}
