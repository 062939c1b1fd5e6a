//! What is given to a chat template: turns and tools, once as they are and once with marks around what a person wrote,
//! so that it is found again in the text that the template makes of it.

use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value as TemplateValue};
use serde_json::Value;

/// A turn to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn<'a> {
    pub role: &'a str,
    pub content: &'a str,
    pub name: Option<&'a str>,
    /// In OpenAI's words.
    pub tool_calls: &'a [Value],
    pub tool_call_id: Option<&'a str>,
}

impl<'a> Turn<'a> {
    pub fn new(role: &'a str, content: &'a str) -> Self {
        Self { role, content, name: None, tool_calls: &[], tool_call_id: None }
    }
}

/// Turns, and the tools that the assistant may call in them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conversation<'a> {
    pub turns: &'a [Turn<'a>],
    /// Descriptions in OpenAI's words.
    pub tools: &'a [Value],
}

impl<'a> From<&'a [Turn<'a>]> for Conversation<'a> {
    fn from(turns: &'a [Turn<'a>]) -> Self {
        Self { turns, tools: &[] }
    }
}

impl<'a> From<&'a Vec<Turn<'a>>> for Conversation<'a> {
    fn from(turns: &'a Vec<Turn<'a>>) -> Self {
        turns.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [Turn<'a>; N]> for Conversation<'a> {
    fn from(turns: &'a [Turn<'a>; N]) -> Self {
        turns.as_slice().into()
    }
}

/// Characters around texts of a conversation, none of which contains them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    content: [char; 2],
    /// Around what stands in tools and their calls.
    other: [char; 2],
}

impl Marks {
    /// Characters of the private use area that are nowhere in the conversation.
    pub fn unused(conversation: &Conversation<'_>) -> Option<Self> {
        let json = |values: &[Value]| values.iter().map(Value::to_string).collect::<String>();
        let mut texts: Vec<String> = conversation.turns.iter().map(|t| json(t.tool_calls)).collect();
        texts.push(json(conversation.tools));
        let is_in_turn = |c: char| conversation.turns.iter().any(|t| t.content.contains(c));
        let is_free = |c: &char| !is_in_turn(*c) && texts.iter().all(|text| !text.contains(*c));
        let mut free = ('\u{E000}'..='\u{F8FF}').filter(is_free);
        Some(Self { content: [free.next()?, free.next()?], other: [free.next()?, free.next()?] })
    }

    /// The text without marks, and the spans between those of contents and between the others.
    pub fn take(&self, marked: &str) -> (String, Vec<Range<usize>>, Vec<Range<usize>>) {
        let mut text = String::with_capacity(marked.len());
        let (mut contents, mut others) = (Vec::new(), Vec::new());
        let (mut content_start, mut other_start) = (0, 0);
        for c in marked.chars() {
            match c {
                _ if c == self.content[0] => content_start = text.len(),
                _ if c == self.content[1] => contents.push(content_start..text.len()),
                _ if c == self.other[0] => other_start = text.len(),
                _ if c == self.other[1] => others.push(other_start..text.len()),
                _ => text.push(c),
            }
        }
        (text, contents, others)
    }

    /// The marks go inside the outer white space, which templates may trim.
    fn mark_content(&self, content: &str) -> String {
        let [open, close] = self.content;
        let body = content.trim();
        let start = content.len() - content.trim_start().len();
        let (before, after) = (&content[..start], &content[start + body.len()..]);
        format!("{before}{open}{body}{close}{after}")
    }

    fn mark_other(&self, text: &str) -> String {
        let [open, close] = self.other;
        format!("{open}{text}{close}")
    }
}

/// The turns as templates see them: what is absent has no key, and a call's arguments are an object.
pub(super) fn template_turns(turns: &[Turn<'_>], marks: Option<&Marks>) -> TemplateValue {
    turns.iter().map(|turn| template_turn(turn, marks)).collect()
}

fn template_turn(turn: &Turn<'_>, marks: Option<&Marks>) -> TemplateValue {
    let content = marks.map_or_else(|| turn.content.to_owned(), |marks| marks.mark_content(turn.content));
    let mut fields = vec![("role", TemplateValue::from(turn.role)), ("content", content.into())];
    fields.extend(turn.name.map(|name| ("name", name.into())));
    if !turn.tool_calls.is_empty() {
        let calls = turn.tool_calls.iter().map(|call| ordered(&with_parsed_arguments(call), "arguments", false, marks));
        fields.push(("tool_calls", calls.collect()));
    }
    fields.extend(turn.tool_call_id.map(|id| ("tool_call_id", id.into())));
    Fields(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).into()
}

/// The tools as templates see them; none, rather than an empty list, where there aren't any.
pub(super) fn template_tools(tools: &[Value], marks: Option<&Marks>) -> TemplateValue {
    if tools.is_empty() {
        return TemplateValue::from(());
    }
    tools.iter().map(|tool| ordered(tool, "description", false, marks)).collect()
}

/// OpenAI writes a call's arguments as a text with JSON in it; templates want the object.
fn with_parsed_arguments(call: &Value) -> Value {
    let mut call = call.clone();
    for pointer in ["/function/arguments", "/arguments"] {
        if let Some(arguments) = call.pointer_mut(pointer)
            && let Some(text) = arguments.as_str()
            && let Ok(parsed @ Value::Object(_)) = serde_json::from_str(text)
        {
            *arguments = parsed;
        }
    }
    call
}

/// A JSON value whose objects keep the order of their keys; texts in the field `marked` get marks.
fn ordered(value: &Value, marked: &str, is_in_marked: bool, marks: Option<&Marks>) -> TemplateValue {
    match (value, marks) {
        (Value::String(text), Some(marks)) if is_in_marked => marks.mark_other(text).into(),
        (Value::Array(items), _) => items.iter().map(|item| ordered(item, marked, is_in_marked, marks)).collect(),
        (Value::Object(fields), _) => {
            let field = |(name, value): (&String, &Value)| {
                (name.clone(), ordered(value, marked, is_in_marked || name == marked, marks))
            };
            Fields(fields.iter().map(field).collect()).into()
        }
        (other, _) => TemplateValue::from(Serde(other)),
    }
}

/// An object whose keys keep their order.
#[derive(Debug)]
struct Fields(Vec<(String, TemplateValue)>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &TemplateValue) -> Option<TemplateValue> {
        let key = key.as_str()?;
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| TemplateValue::from(name.as_str())).collect())
    }
}

impl From<Fields> for TemplateValue {
    fn from(fields: Fields) -> Self {
        Self::from_object(fields)
    }
}
