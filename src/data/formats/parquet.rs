//! Parquet, row by row, as JSON objects.

use std::fmt;
use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde_json::{Map, Value};

use super::class_names::ClassNames;
use super::notes::Notes;
use super::rows::{Rows, excerpt, too_long};
use crate::data::error::ImportError;
use crate::data::note::Note;
use crate::data::row::{Content, Problem, RawRow, Unread};
use crate::task::{Task, Unit, catch_panic};

/// At both ends of such a file.
pub const MAGIC: &[u8] = b"PAR1";

pub struct Parquet<'a> {
    rows: RowIter<'static>,
    num_done: u64,
    num_rows: u64,
    has_ended: bool,
    class_names: ClassNames,
    notes: Notes,
    max_row_bytes: usize,
    task: &'a dyn Task,
}

impl<'a> Parquet<'a> {
    pub fn open(path: &Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<Self, ImportError> {
        let error = |e: ParquetError| ImportError::Parquet { path: path.into(), message: message(&e) };
        let file = File::open(path).map_err(|e| ImportError::read(path, e))?;
        let reader = guarded(|| SerializedFileReader::new(file)).map_err(error)?;
        let num_rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or_default();
        if num_rows == 0 {
            return Err(ImportError::NoRows { path: path.into(), what: "its table is empty".to_owned() });
        }
        let class_names = class_names(&reader);
        let (rows, notes) = (reader.into_iter(), Notes::default());
        Ok(Self { rows, num_done: 0, num_rows, has_ended: false, class_names, notes, max_row_bytes, task })
    }

    pub fn num_rows(&self) -> u64 {
        self.num_rows
    }

    pub fn class_names(&self) -> ClassNames {
        self.class_names.clone()
    }
}

/// The names of classes that `datasets` leaves in the file's metadata.
fn class_names(reader: &SerializedFileReader<File>) -> ClassNames {
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let described = metadata.into_iter().flatten().find(|entry| entry.key == "huggingface");
    let described = described.and_then(|entry| serde_json::from_str(entry.value.as_ref()?).ok());
    let described: Value = described.unwrap_or_default();
    let features = described.pointer("/info/features").unwrap_or(&Value::Null);
    ClassNames::of_features(features, "the file itself")
}

/// What is said where a panic was caught.
const UNFIT: &str = "its sizes don't fit together";

/// The library trusts sizes that a damaged file gives, and then panics.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_panic(read).unwrap_or_else(|_| Err(ParquetError::General(UNFIT.to_owned())))
}

/// What is wrong, by the kind of the library's error.
fn message(error: &ParquetError) -> String {
    match error {
        ParquetError::EOF(_) => "it ends too early".to_owned(),
        ParquetError::NYI(_) => "it is packed in a way that isn't read".to_owned(),
        ParquetError::General(message) if message == UNFIT => message.clone(),
        ParquetError::General(message) if message.contains("footer") => "its end is missing".to_owned(),
        ParquetError::General(message) if message.to_lowercase().contains("encrypt") => "it is encrypted".to_owned(),
        // The words of who wrote the reader.
        _ => "its data can't be taken apart".to_owned(),
    }
}

impl Rows for Parquet<'_> {
    /// Rows have no lines; they are counted.
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        if self.has_ended {
            return Ok(None);
        }
        let Some(row) = guarded(|| self.rows.next().transpose()).transpose() else { return Ok(None) };
        self.num_done += 1;
        self.task.progress(self.num_done, Some(self.num_rows), Unit::Rows);
        let mut conversion = Conversion::new(self.num_done);
        let fields = match row {
            Ok(row) => conversion.row(&row),
            Err(e) => {
                self.has_ended = true;
                let reason =
                    format!("the file is damaged here, and nothing from here on could be read ({})", message(&e));
                return Ok(Some(RawRow::bad(self.num_done, String::new(), Problem::row(reason))));
            }
        };
        let unread = conversion.finish(&mut self.notes);
        let source = serde_json::to_string(&fields).unwrap_or_default();
        if source.len() > self.max_row_bytes {
            return Ok(Some(too_long(self.num_done, source.as_bytes(), self.max_row_bytes)));
        }
        Ok(Some(RawRow { unread, ..RawRow::new(self.num_done, source, Ok(Content::Object(fields))) }))
    }

    fn notes(&self) -> Vec<Note> {
        self.notes.told()
    }
}

