//! What can be wrong with a file as a whole; a single bad row is a [`Rejected`].

use std::path::{Path, PathBuf};

use super::io_words;
use super::note::Rejected;
use crate::words::{count, thousands};

/// A file that can't be imported; the message is a sentence that names the file, [`ImportError::hint`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{} does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("{} is not a regular file", path.display())]
    Special { path: PathBuf },
    #[error("{} can't be read: {}", path.display(), io_words::fault(source))]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} can't be written: {}", path.display(), io_words::fault(source))]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{} has a header ({header}), but no rows", path.display())]
    HeaderOnly { path: PathBuf, header: String },
    #[error("{} has no rows: {what}", path.display())]
    NoRows { path: PathBuf, what: String },
    #[error("{} is in {encoding}, which is not read", path.display())]
    Encoding { path: PathBuf, encoding: &'static str },
    #[error("{} is {what}, not a text file with rows", path.display())]
    Binary { path: PathBuf, what: &'static str, hint: &'static str },
    #[error("{} can't be unpacked: its {packing} data are cut off or damaged ({})", path.display(), io_words::fault(source))]
    Unpack { path: PathBuf, packing: &'static str, source: std::io::Error },
    #[error("{} can't be read as Parquet: it is cut off or damaged ({message})", path.display())]
    Parquet { path: PathBuf, message: String },
    #[error("{} holds several lists of rows ({lists})", path.display())]
    SeveralLists { path: PathBuf, lists: String },
    #[error("{} needs a mapping: which of its columns ({columns}) are the prompt and which the answer", path.display())]
    NeedsMapping { path: PathBuf, columns: String },
    #[error("{} has only one column with texts ({column}): a prompt without an answer, and plain texts are not trained on", path.display())]
    NoAnswer { path: PathBuf, column: String },
    #[error("{} holds rows of a shape that isn't known: {what}", path.display())]
    UnknownShape { path: PathBuf, what: String },
    #[error("the mapping names the column {column}, but {} has {columns}", path.display())]
    UnknownColumn { path: PathBuf, column: String, columns: String },
    #[error("the mapping's template names {{{name}}}, but {} has {columns}", path.display())]
    UnknownInTemplate { path: PathBuf, name: String, columns: String },
    #[error(
        "{}: {} of {} can't be used: {}",
        path.display(),
        thousands(num_rejected),
        count(num_rows, "row", "rows"),
        join(first)
    )]
    BadRows { path: PathBuf, num_rows: u64, num_rejected: u64, first: Vec<Rejected> },
    #[error("reading {} was stopped", path.display())]
    Stopped { path: PathBuf },
}

impl ImportError {
    /// What to do about it, where that is not obvious.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Encoding { .. } => "Save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\") and import it again.",
            Self::Binary { hint, .. } if !hint.is_empty() => hint,
            Self::SeveralLists { .. } => "Save the list that you want as a file of its own.",
            Self::NoRows { .. } => {
                "One JSON object a line, a list of objects, a table with a header in its first row, Parquet, and folders of texts are read."
            }
            Self::NeedsMapping { .. } => {
                "Import it in the window, where each column gets its role, or with tunewright data import --map question=user,reply=assistant."
            }
            Self::NoAnswer { column, .. } => {
                return Some(format!(
                    "To bring them in as prompts that are still to be labelled, use tunewright data import --map {column}=user."
                ));
            }
            Self::UnknownShape { .. } => {
                "Known are messages, conversations, instruction and output, prompt and completion, chosen and rejected, contents, and tables of texts."
            }
            Self::Unpack { .. } | Self::Parquet { .. } => {
                "Get the file again: it may not have been downloaded to its end."
            }
            Self::BadRows { .. } => "Mend these rows or take them out; the window's import can leave them out for you.",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether it only ended because it was asked to.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// An error while opening or reading `path`.
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path: path.into() },
            _ => Self::Read { path: path.into(), source },
        }
    }
}

fn join(rows: &[Rejected]) -> String {
    rows.iter().map(Rejected::to_string).collect::<Vec<_>>().join("; ")
}
