//! A folder of plain texts: each `.txt` or `.md` file is a row with its name, the first folder on its way as its label,
//! and its text.

use std::path::{Path, PathBuf};

use std::io::Read;

use super::rows::{Rows, parse_text, too_long};
use super::source;
use crate::data::error::ImportError;
use crate::data::row::{Content, Problem, RawRow};
use crate::task::{Task, Unit};

pub struct Folder<'a> {
    root: &'a Path,
    files: Vec<PathBuf>,
    num_done: usize,
    has_labels: bool,
    max_row_bytes: usize,
    task: &'a dyn Task,
}

impl<'a> Folder<'a> {
    /// Looks through the folder; gives the columns' names.
    pub fn open(root: &'a Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<(Self, Vec<String>), ImportError> {
        let mut files = Vec::new();
        for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
            if task.is_stopped() {
                return Err(ImportError::Stopped { path: root.into() });
            }
            let entry = entry.map_err(|e| {
                let path = e.path().unwrap_or(root).to_owned();
                ImportError::read(&path, e.into())
            })?;
            let extension = entry.path().extension().map(|e| e.to_ascii_lowercase()).unwrap_or_default();
            if entry.file_type().is_file() && (extension == "txt" || extension == "md") {
                files.push(entry.into_path());
            }
        }
        if files.is_empty() {
            let what = "there is no .txt or .md file in this folder".to_owned();
            return Err(ImportError::NoRows { path: root.into(), what });
        }
        let has_labels = files.iter().any(|file| label(root, file).is_some());
        let mut columns = vec!["file".to_owned(), "text".to_owned()];
        if has_labels {
            columns.insert(1, "label".to_owned());
        }
        Ok((Self { root, files, num_done: 0, has_labels, max_row_bytes, task }, columns))
    }

    pub fn num_files(&self) -> usize {
        self.files.len()
    }

    /// At most one byte more than the limit.
    fn text(&self, file: &Path) -> Result<Vec<u8>, ImportError> {
        let mut text = Vec::new();
        let quiet = crate::task::Unwatched;
        let mut opened = match source::open(file, &quiet) {
            Err(ImportError::Empty { .. }) => return Ok(text),
            other => other?,
        };
        let read = opened.input.by_ref().take(self.max_row_bytes as u64 + 1).read_to_end(&mut text);
        match read {
            Ok(_) => Ok(text),
            Err(e) => Err(opened.input.get_ref().error(e)),
        }
    }
}

/// The first folder on the way to the file.
fn label(root: &Path, file: &Path) -> Option<String> {
    let mut parts = file.strip_prefix(root).ok()?.components();
    let first = parts.next()?;
    parts.next()?;
    Some(first.as_os_str().to_string_lossy().into_owned())
}

impl Rows for Folder<'_> {
    fn next_row(&mut self) -> Result<Option<RawRow>, ImportError> {
        let Some(path) = self.files.get(self.num_done) else { return Ok(None) };
        self.num_done += 1;
        self.task.progress(self.num_done as u64, Some(self.files.len() as u64), Unit::Files);
        let name = path.strip_prefix(self.root).unwrap_or(path).to_string_lossy().into_owned();
        let mut row = match self.text(path) {
            Ok(text) if text.len() > self.max_row_bytes => too_long(1, &text, self.max_row_bytes),
            Ok(text) => {
                let source = String::from_utf8_lossy(&text).into_owned();
                let mut cells = vec![name.clone(), source.clone()];
                if self.has_labels {
                    cells.insert(1, label(self.root, path).unwrap_or_default());
                }
                let content = parse_text(&text).map(|_| Content::Cells(cells));
                RawRow::new(1, source, content)
            }
            Err(e @ ImportError::Stopped { .. }) => return Err(e),
            // One file that can't be read is one bad row.
            Err(e) => RawRow::bad(1, String::new(), Problem::row(e.to_string())),
        };
        row.file = Some(name);
        Ok(Some(row))
    }
}
