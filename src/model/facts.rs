//! What can be said of a model after a glance at its header, before its weights are read.

use std::path::{Path, PathBuf};

use super::chat_template::template_name;
use super::weights::gguf::GgufFile;
use super::weights::safetensors::{SafetensorsFolder, read_config};
use super::{Chat, ModelError, ModelSpec};

/// Plain data for the model screen and `tunewright models`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// The model's own name, or its file's.
    pub name: String,
    /// The GGUF file or the folder.
    pub path: PathBuf,
    /// As the file calls it: `llama`, `qwen2`.
    pub architecture: String,
    pub num_parameters: u64,
    pub num_layers: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_heads: usize,
    pub num_kv_heads: usize,
    pub vocab_size: usize,
    /// In tokens.
    pub context_length: usize,
    pub has_tied_embeddings: bool,
    /// The type of most weights: `Q4_1`, `bf16`.
    pub quantization: String,
    pub license: Option<String>,
    /// On the disk.
    pub num_bytes: u64,
    /// `ChatML`, `Llama 3`, `Own` for a template we have no name for; `None` where there is no template.
    pub chat_template: Option<String>,
    /// Why this model can't be trained here, as a sentence; `None` where it can.
    pub problem: Option<String>,
}

/// Reads the header of a GGUF file or the configuration of a folder. What can't be trained has a `problem`; only what is
/// no model at all is an error.
pub fn inspect(path: &Path) -> Result<ModelFacts, ModelError> {
    if path.is_dir() { inspect_folder(path) } else { inspect_gguf(path) }
}

/// Free memory of this machine, in bytes.
pub fn available_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.available_memory()
}

fn inspect_gguf(path: &Path) -> Result<ModelFacts, ModelError> {
    let mut file = GgufFile::open(path)?;
    let num_bytes = std::fs::metadata(path).map_err(ModelError::io(path))?.len();
    let spec = file.spec()?;
    let problem = spec.problem(None);
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.text("general.name").filter(|name| !name.trim().is_empty()).map_or(stem, str::to_owned);
    Ok(ModelFacts {
        quantization: file.quantization(),
        license: file.text("general.license").map(str::to_owned),
        chat_template: file.text("tokenizer.chat_template").map(|t| template_name(t).to_owned()),
        num_parameters: file.num_parameters(),
        ..from_spec(&spec, name, path, num_bytes, problem)
    })
}

fn inspect_folder(folder: &Path) -> Result<ModelFacts, ModelError> {
    let config = read_config(folder)?;
    let spec = ModelSpec::from_config(&config).map_err(|e| ModelError::format(folder, e))?;
    let problem = spec.problem(Some(&config));
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut facts = from_spec(&spec, name, folder, 0, problem);
    match SafetensorsFolder::open(folder) {
        Ok(weights) => (facts.quantization, facts.num_bytes) = (weights.dtype(), weights.num_bytes()),
        Err(e) => facts.problem = facts.problem.or(Some(e.to_string())),
    }
    match Chat::load(folder) {
        Ok(chat) => facts.chat_template = chat.template.name().map(str::to_owned),
        Err(e) => facts.problem = facts.problem.or(Some(e.to_string())),
    }
    Ok(facts)
}

fn from_spec(spec: &ModelSpec, name: String, path: &Path, num_bytes: u64, problem: Option<String>) -> ModelFacts {
    ModelFacts {
        name,
        path: path.to_owned(),
        architecture: spec.architecture.clone(),
        num_parameters: spec.num_parameters(),
        num_layers: spec.num_layers,
        hidden_size: spec.hidden_size,
        intermediate_size: spec.intermediate_size,
        num_heads: spec.num_heads,
        num_kv_heads: spec.num_kv_heads,
        vocab_size: spec.vocab_size,
        context_length: spec.context_length,
        has_tied_embeddings: spec.tie_word_embeddings,
        quantization: String::new(),
        license: None,
        num_bytes,
        chat_template: None,
        problem,
    }
}
