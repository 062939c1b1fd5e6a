//! Inputs that public bug reports suggested, and what each must give. They lie in `tests/fixtures/cases`, a folder a case.

mod files;
mod models;
mod runs;
mod shapes;
mod templates;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fixtures::fixture;
use super::program::{Desk, Ran};

/// A file or folder of a case: `D01/columns.json`.
pub(super) fn case(name: &str) -> PathBuf {
    fixture("cases").join(name)
}

impl Desk {
    /// A file imported into a new project: the report (`import --json`) and the examples that are in the project then.
    pub(super) fn import(&self, file: &Path) -> (Value, Vec<Value>) {
        let project = self.path("project");
        let _ = std::fs::remove_dir_all(&project);
        let (file, project) = (file.to_str().unwrap(), project.to_str().unwrap());
        let report = self.run(&["data", "import", file, "--project", project, "--json"]).json();
        let out = self.path("out.jsonl");
        let _ = std::fs::remove_file(&out);
        self.run(&["data", "export", "--project", project, "--to", out.to_str().unwrap()]);
        let lines = std::fs::read_to_string(&out).unwrap_or_default();
        (report, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}
