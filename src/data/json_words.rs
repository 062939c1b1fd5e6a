//! What is wrong with a text that should be JSON, in everyone's words: serde_json's own stay here.

use serde_json::Value;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// "a comma or the closing } is missing"
    pub what: String,
    /// The text ends too early.
    pub is_cut_off: bool,
}

/// How much of the text before a fault is shown.
const SHOWN_CHARS: usize = 24;

impl JsonFault {
    pub fn of(error: &serde_json::Error, text: &str) -> Self {
        let line = error.line().max(1);
        // serde_json counts bytes.
        let bytes = text.split('\n').nth(line - 1).unwrap_or_default().bytes().take(error.column());
        let column = bytes.filter(|byte| byte & 0xC0 != 0x80).count().max(1);
        Self { line, column, what: plain(&error.to_string()), is_cut_off: error.is_eof() }
    }

    /// `column 12, after "a": 1`; with the line, where the text has several.
    pub fn place(&self, text: &str) -> String {
        let line = text.split('\n').nth(self.line - 1).unwrap_or_default();
        // The fault is at the last character.
        let num_before = if self.is_cut_off { self.column } else { self.column - 1 };
        let before: Vec<char> = line.chars().take(num_before).collect();
        let skipped = before.len().saturating_sub(SHOWN_CHARS);
        let shown: String = before.iter().skip(skipped).collect();
        let at = match text.trim_end().contains('\n') {
            true => format!("line {} of the row, column {}", self.line, self.column),
            false => format!("column {}", self.column),
        };
        // A reason's detail begins at the last bracket after a space.
        let shown = shown.replace(" (", "(");
        match shown.trim() {
            "" => at,
            shown => format!("{at}, after {}{shown}", if skipped > 0 { "…" } else { "" }),
        }
    }

    /// What is wrong, and where; a reason ends in brackets with what is different in every row.
    pub fn in_words(&self, text: &str) -> String {
        format!("{} ({})", self.what, self.place(text))
    }
}

/// What is wrong with a text that was parsed, in words.
pub fn fault(error: &serde_json::Error, text: &str) -> String {
    JsonFault::of(error, text).in_words(text)
}

/// serde_json's messages in everyone's words.
fn plain(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let words = match message {
        "EOF while parsing an object" => "the closing } is missing",
        "EOF while parsing a list" => "the closing ] is missing",
        "EOF while parsing a string" => "the closing quote is missing",
        "EOF while parsing a value" => "the value is missing",
        "expected `,` or `}`" => "a comma or the closing } is missing",
        "expected `,` or `]`" => "a comma or the closing ] is missing",
        "expected `:`" => "a colon is missing after the name",
        "key must be a string" => "a name in double quotes is missing",
        "trailing comma" => "the comma before the end is one too many",
        "trailing characters" => "something follows after the end",
        "expected value" => "a value is missing; texts are written in double quotes",
        "expected ident" => "only true, false and null are written without quotes",
        "invalid number" => "this is not a number",
        "number out of range" => "the number is too large",
        "invalid escape" => "after a backslash only \" \\ / b f n r t u can follow",
        "recursion limit exceeded" => "it is nested too deeply",
        "lone leading surrogate in hex escape"
        | "unexpected end of hex escape"
        | "invalid unicode code point"
        | "unpaired surrogate" => "a character that is written \\u… is only half there",
        other if other.starts_with("control character") => "a line break in a text is written \\n, a tab \\t",
        // Ours, of keys that occur twice.
        other if other.starts_with("the key ") => other,
        other if other.starts_with("invalid type") => "something else is expected here",
        _ => "this is not how JSON is written",
    };
    words.to_owned()
}

/// "a list", as a sentence says it.
pub fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_without_a_parsers_words() {
        let check = |text: &str, expected: &str| {
            let error = serde_json::from_str::<serde_json::Value>(text).unwrap_err();
            assert_eq!(fault(&error, text), expected, "{text}");
        };
        check("nothing", "only true, false and null are written without quotes (column 2, after n)");
        check("{\"a\": 1 \"b\": 2}", "a comma or the closing } is missing (column 9, after {\"a\": 1)");
        check("{\"a\": [1 2]}", "a comma or the closing ] is missing (column 10, after {\"a\": [1)");
        check("{\"ä\" 1}", "a colon is missing after the name (column 6, after {\"ä\")");
        check("{a: 1}", "a name in double quotes is missing (column 2, after {)");
        check("{\"a\": 1,}", "the comma before the end is one too many (column 9, after {\"a\": 1,)");
        check("{} {}", "something follows after the end (column 4, after {})");
        check("{\"a\": x}", "a value is missing; texts are written in double quotes (column 7, after {\"a\":)");
        check("{\"a\": 01}", "this is not a number (column 8, after {\"a\": 0)");
        check("{\"a\": 1e999}", "the number is too large (column 11, after {\"a\": 1e99)");
        check("\"\\x\"", "after a backslash only \" \\ / b f n r t u can follow (column 3, after \"\\)");
        check("\"a\tb\"", "a line break in a text is written \\n, a tab \\t (column 3, after \"a)");
        check("\"\\ud800\"", "a character that is written \\u… is only half there (column 8, after \"\\ud800)");
        check("{\"a\": \"b", "the closing quote is missing (column 8, after {\"a\": \"b)");
        check("{\"a\": [1", "the closing ] is missing (column 8, after {\"a\": [1)");
        check("{\"a\":", "the value is missing (column 5, after {\"a\":)");
        check("{\n\"a\": 1", "the closing } is missing (line 2 of the row, column 6, after \"a\": 1)");
        let long = format!("{{\"a\": \"{}\" 1}}", "x".repeat(100));
        check(&long, &format!("a comma or the closing }} is missing (column 110, after …{}\")", "x".repeat(22)));
    }
}
