//! From a file to examples: what was found in it, how its columns become turns, which rows were left out and why.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::FoundFiles;
use super::formats::ClassNames;
use super::mapping::Beside;
pub use super::mapping::spec::{ColumnRole, Mapping, Rename};
use super::note::TOO_LONG;
pub use super::note::{Note, Place, Rejected};
use super::shape::Shape;
pub use super::split::SplitSpec;
use super::{Example, Split, files};

/// Which files, and how to read them. `None` leaves it to what is recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRequest {
    /// A file, or a folder of texts.
    pub path: PathBuf,
    /// Read after it, as if they were its end.
    pub more: Vec<PathBuf>,
    /// What is known of each file, in the order of [`Self::paths`]; empty where nothing is.
    pub origins: Vec<Origin>,
    pub mapping: Option<Mapping>,
    /// Put before every example, whatever its shape; empty for none.
    pub system_message: String,
    /// How the new examples are split.
    pub split: SplitSpec,
    /// Rows with the same group go into the same part.
    pub keep_groups: bool,
    pub on_known: OnKnown,
    /// The split of all rows that don't say their own, instead of splitting them.
    pub given_split: Option<Split>,
    /// Whether the rows of a file that is called after a part go into it.
    pub by_name: bool,
    /// Longer rows are left out.
    pub max_row_bytes: usize,
    /// What was found out when the files were gathered.
    pub notes: Vec<Note>,
}

impl ImportRequest {
    pub const DEFAULT_MAX_ROW_BYTES: usize = 16 << 20;
    /// A longer row isn't an example.
    pub const MOST_ROW_BYTES: usize = 1 << 30;

    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            more: Vec::new(),
            origins: Vec::new(),
            mapping: None,
            system_message: String::new(),
            split: SplitSpec::default(),
            keep_groups: true,
            on_known: OnKnown::Skip,
            given_split: None,
            by_name: false,
            max_row_bytes: Self::DEFAULT_MAX_ROW_BYTES,
            notes: Vec::new(),
        }
    }

    /// A request for all files that were found.
    pub fn of_files(found: FoundFiles) -> Option<Self> {
        let mut files = found.files.into_iter();
        let first = files.next()?;
        Some(Self { more: files.collect(), notes: found.notes, ..Self::new(first) })
    }

    /// All files, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.path).chain(&self.more).map(PathBuf::as_path)
    }

    /// The split of a row that doesn't say its own, of the file at this place.
    pub fn split_of(&self, file: usize) -> Option<Split> {
        let path = file.checked_sub(1).map_or(Some(&self.path), |file| self.more.get(file));
        let named = || path.filter(|_| self.by_name).and_then(|path| files::part_of(path));
        self.given_split.or_else(|| self.origins.get(file)?.split).or_else(named)
    }

    /// What each file is called as its rows' source.
    pub fn source_names(&self) -> Vec<String> {
        let of_file = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name =
            |(file, path)| self.origins.get(file).map_or_else(|| of_file(path), |origin: &Origin| origin.name.clone());
        self.paths().enumerate().map(name).collect()
    }
}

/// Where a file comes from that isn't the person's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `banking77 · train`
    pub name: String,
    /// The part of the data that it is.
    pub split: Option<Split>,
    /// No more than its first rows.
    pub max_rows: Option<u64>,
    /// The names of classes as the data set's card has them.
    pub class_names: ClassNames,
}

/// What becomes of rows whose content the project already has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnKnown {
    /// They are counted; only the split and the date are taken over, if the file says them.
    #[default]
    Skip,
    /// They come in once more.
    Add,
    /// Like `Skip`; and a row whose prompt is here once, with another answer, takes that example's place.
    Update,
}

/// A row that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadExample {
    /// The file that it comes from, by its place in [`ImportRequest::paths`].
    pub file: usize,
    /// The line in the file where the row begins, from 1.
    pub line: u64,
    pub example: Example,
    /// Where the file itself says so.
    pub split: Option<Split>,
    pub date: Option<Timestamp>,
    pub beside: Beside,
}

/// A look at a file before it is imported.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportPreview {
    pub path: PathBuf,
    pub shape: Shape,
    /// In words: "comma, UTF-8, header in row 1".
    pub description: String,
    pub num_rows: u64,
    /// Only for [`Shape::Columns`].
    pub columns: Vec<String>,
    /// All files have these columns, so that one mapping does for all.
    pub are_alike: bool,
    /// The first rows' cells, for the head of the mapping dialog.
    pub cells: Vec<Vec<String>>,
    /// The mapping used: the request's, or a guess from names and content.
    pub mapping: Option<Mapping>,
    /// What each column says in all rows, with how often, where that is little enough to be renamed by hand; else empty.
    pub values: Vec<Vec<(String, u64)>>,
    /// The first rows as the examples they would become, or why they can't; as many as `cells`, at most 50.
    pub examples: Vec<Result<Example, Rejected>>,
    /// What these rows say beside their turns; empty where they say nothing.
    pub beside: Vec<Beside>,
    pub num_accepted: u64,
    /// How many of these say their split themselves.
    pub num_saying_split: u64,
    /// How many of the others are in files that are called after a part, in the order of [`Split::ALL`].
    pub num_named: [u64; 3],
    pub num_rejected: u64,
    /// The first 200 of them.
    pub rejected: Vec<Rejected>,
    /// Reasons in words with how often, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// The most frequent first.
    pub notes: Vec<Note>,
}

impl ImportPreview {
    /// How many rows were refused for their size.
    pub fn num_too_long(&self) -> u64 {
        self.reasons.iter().filter(|(reason, _)| reason.starts_with(TOO_LONG)).map(|(_, num)| num).sum()
    }
}

/// What an import did.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportReport {
    pub path: PathBuf,
    pub num_imported: u64,
    /// Good rows that the project had already.
    pub num_known: u64,
    /// Good rows that took an example's place.
    pub num_updated: u64,
    /// The first and the last number of the new examples, in a project.
    pub numbers: Option<(u64, u64)>,
    pub num_rejected: u64,
    /// The first 200 of them.
    pub rejected: Vec<Rejected>,
    pub reasons: Vec<(String, u64)>,
    /// The most frequent first.
    pub notes: Vec<Note>,
    /// What each file had in it, in the request's order.
    pub files: Vec<FileReport>,
    /// Fields and columns that nothing was taken from, in the order of their first appearance.
    pub unused: Vec<String>,
}

/// One file's part in an import.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReport {
    pub path: PathBuf,
    pub num_imported: u64,
    pub num_known: u64,
    pub num_updated: u64,
    pub num_rejected: u64,
    /// The first few of them, without their text.
    pub rejected: Vec<Rejected>,
    pub reasons: Vec<(String, u64)>,
    pub notes: Vec<Note>,
    /// Fields and columns that nothing was taken from, in the order of their first appearance.
    pub unused: Vec<String>,
    /// What its columns were taken for, where nobody said it.
    pub guess: Option<Mapping>,
}
