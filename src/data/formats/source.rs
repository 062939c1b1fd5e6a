//! A file's bytes as text: checked before anything is read from them, unpacked, converted and counted while they are.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::bomb::Bounded;
use super::encoding::{Found, Transcoder, sniff_utf16};
use crate::data::error::ImportError;
use crate::task::{Task, Unit};

/// What is looked at to find out what a file is.
const HEAD_BYTES: usize = 64 << 10;

/// U+FEFF in UTF-8. Files that were joined have it in their middle, too.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The beginning of a file's text, in UTF-8 and without a byte order mark.
pub struct Head {
    pub bytes: Vec<u8>,
    pub is_whole_file: bool,
}

/// How a text file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// A file as it was when its reading began.
#[derive(Debug, Clone)]
pub struct Stamp {
    path: PathBuf,
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub fn of(path: &Path, facts: &std::fs::Metadata) -> Self {
        Self { path: path.into(), len: facts.len(), modified: facts.modified().ok() }
    }

    /// Whether it is another file by now.
    pub fn has_changed(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| now.len() != self.len || now.modified().ok() != self.modified)
    }
}

/// Bytes of the file itself: reports how far it is, and ends when the task is stopped.
struct Counted<'a> {
    file: File,
    done: u64,
    total: u64,
    task: &'a dyn Task,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.task.is_stopped() {
            return Err(io::Error::other("stopped"));
        }
        let num_bytes = self.file.read(buf)?;
        self.done += num_bytes as u64;
        self.task.progress(self.done, Some(self.total), Unit::Bytes);
        Ok(num_bytes)
    }
}

/// The text of a file.
pub struct Source<'a> {
    text: Transcoder<Box<dyn Read + 'a>>,
    packing: Packing,
    task: &'a dyn Task,
    pub path: &'a Path,
}

impl Source<'_> {
    /// A failed read as an error of the file, or as the stop that caused it.
    pub fn error(&self, source: io::Error) -> ImportError {
        if self.task.is_stopped() {
            return ImportError::Stopped { path: self.path.into() };
        }
        match self.packing.name() {
            Some(packing) => ImportError::Unpack { path: self.path.into(), packing, source },
            None => ImportError::read(self.path, source),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.text.read(buf)
    }
}

/// A text file that is about to be read.
pub struct OpenedText<'a> {
    pub head: Head,
    pub input: BufReader<Source<'a>>,
    pub packing: Packing,
    pub encoding: Found,
    pub stamp: Stamp,
}

/// A regular file's facts; anything else is an error, for a pipe or a device would block or never end.
pub fn check_is_file(path: &Path) -> Result<std::fs::Metadata, ImportError> {
    let facts = std::fs::metadata(path).map_err(|e| ImportError::read(path, e))?;
    match facts.is_file() {
        true => Ok(facts),
        false => Err(ImportError::Special { path: path.into() }),
    }
}

/// Opens a text file, packed or not, in any usual encoding, and steps over its byte order mark.
pub fn open<'a>(path: &'a Path, task: &'a dyn Task) -> Result<OpenedText<'a>, ImportError> {
    let facts = check_is_file(path)?;
    let file = File::open(path).map_err(|e| ImportError::read(path, e))?;
    let mut file = Counted { file, done: 0, total: facts.len(), task };
    let failed = |error| match task.is_stopped() {
        true => ImportError::Stopped { path: path.into() },
        false => ImportError::read(path, error),
    };
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
    let packing = Packing::of(&magic);
    let mut bytes = unpacked(Cursor::new(magic).chain(file), packing, facts.len(), task).map_err(failed)?;
    let (mut start, failure) = read_head(&mut bytes);
    let is_whole_file = failure.is_none() && start.len() < HEAD_BYTES;
    if let Some(source) = failure {
        if task.is_stopped() {
            return Err(ImportError::Stopped { path: path.into() });
        }
        if let (true, Some(packing)) = (start.is_empty(), packing.name()) {
            return Err(ImportError::Unpack { path: path.into(), packing, source });
        }
        // What was unpacked is read; then the failure comes again.
        bytes = Box::new(Failing(Some(source)));
    }
    let encoding = check_is_text(path, &start)?;
    let mark = encoding.map_or(if start.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 }, |(_, mark)| mark);
    start.drain(..mark);
    let encoding = encoding.map(|(encoding, _)| encoding);
    let head = Head { bytes: head_text(&start, encoding), is_whole_file };
    if is_whole_file && head.bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ImportError::Empty { path: path.into() });
    }
    let text = Transcoder::new(Box::new(Cursor::new(start).chain(bytes)) as Box<dyn Read + 'a>, encoding);
    let encoding = text.found();
    let source = Source { text, packing, task, path };
    let input = BufReader::with_capacity(HEAD_BYTES, source);
    Ok(OpenedText { head, input, packing, encoding, stamp: Stamp::of(path, &facts) })
}

