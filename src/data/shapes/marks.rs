//! Fields that turn a row's or a turn's meaning round: "not this". Whether an answer is good is its verdict; whether
//! a turn is learned is its weight.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;

use serde_json::Value;

use super::converted::{Converted, Row};
use super::text::is_filled;
use crate::data::mapping::shorten;
use crate::data::row::Problem;
use crate::data::{Example, Message, Role};

/// Fields of a row that say that its answer is good.
const GOOD: &[&str] = &[
    "label",
    "kto_tag",
    "kto_label",
    "good",
    "is_good",
    "desirable",
    "is_desirable",
    "thumbs_up",
    "thumb_up",
    "upvoted",
    "liked",
    "correct",
    "is_correct",
    "accepted",
    "is_accepted",
    "approved",
    "is_approved",
    "preferred",
    "is_preferred",
    "chosen",
    "is_chosen",
    "verdict",
    "preference",
];
/// Fields of a row that say that its answer is bad.
const BAD: &[&str] = &[
    "bad",
    "is_bad",
    "undesirable",
    "is_undesirable",
    "thumbs_down",
    "thumb_down",
    "downvoted",
    "disliked",
    "rejected",
    "is_rejected",
    "incorrect",
    "is_incorrect",
    "wrong",
    "is_wrong",
];
/// Fields that do so in words; in numbers they say how good it is.
const IN_WORDS: &[&str] = &[
    "feedback",
    "rating",
    "reaction",
    "vote",
    "thumb",
    "thumbs",
    "user_feedback",
    "human_feedback",
    "quality",
    "answer_quality",
    "judgement",
    "judgment",
    "assessment",
    "annotation",
    "review",
];
const GOOD_WORDS: &[&str] = &[
    "good",
    "desirable",
    "chosen",
    "preferred",
    "accepted",
    "approved",
    "correct",
    "up",
    "thumbs_up",
    "thumb_up",
    "thumbsup",
    "upvote",
    "like",
    "liked",
    "👍",
];
const BAD_WORDS: &[&str] = &[
    "bad",
    "undesirable",
    "rejected",
    "dispreferred",
    "incorrect",
    "wrong",
    "down",
    "thumbs_down",
    "thumb_down",
    "thumbsdown",
    "downvote",
    "dislike",
    "disliked",
    "👎",
];

/// Marks that are true where a turn is learned.
const TRAINED: &[&str] = &[
    "train",
    "trainable",
    "training",
    "is_trainable",
    "train_on",
    "do_train",
    "loss",
    "compute_loss",
    "with_loss",
    "output_with_loss",
];
/// Marks that are true where it isn't.
const NOT_TRAINED: &[&str] = &[
    "masked",
    "is_masked",
    "no_loss",
    "ignore_loss",
    "skip_loss",
    "no_train",
    "skip_train",
    "do_not_train",
    "dont_train",
    "exclude_from_loss",
    "exclude_from_training",
];
/// Marks that some tools mean one way and some the other.
const UNCLEAR: &[&str] = &["mask", "loss_mask", "step_loss_mask", "train_mask", "training_mask", "assistant_mask"];
/// How much a turn counts, as a number.
const WEIGHTS: &[&str] = &["weight", "loss_weight", "loss_scale"];
/// Marks of parts of a turn.
const PARTS: &[&str] = &["train_detail", "training_detail", "train_details"];

/// `Kto-Tag` → `kto_tag`.
fn normalised(name: &str) -> String {
    name.trim().to_lowercase().replace(['-', ' '], "_")
}

/// Whether a list has this name; without making a text of it, for it is asked of every field of every turn.
fn is_one_of(name: &str, list: &[&str]) -> bool {
    let letter = |byte: u8| if matches!(byte, b'-' | b' ') { b'_' } else { byte.to_ascii_lowercase() };
    list.iter().any(|known| name.len() == known.len() && name.bytes().map(letter).eq(known.bytes()))
}

/// Whether a field or column of this name may say how good the answer is.
pub fn may_be_verdict(name: &str) -> bool {
    [GOOD, BAD, IN_WORDS].iter().any(|list| is_one_of(name, list))
}

/// Whether a text is a word for a bad answer.
pub fn is_bad_word(text: &str) -> bool {
    /// Longer texts need not be looked at.
    const LONGEST: usize = 20;
    text.len() <= LONGEST && BAD_WORDS.contains(&normalised(text).as_str())
}

/// Whether the answer is good, as a field of this name says it; `None` where its value is something else.
pub fn verdict(name: &str, value: &Value) -> Option<bool> {
    let says_yes = match value {
        _ if !may_be_verdict(name) => return None,
        Value::Bool(value) => *value,
        Value::Number(_) if is_one_of(name, IN_WORDS) => return None,
        Value::Number(number) => sign(number.as_f64()?)?,
        Value::String(text) => match normalised(text).as_str() {
            "true" | "yes" => true,
            "false" | "no" => false,
            word if GOOD_WORDS.contains(&word) => return Some(true),
            word if BAD_WORDS.contains(&word) => return Some(false),
            _ if is_one_of(name, IN_WORDS) => return None,
            word => sign(word.parse().ok()?)?,
        },
        _ => return None,
    };
    Some(says_yes != is_one_of(name, BAD))
}

