//! Reads a file as examples: first a look at its beginning, which decides what it is, then row by row to its end.

use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::distinct::Distinct;
use super::error::ImportError;
use super::file_report::{file_report, without_rows};
use super::formats::{self, Opened};
use super::import::{
    FileReport, ImportPreview, ImportReport, ImportRequest, Mapping, Note, Place, ReadExample, Rejected,
};
use super::mapping::{self, Beside, Mapper, Misfit, cell_text, shorten};
use super::row::{Content, Problem, RawRow};
use super::sample::{self, Names};
use super::shape::Shape;
use super::shapes::marks::Verdicts;
use super::tally::{Tally, capped};
use super::told::UNANSWERED;
use super::{Example, Split, date, files, shapes};
use crate::task::Task;

const PREVIEW_ROWS: usize = 50;
const PREVIEW_CELL_CHARS: usize = 300;
/// What is said of a row with a rejected answer alone.
const ONLY_REJECTED: &str = "only a rejected answer is there: it is kept, and not trained";

/// Looks through all files without keeping them. What is shown of their head is the first file's.
///
/// # Errors
/// Where a file can't be read or isn't one of examples, or the task was stopped.
pub fn preview(request: &ImportRequest, task: &dyn Task) -> Result<ImportPreview, ImportError> {
    let mut tally = Tally::default();
    tally.note(request.notes.clone());
    let mut preview: Option<ImportPreview> = None;
    let mut distinct: Option<Distinct> = None;
    let mut failure = None;
    for file in request.paths().enumerate() {
        let named = files::part_of(file.1);
        let mut reading = match Reading::start(request, file, task) {
            Ok(reading) => reading,
            Err(error) => {
                let Some(row) = without_rows(request, file.1, &error) else { return Err(error) };
                tally.reject(&row);
                failure = failure.or(Some(error));
                continue;
            }
        };
        let preview = preview.get_or_insert_with(|| reading.empty_preview(request));
        let has_own_columns = preview.columns == reading.columns;
        let distinct = distinct.get_or_insert_with(|| Distinct::of(&preview.columns));
        preview.are_alike &=
            reading.shape == preview.shape && (preview.columns == reading.columns || !is_table(preview));
        while let Some(row) = reading.next_row()? {
            let converted = reading.convert(&row);
            if let (true, Ok(content)) = (has_own_columns, &row.content) {
                distinct.add(content);
            }
            if preview.examples.len() < PREVIEW_ROWS {
                preview.cells.push(reading.cells(&row));
                preview.beside.push(converted.as_ref().map(|row| row.beside.clone()).unwrap_or_default());
                preview.examples.push(match &converted {
                    Ok(converted) => Ok(converted.example.clone()),
                    Err(problem) => Err(capped(&reading.rejected(row.clone(), problem.clone()))),
                });
            }
            match converted {
                Ok(converted) => {
                    match (converted.split, named) {
                        (Some(_), _) => preview.num_saying_split += 1,
                        (None, Some(part)) => preview.num_named[part as usize] += 1,
                        (None, None) => {}
                    }
                    tally.accept(reading.notes(&row, converted.notes));
                }
                Err(problem) => tally.reject(&reading.rejected(row, problem)),
            }
        }
        tally.note(reading.file_notes());
    }
    // A request has at least one file.
    let missing = || ImportError::Missing { path: request.path.clone() };
    let mut preview = preview.ok_or_else(|| failure.unwrap_or_else(missing))?;
    preview.values = distinct.map(Distinct::values).unwrap_or_default();
    preview.num_rows = tally.num_accepted + tally.num_rejected;
    preview.num_accepted = tally.num_accepted;
    preview.num_rejected = tally.num_rejected;
    preview.reasons = tally.reasons();
    preview.notes = tally.notes();
    preview.rejected = tally.rejected;
    Ok(preview)
}

