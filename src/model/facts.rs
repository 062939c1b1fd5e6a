//! What can be said of a model after a glance at its header, before its weights are read.

use std::path::PathBuf;

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