/// 1 is yes, 0 and −1 are no.
#[expect(clippy::float_cmp, reason = "these numbers are written as they are")]
fn sign(number: f64) -> Option<bool> {
    match number {
        _ if number == 1.0 => Some(true),
        _ if number == 0.0 || number == -1.0 => Some(false),
        _ => None,
    }
}

/// Whether numbers beside answers number those answers, as a class's number is beside its name: then each number has
/// one answer, again and again, and they aren't verdicts.
pub fn are_classes<'r>(labelled: impl Iterator<Item = (Cow<'r, str>, &'r str)>) -> bool {
    let mut answers: HashMap<Cow<'r, str>, (&str, usize)> = HashMap::new();
    for (label, answer) in labelled {
        if label.trim().parse::<f64>().is_err() {
            return false;
        }
        let (first, count) = answers.entry(label).or_insert((answer, 0));
        if *first != answer {
            return false;
        }
        *count += 1;
    }
    let mut distinct: Vec<_> = answers.values().map(|(answer, _)| *answer).collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() == answers.len() && answers.len() > 1 && answers.values().all(|(_, count)| *count > 1)
}

/// The answer of a row, where it is a text.
fn answer(row: &Row) -> Option<&str> {
    ["completion", "output", "response"].iter().find_map(|name| row.get(*name)?.as_str())
}

/// Which fields of a file are verdicts: those with nothing but verdicts in its first rows.
#[derive(Debug, Default)]
pub struct Verdicts(HashMap<String, bool>);

impl Verdicts {
    pub fn of(rows: &[Row]) -> Self {
        let mut verdicts = HashMap::new();
        for (name, value) in rows.iter().flatten().filter(|(name, value)| may_be_verdict(name) && is_filled(value)) {
            let is_verdict = verdict(name, value).is_some();
            verdicts.entry(name.clone()).and_modify(|all| *all &= is_verdict).or_insert(is_verdict);
        }
        for (name, is_verdict) in verdicts.iter_mut().filter(|(_, is_verdict)| **is_verdict) {
            let labelled = |row| Some((shown(Row::get(row, name)?), answer(row)?));
            *is_verdict = !are_classes(rows.iter().filter_map(labelled));
        }
        Self(verdicts)
    }

    /// Whether a field is read as one.
    pub fn includes(&self, name: &str, value: &Value) -> bool {
        may_be_verdict(name) && self.0.get(name).copied().unwrap_or_else(|| verdict(name, value).is_some())
    }

    /// The row's verdict and the field that says it.
    fn find<'r>(&self, row: &'r Row) -> Result<Option<(bool, &'r str, &'r Value)>, Problem> {
        let mut found: Option<(bool, &str, &Value)> = None;
        for (name, value) in row.iter().filter(|(name, value)| is_filled(value) && self.includes(name, value)) {
            let Some(is_good) = verdict(name, value) else {
                return Err(unreadable(name, value));
            };
            if let Some((other, field, _)) = found.filter(|(other, ..)| *other != is_good) {
                let [first, second] = if other { ["good", "bad"] } else { ["bad", "good"] };
                let reason = format!("says that the answer is {second}, but {field} says that it is {first}");
                return Err(Problem::field(name, &reason));
            }
            found = found.or(Some((is_good, name, value)));
        }
        Ok(found)
    }
}

/// A value without the quotes of a text.
fn shown(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed)
}

/// The problem of a field that is a verdict in other rows.
pub fn unreadable(name: &str, value: &Value) -> Problem {
    let value = shorten(&value.to_string(), 40);
    Problem::field(name, &format!("is {value}, but it must say whether the answer is good (true) or bad (false)"))
}

/// Reads what the row says about its answer and about itself: a bad answer is set aside, a row that is not to be trained
/// gets the weight 0.
///
/// # Errors
/// Where a verdict or a mark is unclear, or two contradict each other; the problem names the field.
pub fn apply(row: &Row, verdicts: &Verdicts, converted: &mut Converted) -> Result<(), Problem> {
    // In a pair, it is said which is which.
    if let Some((is_good, name, value)) = verdicts.find(row)?.filter(|_| converted.example.rejected.is_empty()) {
        judge(&mut converted.example, is_good, name, &value.to_string(), &mut converted.notes)?;
    }
    if let Some((false, what)) = training(row, None)? {
        for message in converted.example.messages.iter_mut().filter(|message| message.role == Role::Assistant) {
            message.weight = Some(0);
        }
        converted.notes.push(format!("not trained, as the row says ({what})"));
    }
    Ok(())
}