fn unpacked<'a>(
    file: impl Read + 'a,
    packing: Packing,
    num_bytes: u64,
    task: &'a dyn Task,
) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match packing {
        Packing::None => Box::new(file),
        Packing::Gzip => Box::new(Bounded::new(flate2::read::MultiGzDecoder::new(file), num_bytes, task)),
        Packing::Zstd => Box::new(Bounded::new(zstd::stream::read::Decoder::new(file)?, num_bytes, task)),
    })
}

/// The first bytes, up to [`HEAD_BYTES`], and the failure that ended them.
fn read_head(bytes: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::new();
    let failure = bytes.take(HEAD_BYTES as u64).read_to_end(&mut head).err();
    (head, failure)
}

/// The beginning as UTF-8, by the same rules as the rest.
fn head_text(start: &[u8], encoding: Option<&'static encoding_rs::Encoding>) -> Vec<u8> {
    let mut text = Vec::new();
    match Transcoder::new(start, encoding).read_to_end(&mut text) {
        Ok(_) => text,
        Err(_) => start.to_vec(),
    }
}

struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// First bytes, what such a file is, and what to do with it.
const KNOWN_BINARIES: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Save a spreadsheet as \"CSV UTF-8\"; unpack an archive first."),
    (b"\xD0\xCF\x11\xE0", "an old Office document", "Save it as \"CSV UTF-8\"."),
    (b"PAR1", "a packed Parquet file", "Unpack it first."),
    (b"ARROW1", "an Arrow file", "Convert it to Parquet, JSON Lines or CSV first."),
    (b"\x1F\x8B", "a file packed twice", "Unpack it first."),
    (b"\x28\xB5\x2F\xFD", "a file packed twice", "Unpack it first."),
    (b"GGUF", "a model (GGUF)", "Open it on the Model screen."),
    (b"SQLite format 3\0", "an SQLite database", ""),
    (b"%PDF", "a PDF document", ""),
    (b"\x89PNG", "a picture", ""),
    (b"\xFF\xD8\xFF", "a picture", ""),
];

/// UTF-16 and the length of its mark, if it is that; an error for what isn't text.
fn check_is_text(path: &Path, head: &[u8]) -> Result<Option<(&'static encoding_rs::Encoding, usize)>, ImportError> {
    if head.starts_with(b"\xFF\xFE\0\0") || head.starts_with(b"\0\0\xFE\xFF") {
        return Err(ImportError::Encoding { path: path.into(), encoding: "UTF-32" });
    }
    if let Some((_, what, hint)) = KNOWN_BINARIES.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(ImportError::Binary { path: path.into(), what, hint });
    }
    let utf16 = sniff_utf16(head);
    let start = &head[..head.len().min(4096)];
    let num_control = start.iter().filter(|b| **b < 32 && !b"\t\n\r\x0C\x1B".contains(b)).count();
    if utf16.is_none() && num_control * 10 > start.len() {
        return Err(ImportError::Binary { path: path.into(), what: "a binary file", hint: "" });
    }
    Ok(utf16)
}
