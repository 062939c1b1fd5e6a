//! Many short prompts, answered at once and one by one, in turns.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{Common, median, peak_memory_mb};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::model;
use crate::cli::progress::Progress;
use crate::generate::{Sampling, Session, answer_all};
use crate::model::{Conversation, LanguageModel, Turn};

const SUBJECTS: [&str; 10] =
    ["a lighthouse", "bread", "the moon", "a violin", "rain", "a bicycle", "salt", "an owl", "glass", "a river"];

const QUESTIONS: [&str; 6] = [
    "What is {} good for?",
    "Name three things that go with {}.",
    "Explain {} to a child.",
    "Is {} older than paper?",
    "What colour is {}?",
    "Write a line about {}.",
];

#[derive(Debug, Args)]
pub struct AnswersBench {
    #[command(flatten)]
    common: Common,
    /// Prompts in all
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = super::amount)]
    prompts: usize,
    /// Parts of the prompts that are measured in turns; the ratio is the median's
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = super::amount)]
    rounds: usize,
    /// Tokens of an answer at most
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = super::amount)]
    max_new_tokens: usize,
    /// 0 takes the likeliest token every time
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = |text: &str| crate::cli::number(text, 0.0, 100.0))]
    temperature: f64,
}

pub fn run(args: &AnswersBench) -> Result<(), Ended> {
    args.common.start();
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.common.model, &interrupt)?;
    let model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.control))?;
    let sampling =
        Sampling { max_new_tokens: args.max_new_tokens, temperature: args.temperature, ..Sampling::default() };
    let questions: Vec<String> = (0..args.prompts).map(question).collect();
    let turns: Vec<_> = questions.iter().map(|question| [Turn::new("user", question)]).collect();
    let prompts: Vec<Conversation<'_>> = turns.iter().map(Conversation::from).collect();
    let (mut ratios, mut num_equal) = (Vec::new(), 0);
    let [mut together, mut apart] = [(0, 0.0); 2];
    for prompts in prompts.chunks(args.prompts.div_ceil(args.rounds)) {
        let started = Instant::now();
        let answers = answer_all(&model, None, prompts, &sampling, &mut |_, _| {}, &interrupt.control)?;
        let answers = answers.ok_or(Ended::Stopped)?;
        let secs = started.elapsed().as_secs_f64();
        together = (together.0 + answers.iter().map(|answer| answer.num_tokens).sum::<usize>(), together.1 + secs);
        let started = Instant::now();
        for (prompt, answer) in prompts.iter().zip(&answers) {
            let mut session = Session::new(&model, None, *prompt, &sampling)?;
            while session.end().is_none() {
                interrupt.check()?;
                session.advance()?;
            }
            apart.0 += session.num_tokens();
            num_equal += usize::from(session.text()? == answer.text);
        }
        let secs_apart = started.elapsed().as_secs_f64();
        apart.1 += secs_apart;
        ratios.push(secs_apart / secs);
    }
    args.common.print(json!({
        "answers": args.prompts,
        "batch_secs": together.1,
        "one_by_one_secs": apart.1,
        "batch_tokens_per_sec": together.0 as f64 / together.1,
        "one_by_one_tokens_per_sec": apart.0 as f64 / apart.1,
        "ratio": median(ratios),
        "equal_answers": num_equal,
        "peak_memory_mb": peak_memory_mb(),
        "precision": "f32",
    }));
    Ok(())
}

fn question(at: usize) -> String {
    let subject = SUBJECTS[at % SUBJECTS.len()];
    let question = QUESTIONS[at / SUBJECTS.len() % QUESTIONS.len()].replace("{}", subject);
    match at / (SUBJECTS.len() * QUESTIONS.len()) {
        0 => question,
        round => format!("{question} In {} words or fewer.", 4 + round),
    }
}
