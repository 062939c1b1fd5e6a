//! One file's part of an import of several.

use std::path::Path;

use super::error::ImportError;
use super::import::{FileReport, ImportRequest, Mapping, Rejected};
use super::tally::Tally;

/// What was read of a file that is done.
pub fn file_report(path: &Path, tally: &Tally, unused: Vec<String>, guess: Option<Mapping>) -> FileReport {
    /// Files may be many.
    const NUM_KEPT: usize = 5;
    let without_source = |row: &Rejected| Rejected { source: String::new(), ..row.clone() };
    FileReport {
        path: path.into(),
        num_imported: tally.num_accepted,
        num_known: 0,
        num_updated: 0,
        num_rejected: tally.num_rejected,
        rejected: tally.rejected.iter().take(NUM_KEPT).map(without_source).collect(),
        reasons: tally.reasons(),
        notes: tally.notes(),
        unused,
        guess,
    }
}

/// One of several files without rows is left out and reported like a row.
pub fn without_rows(request: &ImportRequest, path: &Path, error: &ImportError) -> Option<Rejected> {
    let reason = match error {
        _ if request.more.is_empty() => return None,
        ImportError::Empty { .. } => "the file is empty".to_owned(),
        ImportError::HeaderOnly { header, .. } => format!("the file has a header ({header}), but no rows"),
        ImportError::NoRows { what, .. } => format!("the file has no rows: {what}"),
        _ => return None,
    };
    let file = Some(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Some(Rejected { file, line: 1, last_line: 1, field: None, reason, source: String::new() })
}
