//! Two answers that are JSON objects, field by field.

use serde_json::{Map, Value};

pub use crate::evaluate::is_exact_match as is_right;

/// One field of an answer beside the expected one.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    /// The answer's value in words; says so where it is missing or of another type.
    pub value: String,
    pub is_right: bool,
}

/// The first JSON object in a text.
pub fn first_object(text: &str) -> Option<Map<String, Value>> {
    text.match_indices('{').find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(object))) => Some(object),
            _ => None,
        }
    })
}

/// What an answer says to each field of the expected object; `None` where a plain text is expected.
pub fn check(expected: &str, answer: &str) -> Option<Vec<Field>> {
    let Ok(Value::Object(expected)) = serde_json::from_str::<Value>(expected) else { return None };
    let answered = first_object(answer);
    let field = |(name, want): (&String, &Value)| {
        let got = answered.as_ref().and_then(|object| object.get(name));
        let value = match got {
            None => "missing".to_owned(),
            Some(got) if kind(got) != kind(want) => format!("{got}, not {}", kind(want)),
            Some(got) => words(got),
        };
        Field { name: name.clone(), value, is_right: got == Some(want) }
    };
    Some(expected.iter().map(field).collect())
}

/// How many of the expected fields are right.
pub fn num_right(fields: &[Field]) -> usize {
    fields.iter().filter(|field| field.is_right).count()
}

/// A value without the quotes of a text.
pub fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn kind(value: &Value) -> &'static str {
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
    fn tells_right_wrong_missing_and_of_another_type() {
        let expected = r#"{"category":"outage","urgent":true,"n":2}"#;
        let fields = check(expected, r#"Sure: {"n": 2, "category": "bug", "urgent": "yes"} bye"#).unwrap();
        let told: Vec<_> = fields.iter().map(|f| (f.value.as_str(), f.is_right)).collect();
        assert_eq!(told, [("bug", false), ("\"yes\", not true or false", false), ("2", true)]);
        assert_eq!(num_right(&check(expected, "no idea").unwrap()), 0);
        assert_eq!(check("plain", "plain"), None);
        assert!(is_right(expected, r#"{"n":2,"urgent":true,"category":"outage"}"#) && is_right("a ", " a"));
    }
}
