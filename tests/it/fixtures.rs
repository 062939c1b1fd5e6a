//! Where the fixtures are, and the models that tests share.

use std::path::{Path, PathBuf};

use tunewright::hub;
use tunewright::recipe::ModelRef;

/// A file or folder below `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The starter model, which `scripts/test` fetches. Its absence is a failure: a check must not skip itself.
pub fn starter() -> PathBuf {
    match hub::resolve(&ModelRef::Starter, &hub::Sources::default()) {
        Ok(path) => path,
        Err(error) => panic!("{error}: run scripts/test, or tunewright models --fetch starter"),
    }
}
