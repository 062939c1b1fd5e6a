//! The first rows of a file, which decide what it is.

use std::collections::HashSet;

use serde_json::Value;

use super::error::ImportError;
use super::formats::Opened;
use super::json_words::json_kind;
use super::mapping::{cell_text, shorten};
use super::row::{Content, RawRow};
use super::shape::Shape;
use super::shapes;

/// Rows that decide what the file is.
const SAMPLE_ROWS: usize = 100;
/// The sample ends early where rows are large.
const SAMPLE_BYTES: usize = 8 << 20;
/// Field names that are kept.
const MAX_NAMES: usize = 1000;

/// What a field says in the rows that have it.
pub fn texts(objects: &[shapes::Row], name: &str) -> Vec<String> {
    let texts = objects.iter().filter_map(|fields| fields.get(name)).map(cell_text);
    texts.filter(|text| !text.trim().is_empty()).collect()
}

pub fn take(opened: &mut Opened) -> Result<Vec<RawRow>, ImportError> {
    let mut sample = Vec::new();
    let mut num_good = 0;
    let mut num_bytes = 0;
    // Bad rows say nothing about the shape, but there may be a great many of them.
    while num_good < SAMPLE_ROWS && sample.len() < 10 * SAMPLE_ROWS && num_bytes < SAMPLE_BYTES {
        let Some(row) = opened.rows.next_row()? else { break };
        num_good += usize::from(row.content.is_ok());
        num_bytes += row.source.len();
        sample.push(row);
    }
    Ok(sample)
}

/// A row of a table as an object of texts.
pub fn named(columns: &[String], cells: &[String]) -> shapes::Row {
    columns.iter().zip(cells).map(|(name, cell)| (name.clone(), Value::from(cell.as_str()))).collect()
}

/// The objects among the rows, with their lists unpacked where that can be done.
pub fn objects(columns: &[String], sample: &[RawRow]) -> Vec<shapes::Row> {
    let object = |row: &RawRow| {
        let row = match row.content.as_ref().ok()? {
            Content::Object(fields) => fields.clone(),
            Content::Cells(cells) => named(columns, cells),
        };
        Some(shapes::unpack(&row, &mut Vec::new()).map_or_else(|_| row.clone(), std::borrow::Cow::into_owned))
    };
    sample.iter().filter_map(object).collect()
}

/// The shape that most rows have; columns, if that is none.
pub fn common_shape(objects: &[shapes::Row], is_table: bool) -> Shape {
    let recognise = if is_table { shapes::recognise_table } else { shapes::recognise };
    let mut counts: Vec<(Shape, usize)> = Vec::new();
    for shape in objects.iter().map(|row| recognise(row).unwrap_or(Shape::Columns)) {
        match counts.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, count)) => *count += 1,
            None => counts.push((shape, 1)),
        }
    }
    // Where two are equally common, the one that came first.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(Shape::OpenAiMessages, |(shape, _)| shape)
}

/// Why no mapping could make examples of these rows.
pub fn why_unmappable(columns: &[String], objects: &[shapes::Row]) -> Option<String> {
    let first = |name: &String| objects.iter().filter_map(|row| row.get(name)).find(|value| shapes::is_filled(value));
    let values: Vec<(&String, &Value)> = columns.iter().filter_map(|name| Some((name, first(name)?))).collect();
    let shown = |name: &str| shorten(name, 40);
    for (name, value) in &values {
        if value.as_object().is_some_and(|inner| shapes::recognise(inner).is_some()) {
            return Some(format!(
                "what could be an example is wrapped in {}: bring what it holds as rows",
                shown(name)
            ));
        }
        if shapes::is_conversation(value) {
            return Some(format!("{} holds turns, but under a name that isn't known: call it messages", shown(name)));
        }
    }
    let is_text = |value: &Value| !value.is_array() && !value.is_object();
    if values.is_empty() || values.iter().any(|(_, value)| is_text(value)) {
        return None;
    }
    let kinds: Vec<_> = values.iter().map(|(name, value)| format!("{} is {}", shown(name), json_kind(value))).collect();
    Some(format!("none of their fields holds a text ({})", shorten(&kinds.join(", "), 200)))
}

/// The one column with texts, where there is no other.
pub fn only_text_column<'c>(columns: &'c [String], objects: &[shapes::Row]) -> Option<&'c str> {
    let holds_text = |name: &&String| {
        objects.iter().filter_map(|row| row.get(*name)).any(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    };
    let mut with_text = columns.iter().filter(holds_text);
    with_text.next().filter(|_| with_text.next().is_none()).map(String::as_str)
}

/// Names in the order of their first appearance, each once.
#[derive(Debug, Default)]
pub struct Names {
    pub list: Vec<String>,
    known: HashSet<String>,
}

impl Names {
    pub fn add(&mut self, name: &str) {
        if self.list.len() < MAX_NAMES && !self.known.contains(name) {
            self.known.insert(name.to_owned());
            self.list.push(name.to_owned());
        }
    }
}

/// The names of all fields in the sample, in the order of their first appearance.
pub fn field_names(sample: &[RawRow]) -> Vec<String> {
    let mut names = Names::default();
    for row in sample {
        let Ok(Content::Object(fields)) = &row.content else { continue };
        fields.keys().for_each(|name| names.add(name));
    }
    names.list
}
