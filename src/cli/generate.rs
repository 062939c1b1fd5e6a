//! `tunewright generate`: one answer, token by token.

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::model::{self, FormatArgs, ModelArgs};
use super::progress::Progress;
use super::terminal;
use crate::generate::{End, Sampling, Session};
use crate::model::{Conversation, LanguageModel, Turn, peft};
use crate::run::checkpoints::undamaged;
use crate::words::{count, thousands};

#[derive(Debug, Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// The user's turn
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// The system's turn before it
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    #[arg(long, value_name = "N", default_value_t = Sampling::default().max_new_tokens)]
    max_new_tokens: usize,
    /// 0 takes the likeliest token every time
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature, value_parser = temperature)]
    temperature: f64,
    /// Sample from the smallest set of tokens whose probabilities reach this sum
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p, value_parser = top_p)]
    top_p: f64,
    /// Sample from this many of the likeliest tokens; 0 is all
    #[arg(long, value_name = "K", default_value_t = Sampling::default().top_k)]
    top_k: usize,
    /// Sample from tokens at least this share as likely as the likeliest
    #[arg(long, value_name = "P", default_value_t = Sampling::default().min_p, value_parser = top_p)]
    min_p: f64,
    /// Make tokens that are there already less likely; 1 changes nothing
    #[arg(long, value_name = "R", default_value_t = Sampling::default().repetition_penalty, value_parser = penalty)]
    repetition_penalty: f64,
    /// End the answer before this text; can be given more than once
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// The same seed gives the same answer
    #[arg(long, value_name = "N", default_value_t = Sampling::default().seed)]
    seed: u64,
}

pub fn run(args: GenerateArgs) -> Result<(), Ended> {
    let sampling = Sampling {
        temperature: args.temperature,
        top_p: args.top_p,
        max_new_tokens: args.max_new_tokens,
        seed: args.seed,
        top_k: args.top_k,
        min_p: args.min_p,
        repetition_penalty: args.repetition_penalty,
        stop: args.stop,
    };
    sampling.check().map_err(Ended::failed)?;
    let interrupt = Interrupt::listen();
    let path = model::locate(&args.model.model, &interrupt)?;
    let language_model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.control))?;
    model::tell_notes(&language_model.facts);
    let adapter = match &args.model.adapter {
        Some(folder) => Some(peft::load(undamaged(folder)?, language_model.decoder.spec())?),
        None => None,
    };
    let system = args.system.iter().map(|content| Turn::new("system", content));
    let turns: Vec<_> = system.chain([Turn::new("user", &args.prompt)]).collect();
    let format = args.format.with_run_of(args.model.adapter.as_deref());
    let prompt = Conversation { format, ..Conversation::from(&turns) };
    let mut session = Session::new(&language_model, adapter.as_ref(), prompt, &sampling)?;
    while session.end().is_none() {
        interrupt.check()?;
        terminal::piece(&session.advance()?);
    }
    terminal::line("");
    match session.end() {
        Some(End::MaxNewTokens) => {
            terminal::note(&format!(
                "The answer was cut off after {} (--max-new-tokens).",
                count(session.num_tokens(), "token", "tokens")
            ));
        }
        Some(End::Context) => {
            let context = thousands(language_model.decoder.spec().context_length);
            terminal::note(&format!(
                "The answer was cut off: the model reads at most {context} tokens, prompt and answer."
            ));
        }
        Some(End::ByItself | End::StopString) | None => {}
    }
    Ok(())
}

fn temperature(text: &str) -> Result<f64, String> {
    super::number(text, 0.0, Sampling::MAX_TEMPERATURE)
}

fn penalty(text: &str) -> Result<f64, String> {
    super::number(text, 0.0, Sampling::MAX_PENALTY)
}

fn top_p(text: &str) -> Result<f64, String> {
    super::number(text, 0.0, 1.0)
}
