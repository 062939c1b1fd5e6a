//! Inputs that public bug reports suggested, and what each must give. They lie in `tests/fixtures/cases`, a folder a case.

mod files;
mod models;
mod runs;
mod shapes;
mod templates;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::fixtures::fixture;

/// A file or folder of a case: `D01/columns.json`.
pub(super) fn case(name: &str) -> PathBuf {
    fixture("cases").join(name)
}

/// The real program in a folder of its own, on a machine without models and network.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tunewright"));
        command.args(arguments).current_dir(self.folder.path());
        command.env("XDG_DATA_HOME", self.path("data")).env("HF_HOME", self.path("hf")).env("HF_HUB_OFFLINE", "1");
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        Ran(command.output().unwrap())
    }

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

/// A command that has ended.
pub(super) struct Ran(Output);

impl Ran {
    pub(super) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(super) fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(super) fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The one JSON object of a command that must go well.
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.code(), Some(0), "{}", self.err());
        serde_json::from_str(&self.out()).unwrap_or_else(|e| panic!("{e}: {}", self.out()))
    }
}
