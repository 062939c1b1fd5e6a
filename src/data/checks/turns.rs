//! Turns as such: empty ones, their order, white space around them, template marks in their text, whether any counts.

use std::sync::LazyLock;

use regex::Regex;

use super::patterns::regex;
use crate::data::{Example, Message, Role};

/// Which turns have no text; a turn that calls tools needs none.
pub fn empty(example: &Example) -> Option<String> {
    let is_empty = |message: &Message| message.content.trim().is_empty() && !calls_tools(message);
    let mut roles: Vec<&str> = Vec::new();
    for message in example.messages.iter().filter(|message| is_empty(message)) {
        if !roles.contains(&message.role.as_str()) {
            roles.push(message.role.as_str());
        }
    }
    if example.messages.is_empty() {
        return Some("no turns at all".to_owned());
    }
    (!roles.is_empty()).then(|| format!("an empty {} turn", roles.join(" and ")))
}

fn calls_tools(message: &Message) -> bool {
    !message.tool_calls.is_empty()
}

/// What is wrong with the order of the roles.
pub fn disorder(messages: &[Message]) -> Option<String> {
    let turns = messages.iter().skip_while(|m| m.role == Role::System);
    if messages.iter().take_while(|m| m.role == Role::System).count() > 1 {
        return Some("two system turns".to_owned());
    }
    let mut before: Option<&Message> = None;
    for message in turns {
        let problem = match (before.map(|m| m.role), message.role) {
            (_, Role::System) => Some("a system turn that is not the first".to_owned()),
            (Some(Role::User), Role::User) => Some("two user turns in a row".to_owned()),
            (Some(Role::Assistant), Role::Assistant) => Some("two assistant turns in a row".to_owned()),
            (None | Some(Role::User), Role::Tool) => Some("a tool turn that no assistant turn asked for".to_owned()),
            (Some(Role::Tool), Role::User) => Some("a tool turn without an answer".to_owned()),
            _ => None,
        };
        if problem.is_some() {
            return problem;
        }
        before = Some(message);
    }
    match before.map(|message| message.role) {
        Some(Role::User | Role::Tool) if messages.iter().any(|m| m.role == Role::Assistant) => {
            Some("no answer at the end".to_owned())
        }
        _ => None,
    }
}

/// System turns joined in front, turns of the same role joined, turns after the last answer left out; `None` where that
/// is not enough.
pub fn in_order(messages: &[Message]) -> Option<Vec<Message>> {
    let (system, others): (Vec<_>, Vec<_>) = messages.iter().cloned().partition(|m| m.role == Role::System);
    let mut ordered: Vec<Message> = Vec::new();
    for message in system.into_iter().chain(others) {
        match ordered.last_mut().filter(|last| last.role == message.role && message.role != Role::Tool) {
            Some(last) if calls_tools(last) || calls_tools(&message) || last.weight != message.weight => return None,
            Some(last) => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            None => ordered.push(message),
        }
    }
    let answer = ordered.iter().rposition(|m| m.role == Role::Assistant)?;
    ordered.truncate(answer + 1);
    disorder(&ordered).is_none().then_some(ordered)
}

/// The system turn put before the first question, for models whose template has no place for it; `None` where one of
/// the two is missing.
pub fn with_system_folded(messages: &[Message]) -> Option<Vec<Message>> {
    let (system, rest) = messages.split_first().filter(|(first, _)| first.role == Role::System)?;
    let mut folded = rest.to_vec();
    let question = folded.iter_mut().find(|m| m.role == Role::User)?;
    question.content = match system.content.trim() {
        "" => std::mem::take(&mut question.content),
        system => format!("{system}\n\n{}", question.content),
    };
    Some(folded)
}

/// Why no turn would be trained on, whatever the model.
pub fn nothing_trained(messages: &[Message]) -> Option<String> {
    let mut answers = messages.iter().filter(|m| m.role == Role::Assistant).peekable();
    if answers.peek().is_none() {
        return Some("no assistant turn".to_owned());
    }
    answers.all(|m| m.weight == Some(0)).then(|| "every assistant turn has the weight 0".to_owned())
}

/// Which turns have white space around their text.
pub fn outer_whitespace(messages: &[Message]) -> Option<String> {
    let message =
        messages.iter().find(|m| !m.content.trim().is_empty() && m.content.trim().len() != m.content.len())?;
    let place = if message.content.starts_with(char::is_whitespace) { "before" } else { "after" };
    Some(format!("white space {place} the text of the {} turn", message.role.as_str()))
}

