//! A model ready for work: decoder, tokenizer and template, with its facts.

use std::path::Path;
use std::sync::Arc;

use super::{Chat, Decoder, ModelError, ModelFacts, Turn, facts};
use crate::task::Task;
use crate::words::thousands;

/// A loaded model; cheap to clone.
#[derive(Clone)]
pub struct LanguageModel {
    pub decoder: Arc<Decoder>,
    pub chat: Arc<Chat>,
    pub facts: Arc<ModelFacts>,
}

impl LanguageModel {
    /// Loads a GGUF file or a folder; the weights stay as they are stored.
    ///
    /// # Errors
    /// As [`Decoder::load`] and [`Chat::load`] do, and where a token of the vocabulary or the template has no row in
    /// the embedding; the error names the token.
    pub fn load(path: &Path, task: &dyn Task) -> Result<Self, ModelError> {
        let facts = facts::inspect(path)?;
        if let Some(problem) = &facts.problem {
            return Err(ModelError::Unsupported { path: path.into(), message: problem.clone() });
        }
        let chat = Chat::load(path)?;
        check_rows(&chat, facts.vocab_size)
            .map_err(|message| ModelError::Unsupported { path: path.into(), message })?;
        let decoder = Decoder::load(path, task)?;
        Ok(Self { decoder: Arc::new(decoder), chat: Arc::new(chat), facts: Arc::new(facts) })
    }
}

/// Every token of the vocabulary, and every one that the template writes, has its row in the embedding. Tokens that were
/// added and are never used (padding, often) need none. The error is a sentence.
pub(crate) fn check_rows(chat: &Chat, num_rows: usize) -> Result<(), String> {
    let turns = [Turn::new("system", "s"), Turn::new("user", "a"), Turn::new("assistant", "b")];
    // Some templates refuse a system turn.
    let ids = [&turns[..], &turns[1..]].into_iter().filter_map(|turns| chat.encode(turns, false).ok());
    let written = ids.flat_map(|encoded| encoded.ids()).find(|id| *id as usize >= num_rows);
    let written = written.map(|id| (chat.tokenizer.id_to_token(id).unwrap_or_default(), id));
    match written.or_else(|| chat.tokenizer.plain_token_beyond(num_rows)) {
        None => Ok(()),
        Some((token, id)) => Err(format!(
            "the token {token} has the id {id}, but the model's embedding has {} rows, for the ids below {num_rows}: \
             it was added to the tokenizer and not to the model. Use the tokenizer that belongs to this model, or a model \
             whose embedding was enlarged with it (resize_token_embeddings)",
            thousands(num_rows)
        )),
    }
}
