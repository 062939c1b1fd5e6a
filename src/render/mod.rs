//! From a conversation to token ids and the mask of those that the loss counts. Training, evaluation and the token view
//! use this one function.

pub mod batch;
mod inspect;
pub mod notes;
pub mod tally;
mod too_long;

use std::ops::Range;

pub use self::inspect::{Inspected, InspectedAnswer, InspectedToken, inspect};
pub use self::tally::{Refusal, Tally};
pub use self::too_long::Fate;
use self::too_long::Fit;
use crate::data::{Example, Message, Role};
use crate::model::chat::{LeftOut, Omission};
use crate::model::{Chat, ChatToken, Conversation, EncodedChat, ModelError, Turn};
use crate::recipe::{ChatFormat, RenderSpec, Thinking, TooLong, TrainOn};
use crate::words::{count, thousands};

/// Tokens as the model sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub ids: Vec<u32>,
    /// Whether the loss counts the prediction of this token; never of the first.
    pub is_trained: Vec<bool>,
}

impl Rendered {
    pub fn num_trained(&self) -> usize {
        self.is_trained.iter().filter(|trained| **trained).count()
    }
}

/// What a run takes of one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedExample {
    /// One; none where the example is left out, several where it is split.
    pub samples: Vec<Rendered>,
    /// The number of tokens of the example in full.
    pub num_tokens: usize,
    pub fate: Fate,
    /// What the model's template leaves out of it or changes.
    pub left_out: Vec<LeftOut>,
}

impl RenderedExample {
    pub fn num_trained(&self) -> usize {
        self.samples.iter().map(Rendered::num_trained).sum()
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
    /// Not used, because the example is longer than the limit.
    pub is_cut: bool,
    /// Where the example is split: the number of the part that begins here, from 1.
    pub begins_part: Option<usize>,
}

/// The exact tokens of one example, as training will see them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenView {
    pub pieces: Vec<TokenPiece>,
    pub num_tokens: usize,
    pub num_trained: usize,
    pub max_length: usize,
    /// How turns are written, where that was chosen.
    pub notes: Vec<String>,
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

/// Turns and tools, as the template takes them.
pub fn conversation<'a>(turns: &'a [Turn<'a>], tools: &'a [serde_json::Value], format: ChatFormat) -> Conversation<'a> {
    Conversation { turns, tools, format, ..Conversation::default() }
}

/// What training takes of an example.
///
/// # Errors
/// Where the model's template or tokenizer refuses the example.
pub fn render(chat: &Chat, example: &Example, spec: RenderSpec) -> Result<RenderedExample, ModelError> {
    Whole::new(chat, example, spec)?.render()
}

/// An example in full, before the limit is applied.
pub struct Whole<'a> {
    chat: &'a Chat,
    pub(super) example: &'a Example,
    pub(super) spec: RenderSpec,
    pub(super) encoded: EncodedChat,
    /// Whether each turn is an answer that the loss counts.
    pub(super) counts: Vec<bool>,
    pub(super) is_trained: Vec<bool>,
    left_out: Vec<LeftOut>,
}

impl<'a> Whole<'a> {
    /// Renders an example in full.
    ///
    /// # Errors
    /// Where the model's template or tokenizer refuses the example.
    pub fn new(chat: &'a Chat, example: &'a Example, spec: RenderSpec) -> Result<Self, ModelError> {
        let turns = turns(&example.messages);
        let conversation = conversation(&turns, &example.tools, spec.format);
        let encoded = chat.encode(conversation, false)?;
        let counts = counted_turns(&example.messages, spec.train_on);
        let is_trained = trained_tokens(&encoded, &counts, spec.train_on);
        // Where an answer is matters only if it is to be trained by itself.
        let matters = |left_out: &&LeftOut| {
            let counts = left_out.turn.and_then(|turn| counts.get(turn)).is_some_and(|counts| *counts);
            left_out.what != Omission::Uncertain || (counts && spec.train_on != TrainOn::All)
        };
        let left_out = encoded.left_out.iter().filter(matters).copied().collect();
        Ok(Self { chat, example, spec, encoded, counts, is_trained, left_out })
    }

    /// The example as one sample, with nothing left out.
    pub fn sample(&self) -> Rendered {
        Rendered { ids: self.encoded.ids(), is_trained: self.is_trained.clone() }
    }

    /// The example with the limit applied.
    ///
    /// # Errors
    /// Where the template refuses a part of an example that is split.
    pub fn render(&self) -> Result<RenderedExample, ModelError> {
        let Fit { fate, samples, .. } = Fit::of(self)?;
        Ok(RenderedExample { samples, num_tokens: self.encoded.tokens.len(), fate, left_out: self.left_out.clone() })
    }

    /// These turns after the system message, as a conversation of their own.
    pub(super) fn encode_turns(&self, range: Range<usize>) -> Result<EncodedChat, ModelError> {
        let all = turns(&self.example.messages);
        let turns = [&all[..self.num_system_turns()], &all[range]].concat();
        self.chat.encode(conversation(&turns, &self.example.tools, self.spec.format), false)
    }