/// The marks that templates write around turns, with the role that some of them name.
fn template_marks() -> &'static Regex {
    static MARKS: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"<\|im_start\|>(?:system|user|assistant|tool)?\n?|<\|im_end\|>\n?",
            r"|<\|start_header_id\|>[a-z]*<\|end_header_id\|>(?:\n\n)?|<\|begin_of_text\|>|<\|eot_id\|>|<\|eom_id\|>",
            r"|<start_of_turn>(?:user|model)?\n?|<end_of_turn>\n?|<bos>|<eos>|<\|endoftext\|>|<\|end_of_text\|>",
            r"|<\|(?:system|user|assistant|end)\|>\n?|<<SYS>>|<</SYS>>|\[/?INST\]|^<s>|</s>$",
        ))
    });
    &MARKS
}

/// The first mark of a template in a turn's text.
pub fn mark(messages: &[Message]) -> Option<String> {
    let found = messages.iter().find_map(|m| Some((m.role, template_marks().find(&m.content)?)));
    found.map(|(role, mark)| format!("{} in the {} turn", mark.as_str().trim_end(), role.as_str()))
}

/// The text without them.
pub fn without_marks(text: &str) -> String {
    let mut text = text.to_owned();
    // Behind `<s>` there may be another one.
    while template_marks().is_match(&text) {
        text = template_marks().replace_all(&text, "").trim().to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(text: &str) -> Vec<Message> {
        text.split('|')
            .map(|turn| {
                let (role, content) = turn.split_at(1);
                let role = match role {
                    "s" => Role::System,
                    "u" => Role::User,
                    "t" => Role::Tool,
                    _ => Role::Assistant,
                };
                Message::new(role, content)
            })
            .collect()
    }

    #[test]
    fn empty_turns() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(empty(&Example::from(turns(text))).as_deref(), expected, "{text}");
        };
        check("sBe kind|uhi|ahello", None);
        check("uhi|a", Some("an empty assistant turn"));
        check("s \n|u\u{a0}|ahello|u|abye", Some("an empty system and user turn"));
        let mut call = turns("uhi|a|t5|aFive");
        call[1].tool_calls.push(serde_json::json!({"type": "function"}));
        assert_eq!(empty(&Example::from(call)), None);
        assert!(empty(&Example::default()).is_some());
    }

    #[test]
    fn roles_out_of_order_are_put_in_order() {
        let check = |text: &str, problem: Option<&str>, mended: Option<&str>| {
            assert_eq!(disorder(&turns(text)).as_deref(), problem, "{text}");
            if problem.is_some() {
                assert_eq!(in_order(&turns(text)), mended.map(turns), "{text}");
            }
        };
        check("sx|ua|ab|uc|ad", None, None);
        check("ab", None, None);
        check("ua|ab|t5|ac", None, None);
        check("ua", None, None);
        check("ua|ub|ac", Some("two user turns in a row"), Some("ua\n\nb|ac"));
        check("ua|ab|ac", Some("two assistant turns in a row"), Some("ua|ab\n\nc"));
        check("ua|sx|ac", Some("a system turn that is not the first"), Some("sx|ua|ac"));
        check("ua|ab|uc", Some("no answer at the end"), Some("ua|ab"));
        check("ua|t5|ac", Some("a tool turn that no assistant turn asked for"), None);
    }

    #[test]
    fn a_system_turn_is_folded_into_the_first_question() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(with_system_folded(&turns(text)), expected.map(turns), "{text}");
        };
        check("sBe kind|uhi|ahello|uyou|abye", Some("uBe kind\n\nhi|ahello|uyou|abye"));
        check("s \n|uhi|ahello", Some("uhi|ahello"));
        check("uhi|ahello", None);
        check("sBe kind|ahello", None);
    }

    #[test]
    fn turns_that_count() {
        let mut messages = turns("ua|ab");
        assert_eq!(nothing_trained(&messages), None);
        messages[1].weight = Some(0);
        assert!(nothing_trained(&messages).is_some());
        assert!(nothing_trained(&turns("ua")).is_some());
    }

    #[test]
    fn white_space_around_turns() {
        assert_eq!(outer_whitespace(&turns("ua b|ac\nd")), None);
        let found = outer_whitespace(&turns("ua|ab\n"));
        assert_eq!(found.as_deref(), Some("white space after the text of the assistant turn"));
    }

    #[test]
    fn template_marks_are_found_and_taken_out() {
        let check = |text: &str, without: &str| {
            assert!(mark(&[Message::new(Role::User, text)]).is_some(), "{text}");
            assert_eq!(without_marks(text), without);
        };
        check("<|im_start|>user\nHello<|im_end|>\n", "Hello");
        check("<s>[INST] <<SYS>>\nBe kind\n<</SYS>>\n\nHello [/INST]", "Be kind\n\n\nHello");
        check("<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "Hi");
        assert_eq!(mark(&turns("ua <s>struck</s> word, x < y | z|ab")), None);
    }
}
