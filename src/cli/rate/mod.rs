//! `tunewright rate`: two answers to each prompt without their models' names, and which is better, by single keys; the
//! same sessions as the window's.

mod ask;
mod make;

use std::path::PathBuf;

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::terminal;
use crate::data::Split;
use crate::evaluate::rating::{self, Rated, Summary, user_name};
use crate::run::RunRecord;
use crate::workbench::rating::change_in_words;

#[derive(Debug, Args)]
pub struct RateArgs {
    /// A session's file, `ratings/2026-11-21-1.jsonl` in a project, to go on with or to look at
    #[arg(value_name = "SESSION", required_unless_present = "run", conflicts_with = "run")]
    session: Option<PathBuf>,
    /// Make a session of this run's folder: its base model's answers beside its own
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// With --run: the prompts of this file, in any known format; else those that it held out
    #[arg(long, value_name = "FILE", requires = "run")]
    data: Option<PathBuf>,
    /// With --run: at most so many prompts, drawn by lot
    #[arg(long, value_name = "N", default_value_t = 40, requires = "run")]
    most: usize,
    /// With --run: the same seed draws the same order and sides
    #[arg(long, value_name = "N", requires = "run")]
    seed: Option<u64>,
    /// Who rates
    #[arg(long, value_name = "NAME", default_value_t = user_name())]
    rater: String,
    /// Write a line for each prompt with a better answer: prompt, chosen, rejected
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Print what the session came to, and ask nothing
    #[arg(long)]
    result: bool,
    /// With --result: print one JSON object
    #[arg(long, requires = "result")]
    json: bool,
}

pub fn run(args: RateArgs) -> Result<(), Ended> {
    let (mut rated, file) = match (&args.session, &args.run) {
        (Some(file), _) => (rating::read(file)?, file.clone()),
        (None, Some(run_dir)) => {
            let interrupt = Interrupt::listen();
            let run = RunRecord::read(run_dir)?;
            let parts = [Split::Validation, Split::Test];
            make::session(&run, args.data.as_deref(), &parts, args.most, args.seed, &interrupt)?
        }
        (None, None) => return Err(Ended::failed("Name a session's file, or a run with --run")),
    };
    if args.run.is_some() {
        terminal::note(&format!("Session {}", file.display()));
        if rated.session.num_same > 0 {
            let num = crate::words::count(rated.session.num_same, "prompt", "prompts");
            terminal::note(&format!("{num} left out: both answers are the same"));
        }
    }
    // Of examples in a project the window knows more; here are the weights and the file.
    if let Some(change) = change_in_words(&rated.session, 0, 0) {
        terminal::note(&format!("note: {change}"));
    }
    if !args.result && args.export.is_none() {
        ask::ask(&mut rated, &file, args.rater.trim())?;
    }
    if let Some(to) = &args.export {
        terminal::note(&rating::export_pairs(&rated, to)?.in_words());
    }
    if args.export.is_none() || args.result {
        tell(&rated, args.json)?;
    }
    Ok(())
}

/// What the session came to.
fn tell(rated: &Rated, as_json: bool) -> Result<(), Ended> {
    let summary = Summary::of(rated);
    if as_json {
        terminal::line(&serde_json::to_string(&summary).map_err(|error| Ended::failed(error.to_string()))?);
        return Ok(());
    }
    let [first, second] = &summary.models;
    terminal::line(&summary.title([first, second]));
    if let Some(rate) = summary.rate_in_words() {
        terminal::line(&format!("{second}: {rate}"));
    }
    let tally = &summary.tally;
    let counts = [
        (second.as_str(), tally.second),
        (first.as_str(), tally.first),
        ("tie", tally.ties),
        ("both bad", tally.both_bad),
        ("skipped", tally.skipped),
    ];
    let counts = counts.map(|(name, num)| format!("{name} {}", terminal::thousands(num)));
    terminal::line(&counts.join(", "));
    terminal::line(&summary.test_in_words());
    terminal::line(&summary.hint());
    for of in &summary.by_rater {
        terminal::line(&format!("{}: {}", of.rater, of.positions.in_words()));
    }
    summary.agreements.iter().for_each(|agreement| terminal::line(&agreement.in_words()));
    Ok(())
}
