//! Two answers to one question: the chosen one is learned, the rejected one is kept beside it.

use std::cmp::Ordering;

use serde_json::Value;

use super::common::{context, question_field, system};
use super::converted::{CONVERSATIONS, Converted, Row};
use super::marks::verdict;
use super::text::{content, is_filled, required};
use super::tools;
use super::turns::{is_turns, turn, turns};
use crate::data::json_words::json_kind;
use crate::data::row::Problem;
use crate::data::{Message, Role};

/// The better and the worse answer's field.
const ANSWERS: [(&str, &str); 2] = [("chosen", "rejected"), ("preferred_output", "non_preferred_output")];
/// Fields with how good the chosen and the rejected answer are.
const SCORES: &[(&str, &str)] = &[
    ("chosen_score", "rejected_score"),
    ("score_chosen", "score_rejected"),
    ("chosen_rating", "rejected_rating"),
    ("rating_chosen", "rating_rejected"),
    ("chosen-rating", "rejected-rating"),
    ("chosen_reward", "rejected_reward"),
    ("chosen_avg_rating", "rejected_avg_rating"),
];

/// Fields that are read.
pub const FIELDS: &[&str] = &[
    "prompt",
    "instruction",
    "input",
    "question",
    "query",
    "chosen",
    "rejected",
    "preferred_output",
    "non_preferred_output",
];

/// Whether a row has both answers.
pub fn is_pair(row: &Row) -> bool {
    let is_answer = |name: &str| matches!(row.get(name), Some(Value::String(_) | Value::Array(_) | Value::Object(_)));
    ANSWERS.iter().any(|(better, worse)| is_answer(better) && is_answer(worse))
}

/// Where both answers begin with the same turns, those are the prompt.
pub fn convert(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    let [usual, openai] = ANSWERS;
    let (better, worse) = if row.contains_key(usual.0) && row.contains_key(usual.1) { usual } else { openai };
    let mut chosen = answer(row, better, &mut converted.notes)?;
    let mut rejected = answer(row, worse, &mut converted.notes)?;
    let num_shared = num_shared(&chosen, &rejected);
    let mut question = Vec::new();
    if num_shared > 0 {
        rejected.drain(..num_shared);
        system(row, converted)?;
        question.extend(context(chosen.drain(..num_shared).collect()));
    } else {
        prompt(row, converted, &mut question)?;
    }
    for (answer, name) in [(&chosen, better), (&rejected, worse)] {
        if answer.first().is_none_or(|turn| turn.role != Role::Assistant) {
            return Err(Problem::field(
                name,
                "doesn't continue with an answer (assistant) after what both answers share",
            ));
        }
    }
    converted.example.messages.extend(question);
    converted.example.messages.extend(chosen);
    converted.example.rejected = rejected;
    note_scores(row, &mut converted.notes);
    Ok(())
}

/// How many turns both begin with; each keeps one, which is its answer.
fn num_shared(chosen: &[Message], rejected: &[Message]) -> usize {
    let most = chosen.len().min(rejected.len()).saturating_sub(1);
    let num = chosen.iter().zip(rejected).take(most).take_while(|(a, b)| a == b).count();
    // Answers alone share no prompt.
    if chosen.iter().take(num).any(|turn| turn.role != Role::Assistant) { num } else { 0 }
}

/// An answer as a text, a turn or turns.
pub fn answer(row: &Row, field: &str, notes: &mut Vec<String>) -> Result<Vec<Message>, Problem> {
    match row.get(field) {
        Some(value) if is_turns(value) => turns(row, field, notes),
        Some(value @ Value::Object(_)) => Ok(vec![turn(value, field, notes)?]),
        _ => Ok(vec![Message::new(Role::Assistant, required(row, field, notes)?)]),
    }
}

/// What both answers are to.
fn prompt(row: &Row, converted: &mut Converted, question: &mut Vec<Message>) -> Result<(), Problem> {
    // OpenAI's words: the turns and the tools are in an object of their own.
    if let Some(Value::Object(input)) = row.get("input") {
        converted.example.tools = tools::descriptions(input)?;
        system(row, converted)?;
        question.extend(context(turns(input, "messages", &mut converted.notes)?));
        return Ok(());
    }
    system(row, converted)?;
    let is_prompt = |name: &&&str| row.get(**name).is_some_and(is_filled);
    let conversation = CONVERSATIONS.iter().find(|name| row.get(**name).is_some_and(is_turns));
    match (["prompt", "instruction", "question", "query", "input"].iter().find(is_prompt), conversation) {
        (Some(name), _) if row.get(*name).is_some_and(is_turns) => {
            question.extend(context(turns(row, name, &mut converted.notes)?));
        }
        (Some(name), _) => question.push(Message::new(Role::User, question_field(row, name, &mut converted.notes)?)),
        (None, Some(name)) => question.extend(context(turns(row, name, &mut converted.notes)?)),
        (None, None) => {
            let reason =
                "is missing, and the two answers don't begin with the same turns: what they answer isn't known";
            return Err(Problem::field("prompt", reason));
        }
    }
    Ok(())
}

/// A worse answer beside a conversation that ends with the better one: `rejected_response`, `rejected_messages`, or
/// `rejected` as turns.
pub fn worse_answer(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    let Some((name, value)) = ["rejected", "rejected_messages", "rejected_response"]
        .into_iter()
        .filter_map(|name| Some((name, row.get(name)?)))
        .find(|(name, value)| is_filled(value) && verdict(name, value).is_none())
    else {
        return Ok(());
    };
    let mut rejected = match value {
        Value::Array(_) if is_turns(value) => turns(row, name, &mut converted.notes)?,
        Value::Array(_) => {
            return Err(Problem::field(name, &format!("is {}, but it must be a text or turns", json_kind(value))));
        }
        _ => vec![Message::new(Role::Assistant, content(Some(value), name, &mut converted.notes)?)],
    };
    let messages = &mut converted.example.messages;
    let num_shared = num_shared(messages, &rejected);
    rejected.drain(..num_shared);
    if rejected.first().is_none_or(|turn| turn.role != Role::Assistant) {
        return Err(Problem::field(
            name,
            "doesn't continue with an answer (assistant) after what both conversations share",
        ));
    }
    converted.example.rejected = rejected;
    Ok(())
}

/// A chosen answer with the lower score is kept as the file says it.
fn note_scores(row: &Row, notes: &mut Vec<String>) {
    for (better, worse) in SCORES {
        let score = |name: &str| row.get(name).and_then(Value::as_f64);
        if let (Some(chosen), Some(rejected)) = (score(better), score(worse))
            && chosen.partial_cmp(&rejected) == Some(Ordering::Less)
        {
            notes.push(format!("the chosen answer has the lower score ({better} {chosen}, {worse} {rejected})"));
        }
    }
}
