//! What is given to a chat template: turns, and the tools that may be called in them.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Serde, Value as TemplateValue};
use serde_json::Value;

use crate::recipe::ChatFormat;

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

/// How a call's arguments are given to a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arguments {
    /// An object, which most templates and Transformers' documentation want.
    #[default]
    Object,
    /// JSON in a text, as OpenAI writes it. Some templates add it to a text as it is.
    Text,
}

/// Turns, and the tools that the assistant may call in them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conversation<'a> {
    pub turns: &'a [Turn<'a>],
    /// Descriptions in OpenAI's words.
    pub tools: &'a [Value],
    pub arguments: Arguments,
    /// The content of a turn that only calls tools is null, as in OpenAI's format, and not an empty text.
    pub is_null_content: bool,
    /// The template that it is written with, and what becomes of thinking.
    pub format: ChatFormat,
}

impl<'a> From<&'a [Turn<'a>]> for Conversation<'a> {
    fn from(turns: &'a [Turn<'a>]) -> Self {
        Self { turns, ..Self::default() }
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

/// The turns as templates see them: what is absent has no key.
pub(super) fn template_turns(conversation: &Conversation<'_>) -> TemplateValue {
    conversation.turns.iter().map(|turn| template_turn(turn, conversation)).collect()
}

fn template_turn(turn: &Turn<'_>, conversation: &Conversation<'_>) -> TemplateValue {
    let is_null = conversation.is_null_content && turn.content.is_empty() && !turn.tool_calls.is_empty();
    let content = if is_null { TemplateValue::from(()) } else { turn.content.into() };
    let mut fields = vec![("role", TemplateValue::from(turn.role)), ("content", content)];
    fields.extend(turn.name.map(|name| ("name", name.into())));
    if !turn.tool_calls.is_empty() {
        let calls = turn.tool_calls.iter().map(|call| ordered(&with_arguments(call, conversation.arguments)));
        fields.push(("tool_calls", calls.collect()));
    }
    fields.extend(turn.tool_call_id.map(|id| ("tool_call_id", id.into())));
    Fields(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()).into()
}

/// The tools as templates see them; none, rather than an empty list, where there aren't any.
pub(super) fn template_tools(conversation: &Conversation<'_>) -> TemplateValue {
    match conversation.tools {
        [] => TemplateValue::from(()),
        tools => tools.iter().map(ordered).collect(),
    }
}

/// A call with its arguments as the template wants them. Text that isn't a JSON object stays what it is.
pub(super) fn with_arguments(call: &Value, form: Arguments) -> Value {
    let mut call = call.clone();
    for pointer in ["/function/arguments", "/arguments"] {
        let Some(arguments) = call.pointer_mut(pointer) else { continue };
        match (form, &*arguments) {
            (Arguments::Object, Value::String(text)) => {
                if let Ok(parsed @ Value::Object(_)) = serde_json::from_str(text) {
                    *arguments = parsed;
                }
            }
            (Arguments::Text, Value::Object(_)) => *arguments = Value::String(arguments.to_string()),
            _ => {}
        }
    }
    call
}

/// A JSON value whose objects keep the order of their keys.
fn ordered(value: &Value) -> TemplateValue {
    match value {
        Value::Array(items) => items.iter().map(ordered).collect(),
        Value::Object(fields) => {
            Fields(fields.iter().map(|(name, value)| (name.clone(), ordered(value))).collect()).into()
        }
        other => TemplateValue::from(Serde(other)),
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
