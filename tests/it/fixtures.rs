//! Where the fixtures are, and the models that tests share.

use std::path::{Path, PathBuf};

/// A file or folder below `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The starter model, which `scripts/test` fetches. Its absence is a failure: a check must not skip itself.
pub fn starter() -> PathBuf {
    let data = directories::ProjectDirs::from("", "", "tunewright").unwrap();
    let path = data.data_dir().join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(path.is_file(), "{} is missing: run scripts/test, or tunewright models --fetch starter", path.display());
    path
}
