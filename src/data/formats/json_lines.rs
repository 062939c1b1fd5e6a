//! One JSON object a line.

use std::io::{BufRead, BufReader};

use super::rows::{Rows, object_row, too_long};
use super::source::{BYTE_ORDER_MARK, Source};
use crate::data::error::ImportError;
use crate::data::row::RawRow;

pub struct JsonLines<'a> {
    input: BufReader<Source<'a>>,
    line: u64,
    max_row_bytes: usize,
}

impl<'a> JsonLines<'a> {
    pub fn new(input: BufReader<Source<'a>>, max_row_bytes: usize) -> Self {
        Self { input, line: 0, max_row_bytes }
    }

    /// The next line with its break; `None` at the end. Of a line that is too long only the beginning is kept.
    fn next_line(&mut self) -> Result<Option<(Vec<u8>, bool)>, ImportError> {
        let mut line = Vec::new();
        let mut is_too_long = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) => return Err(self.input.get_ref().error(e)),
            };
            if chunk.is_empty() {
                return Ok((!line.is_empty()).then_some((line, is_too_long)));
            }
            let line_break = chunk.iter().position(|b| *b == b'\n');
            let taken = line_break.map_or(chunk.len(), |at| at + 1);
            is_too_long |= line.len() + taken > self.max_row_bytes;
            if !is_too_long {
                line.extend_from_slice(&chunk[..taken]);
            }
            self.input.consume(taken);
            if line_break.is_some() {
                return Ok(Some((line, is_too_long)));
            }
        }
    }
}

impl Rows for JsonLines<'_> {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        while let Some((line, is_too_long)) = self.next_line()? {
            self.line += 1;
            if is_too_long {
                return Ok(Some(too_long(self.line, &line, self.max_row_bytes)));
            }
            // Each of several joined files may begin with a mark.
            let mut row = line.trim_ascii();
            while let Some(rest) = row.strip_prefix(BYTE_ORDER_MARK) {
                row = rest.trim_ascii_start();
            }
            if !row.is_empty() {
                return Ok(Some(object_row(self.line, row)));
            }
        }
        Ok(None)
    }
}
