//! A conversation with some of its texts changed, to find out what a template does with them.

use serde_json::{Map, Value};

use crate::model::conversation::{Arguments, Conversation, Turn, with_arguments};
use crate::recipe::ChatFormat;

/// Where a text of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What is said in this turn.
    Content(usize),
    /// A text among the arguments of this turn's calls.
    Argument(usize),
    /// The description of a tool or of one of its parameters.
    Description,
    /// A name or another word of a call or a tool, which templates may look at.
    Word,
}

/// A conversation that owns its texts.
pub struct Altered {
    turns: Vec<AlteredTurn>,
    tools: Vec<Value>,
    arguments: Arguments,
    is_null_content: bool,
    format: ChatFormat,
}

struct AlteredTurn {
    role: String,
    content: String,
    name: Option<String>,
    tool_calls: Vec<Value>,
    tool_call_id: Option<String>,
}

impl Altered {
    /// `change` gives a text's replacement, or `None` to leave it as it is.
    pub fn new(conversation: &Conversation<'_>, change: &mut dyn FnMut(Place, &str) -> Option<String>) -> Self {
        let mut turns = Vec::with_capacity(conversation.turns.len());
        for (at, turn) in conversation.turns.iter().enumerate() {
            let content = change(Place::Content(at), turn.content).unwrap_or_else(|| turn.content.to_owned());
            let mut tool_calls: Vec<Value> =
                turn.tool_calls.iter().map(|call| with_arguments(call, conversation.arguments)).collect();
            for call in &mut tool_calls {
                alter(call, "arguments", Place::Argument(at), Place::Word, change);
            }
            let mut word = |text: &str| change(Place::Word, text).unwrap_or_else(|| text.to_owned());
            turns.push(AlteredTurn {
                role: turn.role.to_owned(),
                content,
                name: turn.name.map(&mut word),
                tool_calls,
                tool_call_id: turn.tool_call_id.map(&mut word),
            });
        }
        let mut tools = conversation.tools.to_vec();
        for tool in &mut tools {
            alter(tool, "description", Place::Description, Place::Word, change);
        }
        let Conversation { arguments, is_null_content, format, .. } = *conversation;
        Self { turns, tools, arguments, is_null_content, format }
    }

    /// The conversation with another content in one turn, which calls nothing.
    pub fn with_turn(conversation: &Conversation<'_>, at: usize, content: &str) -> Self {
        let mut altered = Self::new(conversation, &mut |_, _| None);
        if let Some(turn) = altered.turns.get_mut(at) {
            turn.content = content.to_owned();
            turn.tool_calls.clear();
        }
        altered
    }

    /// The conversation without the `nth` call of a turn.
    pub fn without_call(conversation: &Conversation<'_>, at: usize, nth: usize) -> Self {
        let mut altered = Self::new(conversation, &mut |_, _| None);
        if let Some(turn) = altered.turns.get_mut(at).filter(|turn| nth < turn.tool_calls.len()) {
            turn.tool_calls.remove(nth);
        }
        altered
    }

    /// Lends it as a conversation.
    pub fn with<R>(&self, f: impl FnOnce(&Conversation<'_>) -> R) -> R {
        let turns: Vec<Turn<'_>> = self.turns.iter().map(AlteredTurn::lend).collect();
        f(&Conversation {
            turns: &turns,
            tools: &self.tools,
            arguments: self.arguments,
            is_null_content: self.is_null_content,
            format: self.format,
        })
    }
}

impl AlteredTurn {
    fn lend(&self) -> Turn<'_> {
        Turn {
            role: &self.role,
            content: &self.content,
            name: self.name.as_deref(),
            tool_calls: &self.tool_calls,
            tool_call_id: self.tool_call_id.as_deref(),
        }
    }
}

/// Changes the texts of a JSON value; those below the field `named` are `inside`, the others `outside`.
fn alter(
    value: &mut Value,
    named: &str,
    inside: Place,
    outside: Place,
    change: &mut dyn FnMut(Place, &str) -> Option<String>,
) {
    match value {
        Value::String(text) => {
            if let Some(changed) = change(outside, text) {
                *text = changed;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| alter(item, named, inside, outside, change)),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                alter(value, named, inside, if name == named { inside } else { outside }, change);
            }
            alter_names(fields, change);
        }
        _ => {}
    }
}

/// Names of fields are words, too; they keep their order.
fn alter_names(fields: &mut Map<String, Value>, change: &mut dyn FnMut(Place, &str) -> Option<String>) {
    let altered: Vec<Option<String>> = fields.keys().map(|name| change(Place::Word, name)).collect();
    if altered.iter().any(Option::is_some) {
        let old = std::mem::take(fields);
        fields.extend(old.into_iter().zip(altered).map(|((name, value), altered)| (altered.unwrap_or(name), value)));
    }
}
