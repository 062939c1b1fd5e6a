//! Templates that are known to leave out or empty the thinking of earlier answers, and what of their text has to be
//! changed so that every answer is written in the same way. Others are only told by their variables.

use crate::recipe::Thinking;

/// A change of a template's text: what is found, and what stands there instead.
type Edit = (&'static str, &'static str);

/// A template that is known by words in it.
struct Known {
    /// All of them are in its text.
    marks: &'static [&'static str],
    /// The first of them has to be found; the others are of some versions only.
    keep: &'static [Edit],
    drop: &'static [Edit],
    empty: &'static [Edit],
    /// `enable_thinking` where nothing is to be written in place of a thought.
    enables_thinking_for_drop: Option<bool>,
}

/// Without `<think>` where an answer is asked for.
const PLAIN_PROMPTS: [Edit; 3] = [
    (r"{{- '<think>\n' }}", ""),
    (r"{{- '<think>\n\n</think>\n\n' }}", ""),
    (r"{{- '<|im_start|>assistant\n<think>\n' }}", r"{{- '<|im_start|>assistant\n' }}"),
];

const KNOWN: &[Known] = &[
    // Qwen 3, its versions of July 2025, Qwen 3.5 to 3.8: only answers after the last question keep their thought.
    Known {
        marks: &["ns.last_query_index", "</think>", "<|im_start|>"],
        keep: &[
            ("loop.index0 > ns.last_query_index", "true"),
            ("loop.last or (not loop.last and reasoning_content)", "true"),
        ],
        drop: &[
            ("loop.index0 > ns.last_query_index", "false"),
            ("preserve_thinking is undefined or ", ""),
            ("preserve_thinking is defined and preserve_thinking is true", "false"),
            ("preserve_thinking is true or ", ""),
            PLAIN_PROMPTS[0],
            PLAIN_PROMPTS[1],
            PLAIN_PROMPTS[2],
        ],
        empty: &[
            ("loop.index0 > ns.last_query_index", "true"),
            ("loop.last or (not loop.last and reasoning_content)", "true"),
        ],
        enables_thinking_for_drop: None,
    },
    // DeepSeek R1's distillations: everything up to the end of a thought is cut away.
    Known {
        marks: &["<｜Assistant｜>", "</think>"],
        keep: &[
            ("{% set content = content.split('</think>')[-1] %}", ""),
            ("{%- set content = content.split('</think>')[-1] -%}", ""),
        ],
        drop: &[(r"<｜Assistant｜><think>\n", "<｜Assistant｜>"), ("<｜Assistant｜><think>", "<｜Assistant｜>")],
        empty: &[],
        enables_thinking_for_drop: None,
    },
    // SmolLM3: says in its system turn whether it thinks.
    Known {
        marks: &["reasoning_mode", "/no_think", "<|im_start|>"],
        keep: &[],
        drop: &[(r#""<think>\n\n</think>\n""#, r#""""#)],
        empty: &[],
        enables_thinking_for_drop: Some(false),
    },
];

/// A template's text for a choice.
pub fn edited(source: &str, thinking: Thinking) -> String {
    let mut text = source.to_owned();
    for (from, to) in edits(source, thinking) {
        text = text.replace(from, to);
    }
    text
}

fn known(source: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.marks.iter().all(|mark| source.contains(mark)))
}

fn edits(source: &str, thinking: Thinking) -> &'static [Edit] {
    match (known(source), thinking) {
        (None, _) | (_, Thinking::Template) => &[],
        (Some(known), Thinking::Keep) => known.keep,
        (Some(known), Thinking::Drop) => known.drop,
        (Some(known), Thinking::Empty) => known.empty,
    }
}

/// The variables that templates ask for, by name.
pub fn variables(source: &str, thinking: Thinking) -> Vec<(&'static str, bool)> {
    let enables = |enables: bool| vec![("enable_thinking", enables)];
    match thinking {
        Thinking::Template => Vec::new(),
        Thinking::Keep => [enables(true), vec![("preserve_thinking", true), ("keep_past_thinking", true)]].concat(),
        Thinking::Drop => {
            known(source).and_then(|known| known.enables_thinking_for_drop).map(enables).unwrap_or_default()
        }
        Thinking::Empty => enables(false),
    }
}

/// Whether a template is known to write the thinking of earlier answers in another way than that of the last.
pub fn leaves_out_earlier(source: &str) -> bool {
    known(source).is_some_and(|known| !known.keep.is_empty())
}

/// An answer without what it thinks before it speaks.
pub fn without_thinking(content: &str) -> &str {
    content.rsplit_once("</think>").map_or(content, |(_, answer)| answer.trim_start_matches(['\n', '\r', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_alone_is_left() {
        assert_eq!(without_thinking("<think>\nwhy\n</think>\n\nYes."), "Yes.");
        assert_eq!(without_thinking("why</think> Yes."), "Yes.");
        assert_eq!(without_thinking(" Yes."), " Yes.");
    }

    #[test]
    fn templates_are_known_by_their_words() {
        assert!(leaves_out_earlier("<|im_start|> ns.last_query_index </think>"));
        assert!(!leaves_out_earlier("<|im_start|>"));
        assert!(!leaves_out_earlier("reasoning_mode /no_think <|im_start|>"));
    }
}
