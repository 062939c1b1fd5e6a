//! Answers: the reading of a prompt, one answer, and many at once.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{Common, peak_memory_mb};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model;
use crate::cli::progress::Progress;
use crate::generate::{argmax, greedy_answers};
use crate::model::{Conversation, KvCache, LanguageModel, ModelError, Turn};

const QUESTIONS: [&str; 4] = [
    "Explain how a refrigerator keeps food cold.",
    "Write a short letter to a neighbour about a broken fence.",
    "Describe a walk through a harbour town in the rain.",
    "Give advice to somebody who starts to learn chess.",
];

#[derive(Debug, Args)]
pub struct GenerateBench {
    #[command(flatten)]
    common: Common,
    /// Tokens of the answer
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_new_tokens: usize,
    /// Tokens of the prompt whose reading is measured
    #[arg(long, value_name = "N", default_value_t = 512)]
    prompt_length: usize,
    /// Answers at once
    #[arg(long, value_name = "N", default_value_t = 32)]
    prompts: usize,
}

pub fn run(args: GenerateBench) -> Result<(), Ended> {
    args.common.start();
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.common.model, &interrupt)?;
    let model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.cancel))?;
    let one = one_answer(&model, args.max_new_tokens)?;
    let reading = reading(&model, args.prompt_length)?;
    let (many, num_tokens) = many_answers(&model, args.prompts, args.max_new_tokens / 2)?;
    args.common.print(json!({
        "tokens_per_sec": one,
        "prompt_tokens_per_sec": reading,
        "batch_tokens_per_sec": many,
        "batch_answers": args.prompts,
        "batch_tokens": num_tokens,
        "peak_memory_mb": peak_memory_mb(),
        "precision": "f32",
    }));
    Ok(())
}

/// Greedy tokens a second after a short prompt, whatever they say.
fn one_answer(model: &LanguageModel, num_tokens: usize) -> Result<f64, Ended> {
    let prompt = model.chat.encode(&[Turn::new("user", QUESTIONS[0])], true)?.ids();
    let mut cache = KvCache::new(model.decoder.spec());
    let mut token = next(model, &prompt, &mut cache)?;
    let started = Instant::now();
    for _ in 0..num_tokens {
        token = next(model, &[token], &mut cache)?;
    }
    Ok(num_tokens as f64 / started.elapsed().as_secs_f64())
}

fn next(model: &LanguageModel, tokens: &[u32], cache: &mut KvCache) -> Result<u32, ModelError> {
    let hidden = model.decoder.forward_cached(&[tokens], &mut [cache], None)?;
    let logits = model.decoder.logits(&hidden)?;
    Ok(crate::ops::storage::with_slice(&logits, argmax)?)
}

/// Prompt tokens a second.
fn reading(model: &LanguageModel, length: usize) -> Result<f64, Ended> {
    let mut ids = model.chat.encode(&[Turn::new("user", &QUESTIONS.join(" "))], false)?.ids();
    ids = ids.iter().copied().cycle().take(length.max(1)).collect();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let mut cache = KvCache::new(model.decoder.spec());
        let started = Instant::now();
        next(model, &ids, &mut cache)?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(ids.len() as f64 / best)
}

/// Tokens a second over all answers, and how many there were.
fn many_answers(model: &LanguageModel, num: usize, max_new_tokens: usize) -> Result<(f64, usize), Ended> {
    let questions = QUESTIONS.map(|question| [Turn::new("user", question)]);
    let prompts: Vec<_> = questions.iter().map(Conversation::from).cycle().take(num).collect();
    let started = Instant::now();
    let answers = greedy_answers(model, None, &prompts, max_new_tokens, &mut |_| (), &|| false)?.unwrap_or_default();
    let secs = started.elapsed().as_secs_f64();
    let mut num_tokens = 0;
    for answer in &answers {
        num_tokens += model.chat.tokenizer.encode_text(answer)?.len();
    }
    Ok((num_tokens as f64 / secs, num_tokens))
}
