//! The shapes of rows that are recognised by themselves, and how each becomes an example.

mod tools;
mod turns;

use serde_json::{Map, Value};

use self::turns::{content, is_turns, turns};
use super::formats::{Problem, json_kind};
use super::import::Format;
use super::mapping::parse_split;
use super::{Example, Message, Role, Split};

/// An example, and what about it deserves a word although it came in.
#[derive(Debug, Default, PartialEq)]
pub struct Converted {
    pub example: Example,
    /// Where the row itself says so.
    pub split: Option<Split>,
    pub notes: Vec<String>,
}

type Row = Map<String, Value>;

/// The shape of a row, from its field names.
pub fn recognise(row: &Row) -> Option<Format> {
    let has = |name: &str| row.contains_key(name);
    let turns =
        ["messages", "conversations", "conversation"].into_iter().find(|name| row.get(*name).is_some_and(is_turns));
    match turns {
        Some("messages") => Some(Format::OpenAiMessages),
        Some(_) => Some(Format::ShareGpt),
        None if has("messages") => Some(Format::OpenAiMessages),
        None if has("chosen") && has("rejected") => Some(Format::Preference),
        None if has("instruction") && has("output") => Some(Format::Alpaca),
        None if has("prompt") && has("completion") => Some(Format::PromptCompletion),
        None => None,
    }
}

/// The fields of a shape that are read; others are not, and the preview says so.
pub fn fields(format: Format) -> &'static [&'static str] {
    match format {
        Format::OpenAiMessages => &["messages", "rejected", "tools", "functions", "split"],
        Format::ShareGpt => &["conversations", "conversation", "system", "tools", "split"],
        Format::Alpaca => &["instruction", "input", "output", "system", "history", "split"],
        Format::PromptCompletion => &["prompt", "completion", "system", "tools", "split"],
        Format::Preference => &["prompt", "chosen", "rejected", "system", "tools", "split"],
        Format::Columns => &[],
    }
}

/// Turns a row of a known shape into an example.
pub fn convert(format: Format, row: &Row) -> Result<Converted, Problem> {
    let mut converted = Converted::default();
    match format {
        Format::OpenAiMessages => openai(row, &mut converted)?,
        Format::ShareGpt => {
            let field = if row.contains_key("conversations") { "conversations" } else { "conversation" };
            system(row, &mut converted)?;
            converted.example.messages.extend(turns(row, field, &mut converted.notes)?);
        }
        Format::Alpaca => alpaca(row, &mut converted)?,
        Format::PromptCompletion => {
            prompt(row, &mut converted)?;
            let answer = match is_blank(row, "completion") {
                true => vec![Message::new(Role::Assistant, "")],
                false => answer(row, "completion", &mut converted.notes)?,
            };
            converted.example.messages.extend(answer);
        }
        Format::Preference => preference(row, &mut converted)?,
        Format::Columns => return Err(Problem::row("the row has no known shape and needs a mapping")),
    }
    converted.example.tools = tools::descriptions(row)?;
    if let Some(text) = row.get("split").and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        converted.split = parse_split(text);
        if converted.split.is_none() {
            converted.notes.push("split is not used: it is neither train, validation nor test".to_owned());
        }
    }
    check_answers(&mut converted)?;
    Ok(converted)
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

/// Neither missing nor null nor empty.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A field without a text: missing, null, or blank.
fn is_blank(row: &Row, field: &str) -> bool {
    match row.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

/// A text field that must be there and not be blank.
fn required(row: &Row, field: &str) -> Result<String, Problem> {
    let text = content(row.get(field), field)?;
    if text.trim().is_empty() { Err(Problem::field(field, "is empty")) } else { Ok(text) }
}

/// A text field that may be missing, null or empty.
fn optional(row: &Row, field: &str) -> Result<Option<String>, Problem> {
    match row.get(field) {
        None | Some(Value::Null) => Ok(None),
        value => Ok(Some(content(value, field)?).filter(|text| !text.trim().is_empty())),
    }
}

/// The row's own system message, as the first turn.
fn system(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    if let Some(text) = optional(row, "system")? {
        converted.example.messages.push(Message::new(Role::System, text));
    }
    Ok(())
}

fn alpaca(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    let messages = &mut converted.example.messages;
    for (at, turn) in history(row)?.iter().enumerate() {
        let pair = turn.as_array().map(Vec::as_slice);
        let Some([Value::String(question), Value::String(answer)]) = pair else {
            return Err(Problem::field(format!("history[{at}]"), "must be a list of two texts, question and answer"));
        };
        messages.push(Message::new(Role::User, question));
        messages.push(Message::new(Role::Assistant, answer));
    }
    let mut question = required(row, "instruction")?;
    if let Some(input) = optional(row, "input")? {
        question = format!("{question}\n{input}");
    }
    messages.push(Message::new(Role::User, question));
    messages.push(Message::new(Role::Assistant, optional(row, "output")?.unwrap_or_default()));
    Ok(())
}

fn history(row: &Row) -> Result<&[Value], Problem> {
    match row.get("history") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(turns)) => Ok(turns),
        Some(other) => Err(Problem::field("history", &format!("is {}, but it must be a list", json_kind(other)))),
    }
}

fn openai(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    converted.example.messages = turns(row, "messages", &mut converted.notes)?;
    if row.get("rejected").is_some_and(is_turns) {
        converted.example.rejected = turns(row, "rejected", &mut converted.notes)?;
    }
    Ok(())
}

/// What comes before the answer, as a text or as turns.
fn prompt(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    system(row, converted)?;
    let messages = &mut converted.example.messages;
    if row.get("prompt").is_some_and(is_turns) {
        messages.extend(context(turns(row, "prompt", &mut converted.notes)?));
    } else {
        messages.push(Message::new(Role::User, required(row, "prompt")?));
    }
    Ok(())
}

/// Only what follows is to be learned; answers in the prompt are context.
fn context(turns: Vec<Message>) -> impl Iterator<Item = Message> {
    turns.into_iter().map(|turn| match turn.role {
        Role::Assistant => Message { weight: Some(0), ..turn },
        _ => turn,
    })
}

/// An answer, as a text or as turns.
fn answer(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    match row.get(field).is_some_and(is_turns) {
        true => turns(row, field, notes),
        false => Ok(vec![Message::new(Role::Assistant, required(row, field)?)]),
    }
}

/// The chosen answer is learned, the rejected one is kept beside it. Where both begin with the same turns, those are the
/// prompt.
fn preference(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    let mut chosen = answer(row, "chosen", &mut converted.notes)?;
    let mut rejected = answer(row, "rejected", &mut converted.notes)?;
    let num_shared = chosen.iter().zip(&rejected).take_while(|(a, b)| a == b && a.role != Role::Assistant).count();
    if num_shared > 0 {
        system(row, converted)?;
        converted.example.messages.extend(chosen.drain(..num_shared));
        rejected.drain(..num_shared);
    } else {
        prompt(row, converted)?;
    }
    converted.example.messages.extend(chosen);
    converted.example.rejected = rejected;
    Ok(())
}
