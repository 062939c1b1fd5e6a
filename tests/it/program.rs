//! The real program, as a person or a script runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::fixtures;

/// The program in a folder, on a machine without models, settings, network and screen.
pub fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tunewright"));
    command.args(arguments).current_dir(folder);
    command.env("XDG_DATA_HOME", folder.join("data")).env("HF_HOME", folder.join("hf")).env("HF_HUB_OFFLINE", "1");
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

/// Runs it to its end.
pub fn run(folder: &Path, arguments: &[&str]) -> Ran {
    Ran(program(folder, arguments).output().unwrap())
}

/// A folder of its own to run it in.
pub struct Desk {
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fixtures::write(self.folder.path(), name, bytes)
    }

    pub fn program(&self, arguments: &[&str]) -> Command {
        program(self.folder.path(), arguments)
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(self.folder.path(), arguments)
    }
}

/// A command that has ended.
pub struct Ran(pub Output);

impl Ran {
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// This command, which must go well.
    pub fn ok(self) -> Self {
        assert_eq!(self.code(), Some(0), "{}", self.err());
        self
    }

    /// The one JSON object of a command that must go well.
    pub fn json(&self) -> Value {
        assert_eq!(self.code(), Some(0), "{}", self.err());
        serde_json::from_str(&self.out()).unwrap_or_else(|e| panic!("{e}: {}", self.out()))
    }
}
