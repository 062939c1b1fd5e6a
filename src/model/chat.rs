//! A conversation as token ids: the template's text, with every turn's own text kept apart, so that what a person writes
//! can't smuggle in special tokens and training knows which tokens are the answer.

mod altered;
mod answers;
mod left_out;
mod marks;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use self::altered::{Altered, Place};
pub use self::answers::FoundBy;
use self::answers::Reader;
pub use self::left_out::{LeftOut, Omission};
use self::marks::{Marks, Owner, Unmarked};
use super::chat_template::sources::{self, read_optional_json};
use super::chat_template::{ChatTemplate, TokenizerFacts, clock, end_mark, marks, without_thinking};
use super::conversation::{Arguments, Conversation, Turn, with_arguments};
use super::tokenizer::{Part, begins_with_bos};
use super::weights::gguf::GgufFile;
use super::weights::safetensors::read_config;
use super::{ModelError, Tokenizer};
use crate::recipe::choices::Choice;
use crate::recipe::{ChatFormat, TemplateChoice, Thinking};

/// Tokenizer and template of a model, without its weights.
pub struct Chat {
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    /// Generation ends at these.
    stop_ids: BTreeSet<u32>,
    begins_with_bos: bool,
    /// What the templates write before an answer; empty where they have nothing of the kind.
    generation_prompts: Mutex<HashMap<ChatFormat, Arc<str>>>,
}

/// Where each turn is in the text, in bytes; `None` where that isn't certain.
pub type Contents = Vec<Option<Range<usize>>>;

/// One token of a rendered conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatToken {
    pub id: u32,
    /// Its bytes in [`EncodedChat::text`].
    pub range: Range<usize>,
    /// A special token that the template wrote.
    pub is_special: bool,
    /// A special token at which generation ends.
    pub is_stop: bool,
}

/// A rendered conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedChat {
    pub text: String,
    pub tokens: Vec<ChatToken>,
    /// Each turn's own text.
    pub contents: Contents,
    /// What the model itself writes in a turn, after the prompt for it and before its end: the content as the template
    /// writes it, and its calls of tools.
    pub answers: Contents,
    /// How it is known where each answer is; `None` for other turns, and where it isn't.
    pub found_by: Vec<Option<FoundBy>>,
    /// What the template didn't write as it was given.
    pub left_out: Vec<LeftOut>,
}

impl EncodedChat {
    pub fn ids(&self) -> Vec<u32> {
        self.tokens.iter().map(|t| t.id).collect()
    }
}

