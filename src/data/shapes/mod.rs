//! The shapes of rows that are recognised by themselves, and how each becomes an example.

mod common;
mod converted;
mod gemini;
mod judged;
pub mod marks;
mod pairs;
mod preference;
mod rendered;
mod text;
mod tools;
mod turns;
mod unpack;

use serde_json::Value;

use self::common::{SYSTEMS, context, question_field, system};
use self::converted::CONVERSATIONS;
pub use self::converted::{Converted, Row};
use self::marks::Verdicts;
use self::pairs::{is_pairs, pairs};
use self::text::{is_blank, optional, required};
pub use self::text::{is_filled, not_a_text, scalar};
use self::turns::{is_turns, turns};
pub use self::unpack::unpack;
use super::mapping::{is_answer, parse_split};
use super::row::Problem;
use super::shape::Shape;
use super::{Message, Role};

/// The shape of a row, from its field names and what the fields hold; its lists are unpacked.
pub fn recognise(row: &Row) -> Option<Shape> {
    let has = |name: &str| row.contains_key(name);
    let holds = |name: &&str, test: fn(&Value) -> bool| row.get(*name).is_some_and(test);
    if preference::is_pair(row) {
        return Some(Shape::Preference);
    }
    if let Some(name) = CONVERSATIONS.iter().find(|name| holds(name, is_turns)) {
        return Some(if *name == "messages" { Shape::OpenAiMessages } else { Shape::ShareGpt });
    }
    if CONVERSATIONS.iter().any(|name| holds(name, is_pairs)) {
        return Some(Shape::Pairs);
    }
    if holds(&"contents", gemini::is_contents) {
        return Some(Shape::Gemini);
    }
    if has("messages") {
        return Some(Shape::OpenAiMessages);
    }
    let pairs_of_fields = [
        ("instruction", "output", Shape::Alpaca),
        ("prompt", "completion", Shape::PromptCompletion),
        ("query", "response", Shape::QueryResponse),
    ];
    if let Some((.., shape)) = pairs_of_fields.into_iter().find(|(question, answer, _)| has(question) && has(answer)) {
        return Some(shape);
    }
    let is_rendered = row.get("text").and_then(Value::as_str).is_some_and(|text| rendered::mark_in(text).is_some());
    (is_rendered && !row.keys().any(|name| is_answer(name))).then_some(Shape::Rendered)
}

/// The shape of a table's row: only one that needs more than a text in each cell.
pub fn recognise_table(row: &Row) -> Option<Shape> {
    let shape = recognise(row)?;
    let is_list = |name: &&str| row.get(*name).is_some_and(|value| value.is_array() || looks_packed(value));
    let needs_lists = match shape {
        Shape::OpenAiMessages | Shape::ShareGpt | Shape::Pairs => CONVERSATIONS.iter().any(is_list),
        Shape::PromptCompletion => is_list(&"prompt") || is_list(&"completion"),
        Shape::QueryResponse => row.get("rejected_response").is_some_and(is_filled) || row.contains_key("history"),
        Shape::Alpaca => row.contains_key("history"),
        Shape::Gemini | Shape::Preference | Shape::Rendered => true,
        Shape::Columns => false,
    };
    needs_lists.then_some(shape)
}

fn looks_packed(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim_start().starts_with("[{") || text.trim_start().starts_with("array("))
}

/// Whether a field of this name holds turns wherever it is known, so that a list in it isn't a list of rows.
pub fn holds_turns(name: &str) -> bool {
    CONVERSATIONS.contains(&name) || ["contents", "prompt", "completion", "chosen", "rejected"].contains(&name)
}

/// Whether a value is a conversation of one row.
pub fn is_conversation(value: &Value) -> bool {
    is_turns(value)
}

/// Whether a list could as well be the conversation of one row as a column with one for each.
pub fn may_be_pairs(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_array)) && is_pairs(value)
}

/// Fields that are read in most shapes.
const COMMON: &[&str] = &["system", "system_prompt", "system_message", "tools", "functions", "split"];
/// Fields with a worse answer beside a conversation.
const WORSE: &[&str] = &["rejected", "rejected_response", "rejected_messages"];

/// The fields of a shape that are read, beside the common ones; others are not, which is said.
fn fields(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::OpenAiMessages => &["messages"],
        Shape::ShareGpt | Shape::Pairs => CONVERSATIONS,
        Shape::Gemini => gemini::FIELDS,
        Shape::Alpaca => &["instruction", "input", "output", "history"],
        Shape::PromptCompletion => &["prompt", "completion"],
        Shape::QueryResponse => &["query", "response", "history"],
        Shape::Preference => preference::FIELDS,
        Shape::Rendered => &["text", "split"],
        Shape::Columns => &[],
    }
}

/// Whether something is taken from this field of a row of the shape.
pub fn is_read(shape: Shape, name: &str, value: &Value, verdicts: &Verdicts) -> bool {
    let has_common = !matches!(shape, Shape::Gemini | Shape::Rendered | Shape::Columns);
    let has_worse = matches!(shape, Shape::OpenAiMessages | Shape::ShareGpt | Shape::Pairs | Shape::QueryResponse);
    fields(shape).contains(&name)
        || (has_common && COMMON.contains(&name))
        || (has_worse && WORSE.contains(&name))
        || (shape == Shape::Preference && CONVERSATIONS.contains(&name))
        || verdicts.includes(name, value)
        || marks::is_row_mark(name, value)
}

