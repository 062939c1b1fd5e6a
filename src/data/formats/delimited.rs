//! Tables of text: CSV, TSV and their relatives, with a header in the first row.

use std::io::{BufReader, Read};

use super::dialect::{MOST_LINES_OF_A_CELL, Table};
use super::notes::Notes;
use super::record::{Cell, Dialect, Quoting, Record, lines_that_are_rows, split};
use super::rows::{Rows, excerpt, parse_text, size, too_long};
use super::source::{BYTE_ORDER_MARK, Source};
use crate::data::error::ImportError;
use crate::data::note::Note;
use crate::data::row::{Content, Problem, RawRow};
use crate::words::{count, thousands};

/// With more, it isn't a table that a person maps.
const MAX_COLUMNS: usize = 1000;
const CHUNK_BYTES: usize = 64 << 10;
/// This many cells in quote marks show that a file closes them.
const MANY_ENCLOSED: usize = 100;

pub struct Delimited<'a> {
    text: Text<'a>,
    table: Table,
    /// The header's cells as the file has them.
    header: Vec<String>,
    cells: Vec<Cell>,
    /// Up to here, each line is a row of its own, for a quote mark swallowed them.
    literal_until: u64,
    notes: Notes,
    has_ended: bool,
    max_row_bytes: usize,
}

impl<'a> Delimited<'a> {
    /// Reads the header; gives the column names, made unique.
    pub fn new(
        input: BufReader<Source<'a>>,
        table: Table,
        max_row_bytes: usize,
    ) -> Result<(Self, Vec<String>), ImportError> {
        let path = input.get_ref().path;
        let mut rows = Self {
            text: Text::new(input, table.dialect.line_end),
            table,
            header: Vec::new(),
            cells: Vec::new(),
            literal_until: 0,
            notes: Notes::default(),
            has_ended: false,
            max_row_bytes,
        };
        rows.skip_separator_line()?;
        let header = match rows.next_record()?.map(|row| row.content) {
            Some(Ok(Content::Cells(cells))) if cells.len() > MAX_COLUMNS => {
                let what =
                    format!("its header has {} columns, more than {}", thousands(cells.len()), thousands(MAX_COLUMNS));
                return Err(ImportError::NoRows { path: path.into(), what });
            }
            Some(Ok(Content::Cells(cells))) => cells,
            Some(Err(problem)) => {
                let what = format!("in its header, {}", problem.reason);
                return Err(ImportError::NoRows { path: path.into(), what });
            }
            _ => return Err(ImportError::Empty { path: path.into() }),
        };
        let names = unique_names(&header);
        rows.header = header;
        Ok((rows, names))
    }

    /// The row of the header: "header in row 1".
    pub fn header_row(&self) -> usize {
        1 + usize::from(!self.table.separator_line.is_empty())
    }

    fn skip_separator_line(&mut self) -> Result<(), ImportError> {
        let len = self.table.separator_line.len();
        while self.text.rest().len() < len && self.text.fill()? {}
        if len > 0 && self.text.rest().starts_with(&self.table.separator_line) {
            self.text.advance(len);
        }
        Ok(())
    }

    /// The next record, whatever its number of cells.
    fn next_record(&mut self) -> Result<Option<RawRow>, ImportError> {
        if self.has_ended || !self.text.skip_blank()? {
            return Ok(None);
        }
        let record = loop {
            let rest = self.text.rest();
            let is_all = self.text.is_end || rest.len() > self.max_row_bytes;
            match split(rest, self.dialect(), is_all, &mut self.cells) {
                Some(record) => break record,
                None => {
                    self.text.fill()?;
                }
            }
        };
        if record.body > self.max_row_bytes || !record.is_ended && !self.text.is_end {
            return self.pass_over(&record).map(Some);
        }
        if record.num_enclosed > 0 && self.swallows(&record) {
            return self.next_record();
        }
        let (line, last_line) = (self.text.line, self.text.line + self.text.num_breaks(record.body));
        let body = &self.text.rest()[..record.body];
        let content = match parse_text(body) {
            Err(problem) => Err(problem),
            Ok(_) if record.is_unclosed && self.table.num_enclosed > self.table.num_loose => Err(Problem::row(
                "a quote mark opens a cell and none closes it: one is missing, or the file is cut off",
            )),
            Ok(text) => Ok(Content::Cells(self.cells.iter().map(|cell| cell.text(text, self.dialect())).collect())),
        };
        let source = String::from_utf8_lossy(body).into_owned();
        if record.num_loose > 0 {
            let what = "a quote mark that encloses no whole cell is text";
            self.notes.add(what, line, || excerpt(&source));
        }
        self.table.num_enclosed += record.num_enclosed;
        self.table.num_loose += record.num_loose;
        self.text.advance(record.len);
        Ok(Some(RawRow { last_line, ..RawRow::new(line, source, content) }))
    }

    fn dialect(&self) -> Dialect {
        let dialect = self.table.dialect;
        if self.text.num_done < self.literal_until { Dialect { quoting: Quoting::None, ..dialect } } else { dialect }
    }

