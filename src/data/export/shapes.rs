//! Each shape's row for an example, or what of the example the shape has no place for.

use serde_json::{Map, Value, json};

use crate::data::shape::FileShape;
use crate::data::{Example, Message, Role};

/// A row of a file.
pub enum Record<'a> {
    Object(Map<String, Value>),
    Cells(Vec<&'a str>),
    /// Role and text of each turn.
    Turns(Vec<(&'static str, &'a str)>),
}

/// An example's row in a shape; the error continues "can't hold it:".
pub fn record(shape: FileShape, example: &Example) -> Result<Record<'_>, String> {
    let object = match shape {
        FileShape::OPENAI_MESSAGES => value(example)?,
        FileShape::OPENAI_MESSAGES_PARQUET => return turns(example),
        FileShape::SHAREGPT => share_gpt(example)?,
        FileShape::ALPACA => alpaca(example)?,
        FileShape::PROMPT_COMPLETION => prompt_completion(example)?,
        FileShape::PREFERENCE => preference(example)?,
        FileShape::PROMPT_COMPLETION_CSV => {
            let Pair { system, question, answer } = pair(example)?;
            return cells(vec![question, answer, system.unwrap_or_default()]);
        }
        FileShape::TEXT_LABEL_CSV => {
            let Pair { system, question, answer } = pair(example)?;
            return if system.is_some() {
                Err("it has a system message".to_owned())
            } else {
                cells(vec![question, answer])
            };
        }
        FileShape { shape, .. } => return Err(format!("{} are not written in such a file", shape.in_words())),
    };
    match object {
        Value::Object(fields) => Ok(Record::Object(fields)),
        _ => Err("it isn't an object".to_owned()),
    }
}

fn value(of: impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(of).map_err(|e| e.to_string())
}

fn cells(cells: Vec<&str>) -> Result<Record<'_>, String> {
    if cells.iter().any(|cell| cell.contains('\0')) {
        return Err("it contains a NUL character".to_owned());
    }
    Ok(Record::Cells(cells))
}

/// Roles and texts alone.
fn turns(example: &Example) -> Result<Record<'_>, String> {
    check_plain(example)?;
    if example.messages.iter().any(|m| m.weight.is_some()) {
        return Err("a turn says whether it is learned".to_owned());
    }
    Ok(Record::Turns(example.messages.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect()))
}

/// One question and its answer.
struct Pair<'a> {
    system: Option<&'a str>,
    question: &'a str,
    answer: &'a str,
}

fn pair(example: &Example) -> Result<Pair<'_>, String> {
    check_plain(example)?;
    let (system, rest) = split_system(&example.messages)?;
    match rest {
        [question, answer] if question.role == Role::User && answer.role == Role::Assistant => {
            check_untouched(example)?;
            Ok(Pair { system, question: filled(question)?, answer: filled(answer)? })
        }
        _ => Err("it is more than one question and its answer".to_owned()),
    }
}

/// The text of the system message that opens the conversation, and the other turns.
fn split_system(messages: &[Message]) -> Result<(Option<&str>, &[Message]), String> {
    match messages {
        [first, rest @ ..] if first.role == Role::System => Ok((Some(filled(first)?), rest)),
        all => Ok((None, all)),
    }
}

fn filled(message: &Message) -> Result<&str, String> {
    if message.content.trim().is_empty() {
        return Err(format!("the text of its {} turn is empty", message.role.as_str()));
    }
    Ok(&message.content)
}

/// Neither tools nor anything else that only turns of OpenAI's format have.
fn check_plain(example: &Example) -> Result<(), String> {
    let what = if !example.tools.is_empty() || example.messages.iter().any(|m| !m.tool_calls.is_empty()) {
        "it uses tools"
    } else if !example.rejected.is_empty() {
        "it has a rejected answer"
    } else if example.messages.iter().any(|m| m.name.is_some() || m.tool_call_id.is_some()) {
        "a turn has a name or answers a call"
    } else {
        return Ok(());
    };
    Err(what.to_owned())
}

fn check_untouched(example: &Example) -> Result<(), String> {
    match example.messages.iter().any(|m| m.weight == Some(0)) {
        true => Err("an answer of it is not to be learned".to_owned()),
        false => Ok(()),
    }
}

