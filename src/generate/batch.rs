//! Many answers at once: a place that becomes free is filled with the next prompt.

use rayon::prelude::*;

use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, Generation, KvCache, LanguageModel, ModelError};

use super::session::{End, check, prompt_ids};
use super::{Sampler, Sampling, stop};
use crate::ops::inference::exp_less;
use crate::ops::product::Isa;
use crate::recipe::ChatFormat;
use crate::task::{Task, Unit};

/// Answers in the making at the same time.
const WIDTH: usize = 32;

/// Tokens that go through the model at once, so that long prompts don't all lie in memory.
const TOKENS_AT_ONCE: usize = 2048;

/// An answer that is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub text: String,
    /// 0 with [`End::Context`] is a prompt that leaves no room for an answer.
    pub num_tokens: usize,
    pub end: End,
    /// How sure the model was of its answer: the mean log-probability, in nats, of the tokens that were chosen, the
    /// end-of-turn token included, before temperature and penalty. 0 is certain.
    pub mean_log_probability: f64,
}

/// An answer in the making.
struct Slot {
    prompt: usize,
    format: ChatFormat,
    sampler: Sampler,
    cache: KvCache,
    /// Not yet in the cache.
    pending: Vec<u32>,
    ids: Vec<u32>,
    /// What was chosen so far, and the end.
    num_chosen: usize,
    sum_log_probability: f64,
    /// As asked for, or as the context leaves room.
    max_new_tokens: usize,
    length_end: End,
}

/// Answers every prompt greedily. `None` when the task was stopped.
///
/// # Errors
/// As [`answer_all`].
pub fn greedy_answers(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    max_new_tokens: usize,
    task: &dyn Task,
) -> Result<Option<Vec<String>>, ModelError> {
    let sampling = Sampling { max_new_tokens, ..Sampling::default() };
    let answers = answer_all(model, adapter, prompts, &sampling, &mut |_, _| {}, task)?;
    Ok(answers.map(|answers| answers.into_iter().map(|answer| answer.text).collect()))
}

/// How unsure the model is of its own greedy answer to each prompt: the mean negative log-probability of the answer's
/// first `num_tokens` tokens, its end included (the length-normalised least confidence of Shen et al. 2018, "Deep active
/// learning for named entity recognition"). 0 is certain.
///
/// # Errors
/// As [`answer_all`].
pub fn greedy_doubts(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    num_tokens: usize,
    task: &dyn Task,
) -> Result<Option<Vec<f64>>, ModelError> {
    let sampling = Sampling { max_new_tokens: num_tokens, ..Sampling::default() };
    let answers = answer_all(model, adapter, prompts, &sampling, &mut |_, _| {}, task)?;
    Ok(answers.map(|answers| answers.iter().map(|answer| -answer.mean_log_probability).collect()))
}

/// Answers every prompt, many at once, and tells `observe` of each answer (which prompt it is of, from 0) as soon as it is
/// complete. An answer is what the prompt alone gets, but for the rounding of several rows
/// ([`crate::ops::quant::fixed`]): each is sampled with the same seed. `None` when the task was stopped.
///
/// # Errors
/// Where a setting can't be used, the template refuses a prompt, the adapter doesn't fit, or the model can't compute.
pub fn answer_all(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    sampling: &Sampling,
    observe: &mut dyn FnMut(usize, &Answered),
    task: &dyn Task,
) -> Result<Option<Vec<Answered>>, ModelError> {
    check(sampling)?;
    let formats: Vec<ChatFormat> = prompts.iter().map(|prompt| prompt.format).collect();
    let prompts: Vec<Vec<u32>> =
        prompts.iter().map(|prompt| prompt_ids(model, *prompt)).collect::<Result<_, ModelError>>()?;
    let context = model.decoder.spec().context_length;
    let mut answers: Vec<Option<Answered>> = vec![None; prompts.len()];
    // What gets no answer is told first.
    for (at, answer) in answers.iter_mut().enumerate() {
        let end = if prompts[at].len() >= context { End::Context } else { End::MaxNewTokens };
        if end == End::Context || sampling.max_new_tokens == 0 {
            let none = Answered { text: String::new(), num_tokens: 0, end, mean_log_probability: 0.0 };
            observe(at, answer.insert(none));
        }
    }
    let waiting: Vec<usize> = (0..prompts.len()).filter(|at| answers[*at].is_none()).collect();
    let (mut num_done, total) = (prompts.len() - waiting.len(), Some(prompts.len() as u64));
    task.progress(num_done as u64, total, Unit::Examples);
    let mut batch = Batch::new(model, adapter, prompts, formats, waiting, sampling)?;
    while batch.fill() {
        if task.go_on().is_none() {
            return Ok(None);
        }
        batch.advance()?;
        for (at, answer) in batch.take_complete()? {
            num_done += 1;
            observe(at, answers[at].insert(answer));
            task.progress(num_done as u64, total, Unit::Examples);
        }
    }
    Ok(answers.into_iter().collect())
}

