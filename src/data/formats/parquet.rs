//! Parquet, row by row, as JSON objects.

use std::fs::File;
use std::path::Path;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use serde_json::Value;

use super::{Content, Problem, RawRow, Rows, too_long};
use crate::data::error::ImportError;
use crate::task::{Task, Unit, catch_panic};

/// At both ends of such a file.
pub const MAGIC: &[u8] = b"PAR1";

pub struct Parquet<'a> {
    rows: RowIter<'static>,
    num_done: u64,
    num_rows: u64,
    has_ended: bool,
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
        Ok(Self { rows: reader.into_iter(), num_done: 0, num_rows, has_ended: false, max_row_bytes, task })
    }

    pub fn num_rows(&self) -> u64 {
        self.num_rows
    }
}

/// The library trusts sizes that a damaged file gives, and then panics.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_panic(read).unwrap_or_else(|_| Err(ParquetError::General("its sizes don't fit together".to_owned())))
}

/// The library's message without its kind.
fn message(error: &ParquetError) -> String {
    match error {
        ParquetError::EOF(message) | ParquetError::General(message) | ParquetError::NYI(message) => message.clone(),
        other => other.to_string(),
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
        let value = match row {
            Ok(row) => row.to_json_value(),
            Err(e) => {
                self.has_ended = true;
                let reason =
                    format!("the file is damaged here, and nothing from here on could be read ({})", message(&e));
                return Ok(Some(RawRow::bad(self.num_done, String::new(), Problem::row(reason))));
            }
        };
        let source = value.to_string();
        if source.len() > self.max_row_bytes {
            return Ok(Some(too_long(self.num_done, source.as_bytes(), self.max_row_bytes)));
        }
        let content = match value {
            Value::Object(fields) => Ok(Content::Object(fields)),
            _ => Err(Problem::row("the row has no named fields")),
        };
        Ok(Some(RawRow { line: self.num_done, file: None, source, content }))
    }
}
