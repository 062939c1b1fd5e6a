//! A whole conversation in one text, as a chat template wrote it. Where each turn is between marks of its own, it is
//! taken apart; everything else is refused, for nobody can know where a question ends.

use super::converted::{Converted, Row};
use crate::data::row::Problem;
use crate::data::{Message, Role};

/// How a template writes a turn: what opens it, what follows the role, what closes it.
struct Marks {
    open: &'static str,
    after_role: &'static str,
    close: &'static str,
    name: &'static str,
    /// What may come before the first turn.
    start: &'static str,
}

/// Templates whose texts can be taken apart.
const TEMPLATES: [Marks; 3] = [
    Marks { open: "<|im_start|>", after_role: "\n", close: "<|im_end|>", name: "ChatML", start: "" },
    Marks {
        open: "<|start_header_id|>",
        after_role: "<|end_header_id|>\n\n",
        close: "<|eot_id|>",
        name: "Llama 3",
        start: "<|begin_of_text|>",
    },
    Marks { open: "<start_of_turn>", after_role: "\n", close: "<end_of_turn>", name: "Gemma", start: "<bos>" },
];

/// What else such texts hold.
const OTHER_MARKS: &[&str] = &[
    "[INST]",
    "### Human:",
    "### Assistant:",
    "### Instruction:",
    "### Response:",
    "\n\nAssistant:",
    "<|user|>",
    "<|assistant|>",
    "<human>:",
    "<bot>:",
    "<｜User｜>",
    "<|prompter|>",
];

/// What a template adds by itself: it would be there twice.
const ADDED_BY_TEMPLATES: &[&str] =
    &["Cutting Knowledge Date:", "<tools>", "<tool_call>", "<tool_response>", "<|python_tag|>"];

/// The mark by which a text is seen to be a whole conversation.
pub fn mark_in(text: &str) -> Option<&'static str> {
    if let Some(marks) = TEMPLATES.iter().find(|marks| text.contains(marks.open)) {
        return Some(marks.open);
    }
    OTHER_MARKS.iter().copied().find(|mark| text.contains(mark))
}

pub fn convert(row: &Row, converted: &mut Converted) -> Result<(), Problem> {
    let text = row.get("text").and_then(serde_json::Value::as_str).unwrap_or_default();
    let Some(mark) = mark_in(text) else {
        let reason = "has no marks of a conversation in it, and plain texts are not trained on: bring turns";
        return Err(Problem::field("text", reason));
    };
    let shown = mark.trim();
    let Some(marks) = TEMPLATES.iter().find(|marks| marks.open == mark) else {
        let reason = format!(
            "holds a whole conversation already written out ({shown} …), which can't be taken apart without doubt: bring \
             its turns (messages)"
        );
        return Err(Problem::field("text", &reason));
    };
    if let Some(added) = ADDED_BY_TEMPLATES.iter().find(|added| text.contains(**added)) {
        let reason =
            format!("holds what the template of {} adds by itself ({added}): bring the turns (messages)", marks.name);
        return Err(Problem::field("text", &reason));
    }
    let Some(messages) = split(text, marks) else {
        let reason = format!(
            "holds a whole conversation already written out ({shown} …), but not as {} writes it: bring its turns (messages)",
            marks.name
        );
        return Err(Problem::field("text", &reason));
    };
    converted.notes.push(format!("text is taken apart into turns by its marks ({})", marks.name));
    converted.example.messages = messages;
    Ok(())
}

/// The turns, if marks and white space are all that is outside of them.
fn split(text: &str, marks: &Marks) -> Option<Vec<Message>> {
    let mut rest = text.trim();
    rest = rest.strip_prefix(marks.start).unwrap_or(rest);
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let turn = rest.strip_prefix(marks.open)?;
        let (role, after) = turn.split_once(marks.after_role)?;
        let role = match role {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" | "model" => Role::Assistant,
            _ => return None,
        };
        let (content, after) = after.split_once(marks.close)?;
        if content.contains(marks.open) || content.contains("<|") {
            return None;
        }
        messages.push(Message::new(role, content));
        rest = after.trim_start();
        // The mark that ends the whole text.
        if ["<|endoftext|>", "<|end_of_text|>", "<eos>"].contains(&rest) {
            break;
        }
    }
    messages.iter().any(|message| message.role == Role::Assistant).then_some(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let row = serde_json::json!({"text": text});
        let mut converted = Converted::default();
        let result = convert(row.as_object().unwrap(), &mut converted);
        match (result, expected) {
            (Ok(()), Ok(turns)) => {
                let read: Vec<_> =
                    converted.example.messages.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect();
                assert_eq!(read, turns, "{text}");
            }
            (Err(problem), Err(part)) => assert!(problem.reason.contains(part), "{}", problem.reason),
            (result, _) => panic!("{text}: {result:?}"),
        }
    }

    #[test]
    fn what_stands_between_marks_of_its_own_is_taken_apart_and_nothing_else() {
        let turns: &[_] = &[("user", "Hi\n\nyou"), ("assistant", "Hello")];
        check("<|im_start|>user\nHi\n\nyou<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n", Ok(turns));
        let llama = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi\n\nyou<|eot_id|>\
                     <|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>";
        check(llama, Ok(turns));
        check(
            "<bos><start_of_turn>user\nHi\n\nyou<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>\n",
            Ok(turns),
        );
        // Cut off, something between the turns, a role that nobody knows, another mark in a turn.
        for text in [
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello",
            "<|im_start|>user\nHi<|im_end|>\nwell\n<|im_start|>assistant\nHello<|im_end|>",
            "<|im_start|>narrator\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>",
            "<|im_start|>user\nHi<|im_start|>assistant\nHello<|im_end|>",
        ] {
            check(text, Err("but not as ChatML writes it"));
        }
        check("<s>[INST] How long? [/INST] Two minutes.</s>", Err("can't be taken apart without doubt"));
        check("A text about tea.", Err("has no marks of a conversation"));
        check("<|im_start|>system\n<tools>x</tools><|im_end|>", Err("adds by itself (<tools>)"));
    }
}