fn is_table(preview: &ImportPreview) -> bool {
    preview.shape == Shape::Columns
}

/// Gives every good row of all files to `sink`, one at a time; a `Break` ends the reading early.
///
/// # Errors
/// Where a file can't be read or isn't one of examples, its columns need a mapping, or the task was stopped.
pub fn read_examples(
    request: &ImportRequest,
    task: &dyn Task,
    sink: &mut dyn FnMut(ReadExample) -> ControlFlow<()>,
) -> Result<ImportReport, ImportError> {
    let mut tally = Tally::default();
    let mut by_file: Vec<FileReport> = Vec::new();
    let mut of_file = Tally::default();
    let mut unused = Names::default();
    read_rows(request, task, &mut |path, read| match read {
        Read::Example(row, notes) => {
            of_file.accept(notes);
            sink(row)
        }
        Read::Rejected(row) => {
            of_file.reject(&row);
            ControlFlow::Continue(())
        }
        Read::End(end) => {
            of_file.note(end.notes);
            end.unused.list.iter().for_each(|name| unused.add(name));
            let done = std::mem::take(&mut of_file);
            by_file.push(file_report(path, &done, end.unused.list, end.guess));
            tally.add(done);
            ControlFlow::Continue(())
        }
    })?;
    Ok(ImportReport {
        path: request.path.clone(),
        num_imported: tally.num_accepted,
        num_known: 0,
        num_updated: 0,
        numbers: None,
        num_rejected: tally.num_rejected,
        reasons: tally.reasons(),
        notes: tally.notes(),
        rejected: tally.rejected,
        files: by_file,
        unused: unused.list,
    })
}

/// How many rows a file has, good and bad ones; no more than the first of them are counted.
///
/// # Errors
/// Where the file can't be read, or the task was stopped.
pub fn count_rows(path: &Path, at_most: u64, task: &dyn Task) -> Result<u64, ImportError> {
    let mut opened = formats::open(path, ImportRequest::DEFAULT_MAX_ROW_BYTES, task)?;
    let mut num_rows = 0;
    while num_rows < at_most && opened.rows.next_row()?.is_some() {
        if task.is_stopped() {
            return Err(ImportError::Stopped { path: path.into() });
        }
        num_rows += 1;
    }
    Ok(num_rows)
}

/// An example, and the line of its file where it begins, from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub example: Example,
    pub line: u64,
}

/// All examples of a file in which every row is good.
///
/// # Errors
/// Where the file can't be read or a row is bad, of which the first are named, or the task was stopped.
pub fn read_all(path: &Path, task: &dyn Task) -> Result<Vec<Example>, ImportError> {
    Ok(read_placed(path, task)?.into_iter().map(|placed| placed.example).collect())
}

/// [`read_all`], with the line of each example.
///
/// # Errors
/// As for [`read_all`].
pub fn read_placed(path: &Path, task: &dyn Task) -> Result<Vec<Placed>, ImportError> {
    let request = ImportRequest::new(path);
    let mut examples = Vec::new();
    let report = read_examples(&request, task, &mut |row| {
        examples.push(Placed { example: row.example, line: row.line });
        ControlFlow::Continue(())
    })?;
    if report.num_rejected == 0 {
        return Ok(examples);
    }
    Err(ImportError::BadRows {
        path: path.into(),
        num_rows: report.num_imported + report.num_rejected,
        num_rejected: report.num_rejected,
        first: report.rejected.into_iter().take(3).collect(),
    })
}

