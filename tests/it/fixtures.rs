//! Where the fixtures are, the models that tests share, and small help with files.

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
        Err(error) => panic!("{error}: run scripts/test, or tunewright models get starter"),
    }
}

/// Copies the tiny model into a folder, which is made.
pub fn copy_tiny_model(to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture("llama").join(file), to.join(file)).unwrap();
    }
}

/// Writes a file into a folder; its own folders are made.
pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    tunewright::fs::write_atomic(&path, bytes.as_ref()).unwrap();
    path
}

/// Copies what is in a folder into another one.
pub fn copy_all(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file())
    {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(entry.path(), target).unwrap();
    }
}

/// The names in a folder, in order.
pub fn names_in(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
