//! From a conversation to token ids and the mask of those that the loss counts. Training, evaluation and the token view
//! use this one function.

use std::ops::Range;

use crate::data::{Example, Message, Role};
use crate::model::{Chat, ChatToken, Conversation, EncodedChat, ModelError, Turn};
use crate::recipe::TrainOn;

/// One example as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub ids: Vec<u32>,
    /// Whether the loss counts the prediction of this token; never of the first.
    pub is_trained: Vec<bool>,
    /// Tokens that were beyond `max_length` and left off.
    pub num_cut: usize,
}

impl Rendered {
    pub fn num_trained(&self) -> usize {
        self.is_trained.iter().filter(|trained| **trained).count()
    }
}

/// One token of the token view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPiece {
    pub id: u32,
    /// Control characters written out: `\n`.
    pub text: String,
    pub is_trained: bool,
    /// A special token of the template.
    pub is_special: bool,
    /// Part of what looks like a special token in a turn's text; it is encoded as plain text.
    pub is_disarmed: bool,
    /// Beyond the maximum length.
    pub is_cut: bool,
}

/// The exact tokens of one example, as training will see them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenView {
    pub pieces: Vec<TokenPiece>,
    pub num_tokens: usize,
    pub num_trained: usize,
    pub max_length: usize,
    /// Plain sentences: nothing would be trained, something would be cut.
    pub warnings: Vec<String>,
}

/// Turns of a conversation, as the template takes them.
pub fn turns(messages: &[Message]) -> Vec<Turn<'_>> {
    fn turn(m: &Message) -> Turn<'_> {
        Turn {
            name: m.name.as_deref(),
            tool_calls: &m.tool_calls,
            tool_call_id: m.tool_call_id.as_deref(),
            ..Turn::new(m.role.as_str(), &m.content)
        }
    }
    messages.iter().map(turn).collect()
}

/// Renders an example; what is beyond `max_length` is cut at its end.
pub fn render(chat: &Chat, example: &Example, train_on: TrainOn, max_length: usize) -> Result<Rendered, ModelError> {
    let encoded = encode(chat, example)?;
    let mut is_trained = trained_tokens(&encoded, &example.messages, train_on);
    let mut ids = encoded.ids();
    let num_cut = ids.len().saturating_sub(max_length);
    ids.truncate(max_length);
    is_trained.truncate(max_length);
    Ok(Rendered { ids, is_trained, num_cut })
}

fn encode(chat: &Chat, example: &Example) -> Result<EncodedChat, ModelError> {
    chat.encode(Conversation { turns: &turns(&example.messages), tools: &example.tools }, false)
}

/// The same, token by token for the eye.
pub fn token_view(
    chat: &Chat,
    example: &Example,
    train_on: TrainOn,
    max_length: usize,
) -> Result<TokenView, ModelError> {
    let encoded = encode(chat, example)?;
    let is_trained = trained_tokens(&encoded, &example.messages, train_on);
    let disarmed: Vec<Range<usize>> =
        chat.tokenizer.find_specials(&encoded.text).into_iter().map(|(range, _)| range).collect();
    let pieces: Vec<TokenPiece> = encoded
        .tokens
        .iter()
        .zip(&is_trained)
        .enumerate()
        .map(|(i, (token, trained))| TokenPiece {
            id: token.id,
            text: visible(&encoded.text, token),
            is_trained: *trained && i < max_length,
            is_special: token.is_special,
            is_disarmed: !token.is_special && disarmed.iter().any(|range| overlap(range, &token.range)),
            is_cut: i >= max_length,
        })
        .collect();
    let num_trained = pieces.iter().filter(|p| p.is_trained).count();
    let num_tokens = pieces.len();
    let mut warnings = warnings(&example.messages, &pieces, num_trained, max_length);
    warnings.extend(unseen_tools(chat, example));
    Ok(TokenView { pieces, num_tokens, num_trained, max_length, warnings })
}

/// What of an example's tools the model's template leaves out, as a sentence.
pub fn unseen_tools(chat: &Chat, example: &Example) -> Option<String> {
    let has_calls = example.messages.iter().any(|m| !m.tool_calls.is_empty());
    let what =
        match (example.tools.is_empty() || chat.template.shows_tools, !has_calls || chat.template.writes_tool_calls) {
            (true, true) => return None,
            (false, true) => "the descriptions of tools",
            (true, false) => "calls of tools",
            (false, false) => "the descriptions of tools and their calls",
        };
    Some(format!("The model's chat template has no place for {what}; it is trained without them"))
}

fn warnings(messages: &[Message], pieces: &[TokenPiece], num_trained: usize, max_length: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if pieces.len() > max_length {
        let over = pieces.len() - max_length;
        warnings.push(format!("The last {over} tokens are beyond the limit of {max_length} and would be cut off"));
    }
    if num_trained == 0 {
        let reason = if !messages.iter().any(|m| m.role == Role::Assistant) {
            "there is no answer (assistant turn)"
        } else if pieces.len() > max_length {
            "the answer lies beyond the limit"
        } else {
            "no turn counts in the loss"
        };
        warnings.push(format!("Nothing would be trained: {reason}"));
    }
    if pieces.iter().any(|p| p.is_disarmed) {
        warnings.push("A turn contains the text of a special token; it is trained as plain text".to_owned());
    }
    warnings
}

/// Which tokens the loss counts, before cutting.
fn trained_tokens(encoded: &EncodedChat, messages: &[Message], train_on: TrainOn) -> Vec<bool> {
    let last = messages.iter().rposition(|m| m.role == Role::Assistant);
    let answers: Vec<Range<usize>> = messages
        .iter()
        .zip(&encoded.answers)
        .enumerate()
        .filter(|(i, (message, _))| {
            message.role == Role::Assistant
                && message.weight != Some(0)
                && (train_on != TrainOn::Last || Some(*i) == last)
        })
        .filter_map(|(_, (_, answer))| answer.clone())
        .map(|answer| answer.start..end_of_turn(encoded, answer.end))
        .collect();
    encoded
        .tokens
        .iter()
        .enumerate()
        .map(|(i, token)| {
            i > 0
                && match train_on {
                    TrainOn::All => true,
                    // A token that began before the answer is part of the prompt when the model writes by itself.
                    _ => answers.iter().any(|a| a.start <= token.range.start && token.range.start < a.end),
                }
        })
        .collect()
}

/// The end of the special token that closes a turn: nothing but white space may lie between.
fn end_of_turn(encoded: &EncodedChat, content_end: usize) -> usize {
    let mark = encoded.tokens.iter().find(|t| t.is_special && t.range.start >= content_end);
    match mark {
        Some(mark) if encoded.text[content_end..mark.range.start].trim().is_empty() => mark.range.end,
        _ => content_end,
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// A token's text with control characters written out; part of a character is `·`.
fn visible(text: &str, token: &ChatToken) -> String {
    let Some(text) = text.get(token.range.clone()) else { return "·".to_owned() };
    text.chars()
        .map(|c| match c {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            c if c.is_control() => format!("\\u{{{:x}}}", c as u32),
            c => c.to_string(),
        })
        .collect()
}