/// Writes the rows that an import leaves out as JSON Lines, each with its line, reason and text; returns how many.
///
/// # Errors
/// Where a file can't be read or written, or the task was stopped.
pub fn save_rejected(request: &ImportRequest, to: &Path, task: &dyn Task) -> Result<u64, ImportError> {
    let failed = |source| ImportError::Write { path: to.into(), source };
    let mut num_rows = 0;
    let mut outcome = Ok(());
    crate::fs::stream_atomic(to, |out| {
        let mut write_error = None;
        outcome = read_rows(request, task, &mut |_, read| {
            let Read::Rejected(row) = read else { return ControlFlow::Continue(()) };
            num_rows += 1;
            let mut line = serde_json::json!({
                "line": row.line, "field": row.field, "reason": row.reason, "source": row.source,
            });
            if row.last_line > row.line {
                line["last_line"] = row.last_line.into();
            }
            if let Some(file) = row.file {
                line["file"] = file.into();
            }
            match writeln!(out, "{line}") {
                Ok(()) => ControlFlow::Continue(()),
                Err(e) => {
                    write_error = Some(e);
                    ControlFlow::Break(())
                }
            }
        });
        match (write_error, &outcome) {
            (Some(e), _) => Err(e),
            (None, Err(_)) => Err(std::io::Error::other("reading failed")),
            (None, Ok(())) => Ok(()),
        }
    })
    .or_else(|e| if outcome.is_err() { Ok(()) } else { Err(failed(e)) })?;
    outcome.map(|()| num_rows)
}

/// What is read of a file.
enum Read {
    Example(ReadExample, Vec<Note>),
    Rejected(Rejected),
    /// All rows that are wanted.
    End(End),
}

/// What is known of a file once it is read.
#[derive(Default)]
struct End {
    /// What deserves a word about the file as a whole.
    notes: Vec<Note>,
    /// The fields that nothing was taken from.
    unused: Names,
    guess: Option<Mapping>,
}

type RowSink<'s> = dyn FnMut(&Path, Read) -> ControlFlow<()> + 's;

/// Reads all files; a `Break` ends this early.
fn read_rows(request: &ImportRequest, task: &dyn Task, sink: &mut RowSink) -> Result<(), ImportError> {
    for (file, path) in request.paths().enumerate() {
        let mut reading = match Reading::start(request, (file, path), task) {
            Ok(reading) => reading,
            Err(error) => {
                let Some(row) = without_rows(request, path, &error) else { return Err(error) };
                let end = Read::End(End::default());
                if sink(path, Read::Rejected(row)).is_break() || sink(path, end).is_break() {
                    return Ok(());
                }
                continue;
            }
        };
        reading.check_mapping()?;
        let mut is_wanted = true;
        while is_wanted && let Some(row) = reading.next_row()? {
            let read = match reading.convert(&row) {
                Ok(Converted { example, split, date, beside, notes }) => {
                    let split = split.or(reading.given_split);
                    let notes = reading.notes(&row, notes);
                    Read::Example(ReadExample { file, line: row.line, example, split, date, beside }, notes)
                }
                Err(problem) => Read::Rejected(reading.rejected(row, problem)),
            };
            is_wanted = sink(path, read).is_continue();
        }
        let guess = reading.mapping.take().map(|(mapping, _)| mapping).filter(|_| request.mapping.is_none());
        let end = End { notes: reading.file_notes(), unused: std::mem::take(&mut reading.unused), guess };
        if sink(path, Read::End(end)).is_break() || !is_wanted {
            return Ok(());
        }
    }
    Ok(())
}

/// What a good row is, and what about it deserves a word.
struct Converted {
    example: Example,
    /// The split that the row itself says.
    split: Option<Split>,
    date: Option<Timestamp>,
    beside: Beside,
    notes: Vec<String>,
}

/// Why columns need a mapping.
enum Doubt {
    /// Which is the prompt and which the answer.
    Roles,
    /// Only this one holds texts.
    NoAnswer(String),
}

