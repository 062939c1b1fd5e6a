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
    /// Loads a GGUF file or a folder. Where memory is plenty the weights are unpacked once, which makes everything
    /// quicker; otherwise they stay as they are stored.
    pub fn load(path: &Path, task: &dyn Task) -> Result<Self, ModelError> {
        let facts = facts::inspect(path)?;
        if let Some(problem) = &facts.problem {
            return Err(ModelError::Unsupported { path: path.into(), message: problem.clone() });
        }
        let chat = Chat::load(path)?;
        let decoder = Decoder::load(path, task)?;
        if will_expand(&facts, facts::available_memory()) {
            decoder.expand()?;
        }
        Ok(Self { decoder: Arc::new(decoder), chat: Arc::new(chat), facts: Arc::new(facts) })
    }
}

/// Whether loading unpacks the weights to f32: where that takes less than a quarter of the free memory.
pub fn will_expand(facts: &ModelFacts, available_memory: u64) -> bool {
    4 * facts.num_parameters < available_memory / 4
}