fn share_gpt(example: &Example) -> Result<Value, String> {
    check_plain(example)?;
    let turns = example.messages.iter().map(|message| {
        let from = match message.role {
            Role::System => "system",
            Role::User => "human",
            Role::Assistant => "gpt",
            Role::Tool => "tool",
        };
        let mut turn = json!({"from": from, "value": message.content});
        if let Some(weight) = message.weight {
            turn["weight"] = weight.into();
        }
        turn
    });
    Ok(json!({"conversations": turns.collect::<Vec<_>>()}))
}

fn alpaca(example: &Example) -> Result<Value, String> {
    check_plain(example)?;
    check_untouched(example)?;
    let (system, turns) = split_system(&example.messages)?;
    let is_pair = |pair: &[Message]| matches!(pair, [a, b] if a.role == Role::User && b.role == Role::Assistant);
    let Some((last, history)) = turns.split_last_chunk::<2>().map(|(history, last)| (last, history)) else {
        return Err("it has no question with an answer".to_owned());
    };
    if !is_pair(last) || !history.chunks(2).all(is_pair) {
        return Err("its turns are not questions and answers in turn".to_owned());
    }
    let mut row = json!({"instruction": filled(&last[0])?, "input": "", "output": filled(&last[1])?});
    if let Some(system) = system {
        row["system"] = system.into();
    }
    if !history.is_empty() {
        row["history"] = history.chunks(2).map(|pair| json!([pair[0].content, pair[1].content])).collect();
    }
    Ok(row)
}

fn prompt_completion(example: &Example) -> Result<Value, String> {
    if let Ok(Pair { system, question, answer }) = pair(example) {
        return Ok(with_system(json!({"prompt": question, "completion": answer}), system));
    }
    if !example.rejected.is_empty() {
        return Err("it has a rejected answer".to_owned());
    }
    let (prompt, answer) = prompt_and_answer(example)?;
    with_tools(json!({"prompt": value(prompt)?, "completion": [value(answer)?]}), example)
}

fn preference(example: &Example) -> Result<Value, String> {
    let [rejected, ..] = example.rejected.as_slice() else { return Err("it has no rejected answer".to_owned()) };
    if example.is_unanswered() {
        return Err("it has no answer that is better than the rejected one".to_owned());
    }
    let chosen_only = Example { rejected: Vec::new(), ..example.clone() };
    let is_plain_text = example.rejected == [Message::new(Role::Assistant, rejected.content.as_str())];
    if let (Ok(Pair { system, question, answer }), true, Ok(rejected)) =
        (pair(&chosen_only), is_plain_text, filled(rejected))
    {
        return Ok(with_system(json!({"prompt": question, "chosen": answer, "rejected": rejected}), system));
    }
    if rejected.role != Role::Assistant {
        return Err("its rejected answer doesn't begin with an assistant turn".to_owned());
    }
    let (prompt, answer) = prompt_and_answer(example)?;
    let row = json!({"prompt": value(prompt)?, "chosen": [value(answer)?], "rejected": value(&example.rejected)?});
    with_tools(row, example)
}

fn with_system(mut row: Value, system: Option<&str>) -> Value {
    if let Some(system) = system {
        row["system"] = system.into();
    }
    row
}

fn with_tools(mut row: Value, example: &Example) -> Result<Value, String> {
    if !example.tools.is_empty() {
        row["tools"] = value(&example.tools)?;
    }
    Ok(row)
}

/// The last answer, which alone is learned, and all before it.
fn prompt_and_answer(example: &Example) -> Result<(&[Message], &Message), String> {
    match example.messages.split_last() {
        Some((answer, prompt)) if answer.role == Role::Assistant && !prompt.is_empty() => {
            let is_learned = |m: &&Message| m.role == Role::Assistant && m.weight != Some(0);
            match prompt.iter().find(is_learned) {
                Some(_) => Err("an earlier answer than the last is to be learned, too".to_owned()),
                None => Ok((prompt, answer)),
            }
        }
        _ => Err("it does not end with an answer to something".to_owned()),
    }
}
