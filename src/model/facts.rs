//! What can be said of a model after a glance at its header, before its weights are read.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chat_template::sources::Sources;
use super::chat_template::template_name;
use super::pre_tokenizer::PreTokenizer;
use super::tokenizer::tokenizer_problem;
use super::weights::WeightSource;
use super::weights::gguf::GgufFile;
use super::weights::safetensors::{SafetensorsFolder, read_config};
use super::{ModelError, ModelSize, ModelSpec};
use crate::task::catch_panic;

/// Plain data for the model screen and `tunewright models`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// The model's own name, or its file's.
    pub name: String,
    /// The GGUF file or the folder.
    pub path: PathBuf,
    /// The family as the file calls it: `llama`, `qwen2`.
    pub architecture: String,
    /// As people write it: `Llama`, `Qwen2`; of a family that isn't known as the file does.
    pub family: String,
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
    /// The size on the disk.
    pub num_bytes: u64,
    /// The shape and what the weights take, by type.
    pub size: ModelSize,
    /// `ChatML`, `Llama 3`, `Own` for a template we have no name for; `None` where there is no template.
    pub chat_template: Option<String>,
    /// Why this model can't be trained here, as a sentence; `None` where it can.
    pub problem: Option<String>,
    /// What the model doesn't say and what was taken instead, each a sentence that a person has to see.
    pub notes: Vec<String>,
}

/// Said of a model without a chat template.
const NO_TEMPLATE: &str = "The model brings no chat template: unless the recipe chooses one (chat_template), turns are \
                           written plainly (\"User:\", \"Assistant:\"), which a chat model was not made with";

/// Said of a model with layers for multi-token prediction.
const GUESSING_LEFT_OUT: &str = "Its layers that guess further tokens ahead (MTP) are left out, as in Transformers: they \
                                 make some servers faster and change no answer";

/// Said of a GGUF file without types of tokens.
const NO_TYPES: &str = "The file doesn't say which of its tokens are special (tokenizer.ggml.token_type): marks of turns are \
                        read as plain text";

/// Reads the header of a GGUF file or the configuration of a folder, and renders nothing. What can't be trained has a
/// `problem`; only what isn't a model at all is an error.
///
/// # Errors
/// Where the file or folder can't be read or isn't a model; the error names it.
pub fn inspect(path: &Path) -> Result<ModelFacts, ModelError> {
    let inspected = catch_panic(|| if path.is_dir() { inspect_folder(path) } else { inspect_gguf(path) });
    let mut facts =
        inspected.unwrap_or_else(|panic| Err(ModelError::format(path, format!("it is damaged ({panic})"))))?;
    if facts.chat_template.is_none() {
        facts.notes.push(NO_TEMPLATE.to_owned());
    }
    Ok(facts)
}

/// The source of a model's chat template, the one for conversations without tools; `None` where it brings none.
///
/// # Errors
/// Where the GGUF file can't be read.
pub fn template(path: &Path) -> Result<Option<String>, ModelError> {
    if path.is_dir() {
        return Ok(template_text(path));
    }
    Ok(Sources::of_gguf(&GgufFile::open(path)?).first().map(str::to_owned))
}

/// Free memory of this machine, in bytes.
pub fn available_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.available_memory()
}

fn inspect_gguf(path: &Path) -> Result<ModelFacts, ModelError> {
    let mut file = GgufFile::open(path)?;
    let num_bytes = file.num_bytes();
    let spec = file.spec()?;
    let mut problem = file.problem(&spec);
    let mut notes = Vec::new();
    if file.text("tokenizer.ggml.model") == Some("gpt2") {
        match PreTokenizer::of(&file) {
            Ok((_, note)) => notes.extend(note),
            Err(message) => problem = problem.or_else(|| Some(format!("The tokenizer can't be used: {message}"))),
        }
    }
    // Files of models that write text don't have it, or have 0 for none.
    if file.number(&format!("{}.pooling_type", spec.architecture)).is_some_and(|kind| kind > 0) {
        problem = problem.or_else(|| Some("It makes embeddings and writes no text (pooling_type is set)".to_owned()));
    }
    if file.floats("tokenizer.ggml.token_type").is_none() {
        notes.push(NO_TYPES.to_owned());
    }
    if file.num_guessing(&spec) > 0 {
        notes.push(GUESSING_LEFT_OUT.to_owned());
    }
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let name = file.text("general.name").filter(|name| !name.trim().is_empty()).map_or(stem, str::to_owned);
    Ok(ModelFacts {
        quantization: file.quantization(),
        license: file.text("general.license").map(str::to_owned),
        chat_template: Sources::of_gguf(&file).first().map(|source| template_name(source).to_owned()),
        num_parameters: file.num_parameters(),
        size: ModelSize::of_tensors(spec.clone(), &file.stored()),
        notes,
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
        Ok(weights) => {
            (facts.quantization, facts.num_bytes) = (weights.dtype(), weights.num_bytes());
            facts.size = ModelSize::of_tensors(spec.clone(), &weights.stored());
            facts.problem = facts.problem.or_else(|| weights.problem());
            facts.notes.extend(weights.guesses().then(|| GUESSING_LEFT_OUT.to_owned()));
        }
        Err(e) => facts.problem = facts.problem.or(Some(e.to_string())),
    }
    let tokenizer = tokenizer_problem(folder).map(|problem| format!("The tokenizer can't be used: {problem}"));
    facts.problem = facts.problem.or(tokenizer);
    facts.chat_template = template_text(folder).map(|text| template_name(&text).to_owned());
    Ok(facts)
}

/// The default template's source; only its name is wanted, so what can't be read counts as none.
fn template_text(folder: &Path) -> Option<String> {
    let settings = std::fs::read_to_string(folder.join("tokenizer_config.json")).ok();
    let settings = settings.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
    Sources::of_folder(folder, &settings).ok()?.first().map(str::to_owned)
}

fn from_spec(spec: &ModelSpec, name: String, path: &Path, num_bytes: u64, problem: Option<String>) -> ModelFacts {
    ModelFacts {
        name,
        path: path.to_owned(),
        architecture: spec.architecture.clone(),
        family: spec.family_name().to_owned(),
        num_parameters: spec.num_parameters(),
        num_layers: spec.num_layers(),
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
        size: ModelSize::of_files(spec.clone(), num_bytes),
        chat_template: None,
        problem,
        notes: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The facts of a model of a family, of which only the name matters.
    pub fn facts(architecture: &str) -> ModelFacts {
        let config = serde_json::json!({
            "model_type": architecture, "hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1,
            "num_hidden_layers": 1, "vocab_size": 8, "max_position_embeddings": 8,
        });
        let spec = ModelSpec::from_config(&config).unwrap();
        from_spec(&spec, architecture.to_owned(), Path::new("a.gguf"), 1, None)
    }
}