struct Batch<'a> {
    model: &'a LanguageModel,
    generation: Generation<'a>,
    sampling: &'a Sampling,
    prompts: Vec<Vec<u32>>,
    formats: Vec<ChatFormat>,
    /// In reverse.
    waiting: Vec<usize>,
    /// What all prompts begin with, usually the system message, is read once.
    num_shared: usize,
    read: KvCache,
    slots: Vec<Slot>,
    complete: Vec<(Slot, End)>,
    /// Caches of answers that are complete, for the next.
    caches_left: Vec<KvCache>,
}

impl<'a> Batch<'a> {
    fn new(
        model: &'a LanguageModel,
        adapter: Option<&LoraAdapter>,
        prompts: Vec<Vec<u32>>,
        formats: Vec<ChatFormat>,
        mut waiting: Vec<usize>,
        sampling: &'a Sampling,
    ) -> Result<Self, ModelError> {
        let mut generation = Generation::new(&model.decoder, adapter)?;
        let mut read = KvCache::new(model.decoder.spec());
        let prefix = common_prefix(&waiting.iter().map(|at| prompts[*at].as_slice()).collect::<Vec<_>>());
        for part in prefix.chunks(TOKENS_AT_ONCE) {
            generation.advance(&[part], &mut [&mut read])?;
        }
        let num_shared = prefix.len();
        waiting.reverse();
        Ok(Self {
            model,
            generation,
            sampling,
            prompts,
            formats,
            waiting,
            num_shared,
            read,
            slots: Vec::new(),
            complete: Vec::new(),
            caches_left: Vec::new(),
        })
    }

    /// Gives free places to those who wait; `false` where nothing is left to do.
    fn fill(&mut self) -> bool {
        let spec = self.model.decoder.spec();
        while self.slots.len() < WIDTH
            && let Some(prompt) = self.waiting.pop()
        {
            let ids = &self.prompts[prompt];
            let mut cache = self.caches_left.pop().unwrap_or_else(|| KvCache::new(spec));
            cache.set(&self.read);
            let mut sampler = Sampler::new(self.sampling);
            sampler.see(ids);
            let room = spec.context_length - ids.len();
            self.slots.push(Slot {
                prompt,
                format: self.formats[prompt],
                sampler,
                cache,
                pending: ids[self.num_shared..].to_vec(),
                ids: Vec::new(),
                num_chosen: 0,
                sum_log_probability: 0.0,
                max_new_tokens: self.sampling.max_new_tokens.min(room),
                length_end: if self.sampling.max_new_tokens <= room { End::MaxNewTokens } else { End::Context },
            });
        }
        !self.slots.is_empty()
    }

