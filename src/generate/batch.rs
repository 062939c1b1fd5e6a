//! Many answers at once: a place that becomes free is filled with the next prompt.

use rayon::prelude::*;

use crate::model::lora::LoraAdapter;
use crate::model::{Conversation, Generation, KvCache, LanguageModel, ModelError};

use super::sampling::argmax;
use super::session::prompt_ids;
use crate::ops::inference::exp_less;
use crate::ops::product::Isa;
use crate::recipe::ChatFormat;
use crate::task::{Task, Unit};

/// Answers in the making at the same time.
const WIDTH: usize = 32;

struct Slot {
    prompt: usize,
    cache: KvCache,
    pending: Vec<u32>,
    ids: Vec<u32>,
    /// The negative log-probabilities of the tokens chosen so far.
    doubts: Vec<f64>,
}

/// An answer that is complete.
struct Done<'a> {
    ids: &'a [u32],
    doubts: &'a [f64],
}

/// How far answers go, and what is made of them.
struct Wanted<'a, T> {
    max_new_tokens: usize,
    with_doubts: bool,
    finish: &'a dyn Fn(Done<'_>) -> Result<T, ModelError>,
}

/// Answers every prompt greedily. `None` when the task was stopped.
///
/// # Errors
/// Where the template refuses a prompt, or the model can't compute.
pub fn greedy_answers(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    max_new_tokens: usize,
    task: &dyn Task,
) -> Result<Option<Vec<String>>, ModelError> {
    let finish = &|done: Done<'_>| model.chat.tokenizer.decode_plain(done.ids);
    let wanted = Wanted { max_new_tokens, with_doubts: false, finish };
    answer_all(model, adapter, prompts, &wanted, task)
}

/// How unsure the model is of its own greedy answer to each prompt: the mean negative log-probability of the answer's
/// first `num_tokens` tokens, its end included (the length-normalised least confidence of Shen et al. 2018, "Deep active
/// learning for named entity recognition"). 0 is certain.
///
/// # Errors
/// Where the template refuses a prompt, or the model can't compute.
pub fn greedy_doubts(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    num_tokens: usize,
    task: &dyn Task,
) -> Result<Option<Vec<f64>>, ModelError> {
    let finish = &|done: Done<'_>| Ok(done.doubts.iter().sum::<f64>() / done.doubts.len().max(1) as f64);
    let wanted = Wanted { max_new_tokens: num_tokens, with_doubts: true, finish };
    answer_all(model, adapter, prompts, &wanted, task)
}

