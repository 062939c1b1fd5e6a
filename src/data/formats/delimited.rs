//! Tables of text: CSV, TSV and their relatives, with a header in the first row.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use super::source::Source;
use super::{Content, Problem, RawRow, Rows, parse_text, size, too_long};
use crate::data::error::ImportError;

/// More are no table that a person maps.
const MAX_COLUMNS: usize = 1000;

/// Bytes that the parser has got since the last row ended, so that a row can be shown as it stands in the file.
struct Recent {
    bytes: Vec<u8>,
    /// How many of them belong to rows that are done.
    num_done: usize,
    /// How many bytes of the text are done.
    offset: u64,
}

/// Keeps what it hands on, and refuses to go on in a row without an end.
struct Recorder<'a> {
    input: BufReader<Source<'a>>,
    recent: Rc<RefCell<Recent>>,
    failure: Rc<RefCell<Option<ImportError>>>,
    max_row_bytes: usize,
}

impl Read for Recorder<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut recent = self.recent.borrow_mut();
        let num_done = std::mem::take(&mut recent.num_done);
        recent.bytes.drain(..num_done);
        if recent.bytes.len() > self.max_row_bytes {
            return Err(io::Error::other("row too long"));
        }
        match self.input.read(buf) {
            Ok(num_bytes) => {
                recent.bytes.extend_from_slice(&buf[..num_bytes]);
                Ok(num_bytes)
            }
            Err(e) => {
                *self.failure.borrow_mut() = Some(self.input.get_ref().error(e));
                Err(io::Error::other("read failed"))
            }
        }
    }
}

pub struct Delimited<'a> {
    reader: csv::Reader<Recorder<'a>>,
    recent: Rc<RefCell<Recent>>,
    failure: Rc<RefCell<Option<ImportError>>>,
    /// Lines of the rows that are done.
    num_lines: u64,
    num_columns: usize,
    record: csv::ByteRecord,
    has_ended: bool,
    max_row_bytes: usize,
}

impl<'a> Delimited<'a> {
    /// Reads the header; gives the column names, made unique.
    pub fn new(
        input: BufReader<Source<'a>>,
        delimiter: u8,
        max_row_bytes: usize,
    ) -> Result<(Self, Vec<String>), ImportError> {
        let path = input.get_ref().path;
        let recent = Rc::new(RefCell::new(Recent { bytes: Vec::new(), num_done: 0, offset: 0 }));
        let failure = Rc::new(RefCell::new(None));
        let recorder = Recorder { input, recent: recent.clone(), failure: failure.clone(), max_row_bytes };
        let reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(64 << 10)
            .from_reader(recorder);
        let record = csv::ByteRecord::new();
        let mut rows =
            Self { reader, recent, failure, num_lines: 0, num_columns: 0, record, has_ended: false, max_row_bytes };
        let header = match rows.next_record()?.map(|row| row.content) {
            Some(Ok(Content::Cells(cells))) if cells.len() > MAX_COLUMNS => {
                let what = format!("its header has {} columns, more than {MAX_COLUMNS}", cells.len());
                return Err(ImportError::NoRows { path: path.into(), what });
            }
            Some(Ok(Content::Cells(cells))) => unique_names(cells),
            Some(Err(problem)) => {
                let what = format!("in its header, {}", problem.reason);
                return Err(ImportError::NoRows { path: path.into(), what });
            }
            _ => return Err(ImportError::Empty { path: path.into() }),
        };
        rows.num_columns = header.len();
        Ok((rows, header))
    }

    /// The next record, whatever its number of cells.
    fn next_record(&mut self) -> Result<Option<RawRow>, ImportError> {
        if self.has_ended {
            return Ok(None);
        }
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(_) => return self.end_early().map(Some),
        }
        let (line, bytes) = self.take_source();
        let to_text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let content = parse_text(&bytes).map(|_| Content::Cells(self.record.iter().map(to_text).collect()));
        Ok(Some(RawRow { line, file: None, source: String::from_utf8_lossy(&bytes).into_owned(), content }))
    }

    /// After a failed read, or in a row without an end.
    fn end_early(&mut self) -> Result<RawRow, ImportError> {
        self.has_ended = true;
        if let Some(error) = self.failure.borrow_mut().take() {
            return Err(error);
        }
        let row = too_long(self.num_lines + 1, &self.recent.borrow().bytes, self.max_row_bytes);
        let reason = format!(
            "the row is longer than {}, a closing quote may be missing; nothing from here on was read",
            size(self.max_row_bytes)
        );
        Ok(RawRow { content: Err(Problem::row(reason)), ..row })
    }

    /// The bytes of the record just read, without its line break, and the line where it begins.
    fn take_source(&mut self) -> (u64, Vec<u8>) {
        let mut recent = self.recent.borrow_mut();
        let len = (self.reader.position().byte() - recent.offset) as usize;
        let start = recent.num_done;
        recent.num_done = (start + len).min(recent.bytes.len());
        recent.offset += len as u64;
        let bytes = &recent.bytes[start..recent.num_done];
        // Blank lines before a record, and the second half of a CRLF, are not part of it.
        let num_before = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let num_breaks = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count() as u64;
        let line = self.num_lines + num_breaks(&bytes[..num_before]) + 1;
        self.num_lines += num_breaks(bytes);
        let num_after = bytes[num_before..].iter().rev().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        (line, bytes[num_before..bytes.len() - num_after].to_vec())
    }
}

impl Rows for Delimited<'_> {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        let Some(mut row) = self.next_record()? else { return Ok(None) };
        if let Ok(Content::Cells(cells)) = &row.content
            && cells.len() != self.num_columns
        {
            let (has, wants) = (count(cells.len()), self.num_columns);
            row.content = Err(Problem::row(format!("the row has {has}, but the header has {wants}")));
        }
        Ok(Some(row))
    }
}

fn count(num_cells: usize) -> String {
    if num_cells == 1 { "1 cell".to_owned() } else { format!("{num_cells} cells") }
}

/// Empty names become "column 3", repeated ones "text (2)".
fn unique_names(cells: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(cells.len());
    for (at, cell) in cells.into_iter().enumerate() {
        let cell = cell.trim();
        let name = if cell.is_empty() { format!("column {}", at + 1) } else { cell.to_owned() };
        let mut unique = name.clone();
        let mut copy = 2;
        while names.contains(&unique) {
            unique = format!("{name} ({copy})");
            copy += 1;
        }
        names.push(unique);
    }
    names
}
