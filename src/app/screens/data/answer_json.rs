//! Whether answers that begin like JSON are JSON, and if not, where and why, in words.

use crate::data::json_words::JsonFault;
use crate::data::{Message, Role};

/// The size of all answers of an example together: reading that much takes about two milliseconds, after each key.
const MOST_BYTES: usize = 256 << 10;
/// What is laid out anew for each painting.
pub const MOST_LAID_OUT: usize = 32 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonState {
    Valid,
    /// Line and column from 1, in characters.
    Wrong {
        line: usize,
        column: usize,
        what: String,
    },
    /// Too long to be looked at while one types; the checks do it.
    Unread,
}

/// For each turn; `None` where it is not an answer, or plain text.
pub fn look(messages: &[Message]) -> Vec<Option<JsonState>> {
    let mut left = MOST_BYTES;
    let mut state = |message: &Message| {
        let text = &message.content;
        if message.role != Role::Assistant || !text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        match left.checked_sub(text.len()) {
            Some(rest) => {
                left = rest;
                Some(state_of(text))
            }
            None => Some(JsonState::Unread),
        }
    };
    messages.iter().map(&mut state).collect()
}

fn state_of(text: &str) -> JsonState {
    let Err(error) = serde_json::from_str::<serde_json::Value>(text) else { return JsonState::Valid };
    let JsonFault { line, column, what, .. } = JsonFault::of(&error, text);
    JsonState::Wrong { line, column, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what_is_wrong() {
        let check = |text: &str, expected: Option<(usize, usize, &str)>| {
            let found = look(&[Message::new(Role::Assistant, text)]).remove(0);
            match (found, expected) {
                (Some(JsonState::Valid), None) => {}
                (Some(JsonState::Wrong { line, column, what }), Some(expected)) => {
                    assert_eq!((line, column, what.as_str()), expected, "{text}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        };
        check("{\"a\": [1, 2]}", None);
        check("\n {\"ä\": 1\n \"b\": 2}", Some((3, 2, "a comma or the closing } is missing")));
        check("{\"äöü\": x}", Some((1, 9, "a value is missing; texts are written in double quotes")));
        check("{\"a\": 1,}", Some((1, 9, "the comma before the end is one too many")));
        check("{\"a\": 1", Some((1, 7, "the closing } is missing")));
        check("{\"a\" 1}", Some((1, 6, "a colon is missing after the name")));
        check("[1] 2", Some((1, 5, "something follows after the end")));
    }

    #[test]
    fn only_answers_that_begin_like_json_are_read_and_not_endlessly() {
        let long = format!("[{}1]", "1,".repeat(MOST_BYTES / 2));
        let turns = [
            Message::new(Role::User, "{"),
            Message::new(Role::Assistant, "Hello {"),
            Message::new(Role::Assistant, long),
            Message::new(Role::Assistant, " {}"),
        ];
        assert_eq!(look(&turns), [None, None, Some(JsonState::Unread), Some(JsonState::Valid)]);
    }
}