impl Chat {
    /// Tokenizer and template of a GGUF file or a folder.
    ///
    /// # Errors
    /// Where a file can't be read, or its tokenizer or chat template can't be used; the error names the file.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let mut chat = if path.is_dir() { Self::from_folder(path)? } else { Self::from_gguf(path)? };
        chat.tell_template();
        chat.add_end_of_turn();
        Ok(chat)
    }

    fn from_gguf(path: &Path) -> Result<Self, ModelError> {
        let file = GgufFile::open(path)?;
        let tokenizer = Tokenizer::from_gguf(&file)?;
        let id = |key: &str| file.number(&format!("tokenizer.ggml.{key}_token_id")).map(|id| id as u32);
        let template = sources::of_gguf(&file, &tokenizer)?;
        let stop_ids = ["eos", "eot", "eom"].iter().filter_map(|key| id(key)).collect();
        Ok(Self::new(tokenizer, template, stop_ids, begins_with_bos(&file)))
    }

    fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::from_folder(folder)?;
        let settings = sources::settings(folder)?;
        let template = sources::of_folder(folder, &settings)?;
        let eos_token = sources::token(&settings, "eos_token");
        let mut stop_ids: BTreeSet<u32> = tokenizer.token_to_id(&eos_token).into_iter().collect();
        for settings in [read_config(folder)?, read_optional_json(&folder.join("generation_config.json"))?] {
            match &settings["eos_token_id"] {
                Value::Array(ids) => stop_ids.extend(ids.iter().filter_map(Value::as_u64).map(|id| id as u32)),
                id => stop_ids.extend(id.as_u64().map(|id| id as u32)),
            }
        }
        let begins_with_bos = settings["add_bos_token"].as_bool().unwrap_or_else(|| tokenizer.begins_with_special());
        Ok(Self::new(tokenizer, template, stop_ids, begins_with_bos))
    }

    fn new(tokenizer: Tokenizer, template: ChatTemplate, stop_ids: BTreeSet<u32>, begins_with_bos: bool) -> Self {
        Self { tokenizer, template, stop_ids, begins_with_bos, generation_prompts: Mutex::default() }
    }

    /// Tells the template which marks of those that can be chosen are tokens of the model.
    fn tell_template(&mut self) {
        let is_token = |mark: &&str| matches!(self.tokenizer.find_specials(mark)[..], [(ref range, _)] if range.len() == mark.len());
        let all = TemplateChoice::VALUES.iter().flat_map(|choice| marks(*choice));
        let marks = all.copied().filter(is_token).collect();
        self.template.set_tokenizer(TokenizerFacts { marks, begins_with_bos: self.begins_with_bos });
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

    /// Whether generation ends at a token, where turns are written in this format.
    pub fn is_stop(&self, id: u32, format: ChatFormat) -> bool {
        let is_end = || {
            let end = end_mark(format.chat_template).filter(|mark| self.tokenizer.token_to_id(mark) == Some(id));
            end.is_some_and(|mark| !self.template.marks_as_text(format.chat_template).contains(&mark))
        };
        self.stop_ids.contains(&id) || is_end()
    }

    /// Another template in place of the model's own.
    pub fn set_template(&mut self, template: ChatTemplate) {
        self.template = template;
        self.generation_prompts = Mutex::default();
        self.tell_template();
    }

    /// What the template writes after a question when an answer is asked for.
    fn generation_prompt(&self, format: ChatFormat) -> Arc<str> {
        let mut prompts = self.generation_prompts.lock().unwrap_or_else(PoisonError::into_inner);
        let prompt = prompts.entry(format).or_insert_with(|| {
            let question = [Turn::new("user", "a")];
            let question = Conversation { format, ..Conversation::from(&question) };
            let render = |prompt| self.template.render(&question, prompt).unwrap_or_default();
            let (without, with) = (render(false), render(true));
            with.strip_prefix(&without).unwrap_or_default().into()
        });
        Arc::clone(prompt)
    }

    /// Whether the template can write answers as the format wants them; the error says what it can't do.
    fn check_thinking(&self, format: ChatFormat) -> Result<(), ModelError> {
        let prompt = self.generation_prompt(format);
        let message = match format.thinking {
            Thinking::Drop if prompt.contains("<think>") => {
                "it begins every answer with a thought, so that thinking can't be left out (thinking = \"drop\")"
            }
            Thinking::Empty if !prompt.contains("</think>") => {
                "it has no form for answers without thinking (thinking = \"empty\"); leave it out (\"drop\"), or keep it"
            }
            _ => return Ok(()),
        };
        Err(ModelError::Template(message.to_owned()))
    }

    /// Renders and tokenises. Special tokens count as such only where the template wrote them. The places of turns are
    /// looked for only without `add_generation_prompt`.
    ///
    /// # Errors
    /// Where the template refuses the conversation, or the tokenizer fails on its text.
    pub fn encode<'a>(
        &self,
        conversation: impl Into<Conversation<'a>>,
        add_generation_prompt: bool,
    ) -> Result<EncodedChat, ModelError> {
        let conversation = conversation.into();
        // It is rendered more than once, and the clock must not go on between.
        clock::at(&clock::now(), || {
            if !matches!(conversation.format.thinking, Thinking::Drop | Thinking::Empty) {
                return self.encode_now(conversation, add_generation_prompt);
            }
            self.check_thinking(conversation.format)?;
            let answers_only = |turn: &Turn<'a>| match turn.role {
                "assistant" => Turn { content: without_thinking(turn.content), ..*turn },
                _ => *turn,
            };
            let turns: Vec<Turn<'_>> = conversation.turns.iter().map(answers_only).collect();
            self.encode_now(Conversation { turns: &turns, ..conversation }, add_generation_prompt)
        })
    }

    fn encode_now(
        &self,
        conversation: Conversation<'_>,
        add_generation_prompt: bool,
    ) -> Result<EncodedChat, ModelError> {
        let (conversation, text) = self.render(conversation, add_generation_prompt)?;
        let marks = Marks::unused(&conversation);
        let render = |altered: &Altered| altered.with(|c| self.template.render(c, add_generation_prompt)).ok();
        let marked = marks.as_ref().filter(|_| !add_generation_prompt).and_then(|marks| {
            let altered =
                Altered::new(&conversation, &mut |place, text| self.marked(&conversation, marks, place, text));
            let unmarked = marks.take(&render(&altered)?);
            (unmarked.text == text).then_some(unmarked)
        });
        let breaks = match (&marked, &marks) {
            (Some(marked), _) => marked.breaks.clone(),
            (None, Some(marks)) => self.breaks(&conversation, &text, marks, &render),
            (None, None) => Vec::new(),
        };
        let tokens = self.tokens(&text, &breaks, conversation.format)?;
        if add_generation_prompt {
            let nowhere = vec![None; conversation.turns.len()];
            let found_by = vec![None; conversation.turns.len()];
            let (contents, answers) = (nowhere.clone(), nowhere);
            return Ok(EncodedChat { text, tokens, contents, answers, found_by, left_out: Vec::new() });
        }
        let reader = Reader::new(self, &conversation, &text, marks.as_ref(), marked.as_ref());
        let answers::Places { contents, answers, found_by, left_out } = reader.places();
        Ok(EncodedChat { text, tokens, contents, answers, found_by, left_out })
    }

    /// The template's text, and the conversation with its calls in the form that the template wants.
    fn render<'a>(
        &self,
        conversation: Conversation<'a>,
        add_generation_prompt: bool,
    ) -> Result<(Conversation<'a>, String), ModelError> {
        let rendered = self.template.render(&conversation, add_generation_prompt);
        if conversation.turns.iter().all(|turn| turn.tool_calls.is_empty()) {
            return Ok((conversation, rendered?));
        }
        let chosen = self.with_arguments(conversation, rendered, add_generation_prompt);
        if chosen.as_ref().is_ok_and(|(conversation, text)| writes_calls(text, conversation)) {
            return chosen;
        }
        // Some templates write calls only where there is no text beside them.
        let with_null = Conversation { is_null_content: true, ..conversation };
        let rendered = self.template.render(&with_null, add_generation_prompt);
        let other = self.with_arguments(with_null, rendered, add_generation_prompt);
        if other.as_ref().is_ok_and(|(conversation, text)| writes_calls(text, conversation)) { other } else { chosen }
    }

    fn with_arguments<'a>(
        &self,
        conversation: Conversation<'a>,
        rendered: Result<String, ModelError>,
        add_generation_prompt: bool,
    ) -> Result<(Conversation<'a>, String), ModelError> {
        let as_text = Conversation { arguments: Arguments::Text, ..conversation };
        match (rendered, self.template.render(&as_text, add_generation_prompt)) {
            (Err(_), Ok(text)) => Ok((as_text, text)),
            // Printed as Python prints a dict, which no program reads.
            (Ok(object), Ok(text)) if writes_arguments(&text, &as_text) && !writes_arguments(&object, &as_text) => {
                let is_json = has_spaced_arguments(&object, &as_text);
                if is_json { Ok((conversation, object)) } else { Ok((as_text, text)) }
            }
            (rendered, _) => Ok((conversation, rendered?)),
        }
    }

    /// A text with marks around it and its special tokens broken up; `None` where there is nothing to change.
    fn marked(&self, conversation: &Conversation<'_>, marks: &Marks, place: Place, text: &str) -> Option<String> {
        let has_null_content =
            |turn: usize| conversation.is_null_content && !conversation.turns[turn].tool_calls.is_empty();
        let broken = marks.break_up(text, &self.tokenizer, None);
        let text = broken.as_deref().unwrap_or(text);
        match place {
            // The template is given none.
            Place::Content(turn) if text.is_empty() && has_null_content(turn) => None,
            Place::Content(turn) => Some(marks.wrap(Owner::Turn(turn), text)),
            Place::Argument(turn) => Some(marks.wrap(Owner::Calls(turn), text)),
            Place::Description => Some(marks.wrap(Owner::Tools, text)),
            Place::Word => broken,
        }
    }

    /// Where special tokens in a person's texts can be broken up without a change of the rest. A template that looks for
    /// such a token in a turn (`</think>`) reads it as its own.
    fn breaks(
        &self,
        conversation: &Conversation<'_>,
        text: &str,
        marks: &Marks,
        render: &dyn Fn(&Altered) -> Option<String>,
    ) -> Vec<usize> {
        let is_answer = |place: Place| match place {
            Place::Content(turn) | Place::Argument(turn) => conversation.turns[turn].role == "assistant",
            _ => false,
        };
        let mut found = Vec::new();
        for of_answers in [false, true] {
            let mut tokens = BTreeSet::new();
            Altered::new(conversation, &mut |place, own| {
                let specials = self.tokenizer.find_specials(own).into_iter().filter(|_| is_answer(place) == of_answers);
                tokens.extend(specials.map(|(range, _)| own[range].to_owned()));
                None
            });
            let broken = |only: Option<&str>| -> Option<Unmarked> {
                let altered = Altered::new(conversation, &mut |place, own| {
                    (is_answer(place) == of_answers).then(|| marks.break_up(own, &self.tokenizer, only))?
                });
                Some(marks.take(&render(&altered)?)).filter(|unmarked| unmarked.text == *text)
            };
            if tokens.is_empty() {
                continue;
            }
            match broken(None) {
                Some(unmarked) => found.extend(unmarked.breaks),
                None => {
                    let each = tokens.iter().filter_map(|token| broken(Some(token)));
                    found.extend(each.flat_map(|unmarked| unmarked.breaks));
                }
            }
        }
        found
    }

    fn tokens(&self, text: &str, breaks: &[usize], format: ChatFormat) -> Result<Vec<ChatToken>, ModelError> {
        let mut specials = self.tokenizer.find_specials(text);
        specials.retain(|(range, _)| !breaks.iter().any(|at| range.start < *at && *at < range.end));
        let mut tokens = Vec::new();
        for part in self.tokenizer.parts(text, specials) {
            match part {
                Part::Special { id, range, .. } => {
                    tokens.push(ChatToken { id, range, is_special: true, is_stop: self.is_stop(id, format) });
                }
                Part::Plain(range) => {
                    let plain = self.tokenizer.encode_part(text, range)?.into_iter();
                    tokens.extend(plain.map(|(id, range)| ChatToken { id, range, is_special: false, is_stop: false }));
                }
            }
        }
        Ok(tokens)
    }
}