/// A bad answer takes the place of the rejected one, and no good one is there.
///
/// # Errors
/// Where the conversation doesn't end with an answer; the problem names the field.
pub fn judge(
    example: &mut Example,
    is_good: bool,
    name: &str,
    value: &str,
    notes: &mut Vec<String>,
) -> Result<(), Problem> {
    if is_good || example.is_unanswered() {
        return Ok(());
    }
    let messages = &mut example.messages;
    let start = messages.iter().rposition(|message| message.role != Role::Assistant).map_or(0, |at| at + 1);
    let mut answer = messages.split_off(start);
    if answer.is_empty() {
        return Err(Problem::field(name, "says that the answer is bad, but the conversation doesn't end with one"));
    }
    answer.iter_mut().for_each(|message| message.weight = None);
    messages.iter_mut().filter(|m| m.role == Role::Assistant).for_each(|message| message.weight = Some(0));
    messages.push(Message::new(Role::Assistant, ""));
    example.rejected = answer;
    let value = shorten(value.trim_matches('"'), 40);
    notes.push(format!("marked as a bad answer ({name}: {value}): kept as a rejected answer, not trained"));
    Ok(())
}

/// Whether a field of a turn says whether it is learned.
pub fn is_turn_mark(name: &str) -> bool {
    [TRAINED, NOT_TRAINED, UNCLEAR, WEIGHTS, PARTS].iter().any(|list| is_one_of(name, list))
}

/// Whether a field of a row, with this value, says whether the row is learned. Numbers are often something else: the loss
/// that a row had, or what it weighs.
pub fn is_row_mark(name: &str, value: &Value) -> bool {
    match value {
        Value::Bool(_) => is_turn_mark(name),
        Value::Number(_) => is_one_of(name, WEIGHTS),
        Value::String(text) => (is_one_of(name, TRAINED) || is_one_of(name, NOT_TRAINED)) && yes(text).is_some(),
        _ => false,
    }
}

/// A turn's weight by its marks. Only an assistant turn's means something.
///
/// # Errors
/// Where a mark is unclear or for a part of the turn, or two contradict each other; the problem names `path`.
pub fn turn_weight(
    fields: &Row,
    role: Role,
    path: impl Display + Copy,
    notes: &mut Vec<String>,
) -> Result<Option<u8>, Problem> {
    if role != Role::Assistant {
        let is_trained = |(name, value): (&String, &Value)| is_one_of(name, TRAINED) && *value == true;
        if fields.iter().any(is_trained) {
            notes.push(format!("a {} turn is marked to be trained, but only answers are", role.as_str()));
        }
        return Ok(None);
    }
    let Some((is_trained, what)) = training(fields, Some(&path))? else { return Ok(None) };
    // A weight is OpenAI's own word and needs no explaining.
    if fields.get("weight").is_none_or(Value::is_null) && !is_trained {
        notes.push(format!("an answer is not trained, as its mark says ({what})"));
    }
    let says_weight = fields.get("weight").is_some_and(|weight| !weight.is_null());
    Ok(if is_trained && !says_weight { None } else { Some(u8::from(is_trained)) })
}

/// Whether marks among these fields, of the turn at `path` or else of a row, say that it is learned, and the mark that
/// says it.
fn training(fields: &Row, path: Option<&dyn Display>) -> Result<Option<(bool, String)>, Problem> {
    let mut found: Option<(bool, String)> = None;
    for (name, value) in fields.iter().filter(|(name, value)| is_turn_mark(name) && is_filled(value)) {
        if path.is_none() && !is_row_mark(name, value) {
            continue;
        }
        let field = || path.map_or_else(|| name.clone(), |path| format!("{path}.{name}"));
        let problem = |reason: &str| Problem::field(field(), reason);
        let shown = || shorten(&value.to_string(), 40);
        if is_one_of(name, PARTS) {
            return Err(problem("marks parts of a turn, but a turn is learned as a whole or not at all"));
        }
        if is_one_of(name, UNCLEAR) {
            let reason = "may mean that this is learned or that it isn't: write weight 1 or weight 0 instead";
            return Err(problem(&format!("is {}, which {reason}", shown())));
        }
        let is_trained = if is_one_of(name, WEIGHTS) {
            value.as_f64().and_then(whole).ok_or_else(|| problem(&format!("is {}, but it must be 0 or 1", shown())))?
        } else {
            let says_yes = match value {
                Value::Bool(value) => Some(*value),
                Value::Number(number) => number.as_f64().and_then(whole),
                Value::String(text) => yes(text),
                _ => None,
            };
            let says_yes = says_yes.ok_or_else(|| problem(&format!("is {}, but it must be true or false", shown())))?;
            says_yes != is_one_of(name, NOT_TRAINED)
        };
        if let Some((_, other)) = found.as_ref().filter(|(other, _)| *other != is_trained) {
            return Err(problem(&format!("is {}, which contradicts {other}", shown())));
        }
        found = found.or(Some((is_trained, format!("{name}: {}", shown()))));
    }
    Ok(found)
}

#[expect(clippy::float_cmp, reason = "these numbers are written as they are")]
fn whole(number: f64) -> Option<bool> {
    if number == 1.0 { Some(true) } else { (number == 0.0).then_some(false) }
}

fn yes(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}
