//! One answer, token by token, over a cache of keys and values.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Sampler, Sampling, stop};
use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, Generation, KvCache, LanguageModel, ModelError};
use crate::recipe::ChatFormat;
use crate::words::thousands;

/// Prompt tokens that are read between two looks at whether anybody still wants the answer.
const PROMPT_CHUNK: usize = 256;

/// An answer in the making.
pub struct Session<'a> {
    model: &'a LanguageModel,
    generation: Generation<'a>,
    sampler: Sampler,
    format: ChatFormat,
    stop: Vec<String>,
    max_new_tokens: usize,
    cache: KvCache,
    /// Not yet in the cache.
    pending: Vec<u32>,
    ids: Vec<u32>,
    /// Bytes of the answer's text that were handed out.
    num_bytes_told: usize,
    end: Option<End>,
    /// What ends an answer that doesn't end by itself.
    length_end: End,
    /// Time spent in this answer, not between its parts.
    busy: Duration,
}

/// Why an answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The model wrote an end-of-turn token.
    ByItself,
    /// A stop string was written, which isn't part of the answer.
    StopString,
    /// `max_new_tokens` are used up.
    MaxNewTokens,
    /// The model's context is used up.
    Context,
}

impl End {
    /// Rather than by its length.
    pub fn is_by_itself(self) -> bool {
        matches!(self, Self::ByItself | Self::StopString)
    }
}

/// Refuses settings that can't be used.
pub(super) fn check(sampling: &Sampling) -> Result<(), ModelError> {
    sampling.check().map_err(|message| ModelError::Compute { message })
}

/// What the model is given to answer: at least one token.
pub(super) fn prompt_ids(model: &LanguageModel, prompt: Conversation<'_>) -> Result<Vec<u32>, ModelError> {
    let ids = model.chat.encode(prompt, true)?.ids();
    if ids.is_empty() {
        let message = "the model's chat template writes nothing for this prompt, so that there is nothing to answer";
        return Err(ModelError::Compute { message: message.to_owned() });
    }
    Ok(ids)
}

impl<'a> Session<'a> {
    /// Begins an answer; `prompt` is everything before it.
    ///
    /// # Errors
    /// Where a setting can't be used, the template refuses the prompt, it leaves no room for an answer, or the adapter
    /// doesn't fit.
    pub fn new(
        model: &'a LanguageModel,
        adapter: Option<&LoraAdapter>,
        prompt: Conversation<'_>,
        sampling: &Sampling,
    ) -> Result<Self, ModelError> {
        check(sampling)?;
        let pending = prompt_ids(model, prompt)?;
        let context = model.decoder.spec().context_length;
        if pending.len() >= context {
            let [num, most] = [pending.len(), context].map(thousands);
            let message = format!("the prompt has {num} tokens, but the model reads {most} at most");
            return Err(ModelError::Compute { message });
        }
        let room = context - pending.len();
        let mut sampler = Sampler::new(sampling);
        sampler.see(&pending);
        Ok(Self {
            model,
            generation: Generation::new(&model.decoder, adapter)?,
            sampler,
            format: prompt.format,
            stop: sampling.stop.clone(),
            max_new_tokens: sampling.max_new_tokens.min(room),
            cache: KvCache::new(model.decoder.spec()),
            pending,
            ids: Vec::new(),
            num_bytes_told: 0,
            length_end: if sampling.max_new_tokens <= room { End::MaxNewTokens } else { End::Context },
            end: (sampling.max_new_tokens == 0).then_some(End::MaxNewTokens),
            busy: Duration::ZERO,
        })
    }

    /// Advances by a part of the prompt or by one token; returns the text that became certain, often empty.
    ///
    /// # Errors
    /// Where the model can't compute, or the tokenizer can't turn tokens into text.
    pub fn advance(&mut self) -> Result<String, ModelError> {
        if self.end.is_some() {
            return Ok(String::new());
        }
        let started = Instant::now();
        let text = self.advance_by_one();
        self.busy += started.elapsed();
        text
    }

    fn advance_by_one(&mut self) -> Result<String, ModelError> {
        let now: Vec<u32> = self.pending.drain(..self.pending.len().min(PROMPT_CHUNK)).collect();
        self.generation.advance(&[&now], &mut [&mut self.cache])?;
        if !self.pending.is_empty() {
            return Ok(String::new());
        }
        let logits = self.generation.logits()?;
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(self.model.decoder.not_finite("what the model says of the next token"));
        }
        let token = self.sampler.sample(logits);
        if self.model.chat.is_stop(token, self.format) {
            self.end = Some(End::ByItself);
        } else {
            self.ids.push(token);
            self.pending.push(token);
            self.sampler.see(&[token]);
            if self.ids.len() >= self.max_new_tokens {
                self.end = Some(self.length_end);
            }
        }
        self.new_text()
    }

    pub fn end(&self) -> Option<End> {
        self.end
    }

    pub fn num_tokens(&self) -> usize {
        self.ids.len()
    }

    /// What was asked for, or what the model's context leaves.
    pub fn max_new_tokens(&self) -> usize {
        self.max_new_tokens
    }

    /// The speed of the answer, the reading of the prompt included in the time.
    pub fn tokens_per_sec(&self) -> f64 {
        self.ids.len() as f64 / self.busy.as_secs_f64().max(1e-9)
    }

    /// The whole answer so far.
    ///
    /// # Errors
    /// Where the tokenizer can't turn tokens into text.
    pub fn text(&self) -> Result<String, ModelError> {
        let mut text = self.model.chat.tokenizer.decode_plain(&self.ids)?;
        text.truncate(stop::find(&text, &self.stop).unwrap_or(text.len()));
        Ok(text)
    }

    /// What can be handed out: half a character waits for its other half, and what may be half a stop string for its.
    fn new_text(&mut self) -> Result<String, ModelError> {
        let mut text = self.model.chat.tokenizer.decode_plain(&self.ids)?;
        if let Some(at) = stop::find(&text, &self.stop) {
            text.truncate(at);
            self.end = Some(End::StopString);
        }
        if self.end.is_none() {
            if text.ends_with('\u{FFFD}') {
                return Ok(String::new());
            }
            text.truncate(stop::certain(&text, &self.stop));
        }
        let new = text.get(self.num_bytes_told..).unwrap_or_default().to_owned();
        self.num_bytes_told = text.len().max(self.num_bytes_told);
        Ok(new)
    }
}