    pub(super) fn num_system_turns(&self) -> usize {
        self.example.messages.iter().take_while(|message| message.role == Role::System).count()
    }

    /// Whether the text begins with its mark. Some models name the mark of a turn as that, too, which doesn't count.
    pub(super) fn begins_with_bos(&self) -> bool {
        let Some((first, others)) = self.encoded.tokens.split_first() else { return false };
        first.is_special
            && self.encoded.text[first.range.clone()] == *self.chat.template.bos_token()
            && others.iter().all(|token| token.id != first.id)
    }

    /// The token that begins a turn, with the template's marks; all tokens before it belong to the turns before it.
    pub(super) fn first_token_of(&self, turn: usize) -> Option<usize> {
        let content = self.content_token_of(turn);
        let before = turn.checked_sub(1).and_then(|before| self.encoded.answers[before].as_ref());
        let Some(before) = before.map(|answer| end_of_turn(&self.encoded, answer.end)) else {
            return if turn == 0 { Some(0) } else { content };
        };
        // A line break after a turn belongs to it.
        let text = &self.encoded.text;
        let is_blank = |range: &Range<usize>| text.get(range.clone()).is_some_and(|text| text.trim().is_empty());
        let mut tokens = self.encoded.tokens.iter();
        let mark = tokens.position(|token| token.range.start >= before && !is_blank(&token.range));
        match (mark, content) {
            (Some(mark), Some(content)) => Some(mark.min(content)),
            (mark, content) => content.or(mark),
        }
    }

    /// The token that begins a turn's own text.
    pub(super) fn content_token_of(&self, turn: usize) -> Option<usize> {
        let content = self.encoded.answers.get(turn)?.as_ref()?;
        Some(self.encoded.tokens.partition_point(|token| token.range.start < content.start))
    }
}

/// What [`render`] gives, token by token for the eye.
///
/// # Errors
/// Where the model's template or tokenizer refuses the example.
pub fn token_view(chat: &Chat, example: &Example, spec: RenderSpec) -> Result<TokenView, ModelError> {
    let whole = Whole::new(chat, example, spec)?;
    let fit = Fit::of(&whole)?;
    let encoded = &whole.encoded;
    let disarmed: Vec<Range<usize>> =
        chat.tokenizer.find_specials(&encoded.text).into_iter().map(|(range, _)| range).collect();
    let mut shown = 0;
    let mut pieces: Vec<TokenPiece> = encoded
        .tokens
        .iter()
        .zip(&whole.is_trained)
        .map(|(token, trained)| {
            let text = visible(&encoded.text, token, shown);
            shown = shown.max(token.range.end);
            TokenPiece {
                id: token.id,
                text,
                is_trained: *trained,
                is_special: token.is_special,
                is_disarmed: !token.is_special && disarmed.iter().any(|range| overlap(range, &token.range)),
                is_cut: false,
                begins_part: None,
            }
        })
        .collect();
    mark_limit(&mut pieces, &fit, spec);
    let notes = notes::notes(chat, spec.format);
    let warnings = warnings(&whole, &pieces, &fit);
    let num_trained = pieces.iter().filter(|piece| piece.is_trained).count();
    Ok(TokenView { num_tokens: pieces.len(), num_trained, max_length: spec.max_length, pieces, notes, warnings })
}

/// Marks what the limit takes away, and where parts begin.
fn mark_limit(pieces: &mut [TokenPiece], fit: &Fit, spec: RenderSpec) {
    let cut = |pieces: &mut [TokenPiece]| {
        for piece in pieces {
            (piece.is_cut, piece.is_trained) = (true, false);
        }
    };
    match fit.fate {
        Fate::Whole => {}
        Fate::LeftOut => cut(pieces),
        Fate::CutRight { .. } => cut(&mut pieces[spec.max_length..]),
        Fate::CutLeft { num_kept, num_cut } => {
            cut(&mut pieces[num_kept..num_kept + num_cut]);
            // Its own beginning is gone.
            pieces.get_mut(num_kept + num_cut).into_iter().for_each(|piece| piece.is_trained = false);
        }
        Fate::Split { .. } => {
            let mut samples = fit.samples.iter();
            for part in &fit.parts {
                let tokens = &mut pieces[part.tokens.clone()];
                let Some(sample) = part.is_used.then(|| samples.next()).flatten() else {
                    cut(tokens);
                    continue;
                };
                // What the sample has before its own tokens is the system message.
                for (piece, trained) in tokens.iter_mut().rev().zip(sample.is_trained.iter().rev()) {
                    piece.is_trained = *trained;
                }
                if let Some(first) = tokens.first_mut() {
                    first.begins_part = Some(fit.samples.len() - samples.len());
                }
            }
        }
    }
}

