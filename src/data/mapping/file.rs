//! A mapping as a file, so that the next import, also from the command line, is read in the same way.

use std::path::{Path, PathBuf};

use super::spec::Mapping;
use crate::data::{io_words, json_words};

/// Why a mapping can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum MappingFileError {
    #[error("{} can't be read: {what}", path.display())]
    Read { path: PathBuf, what: String },
    #[error("{} can't be written: {what}", path.display())]
    Write { path: PathBuf, what: String },
}

/// Larger files aren't mappings.
const MAX_BYTES: u64 = 4 << 20;

impl Mapping {
    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// Where the file can't be read or isn't a mapping; the error names it.
    pub fn load(path: &Path) -> Result<Self, MappingFileError> {
        let failed = |what: String| MappingFileError::Read { path: path.into(), what };
        let size = std::fs::metadata(path).map_err(|e| failed(io_words::fault(&e)))?.len();
        if size > MAX_BYTES {
            return Err(failed("it is too large to be a mapping".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| failed(io_words::fault(&e)))?;
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|e| failed(format!("it is not JSON: {}", json_words::fault(&e, &text))))?;
        let wrong =
            || failed("it is JSON, but not a mapping as tunewright data import --save-mapping writes it".to_owned());
        serde_json::from_value(value).map_err(|_| wrong())
    }

    /// Writes the mapping as JSON.
    ///
    /// # Errors
    /// Where the file can't be written; the error names it.
    pub fn save(&self, path: &Path) -> Result<(), MappingFileError> {
        let failed = |what: String| MappingFileError::Write { path: path.into(), what };
        let text = serde_json::to_string_pretty(self).map_err(|e| failed(e.to_string()))?;
        crate::fs::write_atomic(path, (text + "\n").as_bytes()).map_err(|e| failed(io_words::fault(&e)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mapping::{ColumnRole, Rename};

    #[test]
    fn a_mapping_is_kept_and_anything_else_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mapping.json");
        let mapping = Mapping {
            columns: vec![("Frage".to_owned(), ColumnRole::User), ("Kunde".to_owned(), ColumnRole::Group)],
            user_template: "{Frage}".to_owned(),
            renames: vec![Rename { column: "a".to_owned(), from: "ja".to_owned(), to: "true".to_owned() }],
            ..Mapping::default()
        };
        mapping.save(&path).unwrap();
        assert_eq!(Mapping::load(&path).unwrap(), mapping);
        let told = |text: &str| {
            crate::fs::write_atomic(&path, text.as_bytes()).unwrap();
            Mapping::load(&path).unwrap_err().to_string().split(": ").skip(1).collect::<Vec<_>>().join(": ")
        };
        assert_eq!(
            told("{\"columns\": 3}"),
            "it is JSON, but not a mapping as tunewright data import --save-mapping writes it"
        );
        let not_json = "it is not JSON: a value is missing; texts are written in double quotes (column 1)";
        assert_eq!(told("hello"), not_json);
    }
}
