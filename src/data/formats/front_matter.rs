//! What a data set's card says at its head: a `README.md` beside the files that begins with YAML. Only as much of YAML is
//! read as cards use to describe columns.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use super::class_names::ClassNames;

/// More isn't the head of a card.
const MAX_BYTES: u64 = 1 << 20;
/// Folders upwards in which a card is looked for: data sets keep their files beside it or in folders of it.
const NUM_FOLDERS: usize = 3;
const MAX_DEPTH: usize = 40;

/// The names of classes that the card beside a file has.
pub fn class_names_beside(path: &Path) -> ClassNames {
    let folders = path.ancestors().skip(1).take(NUM_FOLDERS);
    let card = folders.map(|folder| folder.join("README.md")).find(|card| card.is_file());
    let Some(info) = card.as_deref().and_then(dataset_info) else { return ClassNames::default() };
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let is_on_the_way = |subset: &str| parts.iter().any(|part| part == subset);
    ClassNames::of_card(&info, is_on_the_way, "the README.md beside it")
}

fn dataset_info(card: &Path) -> Option<Value> {
    let mut head = Vec::new();
    std::fs::File::open(card).ok()?.take(MAX_BYTES).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let head = head.strip_prefix('\u{feff}').unwrap_or(&head).strip_prefix("---")?;
    let (head, _) = head.split_once("\n---")?;
    if !head.contains("class_label") {
        return None;
    }
    yaml(head)?.get_mut("dataset_info").map(Value::take)
}

/// Blocks of keys and lists, with scalars as texts; `None` where it is something else.
fn yaml(text: &str) -> Option<Value> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let lines = lines.map(|line| (line.len() - line.trim_start().len(), line.trim().to_owned()));
    Blocks { lines: lines.collect(), at: 0, depth: 0 }.block()
}

struct Blocks {
    /// With how far each is indented.
    lines: Vec<(usize, String)>,
    at: usize,
    depth: usize,
}

fn is_item(line: &str) -> bool {
    line == "-" || line.starts_with("- ")
}

impl Blocks {
    fn line(&self) -> Option<(usize, &str)> {
        self.lines.get(self.at).map(|(indent, text)| (*indent, text.as_str()))
    }

    fn block(&mut self) -> Option<Value> {
        let Some((indent, is_list)) = self.line().map(|(indent, first)| (indent, is_item(first))) else {
            return Some(Value::Null);
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let block = if is_list { self.list(indent) } else { self.fields(indent) };
        self.depth -= 1;
        block
    }

    fn list(&mut self, indent: usize) -> Option<Value> {
        let mut items = Vec::new();
        while let Some((_, line)) = self.line().filter(|(at, line)| *at == indent && is_item(line)) {
            let item = line[1..].trim_start().to_owned();
            if key_and_value(&item).is_some() || is_item(&item) {
                // What follows on further lines is below the item's own text.
                self.lines[self.at] = (indent + 2, item);
                items.push(self.block()?);
            } else {
                self.at += 1;
                items.push(if item.is_empty() { self.nested(indent)? } else { scalar(&item) });
            }
        }
        Some(Value::Array(items))
    }

    fn fields(&mut self, indent: usize) -> Option<Value> {
        let mut fields = Map::new();
        while let Some((_, line)) = self.line().filter(|(at, _)| *at == indent) {
            let (key, value) = key_and_value(line)?;
            self.at += 1;
            let value = match value.as_str() {
                "" => self.nested(indent)?,
                value => {
                    let value = scalar(value);
                    // The rest of a text of several lines, which no description of columns has.
                    while self.line().is_some_and(|(at, _)| at > indent) {
                        self.at += 1;
                    }
                    value
                }
            };
            fields.insert(key, value);
        }
        // A line that is indented less ends the block, another one is not understood.
        if self.line().is_some_and(|(at, _)| at > indent) { None } else { Some(Value::Object(fields)) }
    }

    /// What is below a key or a dash; a list may be right below its key.
    fn nested(&mut self, indent: usize) -> Option<Value> {
        match self.line() {
            Some((at, line)) if at > indent || at == indent && is_item(line) => self.block(),
            _ => Some(Value::Null),
        }
    }
}

/// `'0': negative`
fn key_and_value(line: &str) -> Option<(String, String)> {
    let quoted = ['"', '\''].into_iter().find(|quote| line.starts_with(*quote));
    let (key, value) = match quoted {
        Some(quote) => {
            let end = line[1..].find(quote)? + 2;
            (&line[..end], line[end..].strip_prefix(':')?)
        }
        None => line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?,
    };
    let Value::String(key) = scalar(key) else { return None };
    Some((key, value.trim().to_owned()))
}

/// A text, in quotes or not, or a list of them on one line.
fn scalar(text: &str) -> Value {
    if let Some(items) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Value::Array(items.map(scalar).collect());
    }
    let inner = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    match (inner('\''), inner('"')) {
        (Some(inner), _) => inner.replace("''", "'").into(),
        // JSON's escapes are YAML's.
        (None, Some(_)) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        (None, None) => text.split(" #").next().unwrap_or(text).trim().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_head_of_a_card_is_read_as_people_and_programs_write_it() {
        let text = "license: mit\ntask_categories:\n- text-classification\npretty_name: |\n  A: long\n  text\ndataset_info:\n\
                    - config_name: default # the only one\n  features:\n  - name: text\n    dtype: string\n  - name: label\n\
                    \x20   dtype:\n      class_label:\n        names:\n          '0': it''s\n          \"1\": \"a \\u00e9: b\"\n\
                    \x20 splits:\n    - name: train\n      num_examples: 3\nnames: [a, 'b']\nempty:\n";
        let head = yaml(text).unwrap();
        let names = json!({"0": "it''s", "1": "a é: b"});
        assert_eq!(head["dataset_info"][0]["features"][1]["dtype"]["class_label"]["names"], names);
        assert_eq!(head["dataset_info"][0]["splits"], json!([{"name": "train", "num_examples": "3"}]));
        assert_eq!((&head["task_categories"], &head["names"]), (&json!(["text-classification"]), &json!(["a", "b"])));
        assert_eq!((&head["empty"], head["dataset_info"][0]["config_name"].as_str()), (&Value::Null, Some("default")));
        for odd in ["just a text", "a:\n- b: 1\n   c\n", &"- ".repeat(1000), "\"", "'a", "a: {b: c}"] {
            let _ = yaml(odd);
        }
        assert_eq!(yaml("just a text"), None);
    }
}
