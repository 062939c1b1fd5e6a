//! From examples to a file in one of the shapes that other tools read. An example that a shape can't hold as it is is
//! left out and reported, so that what is imported again is the same.

mod packing;
mod parquet;
mod shapes;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use jiff::Timestamp;

use self::parquet::TurnsTable;
use self::shapes::Record;
use super::import::Rejected;
use super::shape::FileShape;
use super::tally::Tally;
use super::{Example, ImportError, Split, date};
use crate::task::{Task, Unit};

/// Where to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRequest {
    /// With the ending `.gz` or `.zst`, texts are packed.
    pub to: PathBuf,
    pub shape: FileShape,
    /// Each row says its split, in a field or column `split`.
    pub with_split: bool,
    /// Rows say when they are from, in a field or column `date`.
    pub with_date: bool,
    /// How many rows will come, where that is known.
    pub num_rows: Option<u64>,
}

/// An example on its way out.
#[derive(Debug, Clone, Copy)]
pub struct ExportRow<'a> {
    /// How people call it.
    pub number: u64,
    pub split: Split,
    pub date: Option<Timestamp>,
    pub example: &'a Example,
}

/// What an export did.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportReport {
    pub path: PathBuf,
    pub num_exported: u64,
    pub num_rejected: u64,
    /// The first 200 of them; the line is the example's number.
    pub rejected: Vec<Rejected>,
    pub reasons: Vec<(String, u64)>,
}

/// Takes the examples of an export, one at a time; a `Break` asks to give no more.
pub type ExportSink<'s> = dyn FnMut(ExportRow<'_>) -> ControlFlow<()> + 's;

/// Writes all examples that `feed` gives to the sink; when that fails or the task is stopped, the file stays as it was.
///
/// # Errors
/// What `feed` fails with, where the file can't be written, or the task was stopped.
pub fn export<E: From<ImportError>>(
    request: &ExportRequest,
    task: &dyn Task,
    feed: impl FnOnce(&mut ExportSink<'_>) -> Result<(), E>,
) -> Result<ExportReport, E> {
    let mut tally = Tally::default();
    let mut fed = Ok(());
    let write = |out: &mut (dyn Write + Send)| {
        let mut writer = Writer::new(request, out)?;
        let mut failure = None;
        fed = feed(&mut |row| {
            if task.is_stopped() {
                return ControlFlow::Break(());
            }
            task.progress(tally.num_accepted + tally.num_rejected, request.num_rows, Unit::Examples);
            match writer.write(row, &mut tally) {
                Ok(()) => ControlFlow::Continue(()),
                Err(e) => {
                    failure = Some(e);
                    ControlFlow::Break(())
                }
            }
        });
        match failure {
            Some(e) => Err(e),
            None if fed.is_err() || task.is_stopped() => Err(io::Error::other("ended early")),
            None => writer.finish(),
        }
    };
    let written = crate::fs::stream_atomic(&request.to, |out| match request.shape.is_text() {
        true => packing::pack(&request.to, out, write),
        false => write(out),
    });
    fed?;
    if task.is_stopped() {
        return Err(ImportError::Stopped { path: request.to.clone() }.into());
    }
    written.map_err(|source| ImportError::Write { path: request.to.clone(), source })?;
    Ok(ExportReport {
        path: request.to.clone(),
        num_exported: tally.num_accepted,
        num_rejected: tally.num_rejected,
        reasons: tally.reasons(),
        rejected: tally.rejected,
    })
}

struct Writer<'a> {
    request: &'a ExportRequest,
    out: Output<'a>,
}

enum Output<'a> {
    Lines(&'a mut (dyn Write + Send)),
    Table(Box<csv::Writer<&'a mut (dyn Write + Send)>>),
    Turns(Box<TurnsTable<&'a mut (dyn Write + Send)>>),
}

impl<'a> Writer<'a> {
    fn new(request: &'a ExportRequest, out: &'a mut (dyn Write + Send)) -> io::Result<Self> {
        let out = match request.shape.columns() {
            Some(columns) => {
                let mut table = csv::Writer::from_writer(out);
                let more = [request.with_split.then_some(&"split"), request.with_date.then_some(&"date")];
                table.write_record(columns.iter().chain(more.into_iter().flatten()))?;
                Output::Table(Box::new(table))
            }
            None if request.shape.is_text() => Output::Lines(out),
            None => Output::Turns(Box::new(TurnsTable::new(out, request.with_split, request.with_date)?)),
        };
        Ok(Self { request, out })
    }

    fn write(&mut self, row: ExportRow<'_>, tally: &mut Tally) -> io::Result<()> {
        let record = match shapes::record(self.request.shape, row.example) {
            Ok(record) => record,
            Err(what) => {
                let reason = format!("{} can't hold it: {what}", self.request.shape.name());
                let source = serde_json::to_string(row.example)?;
                tally.reject(&Rejected {
                    file: None,
                    line: row.number,
                    last_line: row.number,
                    field: None,
                    reason,
                    source,
                });
                return Ok(());
            }
        };
        let split = self.request.with_split.then_some(row.split.as_str());
        let date = row.date.filter(|_| self.request.with_date).map(date::to_text);
        let date = date.as_deref();
        match (&mut self.out, record) {
            (Output::Lines(out), Record::Object(mut fields)) => {
                fields.extend(split.map(|split| ("split".to_owned(), split.into())));
                fields.extend(date.map(|date| ("date".to_owned(), date.into())));
                serde_json::to_writer(&mut *out, &fields)?;
                out.write_all(b"\n")?;
            }
            (Output::Table(table), Record::Cells(cells)) => {
                let date = self.request.with_date.then_some(date.unwrap_or_default());
                table.write_record(cells.into_iter().chain(split).chain(date))?;
            }
            (Output::Turns(table), Record::Turns(turns)) => table.write(&turns, split, date)?,
            _ => return Err(io::Error::other("a table has cells, and only a table")),
        }
        tally.accept(Vec::new());
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self.out {
            Output::Lines(_) => Ok(()),
            Output::Table(mut table) => table.flush(),
            Output::Turns(table) => table.finish(),
        }
    }
}