fn answer_all<T: Clone + Default>(
    model: &LanguageModel,
    adapter: Option<&LoraAdapter>,
    prompts: &[Conversation<'_>],
    wanted: &Wanted<'_, T>,
    task: &dyn Task,
) -> Result<Option<Vec<T>>, ModelError> {
    let spec = model.decoder.spec();
    let mut answers = vec![T::default(); prompts.len()];
    let formats: Vec<ChatFormat> = prompts.iter().map(|prompt| prompt.format).collect();
    let prompts: Vec<Vec<u32>> =
        prompts.iter().map(|prompt| prompt_ids(model, *prompt)).collect::<Result<_, ModelError>>()?;
    // What all prompts begin with, usually the system message, is read once.
    let prefix = common_prefix(&prompts);
    let mut generation = Generation::new(&model.decoder, adapter)?;
    let mut read = KvCache::new(spec);
    if !prefix.is_empty() {
        generation.advance(&[prefix], &mut [&mut read])?;
    }
    let mut waiting = prompts.iter().enumerate();
    let mut slots: Vec<Slot> = Vec::new();
    // Caches of answers that are done, for the next.
    let mut caches_left = Vec::new();
    let (mut num_done, total) = (0, Some(prompts.len() as u64));
    task.progress(num_done, total, Unit::Examples);
    loop {
        while slots.len() < WIDTH
            && let Some((prompt, ids)) = waiting.next()
        {
            let pending = ids[prefix.len()..].to_vec();
            let mut cache = caches_left.pop().unwrap_or_else(|| KvCache::new(spec));
            cache.set(&read);
            slots.push(Slot { prompt, cache, pending, ids: Vec::new(), doubts: Vec::new() });
        }
        if slots.is_empty() {
            return Ok(Some(answers));
        }
        if task.go_on().is_none() {
            return Ok(None);
        }
        let new: Vec<Vec<u32>> = slots.iter_mut().map(|slot| std::mem::take(&mut slot.pending)).collect();
        let new: Vec<&[u32]> = new.iter().map(Vec::as_slice).collect();
        let mut caches: Vec<&mut KvCache> = slots.iter_mut().map(|slot| &mut slot.cache).collect();
        generation.advance(&new, &mut caches)?;
        let with_doubts = wanted.with_doubts;
        let logits = generation.logits()?;
        if !logits.par_iter().all(|logit| logit.is_finite()) {
            return Err(model.decoder.not_finite("what the model says of the next token"));
        }
        let logits = logits.par_chunks_mut(spec.vocab_size);
        let tokens: Vec<(u32, f64)> = logits.map(|logits| choose(logits, with_doubts)).collect();
        let mut going_on = Vec::with_capacity(slots.len());
        for (mut slot, (token, doubt)) in slots.into_iter().zip(tokens) {
            let ended = model.chat.is_stop(token, formats[slot.prompt]);
            slot.doubts.push(doubt);
            if !ended {
                slot.ids.push(token);
                slot.pending.push(token);
            }
            if ended || slot.ids.len() >= wanted.max_new_tokens || slot.cache.len() + 1 >= spec.context_length {
                answers[slot.prompt] = (wanted.finish)(Done { ids: &slot.ids, doubts: &slot.doubts })?;
                caches_left.push(slot.cache);
                num_done += 1;
                task.progress(num_done, total, Unit::Examples);
            } else {
                going_on.push(slot);
            }
        }
        slots = going_on;
    }
}

/// The most probable token and, if it `is_wanted`, its negative log-probability; `logits` are used up.
fn choose(logits: &mut [f32], is_wanted: bool) -> (u32, f64) {
    let token = argmax(logits);
    if !is_wanted {
        return (token, 0.0);
    }
    let highest = logits.get(token as usize).copied().unwrap_or_default();
    (token, f64::from(exp_less(Isa::current(), logits, highest)).ln())
}

/// The tokens that all prompts begin with, but for each prompt's last, which is still to be answered.
fn common_prefix(prompts: &[Vec<u32>]) -> &[u32] {
    let [first, others @ ..] = prompts else { return &[] };
    if others.is_empty() {
        return &[];
    }
    let shared = others.iter().map(|ids| ids.iter().zip(first).take_while(|(a, b)| a == b).count()).min();
    let shortest = prompts.iter().map(Vec::len).min().unwrap_or_default();
    &first[..shared.unwrap_or_default().min(shortest.saturating_sub(1))]
}

#[cfg(test)]
mod tests {
    use super::{choose, common_prefix};

    #[test]
    fn doubt_is_the_negative_log_probability_of_the_choice() {
        let (token, doubt) = choose(&mut [1.0, 1.0 + 3.0_f32.ln(), 1.0], true);
        assert_eq!(token, 1);
        assert!((doubt - (5.0_f64 / 3.0).ln()).abs() < 1e-6, "{doubt}");
        assert!(choose(&mut [0.0, 90.0], true).1 < 1e-9);
    }

    #[test]
    fn a_prefix_leaves_every_prompt_a_token() {
        let prefix = |prompts: &[&[u32]]| {
            let prompts: Vec<Vec<u32>> = prompts.iter().map(|ids| ids.to_vec()).collect();
            common_prefix(&prompts).len()
        };
        assert_eq!(prefix(&[]), 0);
        assert_eq!(prefix(&[&[1, 2, 3]]), 0, "nobody to share it with");
        assert_eq!(prefix(&[&[1, 2, 3], &[1, 2, 4, 5]]), 2);
        assert_eq!(prefix(&[&[1, 2], &[1, 2], &[1, 2, 4]]), 1);
        assert_eq!(prefix(&[&[1, 2], &[]]), 0);
    }
}
