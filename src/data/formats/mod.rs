//! From bytes to rows: each format reads one row at a time, keeps its line and its text, and continues after a bad one.

mod bomb;
mod class_names;
mod delimited;
mod dialect;
mod encoding;
mod folder;
mod front_matter;
mod json_columns;
mod json_document;
mod json_lines;
pub(super) mod json_value;
mod notes;
mod parquet;
mod record;
mod rows;
mod sniff;
mod source;
mod watched;

use std::io::Read;
use std::path::Path;

pub use self::class_names::ClassNames;
use self::dialect::Table;
use self::encoding::Found;
pub use self::rows::Rows;
use self::source::{OpenedText, Stamp};
use self::watched::Watched;
use super::error::ImportError;
use super::note::Note;
pub use super::row::{Content, Problem, RawRow, Unread};
use crate::task::Task;
use crate::words::count;

/// A file that is about to be read.
pub struct Opened<'a> {
    pub rows: Watched<'a>,
    /// The header's names, where the format has one.
    pub header: Option<Vec<String>>,
    /// "comma, UTF-8, header in row 1"
    pub description: String,
    /// The encoding that a text was converted from, as far as it is known by now.
    encoding: Option<Found>,
    stamp: Option<Stamp>,
}

impl Opened<'_> {
    /// What deserves a word once the file is read.
    pub fn notes(&self) -> Vec<Note> {
        let converted = self.encoding.as_ref().and_then(|found| found.get());
        let converted = converted.map(|encoding| format!("the file was converted from {}", encoding.name()));
        let has_changed = self.stamp.as_ref().is_some_and(Stamp::has_changed);
        let changed = has_changed.then(|| "the file changed while it was read: import it again".to_owned());
        let of_file = converted.into_iter().chain(changed).map(|what| Note { what, count: 1, first: None });
        self.rows.notes().into_iter().chain(of_file).collect()
    }
}

/// Opens a file or a folder of texts and finds out what it is. Longer rows than `max_row_bytes` are bad ones, so that a
/// file without line breaks can't eat the memory.
///
/// # Errors
/// Where the file can't be read, or isn't of a kind that holds examples; the error names it.
pub fn open<'a>(path: &'a Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<Opened<'a>, ImportError> {
    if path.is_dir() {
        let (rows, header) = folder::Folder::open(path, max_row_bytes, task)?;
        let description = format!("folder with {}", count(rows.num_files(), "text", "texts"));
        let rows = Watched::new(Box::new(rows), None, ClassNames::default());
        return Ok(Opened { rows, header: Some(header), description, encoding: None, stamp: None });
    }
    let facts = source::check_is_file(path)?;
    if starts_with(path, parquet::MAGIC).map_err(|e| ImportError::read(path, e))? {
        let rows = parquet::Parquet::open(path, max_row_bytes, task)?;
        let description = format!("Parquet, {}", count(rows.num_rows(), "row", "rows"));
        let mut names = rows.class_names();
        names.add(&front_matter::class_names_beside(path));
        let rows = Watched::new(Box::new(rows), None, names);
        let stamp = Some(Stamp::of(path, &facts));
        return Ok(Opened { rows, header: None, description, encoding: None, stamp });
    }
    open_text(path, max_row_bytes, task)
}

fn starts_with(path: &Path, magic: &[u8]) -> std::io::Result<bool> {
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(magic.len() as u64).read_to_end(&mut start)?;
    Ok(start == magic)
}

fn open_text<'a>(path: &'a Path, max_row_bytes: usize, task: &'a dyn Task) -> Result<Opened<'a>, ImportError> {
    let OpenedText { head, input, packing, encoding, stamp } = source::open(path, task)?;
    let mut header = None;
    let mut in_row = String::new();
    let (rows, kind): (Box<dyn Rows + 'a>, String) = match sniff::kind(path, &head) {
        sniff::Kind::JsonLines => (Box::new(json_lines::JsonLines::new(input, max_row_bytes)), "JSON Lines".to_owned()),
        sniff::Kind::JsonDocument(container) => {
            (Box::new(json_document::JsonDocument::new(input, container, max_row_bytes)), "JSON".to_owned())
        }
        sniff::Kind::Delimited { delimiter } => {
            let table = Table::of(&head, delimiter);
            let name = table.name();
            let (rows, names) = delimited::Delimited::new(input, table, max_row_bytes)?;
            header = Some(names);
            in_row = format!(", header in row {}", rows.header_row());
            (Box::new(rows), name)
        }
    };
    let packing = packing.name().map(|name| format!("{name}, ")).unwrap_or_default();
    let name = encoding.get().map_or("UTF-8", encoding_rs::Encoding::name);
    let description = format!("{packing}{kind}, {name}{in_row}");
    let rows = Watched::new(rows, header.clone(), front_matter::class_names_beside(path));
    Ok(Opened { rows, header, description, encoding: Some(encoding), stamp: Some(stamp) })
}