    /// Reads what is pending, as much as goes through at once, and adds a token to each answer whose prompt is read.
    fn advance(&mut self) -> Result<(), ModelError> {
        let mut room = TOKENS_AT_ONCE;
        let (mut now, mut new): (Vec<&mut Slot>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        for slot in &mut self.slots {
            let num = slot.pending.len().min(room);
            if num > 0 {
                room -= num;
                new.push(slot.pending.drain(..num).collect());
                now.push(slot);
            }
        }
        let new: Vec<&[u32]> = new.iter().map(Vec::as_slice).collect();
        let mut caches: Vec<&mut KvCache> = now.iter_mut().map(|slot| &mut slot.cache).collect();
        self.generation.advance(&new, &mut caches)?;
        let logits = self.generation.logits()?;
        if !logits.par_iter().all(|logit| logit.is_finite()) {
            return Err(self.model.decoder.not_finite("what the model says of the next token"));
        }
        let rows = logits.par_chunks_mut(self.model.decoder.spec().vocab_size).zip(now);
        let (model, stop) = (self.model, &self.sampling.stop);
        let ends = rows.map(|(logits, slot)| match slot.pending.is_empty() {
            true => slot.choose(model, stop, logits),
            false => Ok(None),
        });
        let mut ends = ends.collect::<Result<Vec<_>, ModelError>>()?.into_iter();
        // Those that had no room in this step come after all that had.
        let num_before = self.slots.len();
        let mut going_on = Vec::with_capacity(num_before);
        for slot in self.slots.drain(..) {
            match ends.next().flatten() {
                Some(end) => self.complete.push((slot, end)),
                None => going_on.push(slot),
            }
        }
        self.slots = going_on;
        Ok(())
    }

    fn take_complete(&mut self) -> Result<Vec<(usize, Answered)>, ModelError> {
        let mut taken = Vec::with_capacity(self.complete.len());
        for (slot, end) in self.complete.drain(..) {
            let mut text = self.model.chat.tokenizer.decode_plain(&slot.ids)?;
            text.truncate(stop::find(&text, &self.sampling.stop).unwrap_or(text.len()));
            let mean_log_probability = slot.sum_log_probability / slot.num_chosen.max(1) as f64;
            taken.push((slot.prompt, Answered { text, num_tokens: slot.ids.len(), end, mean_log_probability }));
            self.caches_left.push(slot.cache);
        }
        Ok(taken)
    }
}

impl Slot {
    /// Takes the next token, and says whether the answer ends there; the logits are used up.
    fn choose(
        &mut self,
        model: &LanguageModel,
        stop: &[String],
        logits: &mut [f32],
    ) -> Result<Option<End>, ModelError> {
        let token = self.sampler.sample(logits);
        self.num_chosen += 1;
        self.sum_log_probability += log_probability(logits, token);
        if model.chat.is_stop(token, self.format) {
            return Ok(Some(End::ByItself));
        }
        self.ids.push(token);
        self.pending.push(token);
        self.sampler.see(&[token]);
        if !stop.is_empty() && stop::find(&model.chat.tokenizer.decode_plain(&self.ids)?, stop).is_some() {
            return Ok(Some(End::StopString));
        }
        Ok((self.ids.len() >= self.max_new_tokens).then_some(self.length_end))
    }
}

/// The log-probability of a token; `logits` are used up.
fn log_probability(logits: &mut [f32], token: u32) -> f64 {
    let chosen = logits.get(token as usize).copied().unwrap_or_default();
    let highest = logits.get(super::argmax(logits) as usize).copied().unwrap_or_default();
    f64::from(chosen - highest) - f64::from(exp_less(Isa::current(), logits, highest)).ln()
}

/// The tokens that all prompts begin with, but for each prompt's last, which is still to be answered.
fn common_prefix<'a>(prompts: &[&'a [u32]]) -> &'a [u32] {
    let [first, others @ ..] = prompts else { return &[] };
    if others.is_empty() {
        return &[];
    }
    let shared = others.iter().map(|ids| ids.iter().zip(*first).take_while(|(a, b)| a == b).count()).min();
    let shortest = prompts.iter().map(|ids| ids.len()).min().unwrap_or_default();
    &first[..shared.unwrap_or_default().min(shortest.saturating_sub(1))]
}

#[cfg(test)]
mod tests {
    use super::{common_prefix, log_probability};

    #[test]
    fn the_log_probability_is_that_of_the_choice() {
        let logits = [1.0, 1.0 + 3.0_f32.ln(), 1.0];
        for (token, share) in [(0, 0.2_f64), (1, 0.6)] {
            let found = log_probability(&mut logits.clone(), token);
            assert!((found - share.ln()).abs() < 1e-6, "{found}");
        }
        assert!(log_probability(&mut [0.0, 90.0], 1).abs() < 1e-9);
    }

    #[test]
    fn a_prefix_leaves_every_prompt_a_token() {
        let prefix = |prompts: &[&[u32]]| common_prefix(prompts).len();
        assert_eq!(prefix(&[]), 0);
        assert_eq!(prefix(&[&[1, 2, 3]]), 0, "nobody to share it with");
        assert_eq!(prefix(&[&[1, 2, 3], &[1, 2, 4, 5]]), 2);
        assert_eq!(prefix(&[&[1, 2], &[1, 2], &[1, 2, 4]]), 1);
        assert_eq!(prefix(&[&[1, 2], &[]]), 0);
    }
}
