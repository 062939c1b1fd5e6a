//! Labels and answers: where answers come from a fixed list, the label is the answer, or a field of it.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::data::{Example, Message, Role};

/// Longer answers are texts, not labels.
const MAX_LABEL_CHARS: usize = 64;

/// What an answer could be the label of: itself, if it is one short line, or the first text of a JSON object.
pub fn of(example: &Example) -> Option<String> {
    of_answer(example.answer()?)
}

fn of_answer(answer: &str) -> Option<String> {
    let label = match fields(answer) {
        Some(fields) => fields.values().find_map(Value::as_str)?.to_owned(),
        None if is_broken(answer) => return None,
        None => answer.trim().to_owned(),
    };
    let is_label = !label.is_empty() && !label.contains('\n') && label.chars().count() <= MAX_LABEL_CHARS;
    is_label.then_some(label)
}

/// The field of the answer that is its label; `None` for an answer that is its own label.
pub fn field_of(example: &Example) -> Option<String> {
    fields(example.answer()?)?.into_iter().find(|(_, value)| value.is_string()).map(|(name, _)| name)
}

/// The answer is an object that can't be read, such as one that is being typed.
pub fn is_half_written(example: &Example) -> bool {
    example.answer().is_some_and(is_broken)
}

fn is_broken(answer: &str) -> bool {
    answer.trim_start().starts_with('{') && fields(answer).is_none()
}

/// The turns with another label: the last answer becomes it, or its field does. `None` if the answer is something else
/// than the label `before`.
pub fn relabelled(messages: &[Message], before: Option<&str>, label: &str) -> Option<Vec<Message>> {
    let mut messages = messages.to_vec();
    let answer = messages.iter_mut().rfind(|message| message.role == Role::Assistant);
    match answer {
        Some(turn) if turn.content.trim().is_empty() => turn.content = label.to_owned(),
        Some(turn) => {
            before.filter(|before| of_answer(&turn.content).as_deref() == Some(*before))?;
            turn.content = with_label(&turn.content, label);
        }
        None => messages.push(Message::new(Role::Assistant, label)),
    }
    Some(messages)
}

fn with_label(answer: &str, label: &str) -> String {
    let Some(mut fields) = fields(answer) else { return label.to_owned() };
    if let Some(value) = fields.values_mut().find(|value| value.is_string()) {
        *value = Value::String(label.to_owned());
    }
    Value::Object(fields).to_string()
}

fn fields(answer: &str) -> Option<Map<String, Value>> {
    answer.trim_start().starts_with('{').then(|| serde_json::from_str(answer).ok()).flatten()
}

/// Watches the answers of an import: they are labels if they are few and come again.
#[derive(Default)]
pub struct Candidates {
    labels: HashSet<Arc<str>>,
    num_answers: usize,
    /// Answers that can't be labels.
    num_texts: usize,
}

impl Candidates {
    const MAX_LABELS: usize = 1000;

    /// What would be the example's label. Examples without an answer say nothing: they may be still to be labelled.
    pub fn add(&mut self, example: &Example) -> Option<Arc<str>> {
        if example.answer().is_none_or(|answer| answer.trim().is_empty()) {
            return None;
        }
        self.num_answers += 1;
        let label = of(example).and_then(|label| self.known(&label));
        self.num_texts += usize::from(label.is_none());
        label
    }

    fn known(&mut self, label: &str) -> Option<Arc<str>> {
        if let Some(known) = self.labels.get(label) {
            return Some(known.clone());
        }
        let new: Arc<str> = label.into();
        (self.labels.len() < Self::MAX_LABELS && self.labels.insert(new.clone())).then_some(new)
    }

    /// Whether the answers are labels, now that all were looked at.
    pub fn are_labels(&self) -> bool {
        let texts_are_few = self.num_texts * 20 <= self.num_answers;
        texts_are_few && self.labels.len() >= 2 && self.num_answers >= 3 * self.labels.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(answer: &str) -> Vec<Message> {
        vec![Message::new(Role::User, "q"), Message::new(Role::Assistant, answer)]
    }

    #[test]
    fn a_label_is_a_short_answer_or_the_first_text_of_an_object() {
        let check = |answer: &str, expected: Option<&str>| {
            assert_eq!(of(&messages(answer).into()).as_deref(), expected);
        };
        check(" card_arrival ", Some("card_arrival"));
        check(r#"{"n": 1, "category": "bug", "human": true}"#, Some("bug"));
        check(r#"{"n": 1}"#, None);
        check(r#"{"category": "bug""#, None);
        check("two\nlines", None);
        check(&"long ".repeat(20), None);
        check("", None);
    }

    #[test]
    fn a_new_label_goes_into_the_answer_that_holds_the_old_one() {
        let check = |answer: &str, before: Option<&str>, expected: Option<&str>| {
            let new = relabelled(&messages(answer), before, "new");
            assert_eq!(new.as_deref().map(|m| m[1].content.as_str()), expected, "{answer}");
        };
        check("old", Some("old"), Some("new"));
        check("", None, Some("new"));
        check("a longer text", Some("old"), None);
        check("old", None, None);
        check(r#"{"category":"old","human":true}"#, Some("old"), Some(r#"{"category":"new","human":true}"#));
        let unanswered = relabelled(&messages("x")[..1], None, "new").unwrap();
        assert_eq!(unanswered, messages("new"));
    }

    #[test]
    fn few_answers_that_come_again_are_labels() {
        let check = |answers: &[&str], expected| {
            let mut candidates = Candidates::default();
            for answer in answers {
                candidates.add(&messages(answer).into());
            }
            assert_eq!(candidates.are_labels(), expected, "{answers:?}");
        };
        check(&["a", "b", "a", "a", "b", "b"], true);
        check(&["a", "b", "a", "", "a", "b", "b"], true);
        check(&["a", "b", "a", "two\nlines", "a", "b", "b"], false);
        check(&["a", "b", "c", "a", "b"], false);
        check(&["a"; 9], false);
    }
}
