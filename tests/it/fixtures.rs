//! Where the fixtures are, the models that tests share, and small help with files.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{Content, Value, write as write_gguf};
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

/// What a GGUF file holds, by name.
pub struct GgufContent {
    pub metadata: BTreeMap<String, Value>,
    pub tensors: BTreeMap<String, QTensor>,
}

impl GgufContent {
    pub fn read(path: &Path) -> Self {
        let mut file = File::open(path).unwrap();
        let content = Content::read(&mut file).unwrap();
        let names = content.tensor_infos.keys();
        let tensors =
            names.map(|name| (name.clone(), content.tensor(&mut file, name, &Device::Cpu).unwrap())).collect();
        Self { metadata: content.metadata.into_iter().collect(), tensors }
    }

    pub fn write(&self, path: &Path) {
        let metadata: Vec<_> = self.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<_> = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        write_gguf(&mut File::create(path).unwrap(), &metadata, &tensors).unwrap();
    }
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
