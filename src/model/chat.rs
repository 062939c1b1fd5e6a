//! A conversation as token ids: the template's text, with every turn's own text kept apart, so that what a person writes
//! can't smuggle in special tokens and training knows which tokens are the answer.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::chat_template::{ChatTemplate, sources};
use super::conversation::{Conversation, Marks, Turn};
use super::weights::gguf::GgufFile;
use super::weights::safetensors::read_config;
use super::{ModelError, Tokenizer};

/// Tokenizer and template of a model, without its weights.
pub struct Chat {
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    /// Generation ends at these.
    stop_ids: BTreeSet<u32>,
}

/// For each turn, where its content stands in the text; `None` where the template left it out.
pub type Contents = Vec<Option<Range<usize>>>;

/// One token of a rendered conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatToken {
    pub id: u32,
    /// Its bytes in [`EncodedChat::text`].
    pub range: Range<usize>,
    /// A special token that the template wrote.
    pub is_special: bool,
}

/// A rendered conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedChat {
    pub text: String,
    pub tokens: Vec<ChatToken>,
    pub contents: Contents,
    /// What the model itself writes in a turn: the content and its calls of tools.
    pub answers: Contents,
}

impl EncodedChat {
    pub fn ids(&self) -> Vec<u32> {
        self.tokens.iter().map(|t| t.id).collect()
    }
}

