//! JSON that is nearly right: what is wrong with it, and how to mend it with every other character left as it is.

use std::borrow::Cow;

use serde_json::Value;

/// What an answer is, as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Json {
    /// An object or a list.
    Valid,
    /// It begins as one, and can't be read.
    Broken,
    /// Text, or a number.
    Other,
    Empty,
}

pub fn kind(answer: &str) -> Json {
    let text = answer.trim();
    match text.as_bytes().first() {
        None => Json::Empty,
        Some(b'{' | b'[') if is_json(text) => Json::Valid,
        Some(_) if begins_as_json(text) => Json::Broken,
        Some(_) => Json::Other,
    }
}

/// A fence may come before it; a bracket may begin a note or a link, too.
fn begins_as_json(text: &str) -> bool {
    if let Some(fenced) = text.strip_prefix("```") {
        let fenced = fenced.strip_prefix("json").or_else(|| fenced.strip_prefix("JSON")).unwrap_or(fenced);
        return fenced.trim_start().starts_with(['{', '[']);
    }
    match text.strip_prefix('[') {
        Some(list) => list.trim_start().starts_with(['{', '[', '"', '\'', ']']),
        None => text.starts_with('{'),
    }
}

/// Why it can't be read, as a sentence's part.
pub fn problem(answer: &str) -> Cow<'static, str> {
    let Err(error) = serde_json::from_str::<Value>(answer) else { return "neither an object nor a list".into() };
    match kind(answer) {
        Json::Other if answer.contains("{\"") => "words around the JSON".into(),
        Json::Valid | Json::Other | Json::Empty => "not JSON".into(),
        Json::Broken if answer.trim_start().starts_with('`') => "a fence around the JSON".into(),
        Json::Broken if error.is_eof() => "it ends too early".into(),
        Json::Broken => {
            let place = place(answer, error.line(), error.column());
            format!("it stops being JSON at line {}, character {}{}", error.line(), place.0, place.1).into()
        }
    }
}

