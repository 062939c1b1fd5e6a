//! A model ready for work: decoder, tokenizer and template, with its facts.

use std::path::Path;
use std::sync::Arc;

use super::{Chat, Decoder, ModelError, ModelFacts, facts};
use crate::task::Task;

/// A loaded model; cheap to clone.
#[derive(Clone)]
pub struct LanguageModel {
    pub decoder: Arc<Decoder>,
    pub chat: Arc<Chat>,
    pub facts: Arc<ModelFacts>,
}

impl LanguageModel {
    /// Loads a GGUF file or a folder; the weights stay as they are stored.
    pub fn load(path: &Path, task: &dyn Task) -> Result<Self, ModelError> {
        let facts = facts::inspect(path)?;
        if let Some(problem) = &facts.problem {
            return Err(ModelError::Unsupported { path: path.into(), message: problem.clone() });
        }
        let chat = Chat::load(path)?;
        let decoder = Decoder::load(path, task)?;
        Ok(Self { decoder: Arc::new(decoder), chat: Arc::new(chat), facts: Arc::new(facts) })
    }
}
