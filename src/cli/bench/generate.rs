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
use crate::model::{Conversation, Generation, KvCache, LanguageModel, ModelError, Turn};
use crate::task::Unwatched;

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
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = super::amount)]
    max_new_tokens: usize,
    /// Tokens of the prompt whose reading is measured
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = super::amount)]
    prompt_length: usize,
    /// Answers at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = super::amount)]
    prompts: usize,
}

pub fn run(args: GenerateBench) -> Result<(), Ended> {
    args.common.start();
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.common.model, &interrupt)?;
    let model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.control))?;
    let one = one_answer(&model, args.max_new_tokens)?;
    let reading = reading(&model, args.prompt_length)?;
    let alone = one_by_one(&model, args.max_new_tokens / 2)?;
    let (many, num_tokens) = many_answers(&model, args.prompts, args.max_new_tokens / 2)?;
    args.common.print(json!({
        "tokens_per_sec": one,
        "prompt_tokens_per_sec": reading,
        "one_by_one_tokens_per_sec": alone,
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
    let mut generation = Generation::new(&model.decoder, None).map_err(ModelError::from)?;
    let mut cache = KvCache::new(model.decoder.spec());
    let mut token = next(&mut generation, &prompt, &mut cache)?;
    let started = Instant::now();
    for _ in 0..num_tokens {
        token = next(&mut generation, &[token], &mut cache)?;
    }
    Ok(num_tokens as f64 / started.elapsed().as_secs_f64())
}

fn next(generation: &mut Generation<'_>, tokens: &[u32], cache: &mut KvCache) -> Result<u32, ModelError> {
    generation.advance(&[tokens], &mut [cache])?;
    Ok(argmax(generation.logits()?))
}

/// Prompt tokens a second.
fn reading(model: &LanguageModel, length: usize) -> Result<f64, Ended> {
    let mut ids = model.chat.encode(&[Turn::new("user", &QUESTIONS.join(" "))], false)?.ids();
    ids = ids.iter().copied().cycle().take(length.max(1)).collect();
    let mut generation = Generation::new(&model.decoder, None).map_err(ModelError::from)?;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let mut cache = KvCache::new(model.decoder.spec());
        let started = Instant::now();
        next(&mut generation, &ids, &mut cache)?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(ids.len() as f64 / best)
}

/// Tokens a second of answers that are made one after the other, the reading of their prompts included.
fn one_by_one(model: &LanguageModel, max_new_tokens: usize) -> Result<f64, Ended> {
    let (mut num_tokens, mut secs) = (0, 0.0);
    for question in QUESTIONS {
        let started = Instant::now();
        num_tokens += answer(model, &[question], max_new_tokens)?;
        secs += started.elapsed().as_secs_f64();
    }
    Ok(num_tokens as f64 / secs)
}

/// Tokens a second of several answers at once, and how many tokens there were.
fn many_answers(model: &LanguageModel, num: usize, max_new_tokens: usize) -> Result<(f64, usize), Ended> {
    let questions: Vec<_> = QUESTIONS.into_iter().cycle().take(num).collect();
    let started = Instant::now();
    let num_tokens = answer(model, &questions, max_new_tokens)?;
    Ok((num_tokens as f64 / started.elapsed().as_secs_f64(), num_tokens))
}

fn answer(model: &LanguageModel, questions: &[&str], max_new_tokens: usize) -> Result<usize, Ended> {
    let turns: Vec<_> = questions.iter().map(|question| [Turn::new("user", question)]).collect();
    let prompts: Vec<_> = turns.iter().map(Conversation::from).collect();
    let answers = greedy_answers(model, None, &prompts, max_new_tokens, &Unwatched)?.unwrap_or_default();
    let counts = answers.iter().map(|answer| model.chat.tokenizer.encode_text(answer).map(|ids| ids.len()));
    Ok(counts.sum::<Result<usize, ModelError>>()?)
}
