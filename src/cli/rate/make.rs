//! A session of a run: answers that are kept with it, and those that are still to be made.

use std::path::{Path, PathBuf};

use super::super::interrupt::Interrupt;
use super::super::progress::Progress;
use super::super::{Ended, model, terminal};
use crate::data::{Example, Split, read_all};
use crate::evaluate::rating::{self, Answered, Rated, Session, SessionData};
use crate::evaluate::{Answer, AnswerEnd, KeptPair, keep_pair};
use crate::fs::name_of;
use crate::generate::{PairEvent, Sampling, compare};
use crate::model::{LanguageModel, lora::LoraAdapter, peft};
use crate::render::{conversation, turns};
use crate::run::checkpoints::undamaged;
use crate::run::{RunDir, RunRecord};
use crate::words::count;
use crate::workbench::rating::{answered_by, clock_seed, folder_for, session_of};

/// Makes the session and keeps it. Where the run has no answers to a prompt yet, both models answer first; what they say
/// is kept with the run, so that stopping loses none.
pub(super) fn session(
    run: &RunRecord,
    data: Option<&Path>,
    parts: &[Split],
    most: usize,
    seed: Option<u64>,
    interrupt: &Interrupt,
) -> Result<(Rated, PathBuf), Ended> {
    let Some(adapter) = run.adapter.clone() else {
        return Err(Ended::failed(format!("{} has no weights yet", run.run_dir.display())));
    };
    let dir = RunDir(&run.run_dir);
    let files: Vec<(PathBuf, Option<Split>)> = match data {
        Some(file) => vec![(file.to_owned(), None)],
        None => {
            let frozen = parts.iter().map(|part| (dir.data_of(*part), Some(*part)));
            frozen.filter(|(file, _)| file.is_file()).collect()
        }
    };
    if files.is_empty() {
        return Err(Ended::failed("The run held nothing out. Name a file of prompts with --data"));
    }
    let mut prompts = Vec::new();
    for (file, split) in &files {
        let examples = read_all(file, &Progress::new("Reading", &interrupt.control))?;
        prompts.extend(examples.into_iter().map(|example| (example, *split)));
    }
    // What is drawn is answered, and nothing else.
    let seed = seed.unwrap_or_else(clock_seed);
    draw(&mut prompts, most, seed);
    let mut kept = answered_by(run)?;
    let is_kept = |kept: &[KeptPair], example: &Example| find(kept, example).is_some();
    let missing: Vec<_> =
        prompts.iter().map(|(e, _)| e).filter(|e| !e.prompt().is_empty() && !is_kept(&kept, e)).collect();
    if !missing.is_empty() {
        kept.extend(answer(run, &adapter, &missing, interrupt)?);
    }
    let answered = prompts.iter().filter_map(|(example, split)| {
        let pair = find(&kept, example)?;
        Some(Answered {
            example: None,
            split: *split,
            prompt: pair.prompt.clone(),
            tools: example.tools.clone(),
            expected: example.answer().map(str::to_owned),
            answers: [pair.before.text.clone(), pair.after.text.clone()],
        })
    });
    let session = session_of(run, answered.collect(), None, seed)?;
    let data = data.map(SessionData::of).transpose()?;
    Ok(rating::begin(&folder_for(&run.run_dir), Session { data, ..session })?)
}

fn find<'a>(kept: &'a [KeptPair], example: &Example) -> Option<&'a KeptPair> {
    kept.iter().rev().find(|pair| pair.prompt == example.prompt())
}

/// At most so many of the prompts, by lot.
fn draw(prompts: &mut Vec<(Example, Option<Split>)>, most: usize, seed: u64) {
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    prompts.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    prompts.truncate(most.max(1));
}

/// Both models' answers, one prompt after the other, each pair kept as soon as it is there.
fn answer(
    run: &RunRecord,
    adapter: &Path,
    examples: &[&Example],
    interrupt: &Interrupt,
) -> Result<Vec<KeptPair>, Ended> {
    let path = model::locate(&run.model, interrupt)?;
    let language_model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.control))?;
    let weights = peft::load(undamaged(adapter)?, language_model.decoder.spec())?;
    terminal::note(&format!("Answering {}, each twice", count(examples.len(), "prompt", "prompts")));
    let mut kept = Vec::with_capacity(examples.len());
    for (at, example) in examples.iter().enumerate() {
        let pair = answer_one(run, adapter, &language_model, &weights, example, interrupt)?;
        interrupt.check()?;
        keep_pair(&run.run_dir, &pair)?;
        kept.push(pair);
        if (at + 1) % 10 == 0 || at + 1 == examples.len() {
            terminal::note(&format!("{} of {} answered", at + 1, examples.len()));
        }
    }
    Ok(kept)
}

fn answer_one(
    run: &RunRecord,
    adapter: &Path,
    language_model: &LanguageModel,
    weights: &LoraAdapter,
    example: &Example,
    interrupt: &Interrupt,
) -> Result<KeptPair, Ended> {
    let sampling = Sampling::default();
    let turns = turns(example.prompt());
    let prompt = conversation(&turns, &example.tools, run.recipe.training.chat_format());
    let mut pair = KeptPair {
        example: None,
        prompt: example.prompt().to_vec(),
        expected: example.answer().map(str::to_owned),
        sampling: sampling.clone(),
        adapter: name_of(adapter),
        at: jiff::Zoned::now().to_string(),
        before: Answer::default(),
        after: Answer::default(),
    };
    let mut take = |event| {
        if let PairEvent::Done { side, answer } = event {
            let (num_tokens, tokens_per_sec) = (answer.num_tokens, answer.tokens_per_sec);
            let end = Some(AnswerEnd { num_tokens, tokens_per_sec, ended_by_itself: answer.ended_by_itself });
            *pair.side_mut(side) = Answer { text: answer.text, end };
        }
    };
    compare(language_model, Some(weights), prompt, &sampling, &mut take, &interrupt.control)?;
    Ok(pair)
}