/// Turns a row of a known shape, its lists unpacked, into an example.
///
/// # Errors
/// Where the row can't be an example; the problem names the field.
pub fn convert(shape: Shape, row: &Row, verdicts: &Verdicts) -> Result<Converted, Problem> {
    let mut converted = Converted::default();
    match shape {
        Shape::OpenAiMessages => conversation(row, "messages", &mut converted)?,
        Shape::ShareGpt | Shape::Pairs => {
            check_is_row(row, shape)?;
            let name = CONVERSATIONS.iter().find(|name| row.get(**name).is_some_and(|v| is_turns(v) || is_pairs(v)));
            let there = || CONVERSATIONS.iter().find(|name| row.contains_key(**name));
            conversation(row, name.or_else(there).unwrap_or(&"conversations"), &mut converted)?;
        }
        Shape::Gemini => gemini::convert(row, &mut converted)?,
        Shape::Alpaca => question_and_answer(row, "instruction", "output", &mut converted)?,
        Shape::QueryResponse => {
            question_and_answer(row, "query", "response", &mut converted)?;
            preference::worse_answer(row, &mut converted)?;
        }
        Shape::PromptCompletion => prompt_and_completion(row, &mut converted)?,
        Shape::Preference => preference::convert(row, &mut converted)?,
        Shape::Rendered => rendered::convert(row, &mut converted)?,
        Shape::Columns => return Err(Problem::row("the row has no known shape and needs a mapping")),
    }
    if shape != Shape::Gemini && converted.example.tools.is_empty() {
        converted.example.tools = tools::descriptions(row)?;
    }
    if let Some(text) = row.get("split").and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        converted.split = parse_split(text);
        if converted.split.is_none() {
            converted.notes.push("split is not used: it is neither train, validation nor test".to_owned());
        }
    }
    marks::apply(row, verdicts, &mut converted)?;
    converted.notes.extend(judged::notes(row, |name, value| is_read(shape, name, value, verdicts)));
    check_answers(&mut converted)?;
    Ok(converted)
}

/// Pairs in a row whose fields are all lists of one length may as well be a column of conversations.
fn check_is_row(row: &Row, shape: Shape) -> Result<(), Problem> {
    let mut lengths = row.values().map(|value| value.as_array().map_or(0, Vec::len));
    let first = lengths.next().unwrap_or_default();
    if shape == Shape::Pairs && row.len() > 1 && first > 1 && lengths.all(|length| length == first) {
        return Err(Problem::row(format!(
            "every field is a list of {first}: does the file hold columns instead of rows?"
        )));
    }
    Ok(())
}

fn check_answers(converted: &mut Converted) -> Result<(), Problem> {
    let messages = &converted.example.messages;
    if converted.example.is_unanswered() {
        // A prompt may come to be labelled here.
        let is_prompt = messages.iter().any(|m| m.role == Role::User && !m.content.trim().is_empty());
        let reason = "there is neither a question nor an answer, so there is nothing to learn";
        return if is_prompt { Ok(()) } else { Err(Problem::row(reason)) };
    }
    let answers = || messages.iter().filter(|m| m.role == Role::Assistant);
    if answers().all(|m| m.weight == Some(0)) {
        converted.notes.push("every assistant turn has the weight 0: nothing of it is trained".to_owned());
    } else if answers().any(|m| m.weight != Some(0) && m.is_blank()) {
        converted.notes.push("an answer is empty".to_owned());
    }
    Ok(())
}

/// A conversation with the row's own system message before it, unless it begins with the same one.
fn conversation(row: &Row, field: &str, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    let value = row.get(field).filter(|value| is_pairs(value) && !is_turns(value));
    let turns = match value {
        Some(value) => pairs(value, field, &mut converted.notes)?,
        None => turns(row, field, &mut converted.notes)?,
    };
    let messages = &mut converted.example.messages;
    let first = turns.first().filter(|turn| turn.role == Role::System);
    if let (Some(own), Some(first)) = (messages.first(), first)
        && own.content.trim() != first.content.trim()
    {
        let reason = "says another system message than the first turn, and which is meant is unknown";
        let name = SYSTEMS.iter().find(|name| !is_blank(row, name)).unwrap_or(&"system");
        return Err(Problem::field(name, reason));
    }
    if first.is_some() {
        messages.clear();
    }
    messages.extend(turns);
    preference::worse_answer(row, converted)
}

/// `instruction` with `input`, or `query`, after the turns before it.
fn question_and_answer(row: &Row, question: &str, answer: &str, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    if let Some(history) = row.get("history").filter(|history| is_filled(history)) {
        let turns = pairs(history, "history", &mut converted.notes)?;
        converted.example.messages.extend(turns);
    }
    let question = question_field(row, question, &mut converted.notes)?;
    let answer = optional(row, answer, &mut converted.notes)?.unwrap_or_default();
    converted.example.messages.push(Message::new(Role::User, question));
    converted.example.messages.push(Message::new(Role::Assistant, answer));
    Ok(())
}

fn prompt_and_completion(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    let (messages, notes) = (&mut converted.example.messages, &mut converted.notes);
    if row.get("prompt").is_some_and(is_turns) {
        messages.extend(context(turns(row, "prompt", notes)?));
    } else {
        messages.push(Message::new(Role::User, required(row, "prompt", notes)?));
    }
    match is_blank(row, "completion") {
        true => messages.push(Message::new(Role::Assistant, "")),
        false => messages.extend(preference::answer(row, "completion", notes)?),
    }
    Ok(())
}
