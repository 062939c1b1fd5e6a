//! What a model's template makes of one conversation, as plain data for the command line.

use serde::Serialize;

use super::{TokenView, conversation, token_view, turns};
use crate::data::Example;
use crate::model::chat::FoundBy;
use crate::model::{Chat, Conversation, ModelError};
use crate::recipe::RenderSpec;

/// A conversation as a run would train on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// The template's whole text.
    pub text: String,
    /// What the template writes where an answer is asked for: the text of all turns before the last answer, with the
    /// beginning of an answer. `None` where it refuses that.
    pub prompt: Option<String>,
    pub tokens: Vec<InspectedToken>,
    pub num_trained: usize,
    pub answers: Vec<InspectedAnswer>,
    /// How turns are written, where that was chosen.
    pub notes: Vec<String>,
    /// Plain sentences: what would be left out, changed or cut.
    pub warnings: Vec<String>,
}

/// A token, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InspectedToken {
    pub id: u32,
    /// Control characters written out: `\n`.
    pub text: String,
    pub trained: bool,
    /// A special token that the template wrote.
    pub special: bool,
    /// Beyond the limit, and not used.
    pub cut: bool,
}

/// Where an assistant turn is in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InspectedAnswer {
    /// The turn's number in the conversation, from 1.
    pub turn: usize,
    /// `None` where it isn't certain; it isn't trained then.
    pub text: Option<String>,
    pub found_by: Option<FoundBy>,
}

/// Renders a conversation and says of every token whether it would be trained, and how its answers were found.
///
/// # Errors
/// Where the model's template or tokenizer refuses the conversation.
pub fn inspect(chat: &Chat, example: &Example, spec: RenderSpec) -> Result<Inspected, ModelError> {
    let TokenView { pieces, num_trained, notes, warnings, .. } = token_view(chat, example, spec)?;
    let turns = turns(&example.messages);
    let conversation = conversation(&turns, &example.tools, spec.format);
    let encoded = chat.encode(conversation, false)?;
    let is_answer = |at: &usize| turns[*at].role == "assistant";
    let before_last = (0..turns.len()).rev().find(is_answer).unwrap_or(turns.len());
    let prompt = chat.encode(Conversation { turns: &turns[..before_last], ..conversation }, true).ok();
    let answers = (0..turns.len()).filter(is_answer).map(|at| InspectedAnswer {
        turn: at + 1,
        text: encoded.answers[at].clone().map(|range| encoded.text[range].to_owned()),
        found_by: encoded.found_by[at],
    });
    let tokens = pieces.into_iter().map(|piece| InspectedToken {
        id: piece.id,
        text: piece.text,
        trained: piece.is_trained,
        special: piece.is_special,
        cut: piece.is_cut,
    });
    Ok(Inspected {
        answers: answers.collect(),
        tokens: tokens.collect(),
        text: encoded.text,
        prompt: prompt.map(|prompt| prompt.text),
        num_trained,
        notes,
        warnings,
    })
}