fn warnings(whole: &Whole<'_>, pieces: &[TokenPiece], fit: &Fit) -> Vec<String> {
    let mut warnings = Vec::new();
    let over = thousands(pieces.len().saturating_sub(whole.spec.max_length));
    let limit = thousands(whole.spec.max_length);
    match fit.fate {
        Fate::Whole => {}
        Fate::LeftOut if whole.spec.too_long == TooLong::Split => warnings.push(format!(
            "It is {over} tokens beyond the limit of {limit}, and no answer fits with its question: it is left out of \
             training"
        )),
        Fate::LeftOut => {
            warnings.push(format!("It is {over} tokens beyond the limit of {limit} and would be left out of training"))
        }
        Fate::CutRight { num_cut } => {
            warnings.push(format!(
                "The last {} tokens are beyond the limit of {limit} and would be cut off",
                thousands(num_cut)
            ));
        }
        Fate::CutLeft { num_kept, num_cut } => {
            let place = if num_kept > 1 { "after the system message" } else { "at the beginning" };
            let num_cut = thousands(num_cut);
            warnings
                .push(format!("It is {over} tokens beyond the limit of {limit}: {num_cut} {place} would be cut off"));
        }
        Fate::Split { num_parts, num_left_out } => {
            let parts = count(num_parts, "part is", "parts are");
            let left_out = match num_left_out {
                0 => String::new(),
                1 => "; 1 answer is too long even alone and left out".to_owned(),
                n => format!("; {} answers are too long even alone and left out", thousands(n)),
            };
            warnings.push(format!("It is {over} tokens beyond the limit of {limit}: {parts} trained{left_out}"));
        }
    }
    if fit.fate != Fate::LeftOut && pieces.iter().all(|piece| !piece.is_trained) {
        let mut answers = whole.example.messages.iter().filter(|m| m.role == Role::Assistant).peekable();
        let has_answer = answers.peek().is_some();
        let is_written = answers.any(|m| !m.is_blank());
        let reason = match (has_answer, fit.fate) {
            (false, _) => "there is no answer (assistant turn)",
            (true, _) if !is_written => "the answer is still to be written",
            (true, Fate::Whole) if whole.left_out.iter().any(|left_out| left_out.what == Omission::Uncertain) => {
                "it isn't certain where the model's chat template writes the answer"
            }
            (true, Fate::Whole) => "no turn counts in the loss",
            (true, _) => "the answer lies beyond the limit",
        };
        warnings.push(format!("Nothing would be trained: {reason}"));
    }
    warnings.extend(whole.left_out.iter().map(LeftOut::in_words));
    let loses_thinking = whole.left_out.iter().any(|left_out| left_out.what == Omission::Thinking);
    if loses_thinking && whole.spec.format.thinking == Thinking::Template {
        warnings.push("The recipe can keep the thinking of every answer, or leave out all of it (thinking)".to_owned());
    }
    warnings.extend(notes::warnings(whole.chat, whole.spec.format));
    if pieces.iter().any(|p| p.is_disarmed) {
        warnings.push("A turn contains the text of a special token; it is trained as plain text".to_owned());
    }
    warnings
}

/// The answers that the loss counts.
fn counted_turns(messages: &[Message], train_on: TrainOn) -> Vec<bool> {
    let last = messages.iter().rposition(|m| m.role == Role::Assistant);
    let counts = |(i, message): (usize, &Message)| {
        message.role == Role::Assistant
            && message.weight != Some(0)
            // An answer that is still to be written would teach to say nothing.
            && !message.is_blank()
            && (train_on != TrainOn::Last || Some(i) == last)
    };
    messages.iter().enumerate().map(counts).collect()
}

/// Which tokens the loss counts, before cutting; `counts` says for each turn whether it does.
pub(super) fn trained_tokens(encoded: &EncodedChat, counts: &[bool], train_on: TrainOn) -> Vec<bool> {
    let counted = counts.iter().zip(&encoded.answers).filter(|(counts, _)| **counts);
    let answers: Vec<Range<usize>> = counted
        .filter_map(|(_, answer)| answer.clone())
        .map(|answer| answer.start..end_of_answer(encoded, answer.end))
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
    end_of_mark(encoded, content_end, |_| true)
}

/// [`end_of_turn`], but only of a token at which generation ends: another one begins the next turn.
fn end_of_answer(encoded: &EncodedChat, content_end: usize) -> usize {
    end_of_mark(encoded, content_end, |mark| mark.is_stop)
}

fn end_of_mark(encoded: &EncodedChat, content_end: usize, ends: fn(&ChatToken) -> bool) -> usize {
    let mark = encoded.tokens.iter().find(|t| t.is_special && t.range.start >= content_end);
    match mark.filter(|mark| ends(mark)) {
        Some(mark) if encoded.text[content_end..mark.range.start].trim().is_empty() => mark.range.end,
        _ => content_end,
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// A token's text with control characters written out. A letter of several tokens is at the first of them, the others
/// are `·`. `shown` is the end of what comes before.
fn visible(text: &str, token: &ChatToken, shown: usize) -> String {
    let start = token.range.start.max(shown);
    let new = text.get(start..token.range.end).filter(|new| !new.is_empty() || token.range.is_empty());
    let Some(new) = new else { return "·".to_owned() };
    new.chars()
        .map(|c| match c {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            c if c.is_control() => format!("\\u{{{:x}}}", c as u32),
            c => c.to_string(),
        })
        .collect()
}