impl Chat {
    /// Of a GGUF file or a folder.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let mut chat = if path.is_dir() { Self::from_folder(path)? } else { Self::from_gguf(path)? };
        chat.add_end_of_turn();
        Ok(chat)
    }

    fn from_gguf(path: &Path) -> Result<Self, ModelError> {
        let file = GgufFile::open(path)?;
        let tokenizer = Tokenizer::from_gguf(&file)?;
        let id = |key: &str| file.number(&format!("tokenizer.ggml.{key}_token_id")).map(|id| id as u32);
        let template = sources::of_gguf(&file, &tokenizer)?;
        let stop_ids = ["eos", "eot", "eom"].iter().filter_map(|key| id(key)).collect();
        Ok(Self { tokenizer, template, stop_ids })
    }

    fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json"))?;
        let settings = read_optional_json(&folder.join("tokenizer_config.json"))?;
        let token = |key: &str| match &settings[key] {
            Value::String(text) => text.clone(),
            Value::Object(token) => token.get("content").and_then(Value::as_str).unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let template = sources::of_folder(folder, &settings)?;
        let eos_token = token("eos_token");
        let mut stop_ids: BTreeSet<u32> = tokenizer.token_to_id(&eos_token).into_iter().collect();
        for settings in [read_config(folder)?, read_optional_json(&folder.join("generation_config.json"))?] {
            match &settings["eos_token_id"] {
                Value::Array(ids) => stop_ids.extend(ids.iter().filter_map(Value::as_u64).map(|id| id as u32)),
                id => stop_ids.extend(id.as_u64().map(|id| id as u32)),
            }
        }
        Ok(Self { tokenizer, template, stop_ids })
    }

    /// The special token that the template writes after an answer ends generation, too.
    fn add_end_of_turn(&mut self) {
        let turns = [Turn::new("user", "a"), Turn::new("assistant", "b")];
        let Ok(encoded) = self.encode(&turns, false) else { return };
        if let Some(Some(answer)) = encoded.contents.last() {
            let end = encoded.tokens.iter().find(|t| t.range.start >= answer.end && t.is_special);
            self.stop_ids.extend(end.map(|t| t.id));
        }
    }

    pub fn is_stop(&self, id: u32) -> bool {
        self.stop_ids.contains(&id)
    }

    /// Renders and tokenises. Special tokens count as such only where the template wrote them.
    pub fn encode<'a>(
        &self,
        conversation: impl Into<Conversation<'a>>,
        add_generation_prompt: bool,
    ) -> Result<EncodedChat, ModelError> {
        let conversation = conversation.into();
        let Rendered { text, contents, others } = self.render(&conversation, add_generation_prompt)?;
        let is_own_text = |range: &Range<usize>| {
            let mut own = contents.iter().flatten().chain(&others);
            own.any(|own| range.start < own.end && own.start < range.end)
        };
        let mut tokens = Vec::new();
        let mut plain_start = 0;
        let plain = |range: Range<usize>, tokens: &mut Vec<ChatToken>| -> Result<(), ModelError> {
            for (id, token) in self.tokenizer.encode_text(&text[range.clone()])? {
                let range = range.start + token.start..range.start + token.end;
                tokens.push(ChatToken { id, range, is_special: false });
            }
            Ok(())
        };
        for (range, id) in self.tokenizer.find_specials(&text) {
            if is_own_text(&range) {
                continue;
            }
            plain(plain_start..range.start, &mut tokens)?;
            plain_start = range.end;
            tokens.push(ChatToken { id, range, is_special: true });
        }
        plain(plain_start..text.len(), &mut tokens)?;
        let answers = self.answers(&conversation, &text, &contents);
        Ok(EncodedChat { text, tokens, contents, answers })
    }

    /// The text, and where each turn's content stands in it. Found by rendering a second time with marks around the
    /// contents.
    fn render(&self, conversation: &Conversation<'_>, add_generation_prompt: bool) -> Result<Rendered, ModelError> {
        let turns = conversation.turns;
        let text = self.template.render(conversation, None, add_generation_prompt)?;
        let searched = |text: String| Rendered { contents: search_contents(&text, turns), text, others: Vec::new() };
        let Some(marks) = Marks::unused(conversation) else { return Ok(searched(text)) };
        let marked = self.template.render(conversation, Some(&marks), add_generation_prompt)?;
        let (plain, spans, others) = marks.take(&marked);
        if plain != text || spans.len() != turns.len() {
            // The template looks into its contents, or leaves some out.
            return Ok(searched(text));
        }
        let contents = spans.into_iter().zip(turns).map(|(span, turn)| Some(with_outer_space(&text, span, turn)));
        Ok(Rendered { contents: contents.collect(), text, others })
    }

    /// What the model writes in each turn: its content or, where it calls tools, all between the prompt and the end of
    /// the turn, as far as the template writes the turns before and up to it in the same way.
    fn answers(&self, conversation: &Conversation<'_>, text: &str, contents: &Contents) -> Contents {
        let mut answers = contents.clone();
        for (at, turn) in conversation.turns.iter().enumerate().filter(|(_, turn)| !turn.tool_calls.is_empty()) {
            let up_to = |end: usize, add_generation_prompt| {
                let part = Conversation { turns: &conversation.turns[..end], ..*conversation };
                let part = self.template.render(&part, None, add_generation_prompt).ok()?;
                text.starts_with(part.trim_end()).then_some(part)
            };
            let start = match (up_to(at, true), &contents[at]) {
                (Some(prompt), _) if text.starts_with(&prompt) => prompt.len(),
                (_, Some(content)) if !turn.content.is_empty() => content.start,
                _ => continue,
            };
            let Some(end) = up_to(at + 1, false).map(|whole| whole.trim_end().len()) else { continue };
            let specials = self.tokenizer.find_specials(&text[..end]);
            let last = specials.last().filter(|(special, _)| special.end == end);
            let end = last.map_or(end, |(special, _)| special.start);
            if start < end {
                answers[at] = Some(start..end);
            }
        }
        answers
    }
}

/// A template's text, and what of it is not the template's.
struct Rendered {
    text: String,
    contents: Contents,
    /// Texts in tools and their calls.
    others: Vec<Range<usize>>,
}

/// A span grown by the white space around the turn's content, where the template kept it.
fn with_outer_space(text: &str, span: Range<usize>, turn: &Turn<'_>) -> Range<usize> {
    let content = turn.content;
    let before = &content[..content.len() - content.trim_start().len()];
    let after = if content.trim().is_empty() { "" } else { &content[content.trim_end().len()..] };
    let start = if text[..span.start].ends_with(before) { span.start - before.len() } else { span.start };
    let end = if text[span.end..].starts_with(after) { span.end + after.len() } else { span.end };
    start..end
}

/// Contents looked for one after another.
fn search_contents(text: &str, turns: &[Turn<'_>]) -> Contents {
    let mut from = 0;
    turns
        .iter()
        .map(|turn| {
            let body = turn.content.trim();
            let start = from + text[from..].find(body)?;
            from = start + body.len();
            (!body.is_empty()).then_some(start..from)
        })
        .collect()
}

fn read_optional_json(path: &Path) -> Result<Value, ModelError> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| ModelError::format(path, e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(e) => Err(ModelError::io(path)(e)),
    }
}