/// A value's place in its row, for what is said of it: `messages[2].content`.
#[derive(Clone, Copy)]
enum Place<'a> {
    Field(Option<&'a Place<'a>>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(None, name) => f.write_str(name),
            Self::Field(Some(parent), name) => write!(f, "{parent}.{name}"),
            Self::Item(list, at) => write!(f, "{list}[{at}]"),
        }
    }
}

impl Place<'_> {
    /// Within a call of a tool, or a tool's description.
    fn is_of_tool(&self) -> bool {
        const TOOLS: [&str; 4] = ["tools", "functions", "tool_calls", "function_call"];
        match self {
            Self::Field(parent, name) => TOOLS.contains(name) || parent.is_some_and(Place::is_of_tool),
            Self::Item(list, _) => list.is_of_tool(),
        }
    }
}

/// The conversion of one row.
struct Conversion {
    line: u64,
    unread: Vec<Unread>,
    /// The first unmarked bytes that are text, and the first key that is left out.
    unmarked: Option<String>,
    gap: Option<String>,
}

impl Conversion {
    fn new(line: u64) -> Self {
        Self { line, unread: Vec::new(), unmarked: None, gap: None }
    }

    /// Says what was found in the row, once each.
    fn finish(self, notes: &mut Notes) -> Vec<Unread> {
        if let Some(place) = self.unmarked {
            notes.add("bytes that the file doesn't mark as text are read as UTF-8", self.line, || place);
        }
        if let Some(place) = self.gap {
            let what = "keys of tools without a value are left out: Parquet adds them to rows that lack them";
            notes.add(what, self.line, || place);
        }
        self.unread
    }

    fn row(&mut self, row: &Row) -> Map<String, Value> {
        let fields = row.get_column_iter();
        fields.map(|(name, field)| (name.clone(), self.value(field, &Place::Field(None, name)))).collect()
    }

    fn value(&mut self, field: &Field, place: &Place) -> Value {
        match field {
            Field::Bytes(bytes) => self.text(bytes.data(), place),
            Field::Float(number) if !number.is_finite() => self.unread(number_name(f64::from(*number)), false, place),
            Field::Double(number) if !number.is_finite() => self.unread(number_name(*number), false, place),
            Field::Group(row) => self.group(row, place),
            Field::ListInternal(list) => {
                let items = list.elements().iter().enumerate();
                items.map(|(at, item)| self.value(item, &Place::Item(place, at))).collect()
            }
            Field::MapInternal(map) => {
                let mut fields = Map::new();
                for (key, value) in map.entries() {
                    let key = self.value(key, place);
                    let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                    let value = self.value(value, &Place::Field(Some(place), &key));
                    fields.insert(key, value);
                }
                Value::Object(fields)
            }
            other => other.to_json_value(),
        }
    }

    /// Fields within a field. A column of them has every key that any row has. What calls and describes tools differs from
    /// row to row, so that a null there is mostly a key that the row didn't have; elsewhere it may be an answer.
    fn group(&mut self, row: &Row, place: &Place) -> Value {
        let is_of_tool = place.is_of_tool();
        let mut fields = Map::new();
        for (name, field) in row.get_column_iter() {
            let place = Place::Field(Some(place), name);
            if matches!(field, Field::Null) && is_of_tool {
                self.gap.get_or_insert_with(|| place.to_string());
            } else {
                fields.insert(name.clone(), self.value(field, &place));
            }
        }
        Value::Object(fields)
    }

    /// Bytes that nothing marks as text, which many programs leave out.
    fn text(&mut self, bytes: &[u8], place: &Place) -> Value {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.unmarked.get_or_insert_with(|| format!("{place}: {}", excerpt(text)));
                text.into()
            }
            Err(_) => self.unread("bytes that aren't UTF-8 text", true, place),
        }
    }

    fn unread(&mut self, what: &'static str, is_refused: bool, place: &Place) -> Value {
        self.unread.push(Unread { field: place.to_string(), what, is_refused });
        Value::Null
    }
}

fn number_name(number: f64) -> &'static str {
    match (number.is_nan(), number > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}
