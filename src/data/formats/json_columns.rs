//! A JSON document that holds columns instead of rows, as `Dataset.to_dict` and pandas write it; its rows are turned out
//! of it one by one. The document itself is held as a whole, so that its size is limited as a row's is.

use serde_json::{Map, Value};

use crate::data::row::{Content, Problem, RawRow, Unread};
use crate::data::{mapping, shapes};

/// How a document's rows lie in it.
#[derive(PartialEq)]
enum Layout {
    /// `{"prompt": ["a", "b"], "completion": ["c", "d"]}`
    Lists,
    /// `{"prompt": {"0": "a", "1": "b"}, "completion": {"0": "c", "1": "d"}}`, pandas' `columns`
    Objects,
    /// `{"0": {"prompt": "a", "completion": "c"}, "1": {…}}`, pandas' `index`
    RowsByKey,
    /// `{"columns": ["prompt", "completion"], "data": [["a", "c"], ["b", "d"]]}`, pandas' `split`
    Split,
}

/// What such a document is to the reader.
pub enum Turned {
    Rows(TurnedRows),
    /// It is the object of one row.
    OneRow,
    /// Why nobody can say which.
    Unclear(String),
}

/// Whether a document, small enough to be looked at as a whole, holds columns.
pub fn are_columns(document: &Map<String, Value>) -> bool {
    layout(document) != Ok(None)
}

fn layout(document: &Map<String, Value>) -> Result<Option<Layout>, String> {
    if document.is_empty() {
        return Ok(None);
    }
    if is_split(document) {
        return Ok(Some(Layout::Split));
    }
    if document.values().all(Value::is_array) {
        return lists(document);
    }
    if document.values().all(Value::is_object) {
        return objects(document);
    }
    Ok(None)
}

fn is_split(document: &Map<String, Value>) -> bool {
    let is_list_of = |name: &str, test: fn(&Value) -> bool| {
        document.get(name).and_then(Value::as_array).is_some_and(|items| items.iter().all(test))
    };
    document.keys().all(|key| ["columns", "index", "data"].contains(&key.as_str()))
        && is_list_of("columns", Value::is_string)
        && is_list_of("data", Value::is_array)
}

/// Lists of one length, none of them of objects: those are the rows themselves, or the turns of one row.
fn lists(document: &Map<String, Value>) -> Result<Option<Layout>, String> {
    let mut lists = document.values().filter_map(Value::as_array);
    let num_rows = lists.next().map_or(0, Vec::len);
    let is_column = |list: &Vec<Value>| !list.iter().any(Value::is_object);
    if num_rows == 0 || !lists.all(|list| list.len() == num_rows) {
        return Ok(None);
    }
    if !document.values().filter_map(Value::as_array).all(is_column) {
        return Ok(None);
    }
    let mut fields = document.iter();
    match (fields.next(), fields.next()) {
        (Some((_, value)), None) if shapes::may_be_pairs(value) && num_rows == 1 => Ok(None),
        (Some((name, value)), None) if shapes::may_be_pairs(value) => Err(format!(
            "{name} may be one conversation of {num_rows} questions and answers, or a column of {num_rows} conversations"
        )),
        (Some((name, value)), None) if shapes::holds_turns(name) && is_said(&value[0]) => Ok(None),
        _ => Ok(Some(Layout::Lists)),
    }
}

/// Whether it is a text that isn't a list in JSON.
fn is_said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim_start().starts_with(['[', '{']))
}

/// Objects all over: the outer or the inner keys are the rows'.
fn objects(document: &Map<String, Value>) -> Result<Option<Layout>, String> {
    let inner: Vec<_> = document.values().filter_map(Value::as_object).collect();
    let Some(first) = inner.first().filter(|first| !first.is_empty()) else { return Ok(None) };
    let are_numbers = |keys: &Map<String, Value>| keys.keys().all(|key| key.bytes().all(|byte| byte.is_ascii_digit()));
    let holds_rows = |keys: &Map<String, Value>| {
        let names: Vec<_> = keys.keys().cloned().collect();
        shapes::recognise(keys).is_some() || mapping::guess(&names, &[]).is_certain
    };
    match (are_numbers(document), inner.iter().all(|keys| are_numbers(keys))) {
        (true, false) => Ok(Some(Layout::RowsByKey)),
        (false, true) => Ok(Some(Layout::Objects)),
        _ => match (holds_rows(document), inner.iter().all(|keys| holds_rows(keys))) {
            // An object of a row's field, such as what a conversation is wrapped in, is none of a row's names.
            (true, false) if first.values().all(|value| !value.is_array()) => Ok(Some(Layout::Objects)),
            (false, true) => Ok(Some(Layout::RowsByKey)),
            (true, true) => Err("its outer keys as well as its inner ones could be the columns".to_owned()),
            _ => Ok(None),
        },
    }
}

