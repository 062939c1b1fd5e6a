//! How often the test examples were looked at: whoever chooses by what a look shows, chooses by chance, too.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::{append_line, read_lines};

/// In a project's folder, or in that of a run that lies in none.
const FILE: &str = "looks.jsonl";

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// With its time zone.
    pub at: String,
    /// The run that was measured.
    pub run: String,
    /// The test examples' SHA-256.
    pub data_sha256: String,
}

/// Writes down that a run was measured on its test examples.
///
/// # Errors
/// The file's own, when it can't be written.
pub fn note_look(folder: &Path, run: &str, data_sha256: &str) -> io::Result<()> {
    let (run, data_sha256) = (run.to_owned(), data_sha256.to_owned());
    append_line(&path(folder), &Look { at: jiff::Zoned::now().to_string(), run, data_sha256 })
}

/// How often these test examples were looked at, by whichever run.
///
/// # Errors
/// The file's own, when it is there and can't be read.
pub fn num_looks(folder: &Path, data_sha256: &str) -> io::Result<usize> {
    let looks: Vec<Look> = read_lines(&path(folder))?;
    Ok(looks.iter().filter(|look| look.data_sha256 == data_sha256).count())
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_the_same_examples_are_counted_over_all_runs() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(num_looks(folder.path(), "a").unwrap(), 0);
        for (run, data) in [("1", "a"), ("2", "a"), ("2", "b")] {
            note_look(folder.path(), run, data).unwrap();
        }
        assert_eq!(num_looks(folder.path(), "a").unwrap(), 2);
    }
}