    /// A row in which a cell in quote marks holds lines that could be rows: says so, unless that is nothing odd in this file,
    /// and whether they are to be read as that, because it leaves quote marks open.
    fn swallows(&mut self, record: &Record) -> bool {
        let body = &self.text.rest()[..record.body];
        if !body.contains(&self.text.line_end) || self.header.is_empty() {
            return false;
        }
        let Some(num_lines) = lines_that_are_rows(body, self.table.dialect, self.header.len()) else { return false };
        let Table { num_enclosed, num_loose, .. } = self.table;
        let is_long = num_lines > MOST_LINES_OF_A_CELL;
        let is_broken = num_loose > num_enclosed || num_enclosed == 0 && is_long;
        // Where that many were right, an address of two lines is one cell.
        if num_loose == 0 && num_enclosed >= MANY_ENCLOSED && !is_long {
            return false;
        }
        let what = match is_broken {
            true => {
                "lines between two quote marks are read as rows of their own, for this file leaves quote marks open"
            }
            false => {
                "one cell in quote marks holds lines that could be rows of their own: look whether a quote mark is missing"
            }
        };
        let (line, last_line) = (self.text.line, self.text.line + num_lines as u64 - 1);
        let source = String::from_utf8_lossy(body);
        self.notes.add(what, line, || format!("up to line {last_line}: {}", excerpt(&source)));
        if is_broken {
            self.literal_until = self.text.num_done + record.len as u64;
            self.table.num_loose += 1;
        }
        is_broken
    }

    /// A row that is too long. Where an open quote mark made it so, nobody knows where the next one begins.
    fn pass_over(&mut self, record: &Record) -> Result<RawRow, ImportError> {
        let row = too_long(self.text.line, &self.text.rest()[..record.body], self.max_row_bytes);
        if record.is_unclosed {
            self.has_ended = true;
            let reason = format!(
                "the row is longer than {}, a closing quote may be missing; nothing from here on was read",
                size(self.max_row_bytes)
            );
            return Ok(RawRow { content: Err(Problem::row(reason)), ..row });
        }
        self.text.advance(record.len);
        if !record.is_ended {
            self.text.skip_line()?;
        }
        Ok(row)
    }

    /// The header once more, or the line before it: files were joined.
    fn is_header(&self, row: &RawRow) -> bool {
        let separator = self.table.separator_line.trim_ascii();
        match &row.content {
            Ok(Content::Cells(cells)) => {
                *cells == self.header || !separator.is_empty() && row.source.as_bytes() == separator
            }
            _ => false,
        }
    }
}

impl Rows for Delimited<'_> {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        let mut row = loop {
            let Some(row) = self.next_record()? else { return Ok(None) };
            if !self.is_header(&row) {
                break row;
            }
            let what = "a row is the header once more, and left out";
            self.notes.add(what, row.line, || excerpt(&row.source));
        };
        if let Ok(Content::Cells(cells)) = &row.content
            && cells.len() != self.header.len()
        {
            let has = count(cells.len(), "cell", "cells");
            let wants = thousands(self.header.len());
            row.content = Err(Problem::row(format!("the row has {has}, but the header has {wants}")));
        }
        Ok(Some(row))
    }

    fn notes(&self) -> Vec<Note> {
        self.table.note().into_iter().chain(self.notes.told()).collect()
    }
}

/// The file's text, as far as it is read and not yet done.
struct Text<'a> {
    input: BufReader<Source<'a>>,
    bytes: Vec<u8>,
    /// Where the rest begins.
    at: usize,
    /// Bytes before the rest.
    num_done: u64,
    /// Nothing more comes.
    is_end: bool,
    /// Comes once what was read before it is done.
    failure: Option<ImportError>,
    /// Where the rest begins, from 1.
    line: u64,
    line_end: u8,
}

impl<'a> Text<'a> {
    fn new(input: BufReader<Source<'a>>, line_end: u8) -> Self {
        Self { input, bytes: Vec::new(), at: 0, num_done: 0, is_end: false, failure: None, line: 1, line_end }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    /// Reads on, at least as much as is there already, so that a long row is looked through a few times only; `false` at
    /// the end.
    fn fill(&mut self) -> Result<bool, ImportError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.bytes.drain(..self.at);
        self.at = 0;
        let num_before = self.bytes.len();
        let num_bytes = num_before.max(CHUNK_BYTES) as u64;
        let read = self.input.by_ref().take(num_bytes).read_to_end(&mut self.bytes);
        self.failure = read.err().map(|e| self.input.get_ref().error(e));
        match self.failure.take() {
            Some(failure) if self.bytes.len() == num_before => Err(failure),
            failure => {
                self.failure = failure;
                self.is_end = self.bytes.len() == num_before;
                Ok(!self.is_end)
            }
        }
    }

    /// Steps over what is done.
    fn advance(&mut self, num_bytes: usize) {
        self.line += self.num_breaks(num_bytes);
        self.at += num_bytes;
        self.num_done += num_bytes as u64;
    }

    fn num_breaks(&self, num_bytes: usize) -> u64 {
        self.rest()[..num_bytes].iter().filter(|b| **b == self.line_end).count() as u64
    }

    /// Steps over blank lines and byte order marks; `false` at the end.
    fn skip_blank(&mut self) -> Result<bool, ImportError> {
        loop {
            match self.rest() {
                rest if rest.len() < BYTE_ORDER_MARK.len() && !self.is_end => {
                    self.fill()?;
                }
                [] => return Ok(false),
                [b'\n' | b'\r', ..] => self.advance(1),
                rest if rest.starts_with(BYTE_ORDER_MARK) => self.advance(BYTE_ORDER_MARK.len()),
                _ => return Ok(true),
            }
        }
    }

    /// Steps over the rest of a line.
    fn skip_line(&mut self) -> Result<(), ImportError> {
        loop {
            if let Some(at) = self.rest().iter().position(|b| *b == self.line_end) {
                self.advance(at + 1);
                return Ok(());
            }
            self.advance(self.rest().len());
            if !self.fill()? {
                return Ok(());
            }
        }
    }
}

/// Empty names become "column 3", repeated ones "text (2)".
fn unique_names(cells: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(cells.len());
    for (at, cell) in cells.iter().enumerate() {
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
