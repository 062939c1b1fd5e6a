//! What is known of a model, as JSON.

use std::path::PathBuf;

use serde::Serialize;

use crate::model::ModelFacts;

/// [`ModelFacts`] with the names that `docs/models-json.md` promises.
#[derive(Serialize)]
pub struct Facts {
    name: String,
    path: PathBuf,
    architecture: String,
    family: String,
    num_parameters: u64,
    num_layers: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    num_kv_heads: usize,
    vocab_size: usize,
    context_length: usize,
    has_tied_embeddings: bool,
    quantization: String,
    license: Option<String>,
    num_bytes: u64,
    chat_template: Option<String>,
    problem: Option<String>,
    notes: Vec<String>,
}

impl From<&ModelFacts> for Facts {
    fn from(facts: &ModelFacts) -> Self {
        Self {
            name: facts.name.clone(),
            path: facts.path.clone(),
            architecture: facts.architecture.clone(),
            family: facts.family.clone(),
            num_parameters: facts.num_parameters,
            num_layers: facts.num_layers,
            hidden_size: facts.hidden_size,
            intermediate_size: facts.intermediate_size,
            num_heads: facts.num_heads,
            num_kv_heads: facts.num_kv_heads,
            vocab_size: facts.vocab_size,
            context_length: facts.context_length,
            has_tied_embeddings: facts.has_tied_embeddings,
            quantization: facts.quantization.clone(),
            license: facts.license.clone(),
            num_bytes: facts.num_bytes,
            chat_template: facts.chat_template.clone(),
            problem: facts.problem.clone(),
            notes: facts.notes.clone(),
        }
    }
}
