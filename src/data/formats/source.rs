//! A file's bytes: checked before anything is read from them, counted while they are.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::data::error::ImportError;
use crate::task::{Task, Unit};

/// What is looked at to find out what a file is.
const HEAD_BYTES: usize = 64 << 10;

/// The beginning of a file, without a byte order mark.
pub struct Head {
    pub bytes: Vec<u8>,
    pub is_whole_file: bool,
}

/// Reads a file, tells how far it is, and ends when the task is cancelled.
pub struct Source<'a> {
    file: File,
    done: u64,
    total: u64,
    task: &'a dyn Task,
    pub path: &'a Path,
}

impl Source<'_> {
    /// A failed read as an error of the file, or as the cancelling that caused it.
    pub fn error(&self, source: io::Error) -> ImportError {
        if self.task.is_cancelled() {
            return ImportError::Cancelled { path: self.path.into() };
        }
        ImportError::read(self.path, source)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.task.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let num_bytes = self.file.read(buf)?;
        self.done += num_bytes as u64;
        self.task.progress(self.done, Some(self.total), Unit::Bytes);
        Ok(num_bytes)
    }
}

/// Opens a text file and steps over its byte order mark.
pub fn open<'a>(path: &'a Path, task: &'a dyn Task) -> Result<(Head, BufReader<Source<'a>>), ImportError> {
    let facts = std::fs::metadata(path).map_err(|e| ImportError::read(path, e))?;
    if facts.is_dir() {
        return Err(ImportError::Folder { path: path.into() });
    }
    // A pipe or a device would block or never end.
    if !facts.is_file() {
        return Err(ImportError::Special { path: path.into() });
    }
    let mut file = File::open(path).map_err(|e| ImportError::read(path, e))?;
    let mut bytes = Vec::new();
    file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut bytes).map_err(|e| ImportError::read(path, e))?;
    let is_whole_file = bytes.len() < HEAD_BYTES;
    check_is_text(path, &bytes)?;
    let bom = if bytes.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    bytes.drain(..bom);
    if is_whole_file && bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ImportError::Empty { path: path.into() });
    }
    file.seek(SeekFrom::Start(bom as u64)).map_err(|e| ImportError::read(path, e))?;
    let source = Source { file, done: bom as u64, total: facts.len(), task, path };
    Ok((Head { bytes, is_whole_file }, BufReader::with_capacity(HEAD_BYTES, source)))
}

/// First bytes, what such a file is, and what to do with it.
const KNOWN_BINARIES: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Save a spreadsheet as \"CSV UTF-8\"; unpack an archive first."),
    (b"\xD0\xCF\x11\xE0", "an old Office document", "Save it as \"CSV UTF-8\"."),
    (b"PAR1", "a Parquet file", "Convert it to JSON Lines or CSV first."),
    (b"ARROW1", "an Arrow file", "Convert it to JSON Lines or CSV first."),
    (b"\x1F\x8B", "a gzip archive", "Unpack it first."),
    (b"\x28\xB5\x2F\xFD", "a zstd archive", "Unpack it first."),
    (b"GGUF", "a model (GGUF)", "Open it on the Model screen."),
    (b"SQLite format 3\0", "an SQLite database", ""),
    (b"%PDF", "a PDF document", ""),
    (b"\x89PNG", "a picture", ""),
    (b"\xFF\xD8\xFF", "a picture", ""),
];

fn check_is_text(path: &Path, head: &[u8]) -> Result<(), ImportError> {
    let encoding = |encoding| Err(ImportError::Encoding { path: path.into(), encoding });
    if head.starts_with(b"\xFF\xFE\0\0") || head.starts_with(b"\0\0\xFE\xFF") {
        return encoding("UTF-32");
    }
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return encoding("UTF-16");
    }
    if let Some((_, what, hint)) = KNOWN_BINARIES.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(ImportError::Binary { path: path.into(), what, hint });
    }
    let start = &head[..head.len().min(4096)];
    let num_nul = start.iter().filter(|b| **b == 0).count();
    // Without a mark, UTF-16 of mostly Latin text has a NUL in every other place; one in a damaged row is not that.
    let num_nul_at = |parity: usize| start.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    if start.len() >= 4 && num_nul_at(0).max(num_nul_at(1)) * 10 > start.len() * 4 && num_nul * 10 < start.len() * 6 {
        return encoding("UTF-16");
    }
    let num_control = start.iter().filter(|b| **b < 32 && !b"\t\n\r\x0C\x1B".contains(b)).count();
    if num_control * 10 > start.len() {
        return Err(ImportError::Binary { path: path.into(), what: "a binary file", hint: "" });
    }
    Ok(())
}