/// A file whose shape is known, somewhere between its first and its last row.
struct Reading<'a> {
    request: &'a ImportRequest,
    path: &'a Path,
    /// How many rows the request still wants.
    num_rows_left: u64,
    /// The split of rows that don't say theirs.
    given_split: Option<Split>,
    task: &'a dyn Task,
    opened: Opened<'a>,
    /// Rows of the sample that are still to be handed out.
    sample: std::vec::IntoIter<RawRow>,
    shape: Shape,
    columns: Vec<String>,
    /// What becomes of columns; `None` for known shapes.
    mapping: Option<(Mapping, Mapper)>,
    /// Why a mapping that was guessed isn't certain.
    doubt: Option<Doubt>,
    /// Where a known shape says when a row is from.
    date_field: Option<String>,
    /// Fields of a known shape that say whether an answer is good.
    verdicts: Verdicts,
    /// Fields and columns that nothing was taken from yet.
    unused: Names,
}

impl<'a> Reading<'a> {
    fn start(
        request: &'a ImportRequest,
        (file, path): (usize, &'a Path),
        task: &'a dyn Task,
    ) -> Result<Self, ImportError> {
        let mut opened = formats::open(path, request.max_row_bytes, task)?;
        if let Some(origin) = request.origins.get(file) {
            opened.rows.add_class_names(&origin.class_names);
        }
        let sample = sample::take(&mut opened)?;
        if sample.is_empty() {
            return Err(match &opened.header {
                Some(header) => ImportError::HeaderOnly { path: path.into(), header: header.join(", ") },
                None => ImportError::NoRows { path: path.into(), what: "its list is empty".to_owned() },
            });
        }
        let columns = opened.header.clone().unwrap_or_else(|| sample::field_names(&sample));
        let objects = sample::objects(&columns, &sample);
        let shape = match &request.mapping {
            Some(_) => Shape::Columns,
            None => sample::common_shape(&objects, opened.header.is_some()),
        };
        let mut reading = Self {
            request,
            path,
            num_rows_left: request.origins.get(file).and_then(|origin| origin.max_rows).unwrap_or(u64::MAX),
            given_split: request.split_of(file),
            task,
            opened,
            sample: Vec::new().into_iter(),
            shape,
            verdicts: Verdicts::default(),
            unused: Names::default(),
            date_field: None,
            columns,
            mapping: None,
            doubt: None,
        };
        if shape == Shape::Columns {
            reading.choose_mapping(&sample, &objects)?;
        } else {
            let date_at = mapping::date_column(&reading.columns, |at| sample::texts(&objects, &reading.columns[at]));
            reading.date_field = date_at.map(|at| reading.columns[at].clone());
            reading.verdicts = Verdicts::of(&objects);
            for row in &objects {
                reading.find_unused(shapes::recognise(row).unwrap_or(shape), row);
            }
        }
        reading.sample = sample.into_iter();
        Ok(reading)
    }

    fn choose_mapping(&mut self, sample: &[RawRow], objects: &[shapes::Row]) -> Result<(), ImportError> {
        let mapping = match &self.request.mapping {
            Some(mapping) => mapping.clone(),
            None => {
                if let Some(what) = sample::why_unmappable(&self.columns, objects) {
                    return Err(ImportError::UnknownShape { path: self.path.into(), what });
                }
                let rows: Vec<_> = sample.iter().map(|row| self.cells(row)).collect();
                let guess = mapping::guess(&self.columns, &rows);
                if !guess.is_certain {
                    self.doubt = Some(match sample::only_text_column(&self.columns, objects) {
                        Some(column) => Doubt::NoAnswer(column.to_owned()),
                        None => Doubt::Roles,
                    });
                }
                guess.mapping
            }
        };
        let mapper = Mapper::new(&mapping, &self.columns).map_err(|misfit| {
            let (path, columns) = (self.path.into(), self.columns.join(", "));
            match misfit {
                Misfit::Column(column) => ImportError::UnknownColumn { path, column, columns },
                Misfit::InTemplate(name) => ImportError::UnknownInTemplate { path, name, columns },
            }
        })?;
        self.columns.iter().filter(|name| !mapper.uses(name)).for_each(|name| self.unused.add(name));
        self.mapping = Some((mapping, mapper));
        Ok(())
    }

    /// Columns are only read with a mapping that leaves no doubt.
    fn check_mapping(&self) -> Result<(), ImportError> {
        let is_complete = self.mapping.as_ref().is_none_or(|(_, mapper)| mapper.missing().is_none());
        let path = self.path.into();
        match &self.doubt {
            Some(Doubt::NoAnswer(column)) => Err(ImportError::NoAnswer { path, column: column.clone() }),
            None if is_complete => Ok(()),
            _ => Err(ImportError::NeedsMapping { path, columns: self.columns.join(", ") }),
        }
    }

    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        if self.task.is_stopped() {
            return Err(ImportError::Stopped { path: self.path.into() });
        }
        if self.num_rows_left == 0 {
            return Ok(None);
        }
        self.num_rows_left -= 1;
        match self.sample.next() {
            Some(row) => Ok(Some(row)),
            None => self.opened.rows.next_row(),
        }
    }

