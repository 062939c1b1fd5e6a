//! Names of modules as PEFT matches them: lists of names and endings of names, or one pattern in Python's syntax.

use regex::Regex;
use serde_json::Value;

/// What `target_modules` and `exclude_modules` may be.
#[derive(Debug)]
pub enum Names {
    /// Whole names, or what they end with after a full stop.
    Listed(Vec<String>),
    /// For the whole name.
    Pattern(Regex),
}

impl Names {
    /// The names in a setting; `None` for what is neither a text nor a list of texts.
    pub fn parse(value: &Value) -> Result<Option<Self>, String> {
        match value {
            Value::String(text) => Ok(Some(Self::Pattern(pattern("", text, "")?))),
            Value::Array(names) => {
                let texts: Option<Vec<_>> = names.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                Ok(texts.filter(|texts| !texts.is_empty()).map(Self::Listed))
            }
            _ => Ok(None),
        }
    }

    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::Listed(names) => names.iter().any(|name| key == name || ends_with(key, name)),
            Self::Pattern(pattern) => pattern.is_match(key),
        }
    }
}

/// Whether `self_attn.q_proj` is the end of `model.layers.0.self_attn.q_proj`.
pub fn ends_with(key: &str, name: &str) -> bool {
    key.strip_suffix(name).is_some_and(|start| start.ends_with('.'))
}

/// A pattern in Python's syntax between two parts of our own, for the whole text. What the two syntaxes read differently
/// is refused, so that no pattern silently means something else.
pub fn pattern(before: &str, python: &str, after: &str) -> Result<Regex, String> {
    // Set operations and word edges of Rust's syntax; quantifiers that give nothing back, of Python's.
    const DIFFERENT: &[&str] = &["&&", "--", "~~", "[[", r"\<", r"\>", "*+", "++", "?+", "}+", "**", "+*"];
    let unread = || format!("the pattern {python:?} is not read here: write a list of names instead");
    if DIFFERENT.iter().any(|part| python.contains(part)) {
        return Err(unread());
    }
    Regex::new(&format!("^(?:{before}{python}{after})$")).map_err(|_| unread())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_match_whole_or_from_a_full_stop_on_and_patterns_the_whole_name() {
        let key = "model.layers.11.self_attn.q_proj";
        let matches = |value: Value| Names::parse(&value).unwrap().unwrap().matches(key);
        for value in [json!(["q_proj"]), json!(["self_attn.q_proj"]), json!([key]), json!(".*\\.(q|k)_proj")] {
            assert!(matches(value.clone()), "{value}");
        }
        for value in [json!(["_proj"]), json!(["1.self_attn.q_proj"]), json!("q_proj"), json!(".*q_pro")] {
            assert!(!matches(value.clone()), "{value}");
        }
        assert!(Names::parse(&json!([])).unwrap().is_none());
        for python in ["(?=q)q_proj", "[a&&b]", ".*+x", "("] {
            assert!(Names::parse(&json!(python)).unwrap_err().contains("is not read here"), "{python}");
        }
    }
}
