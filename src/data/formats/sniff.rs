//! What a text file is, from its first bytes and, where those leave a doubt, from its name.

use std::path::Path;

use serde_json::Value;

use super::json_columns;
use super::json_document::Container;
use super::source::Head;
use crate::data::shapes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    JsonLines,
    JsonDocument(Container),
    Delimited { delimiter: u8, name: &'static str },
}

pub fn kind(path: &Path, head: &Head) -> Kind {
    let extension = extension(path);
    let first = head.bytes.iter().find(|b| !b.is_ascii_whitespace());
    match (extension.as_str(), first) {
        ("tsv" | "tab", _) => Kind::Delimited { delimiter: b'\t', name: "tab" },
        ("csv", _) => delimited(head),
        ("jsonl" | "ndjson", Some(b'[')) if !starts_lists_by_line(head) => Kind::JsonDocument(Container::List),
        ("jsonl" | "ndjson", _) => Kind::JsonLines,
        (_, Some(b'[')) => Kind::JsonDocument(Container::List),
        (_, Some(b'{')) => objects(head),
        ("json", _) => Kind::JsonLines,
        _ => delimited(head),
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
    let mut values = serde_json::Deserializer::from_slice(&head.bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(Value::Object(first))) => {
            let text = &head.bytes[..values.byte_offset()];
            let is_alone = head.is_whole_file && head.bytes[text.len()..].trim_ascii().is_empty();
            if is_alone && json_columns::are_columns(&first) {
                return Kind::JsonDocument(Container::Wrapper);
            }
            if is_alone && shapes::recognise(&first).is_none() && first.values().any(is_list_of_objects) {
                return Kind::JsonDocument(Container::Wrapper);
            }
            if text.trim_ascii().contains(&b'\n') { Kind::JsonDocument(Container::None) } else { Kind::JsonLines }
        }
        // Longer than the head: a wrapper, unless a line ends in it and the next one starts a row.
        Some(Err(e)) if e.is_eof() && !has_second_row(head) => Kind::JsonDocument(Container::Wrapper),
        _ => Kind::JsonLines,
    }
}

/// Whether the next line that starts with an object is that object and nothing else.
fn has_second_row(head: &Head) -> bool {
    let mut lines = head.bytes.trim_ascii_start().split(|b| *b == b'\n').skip(1);
    let second = lines.find(|line| line.starts_with(b"{"));
    second.is_some_and(|line| serde_json::from_slice::<Value>(line).is_ok())
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.first().is_some_and(Value::is_object))
}

const DELIMITERS: [(u8, &str); 4] = [(b',', "comma"), (b';', "semicolon"), (b'\t', "tab"), (b'|', "vertical bar")];

/// The delimiter that gives the first rows the same number of cells, and more than one.
fn delimited(head: &Head) -> Kind {
    let mut best = (0, DELIMITERS[0]);
    for candidate in DELIMITERS {
        let score = consistency(head, candidate.0);
        if score > best.0 {
            best = (score, candidate);
        }
    }
    let (delimiter, name) = best.1;
    Kind::Delimited { delimiter, name }
}

/// Of the first rows, how many per thousand have as many cells as the header; 0 if the header has only one.
fn consistency(head: &Head, delimiter: u8) -> usize {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(head.bytes.as_slice());
    let mut widths: Vec<_> = reader.byte_records().take(50).map_while(Result::ok).map(|row| row.len()).collect();
    if !head.is_whole_file && widths.len() < 50 {
        widths.pop();
    }
    let Some(header) = widths.first().copied().filter(|width| *width > 1) else { return 0 };
    widths.iter().filter(|width| **width == header).count() * 1000 / widths.len()
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
        let comma = Kind::Delimited { delimiter: b',', name: "comma" };
        let semicolon = Kind::Delimited { delimiter: b';', name: "semicolon" };
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
        check("a.json", "{\"a\":1\n{\"a\":2}\n", Kind::JsonLines);
        check("a.txt", "{\"a\":1}\n", Kind::JsonLines);
        check("a.txt", "a,b\n1,2\n", comma);
        check("a.csv", "a;b\n1,5;2\n1,7;3\n", semicolon);
        check("a.csv", "a\n1\n", comma);
        check("a.tsv.gz", "a,b\tc\n", Kind::Delimited { delimiter: b'\t', name: "tab" });
        check("a.tsv", "a\tb\n", Kind::Delimited { delimiter: b'\t', name: "tab" });
    }
}