/// The character at a byte of a line, both from 1, and what is there.
fn place(text: &str, line: usize, column: usize) -> (usize, String) {
    const MAX_CHARS: usize = 12;
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let at = (0..=column.saturating_sub(1).min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let near: String = line[at..].chars().take(MAX_CHARS).collect();
    let words = if near.is_empty() { String::new() } else { format!(", near “{near}”") };
    (line[..at].chars().count() + 1, words)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// The JSON in the text, mended: code fences and words around it, missing ends, trailing commas, single quotes, bare
/// keys, Python's constants. `None` where there is none, or nothing that can be read comes out.
pub fn repair(text: &str) -> Option<String> {
    let start = text.find(['{', '['])?;
    let mended = Mender::default().mend(&text[start..]);
    (mended != text && is_json(&mended)).then_some(mended)
}

#[derive(Default)]
struct Mender {
    out: String,
    /// The ends that are still to come.
    open: Vec<char>,
}

impl Mender {
    fn mend(mut self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            at = match chars[at] {
                '"' | '\'' | '“' | '‘' => self.string(&chars, at),
                '{' => self.begin('{', '}', at),
                '[' => self.begin('[', ']', at),
                end @ ('}' | ']') => {
                    self.end(end);
                    at + 1
                }
                c if c.is_alphanumeric() || matches!(c, '-' | '_' | '$') => self.word(&chars, at),
                // A fence that closes what has no end.
                '`' => break,
                c => {
                    self.out.push(c);
                    at + 1
                }
            };
            if self.open.is_empty() {
                break;
            }
        }
        while let Some(end) = self.open.last().copied() {
            self.end(end);
        }
        self.out
    }

    fn begin(&mut self, start: char, end: char, at: usize) -> usize {
        self.out.push(start);
        self.open.push(end);
        at + 1
    }

    /// Closes what is open up to here; an end that nothing began is left out.
    fn end(&mut self, end: char) {
        if !self.open.contains(&end) {
            return;
        }
        while let Some(open) = self.open.pop() {
            let kept = self.out.trim_end().strip_suffix(',').map(str::len);
            if let Some(len) = kept {
                self.out.truncate(len);
            } else if self.open.is_empty() || open != end {
                self.out.truncate(self.out.trim_end().len());
            }
            self.out.push(open);
            if open == end {
                break;
            }
        }
    }

    /// A string in any quotes; one that doesn't end, ends here.
    fn string(&mut self, chars: &[char], start: usize) -> usize {
        let quote = match chars[start] {
            '“' => '”',
            '‘' => '’',
            quote => quote,
        };
        self.out.push('"');
        let mut at = start + 1;
        while at < chars.len() {
            match chars[at] {
                '\\' if chars.get(at + 1) == Some(&'\'') => {
                    self.out.push('\'');
                    at += 1;
                }
                '\\' => {
                    self.out.push('\\');
                    at += 1;
                    self.out.extend(chars.get(at));
                }
                c if c == quote && ends_string(chars, at + 1) => break,
                '"' => self.out.push_str("\\\""),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                c if c.is_control() => self.out.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.out.push(c),
            }
            at += 1;
        }
        if at >= chars.len() {
            // What is cut off in the middle of a string is often followed by the rest of a fence or a brace.
            let kept = self.out.trim_end_matches(['`', '}', ']', '\n', ' ']).len();
            self.out.truncate(kept);
            if self.out.ends_with("\\n") {
                self.out.truncate(self.out.len() - 2);
            }
        }
        self.out.push('"');
        at + 1
    }

    /// A number or constant; anything else becomes a string.
    fn word(&mut self, chars: &[char], start: usize) -> usize {
        let is_part = |c: &&char| c.is_alphanumeric() || matches!(c, '-' | '_' | '$' | '.' | '+');
        let word: String = chars[start..].iter().take_while(is_part).collect();
        let constant = match word.as_str() {
            "True" | "TRUE" => "true",
            "False" | "FALSE" => "false",
            "None" | "NULL" | "undefined" => "null",
            word => word,
        };
        if is_json(constant) {
            self.out.push_str(constant);
        } else {
            self.out.push('"');
            self.out.push_str(constant);
            self.out.push('"');
        }
        start + word.chars().count()
    }
}

/// A quote ends a string only where something follows that can follow one; others belong to the text: `it's`.
fn ends_string(chars: &[char], at: usize) -> bool {
    chars[at..].iter().find(|c| !c.is_whitespace()).is_none_or(|c| matches!(c, ',' | ':' | '}' | ']' | '`'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_json_is_mended_and_nothing_else_changes() {
        let check = |text: &str, mended: &str| {
            let expected = if text.starts_with("Here") { Json::Other } else { Json::Broken };
            assert_eq!(kind(text), expected, "{text}");
            assert_eq!(repair(text).as_deref(), Some(mended), "{text}");
        };
        check(r#"{"a": 1, "b": [2, 3}"#, r#"{"a": 1, "b": [2, 3]}"#);
        check(r#"{"a": 1, "b": "two"#, r#"{"a": 1, "b": "two"}"#);
        check(r#"{"a": 1, "b": "two}"#, r#"{"a": 1, "b": "two"}"#);
        check(r#"{"a": {"b": 1}"#, r#"{"a": {"b": 1}}"#);
        check(r#"{"a": 1,}"#, r#"{"a": 1}"#);
        check(r#"{"a": [1, 2, ], }"#, r#"{"a": [1, 2]}"#);
        check(r#"{'a': 'it's', 'b': True, 'c': None}"#, r#"{"a": "it's", "b": true, "c": null}"#);
        check(r#"{"say": "a "big" one"}"#, r#"{"say": "a \"big\" one"}"#);
        check("```json\n{\"a\": 1}\n```", r#"{"a": 1}"#);
        check("Here it is: {\"a\": 1}. Bye!", r#"{"a": 1}"#);
        check("```\n{\"a\": \"x\n```", r#"{"a": "x"}"#);
        check(r#"{a: 1, b_2: yes}"#, r#"{"a": 1, "b_2": "yes"}"#);
        check(r#"{“a”: “b”}"#, r#"{"a": "b"}"#);
        check("{\"a\": \"line\nbreak\"}", r#"{"a": "line\nbreak"}"#);
        check(r#"{"a": 1}}"#, r#"{"a": 1}"#);
    }

    #[test]
    fn sound_json_and_plain_text_are_left_alone() {
        for text in [r#"{"a": [1, 2], "b": "it's"}"#, "[]", "no braces", "", "{\"a\" 1 2}"] {
            assert_eq!(repair(text), None, "{text}");
        }
        assert_eq!(kind(" {\"a\": 1}\n"), Json::Valid);
        assert_eq!(kind("5"), Json::Other);
        assert_eq!(kind(" "), Json::Empty);
        assert_eq!(repair(&"[".repeat(100_000)), None);
    }

    #[test]
    fn what_begins_as_json_is_told_from_text() {
        for text in ["[1] see there", "[a link](of.it)", "```python\n{}\n```", "Yes.", "[Note] {\"a\": 1"] {
            assert_eq!(kind(text), Json::Other, "{text}");
        }
        for text in ["{\"a\": 1", "[\"a\", ", "```json\n[1]\n```", "[{\"a\": 1}"] {
            assert_eq!(kind(text), Json::Broken, "{text}");
        }
        assert_eq!(problem("{\"a\": 'b'}"), "it stops being JSON at line 1, character 7, near “'b'}”");
        assert_eq!(problem("{\"a\": 1"), "it ends too early");
        assert_eq!(problem("{\"ä\": é}"), "it stops being JSON at line 1, character 7, near “é}”");
        assert_eq!(problem("It is {\"a\": 1}."), "words around the JSON");
    }
}
