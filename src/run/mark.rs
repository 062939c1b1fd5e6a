//! How a folder is known as a run's: by the `status.json` that a run writes before everything else.

use std::path::Path;

use serde::Deserialize;

/// A run's own is a fraction of this.
const MAX_BYTES: u64 = 1 << 20;

/// What every `status.json` of a run has, whatever its version.
#[derive(Deserialize)]
struct Mark {
    status: Word,
    #[serde(rename = "num_steps")]
    _num_steps: u64,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Word {
    Running,
    Completed,
    Stopped,
    Interrupted,
}

/// Whether a run wrote here before.
pub fn is_run(folder: &Path) -> bool {
    let path = super::RunDir(folder).status();
    if !path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_BYTES) {
        return false;
    }
    let mark = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Mark>(&bytes).ok());
    mark.is_some_and(|mark| matches!(mark.status, Word::Running | Word::Completed | Word::Stopped | Word::Interrupted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_s_own_status_makes_a_run_s_folder() {
        let folder = tempfile::tempdir().unwrap();
        let check = |text: &str, expected: bool| {
            crate::fs::write_atomic(&folder.path().join("status.json"), text.as_bytes()).unwrap();
            assert_eq!(is_run(folder.path()), expected, "{text}");
        };
        assert!(!is_run(folder.path()));
        check(r#"{"status": "running", "num_steps": 10, "secs": 1.5, "added_later": []}"#, true);
        check(r#"{"status": "completed", "num_steps": 10}"#, true);
        check(r#"{"status": "ok", "num_steps": 10}"#, false);
        check(r#"{"status": "running"}"#, false);
        check("[]", false);
        check("", false);
    }
}
