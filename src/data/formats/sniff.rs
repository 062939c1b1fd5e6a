//! What a text file is, from its first bytes and, where those leave a doubt, from its name.

use std::path::Path;

use serde_json::Value;

use super::json_columns;
use super::json_document::Container;
use super::json_value;
use super::source::Head;
use crate::data::shapes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    JsonLines,
    JsonDocument(Container),
    /// Its delimiter is known by the file's name, or to be found out.
    Delimited {
        delimiter: Option<u8>,
    },
}

pub fn kind(path: &Path, head: &Head) -> Kind {
    let extension = extension(path);
    let first = head.bytes.iter().find(|b| !b.is_ascii_whitespace());
    match (extension.as_str(), first) {
        ("tsv" | "tab", _) => Kind::Delimited { delimiter: Some(b'\t') },
        ("csv", _) => Kind::Delimited { delimiter: None },
        ("jsonl" | "ndjson", Some(b'[')) if !starts_lists_by_line(head) => Kind::JsonDocument(Container::List),
        ("jsonl" | "ndjson", _) => Kind::JsonLines,
        (_, Some(b'[')) => Kind::JsonDocument(Container::List),
        (_, Some(b'{')) => objects(head),
        ("json", _) => Kind::JsonLines,
        _ => Kind::Delimited { delimiter: None },
    }
}

/// In small letters, of the file in a packed one.
fn extension(path: &Path) -> String {
    let of = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match of(path).as_str() {
        "gz" | "gzip" | "zst" | "zstd" => path.file_stem().map(|stem| of(Path::new(stem))).unwrap_or_default(),
        other => other.to_owned(),
    }
}

/// Whether each line is a list of its own; such rows are rejected one by one.
fn starts_lists_by_line(head: &Head) -> bool {
    let line = head.bytes.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
    matches!(serde_json::from_slice(line), Ok(Value::Array(items)) if !items.iter().any(Value::is_object))
}

/// Text that starts with an object: a line of JSON Lines, one of several objects, or the wrapper of a list.
fn objects(head: &Head) -> Kind {
    // Zeros of the same length keep every place.
    let text = String::from_utf8_lossy(&head.bytes);
    let bytes = json_value::with_zeros(&text);
    let bytes = if text.len() == head.bytes.len() { bytes.as_bytes() } else { &head.bytes };
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(first))) => {
            let (text, rest) = bytes.split_at(values.byte_offset());
            let is_alone = head.is_whole_file && rest.trim_ascii().is_empty();
            if is_alone && json_columns::are_columns(&first) {
                return Kind::JsonDocument(Container::Wrapper);
            }
            if is_alone && shapes::recognise(&first).is_none() && first.values().any(is_list_of_objects) {
                return Kind::JsonDocument(Container::Wrapper);
            }
            if text.trim_ascii().contains(&b'\n') { Kind::JsonDocument(Container::None) } else { Kind::JsonLines }
        }
        // Longer than the head: a wrapper, unless a line ends in it and the next one starts a row.
        Some(Err(e)) if e.is_eof() && !has_second_row(bytes) => Kind::JsonDocument(Container::Wrapper),
        _ => Kind::JsonLines,
    }
}

/// Whether the next line that starts with an object is that object and nothing else.
fn has_second_row(text: &[u8]) -> bool {
    let mut lines = text.trim_ascii_start().split(|b| *b == b'\n').skip(1);
    let second = lines.find(|line| line.starts_with(b"{"));
    second.is_some_and(|line| serde_json::from_slice::<Value>(line).is_ok())
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_formats_apart() {
        let check = |name: &str, text: &str, expected: Kind| {
            let head = Head { bytes: text.as_bytes().to_vec(), is_whole_file: true };
            assert_eq!(kind(Path::new(name), &head), expected, "{name}: {text}");
        };
        let (table, tabs) = (Kind::Delimited { delimiter: None }, Kind::Delimited { delimiter: Some(b'\t') });
        check("a.jsonl", "{\"a\":1}\n", Kind::JsonLines);
        check("a.json", "{\"a\":1}\n{\"a\":2}\n", Kind::JsonLines);
        check("a.json", " [{\"a\":1}]", Kind::JsonDocument(Container::List));
        check("a.jsonl", "[{\"a\":1}]", Kind::JsonDocument(Container::List));
        check("a.jsonl", "[1]\n[2]", Kind::JsonLines);
        check("a.json", "{\"data\":[{\"a\":1}]}", Kind::JsonDocument(Container::Wrapper));
        check("a.json", "{\n\"data\": [\n{\"a\":1}]}", Kind::JsonDocument(Container::Wrapper));
        check("a.json", "{\n\"data\": [\n{\"a\":1}, {", Kind::JsonDocument(Container::Wrapper));
        check("a.json", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", Kind::JsonLines);
        check("a.json", "{\n\"a\":1}\n{\n\"a\":2}\n", Kind::JsonDocument(Container::None));
        check("a.json", "{\"n\": NaN, \"data\":[{\"a\":1}]}", Kind::JsonDocument(Container::Wrapper));
        check("a.json", "{\"a\":1\n{\"a\":2}\n", Kind::JsonLines);
        check("a.txt", "{\"a\":1}\n", Kind::JsonLines);
        check("a.txt", "a,b\n1,2\n", table);
        check("a.csv", "a;b\n1,5;2\n1,7;3\n", table);
        check("a.tsv.gz", "a,b\tc\n", tabs);
        check("a.tsv", "a\tb\n", tabs);
    }
}