/// Whether a text names every function that is called.
fn writes_calls(text: &str, conversation: &Conversation<'_>) -> bool {
    let mut calls = conversation.turns.iter().flat_map(|turn| turn.tool_calls);
    calls.all(|call| {
        let name = call.pointer("/function/name").or_else(|| call.pointer("/name"));
        name.and_then(Value::as_str).is_none_or(|name| text.contains(name))
    })
}

/// Whether a text has every call's arguments as the JSON that they are, or as it is written inside another text.
fn writes_arguments(text: &str, conversation: &Conversation<'_>) -> bool {
    each_argument(conversation, Arguments::Text, |arguments| arguments.as_str().is_some_and(|json| text.contains(json)))
}

/// Whether a text has the arguments as Python's `json` writes them: with a space after commas and colons, or over
/// several lines.
fn has_spaced_arguments(text: &str, conversation: &Conversation<'_>) -> bool {
    let packed = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let text = packed(text);
    each_argument(conversation, Arguments::Object, |arguments| text.contains(&packed(&arguments.to_string())))
}

fn each_argument(conversation: &Conversation<'_>, form: Arguments, is_met: impl Fn(&Value) -> bool) -> bool {
    let calls = conversation.turns.iter().flat_map(|turn| turn.tool_calls);
    calls
        .map(|call| with_arguments(call, form))
        .all(|call| call.pointer("/function/arguments").or_else(|| call.pointer("/arguments")).is_some_and(&is_met))
}
