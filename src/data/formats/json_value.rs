//! JSON values of which no object names a key twice: which of the two was meant, nobody can know. Python's `NaN` and
//! `Infinity` are null, and reported.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::map::{Entry, Map};

use crate::data::row::Unread;

/// A value, and which fields in it are null because they were `NaN` or `Infinity`.
pub fn parse(text: &str) -> serde_json::Result<(Value, Vec<Unread>)> {
    match serde_json::from_str::<Strict>(text) {
        Ok(Strict(value)) => Ok((value, Vec::new())),
        Err(error) => {
            let Cow::Owned(zeros) = with_zeros(text) else { return Err(error) };
            // What is wrong otherwise is so at its own place.
            serde_json::from_str::<Strict>(&zeros)?;
            let mark = Mark::not_in(text);
            let marked = replace_names(text, |name| format!("\"{}{name}\"", mark.0));
            let Strict(mut value) = serde_json::from_str(&marked)?;
            let mut unread = Vec::new();
            mark.take_out(&mut value, &mut String::new(), &mut unread);
            Ok((value, unread))
        }
    }
}

/// The text with a zero of the same length in the place of each `NaN` and `Infinity` outside of its strings.
pub fn with_zeros(text: &str) -> Cow<'_, str> {
    replace_names(text, |name| {
        let sign = if name.starts_with('-') { "-" } else { "" };
        format!("{sign}0.{}", "0".repeat(name.len() - sign.len() - 2))
    })
}

/// What Python writes for numbers that JSON doesn't have.
const NAMES: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

fn replace_names(text: &str, replacement: impl Fn(&str) -> String) -> Cow<'_, str> {
    if !NAMES.iter().any(|name| text.contains(name)) {
        return Cow::Borrowed(text);
    }
    let mut mended = String::with_capacity(text.len() + 16);
    let (mut rest, mut num_found) = (text, 0);
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        let (before, from) = rest.split_at(at);
        mended.push_str(before);
        let len = if from.starts_with('"') { string_len(from) } else { 1 };
        let name = NAMES.iter().find(|name| from.starts_with(**name));
        match name {
            Some(name) => mended.push_str(&replacement(name)),
            None => mended.push_str(&from[..len]),
        }
        num_found += usize::from(name.is_some());
        rest = &from[name.map_or(len, |name| name.len())..];
    }
    mended.push_str(rest);
    if num_found > 0 { Cow::Owned(mended) } else { Cow::Borrowed(text) }
}

/// The length of a string in quote marks, or of what there is of it.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The beginning of texts that stand for a number's name until the value is parsed.
struct Mark(String);

impl Mark {
    fn not_in(text: &str) -> Self {
        let mut mark = "\u{f8ff}".to_owned();
        while text.contains(&mark) {
            mark.push('\u{f8ff}');
        }
        Self(mark)
    }

    /// Makes null of the marked texts below `path` and notes them.
    fn take_out(&self, value: &mut Value, path: &mut String, unread: &mut Vec<Unread>) {
        let len = path.len();
        match value {
            Value::String(text) => {
                let name = text.strip_prefix(&self.0);
                if let Some(name) = name.and_then(|name| NAMES.into_iter().find(|known| *known == name)) {
                    unread.push(Unread { field: path.clone(), what: name, is_refused: false });
                    *value = Value::Null;
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter_mut().enumerate() {
                    path.push_str(&format!("[{at}]"));
                    self.take_out(item, path, unread);
                    path.truncate(len);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    path.push_str(if len == 0 { "" } else { "." });
                    path.push_str(key);
                    self.take_out(field, path, unread);
                    path.truncate(len);
                }
            }
            _ => {}
        }
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let Strict(value) = fields.next_value()?;
            match map.entry(key) {
                Entry::Vacant(entry) => entry.insert(value),
                Entry::Occupied(entry) => {
                    let key: String = entry.key().chars().take(40).collect();
                    return Err(A::Error::custom(format!("the key \"{key}\" occurs twice in an object")));
                }
            };
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numbers_are_null_and_never_inside_a_string() {
        let text = r#"{"a": NaN, "b": [1, -Infinity], "c": {"d": Infinity}, "e": "NaN \" NaN, -Infinity", "NaN": "\\", "f":NaN}"#;
        let (value, unread) = parse(text).unwrap();
        let expected = serde_json::json!({
            "a": null, "b": [1, null], "c": {"d": null}, "e": "NaN \" NaN, -Infinity", "NaN": "\\", "f": null
        });
        assert_eq!(value, expected);
        let told: Vec<_> = unread.iter().map(|unread| (unread.field.as_str(), unread.what)).collect();
        assert_eq!(told, [("a", "NaN"), ("b[1]", "-Infinity"), ("c.d", "Infinity"), ("f", "NaN")]);
        assert_eq!(with_zeros("[NaN, \"NaN\", -Infinity]"), "[0.0, \"NaN\", -0.000000]");
        // What is wrong otherwise is still wrong, at its own place.
        assert_eq!(parse("{\"a\": NaN, }").unwrap_err().to_string(), "trailing comma at line 1 column 12");
        assert!(parse("NaNa").is_err() && parse("{\"a\": nan}").is_err() && parse("\"NaN").is_err());
    }
}
