//! `{% generation %}`: what is in this block is what the model is to write. Transformers brought the tag; it changes
//! nothing in the text, and its block has a scope of its own.

use minijinja::{State, Value};

/// The filter that the tags become.
pub const FILTER: &str = "generation_block";
/// What is written in the tags instead of `generation` and `endgeneration`.
pub const OPEN: &str = "with %}{% filter generation_block";
pub const CLOSE: &str = "endfilter %}{% endwith";
/// The variable that holds the marks; no template can name it.
pub const MARKS: &str = "generation marks";

/// Puts marks around a block's text, where marks are asked for.
pub fn mark(state: &State<'_, '_>, text: &str) -> String {
    match state.lookup(MARKS).as_ref().and_then(Value::as_str) {
        Some(marks) => {
            let (open, close) = marks.split_at(marks.len() / 2);
            format!("{open}{text}{close}")
        }
        None => text.to_owned(),
    }
}

/// Two characters that occur nowhere in these texts.
pub fn unused_marks(texts: &[&str]) -> Option<[char; 2]> {
    let mut free = ('\u{F0000}'..='\u{F0FFF}').filter(|c| texts.iter().all(|text| !text.contains(*c)));
    Some([free.next()?, free.next()?])
}

/// The text without marks and the spans between them; `None` where they don't come in pairs.
pub fn take_marks(marked: &str, [open, close]: [char; 2]) -> Option<super::Generations> {
    let mut text = String::with_capacity(marked.len());
    let mut spans = Vec::new();
    let mut starts: Vec<usize> = Vec::new();
    for c in marked.chars() {
        if c == open {
            starts.push(text.len());
        } else if c == close {
            let start = starts.pop()?;
            // A block in a block is a part of the outer one.
            if starts.is_empty() {
                spans.push(start..text.len());
            }
        } else {
            text.push(c);
        }
    }
    starts.is_empty().then_some((text, spans))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_in_pairs() {
        let marks = unused_marks(&["\u{F0000}"]).unwrap();
        assert_eq!(marks, ['\u{F0001}', '\u{F0002}']);
        let taken = |text: &str| take_marks(text, ['<', '>']);
        assert_eq!(taken("a<b<c>d>e<>"), Some(("abcde".to_owned(), vec![1..4, 5..5])));
        assert_eq!(taken("a<b"), None);
        assert_eq!(taken("a>b<"), None);
    }
}