    /// A row as an example. Where a value couldn't be read, the reason says what is there.
    fn convert(&mut self, row: &RawRow) -> Result<Converted, Problem> {
        match row.refusal(|field| self.uses(field)) {
            Some(problem) => Err(problem),
            None => self.example(row).map_err(|problem| row.named(problem)),
        }
    }

    /// Whether something is taken from the field.
    fn uses(&self, field: &str) -> bool {
        match &self.mapping {
            Some((_, mapper)) => mapper.uses(field),
            None => shapes::is_read(self.shape, field, &Value::Null, &self.verdicts),
        }
    }

    fn example(&mut self, row: &RawRow) -> Result<Converted, Problem> {
        let content = row.content.as_ref().map_err(Clone::clone)?;
        let shapes::Converted { mut example, split, beside, mut notes } = match (&self.mapping, content) {
            (Some((_, mapper)), Content::Object(fields)) => {
                let unused = fields.iter().filter(|(name, value)| shapes::is_filled(value) && !mapper.uses(name));
                unused.for_each(|(name, _)| self.unused.add(name));
                mapper.apply(content)?
            }
            (Some((_, mapper)), Content::Cells(_)) => mapper.apply(content)?,
            (None, Content::Object(fields)) => self.convert_shape(fields)?,
            (None, Content::Cells(cells)) => self.convert_shape(&sample::named(&self.columns, cells))?,
        };
        if example.is_unanswered() {
            let is_prompt = example.rejected.is_empty();
            let is_said = notes.iter().any(|note| note.starts_with("marked as a bad answer"));
            let note = if is_prompt { UNANSWERED } else { ONLY_REJECTED };
            notes.extend((!is_said).then(|| note.to_owned()));
        }
        example.add_system_message(&self.request.system_message);
        let date = self.date(content, &mut notes);
        Ok(Converted { example, split, date, beside, notes })
    }

    fn convert_shape(&mut self, fields: &shapes::Row) -> Result<shapes::Converted, Problem> {
        let mut notes = Vec::new();
        let row = shapes::unpack(fields, &mut notes)?;
        let shape = shapes::recognise(&row).unwrap_or(self.shape);
        self.find_unused(shape, &row);
        let mut converted = shapes::convert(shape, &row, &self.verdicts)?;
        converted.notes.splice(0..0, notes);
        Ok(converted)
    }

    /// Fields of a row of a known shape that nothing is taken from.
    fn find_unused(&mut self, shape: Shape, row: &shapes::Row) {
        for (name, value) in row.iter().filter(|(_, value)| shapes::is_filled(value)) {
            let is_date = self.date_field.as_ref() == Some(name);
            if !is_date && !shapes::is_read(shape, name, value, &self.verdicts) {
                self.unused.add(name);
            }
        }
    }

