//! A text with the names of columns in it, which stand for what the columns say: `{Subject}\n\n{Text}`.
//!
//! Braces around anything else are text, so that JSON can be written as it is: `{"urgent": {Urgent}}`.

/// A template taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// By name.
    Column(String),
}

/// A longer text isn't a name.
const MAX_NAME_CHARS: usize = 200;

impl Template {
    /// Takes a text apart; `None` where it is blank.
    ///
    /// # Errors
    /// Where something looks like a name and isn't one of `columns`: a typing mistake must not become part of every
    /// prompt.
    pub fn parse(text: &str, columns: &[String]) -> Result<Option<Self>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            plain.push_str(&rest[..open]);
            let inner = &rest[open + 1..];
            let name = inner.find('}').map(|end| &inner[..end]);
            match name.and_then(|name| columns.iter().find(|column| *column == name)) {
                Some(column) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Column(column.clone()));
                    rest = &inner[column.len() + 1..];
                }
                None => {
                    if let Some(name) = name.filter(|name| looks_like_name(name)) {
                        return Err(name.to_owned());
                    }
                    plain.push('{');
                    rest = inner;
                }
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Some(Self { parts }))
    }

    /// The columns that it names, each once, in order.
    pub fn columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for part in &self.parts {
            if let Part::Column(name) = part
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        }
        names
    }

    /// The text with what each column says, without the white space at its ends that columns leave which say nothing.
    ///
    /// # Errors
    /// What `says` fails with.
    pub fn fill<E>(&self, mut says: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Column(name) => text.push_str(&says(name)?),
            }
        }
        Ok(text.trim().to_owned())
    }
}

/// What columns that are joined by line breaks would be as a template.
pub fn joined<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    columns.map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join("\n")
}

/// `{Betref}` is a name that was mistyped; `{"a": 1}`, `{}` and `{x, y}` are text.
fn looks_like_name(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    text.chars().any(char::is_alphabetic) && text.chars().count() <= MAX_NAME_CHARS && text.chars().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        let columns = ["Betreff", "Text", "a b", "{"].map(str::to_owned);
        let parsed = Template::parse(template, &columns)?.ok_or("blank")?;
        let says = |name: &str| match name {
            "Betreff" => Ok::<_, String>("B".to_owned()),
            "Text" => Ok("T {Betreff}".to_owned()),
            _ => Ok(String::new()),
        };
        parsed.fill(says)
    }

    #[test]
    fn names_are_filled_in_and_everything_else_is_text() {
        let check =
            |template: &str, expected: &str| assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        // What a column says isn't a template.
        check("{Betreff}\n\n{Text}", "B\n\nT {Betreff}");
        check("{a b}\n\n{Betreff}\n", "B");
        check("{\"betreff\": \"{Betreff}\", \"n\": {}}", "{\"betreff\": \"B\", \"n\": {}}");
        check("{{Betreff}} {1, 2} {", "{B} {1, 2} {");
        assert_eq!(filled("{Betref}"), Err("Betref".to_owned()));
        assert_eq!(filled(" \n"), Err("blank".to_owned()));
    }

    #[test]
    fn columns_are_named_once() {
        let columns = ["a", "b"].map(str::to_owned);
        let parsed = Template::parse("{b}{a}{b}", &columns).unwrap().unwrap();
        assert_eq!(parsed.columns(), ["b", "a"]);
        assert_eq!(joined(columns.iter().map(String::as_str)), "{a}\n{b}");
    }
}
