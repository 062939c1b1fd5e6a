//! Labels and answers: where answers come from a fixed list, the label is the answer, or a field of it.

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
}