    /// The row's date; a row whose date can't be read still comes in.
    fn date(&self, content: &Content, notes: &mut Vec<String>) -> Option<Timestamp> {
        let (name, text) = match (&self.mapping, &self.date_field, content) {
            (Some((_, mapper)), ..) => mapper.date(content)?,
            (None, Some(name), Content::Object(fields)) => (name.as_str(), cell_text(fields.get(name)?)),
            (None, Some(name), Content::Cells(cells)) => {
                let at = self.columns.iter().position(|column| column == name)?;
                (name.as_str(), cells.get(at)?.clone())
            }
            _ => return None,
        };
        let date = date::parse(&text);
        if date.is_none() && !text.trim().is_empty() {
            let text = shorten(text.trim(), 40);
            notes.push(format!("{name} isn't a date that can be read, and the example has none (\"{text}\")"));
        }
        date
    }

    /// The file's name, where there are several.
    fn own_name(&self) -> Option<String> {
        let is_one_of_several = !self.request.more.is_empty();
        is_one_of_several.then(|| self.path.file_name().unwrap_or_default().to_string_lossy().into_owned())
    }

    /// The row's own file, or else the file's name where there are several.
    fn file_of(&self, row: &RawRow) -> Option<String> {
        row.file.clone().or_else(|| self.own_name())
    }

    fn rejected(&self, row: RawRow, problem: Problem) -> Rejected {
        let file = self.file_of(&row);
        let RawRow { line, last_line, source, .. } = row;
        Rejected { file, line, last_line, field: problem.field, reason: problem.reason, source }
    }

    /// What is said of a row.
    fn notes(&self, row: &RawRow, notes: Vec<String>) -> Vec<Note> {
        let first = |row: &RawRow| Some(Place { file: self.file_of(row), line: row.line });
        notes.into_iter().map(|what| Note { what, count: 1, first: first(row) }).collect()
    }

    /// What is said of the file as a whole, once it is read.
    fn file_notes(&self) -> Vec<Note> {
        let mut notes = self.opened.notes();
        let places = notes.iter_mut().filter_map(|note| note.first.as_mut()).filter(|place| place.file.is_none());
        places.for_each(|place| place.file = self.own_name());
        notes
    }

    /// A row as the head of the mapping dialog shows it; nothing for a known shape.
    fn cells(&self, row: &RawRow) -> Vec<String> {
        let cell = |text: &str| shorten(text, PREVIEW_CELL_CHARS);
        match &row.content {
            _ if self.shape != Shape::Columns => Vec::new(),
            Ok(Content::Cells(cells)) => cells.iter().map(|text| cell(text)).collect(),
            Ok(Content::Object(fields)) => {
                let value = |name: &String| fields.get(name).map(cell_text).unwrap_or_default();
                self.columns.iter().map(|name| cell(&value(name))).collect()
            }
            Err(_) => vec![String::new(); self.columns.len()],
        }
    }

    fn empty_preview(&self, request: &ImportRequest) -> ImportPreview {
        let mut description = self.opened.description.clone();
        if self.shape != Shape::Columns {
            description = format!("{description}, {}", self.shape.in_words());
        }
        if !self.unused.list.is_empty() && self.shape != Shape::Columns {
            description = format!("{description}; not used: {}", shorten(&self.unused.list.join(", "), 200));
        }
        ImportPreview {
            path: request.path.clone(),
            shape: self.shape,
            description,
            num_rows: 0,
            columns: if self.shape == Shape::Columns { self.columns.clone() } else { Vec::new() },
            are_alike: true,
            cells: Vec::new(),
            values: Vec::new(),
            beside: Vec::new(),
            mapping: self.mapping.as_ref().map(|(mapping, _)| mapping.clone()),
            examples: Vec::new(),
            num_accepted: 0,
            num_saying_split: 0,
            num_named: [0; 3],
            num_rejected: 0,
            rejected: Vec::new(),
            reasons: Vec::new(),
            notes: Vec::new(),
        }
    }
}