/// The rows of a document that isn't a list of them; `unread` are the places in it that couldn't be read.
pub fn turn(document: Map<String, Value>, unread: Vec<Unread>) -> Turned {
    let columns = match layout(&document) {
        Err(what) => return Turned::Unclear(what),
        Ok(None) => return Turned::OneRow,
        Ok(Some(Layout::Lists)) => document.into_iter().map(|(name, values)| (name, items(values))).collect(),
        Ok(Some(Layout::Objects)) => columns_of_objects(document),
        Ok(Some(Layout::RowsByKey)) => {
            let rows = document.into_iter().map(|(_, row)| row).collect::<Vec<_>>();
            return Turned::Rows(TurnedRows { rows: Source::Whole(rows.into_iter()), num_done: 0, unread });
        }
        Ok(Some(Layout::Split)) => {
            let take = |name: &str| document.get(name).cloned().map(items).into_iter().flatten();
            let names = take("columns").filter_map(|name| name.as_str().map(str::to_owned)).collect();
            let rows = take("data").collect::<Vec<_>>().into_iter();
            return Turned::Rows(TurnedRows { rows: Source::Split(names, rows), num_done: 0, unread });
        }
    };
    Turned::Rows(TurnedRows { rows: Source::Columns(columns), num_done: 0, unread })
}

type Items = std::vec::IntoIter<Value>;

fn items(value: Value) -> Items {
    match value {
        Value::Array(items) => items.into_iter(),
        _ => Vec::new().into_iter(),
    }
}

/// Each column's values in the order of all keys; null where it has none.
fn columns_of_objects(document: Map<String, Value>) -> Vec<(String, Items)> {
    let mut keys: Vec<String> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for column in document.values().filter_map(Value::as_object) {
        keys.extend(column.keys().filter(|key| known.insert((*key).clone())).cloned());
    }
    let in_order = |column: Value| {
        let Value::Object(mut column) = column else { return Vec::new().into_iter() };
        let values: Vec<_> = keys.iter().map(|key| column.get_mut(key).map_or(Value::Null, Value::take)).collect();
        values.into_iter()
    };
    document.into_iter().map(|(name, column)| (name, in_order(column))).collect()
}

enum Source {
    One(Option<Box<RawRow>>),
    Columns(Vec<(String, Items)>),
    Whole(Items),
    Split(Vec<String>, Items),
}

/// The rows of such a document, each made when it is asked for.
pub struct TurnedRows {
    rows: Source,
    num_done: u64,
    /// The unread values of the complete document.
    unread: Vec<Unread>,
}

impl TurnedRows {
    /// The rows of a document that is a single one.
    pub fn one(row: RawRow) -> Self {
        Self { rows: Source::One(Some(Box::new(row))), num_done: 0, unread: Vec::new() }
    }

    /// How the rows were found, where that isn't as a list of them.
    pub fn layout_in_words(&self) -> Option<&'static str> {
        match self.rows {
            Source::One(_) => None,
            Source::Columns(_) => Some("the file holds columns, not rows: each row is put together from all of them"),
            Source::Whole(_) => Some("the file's rows are under keys of their own, which are left out"),
            Source::Split(..) => Some("the file holds the names of columns and the rows apart: they are put together"),
        }
    }

    /// Rows have no lines; they are counted.
    pub fn next_row(&mut self) -> Option<RawRow> {
        let row = match &mut self.rows {
            Source::Columns(columns) => {
                let cells: Option<Map<_, _>> =
                    columns.iter_mut().map(|(name, values)| Some((name.clone(), values.next()?))).collect();
                Value::Object(cells?)
            }
            Source::One(row) => return row.take().map(|row| *row),
            Source::Whole(rows) => rows.next()?,
            Source::Split(names, rows) => {
                let row = rows.next()?;
                match row.as_array().filter(|cells| cells.len() == names.len()) {
                    Some(cells) => names.iter().cloned().zip(cells.iter().cloned()).collect(),
                    None => row,
                }
            }
        };
        self.num_done += 1;
        let source = row.to_string();
        let content = match row {
            Value::Object(fields) => Ok(Content::Object(fields)),
            _ => Err(Problem::row("the row doesn't have as many values as there are columns")),
        };
        let unread = content.as_ref().map_or_else(|_| Vec::new(), |content| self.unread_in(content));
        Some(RawRow { unread, ..RawRow::new(self.num_done, source, content) })
    }

    /// The empty fields of a row in columns that hold values which couldn't be read.
    fn unread_in(&self, content: &Content) -> Vec<Unread> {
        let (Content::Object(fields), false) = (content, self.unread.is_empty()) else { return Vec::new() };
        let is_of = |place: &str, at: usize, name: &str| match &self.rows {
            Source::Split(..) => place.ends_with(&format!("[{at}]")),
            _ => place.split(['.', '[']).any(|part| part == name),
        };
        let empty = fields.iter().enumerate().filter(|(_, (_, value))| value.is_null());
        empty
            .filter_map(|(at, (name, _))| {
                let unread = self.unread.iter().find(|unread| is_of(&unread.field, at, name))?;
                Some(Unread { field: name.clone(), ..unread.clone() })
            })
            .collect()
    }
}
