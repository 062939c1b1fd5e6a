//! Rows of a file of any format, on their way to the reader: what all formats have in common is done here.

use super::class_names::ClassNames;
use super::notes::Notes;
use super::rows::Rows;
use crate::data::error::ImportError;
use crate::data::io_words;
use crate::data::note::Note;
use crate::data::row::{Problem, RawRow};

pub struct Watched<'a> {
    rows: Box<dyn Rows + 'a>,
    /// The names of a table's columns.
    header: Option<Vec<String>>,
    class_names: ClassNames,
    notes: Notes,
    last_line: u64,
    has_ended: bool,
}

impl<'a> Watched<'a> {
    pub fn new(rows: Box<dyn Rows + 'a>, header: Option<Vec<String>>, class_names: ClassNames) -> Self {
        Self { rows, header, class_names, notes: Notes::default(), last_line: 0, has_ended: false }
    }

    /// Names of classes that the file itself doesn't have.
    pub fn add_class_names(&mut self, names: &ClassNames) {
        self.class_names.add(names);
    }

    /// Where a packed file is cut off or damaged, the rows before that are kept, and a bad one says so.
    pub fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        if self.has_ended {
            return Ok(None);
        }
        match self.rows.next_row() {
            Err(ImportError::Unpack { packing, source, .. }) if self.last_line > 0 => {
                self.has_ended = true;
                let reason = format!(
                    "the {packing} file is cut off or damaged here, and nothing from here on could be read ({})",
                    io_words::fault(&source)
                );
                Ok(Some(RawRow::bad(self.last_line + 1, String::new(), Problem::row(reason))))
            }
            Ok(Some(mut row)) => {
                self.last_line = row.line;
                self.note_unread(&row);
                if let (Ok(content), false) = (&mut row.content, self.class_names.is_empty()) {
                    self.class_names.put_into(content, self.header.as_deref(), row.line, &mut self.notes);
                }
                Ok(Some(row))
            }
            other => other,
        }
    }

    fn note_unread(&mut self, row: &RawRow) {
        if let Some(unread) = row.unread.first() {
            self.notes.add("a value that is neither text nor a number is read as empty", row.line, || {
                format!("{} is {}", unread.field, unread.what)
            });
        }
    }

    /// What deserves a word once the rows are read.
    pub fn notes(&self) -> Vec<Note> {
        self.rows.notes().into_iter().chain(self.notes.told()).collect()
    }
}

impl RawRow {
    /// Why the row is not to be used, because of values that couldn't be read in fields that are.
    pub fn refusal(&self, is_used: impl Fn(&str) -> bool) -> Option<Problem> {
        let top = |field: &str| field.split(['.', '[']).next().unwrap_or(field).to_owned();
        let refused = self.unread.iter().find(|unread| unread.is_refused && is_used(&top(&unread.field)))?;
        Some(Problem::field(&refused.field, &format!("is {}", refused.what)))
    }

    /// A problem of this row that speaks of null, or of nothing, where the file says something else.
    pub fn named(&self, problem: Problem) -> Problem {
        let unread = self.unread.iter().find(|unread| Some(&unread.field) == problem.field.as_ref());
        match unread {
            Some(unread) if problem.reason.contains("null") => {
                Problem { reason: problem.reason.replacen("null", unread.what, 1), ..problem }
            }
            Some(unread) => Problem::field(&unread.field, &format!("is {}", unread.what)),
            None => problem,
        }
    }
}
