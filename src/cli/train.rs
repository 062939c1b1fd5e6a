//! `tunewright train`: follows a recipe.

use std::path::PathBuf;

use clap::Args;

use super::interrupt::Interrupt;
use super::observer::{JsonLines, Readable};
use super::terminal::{self, duration};
use super::{Ended, model};
use crate::recipe::{Plan, Recipe};
use crate::run::RunLock;
use crate::train::sft::{self, RunSummary};
use crate::words::thousands;

#[derive(Debug, Args)]
pub struct TrainArgs {
    /// What to train, on which examples, how
    recipe: PathBuf,
    /// The folder that the run is written to; if a run with this recipe was stopped there, it goes on
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON event a line, with the names of metrics.jsonl
    #[arg(long)]
    json: bool,
}

pub fn run(args: TrainArgs) -> Result<(), Ended> {
    let (recipe, note) = Recipe::read_noted(&args.recipe)?;
    if let Some(note) = note {
        terminal::note(&format!("note: {note}"));
    }
    let interrupt = Interrupt::listen();
    // Before a model is fetched for it.
    RunLock::check(&args.out)?;
    let model_path = model::locate(&recipe.base_model, &interrupt)?;
    let plan = Plan::new(recipe, model_path, args.out)?;
    let summary = if args.json {
        let lines = JsonLines::new(&interrupt.control);
        let summary = sft::run(&plan, &lines, &mut |event| lines.observe(&event))?;
        lines.finished(&summary);
        summary
    } else {
        let readable = Readable::new(&interrupt.control);
        sft::run(&plan, &readable, &mut |event| readable.observe(event))?
    };
    terminal::note(&in_words(&summary));
    if summary.was_stopped {
        terminal::note("Stopped; the same command goes on from here");
        return Err(Ended::Stopped);
    }
    Ok(())
}

/// How a run ended.
pub fn in_words(summary: &RunSummary) -> String {
    let mut lines = vec![format!(
        "{} of {} steps, {}",
        thousands(summary.num_steps_done),
        thousands(summary.num_steps),
        duration(summary.secs)
    )];
    if let (Some(first), Some(best), Some(step)) = (summary.first_eval_loss, summary.best_eval_loss, summary.best_step)
    {
        let words = format!("Validation loss {first:.3} → {best:.3}");
        lines.push(match best < first {
            true => format!("{words}, the best at step {step}"),
            false => format!("{words} at step {step}: no evaluation beat the base model"),
        });
    }
    if let Some(adapter) = &summary.adapter {
        lines.push(format!("Adapter in {}", adapter.display()));
    }
    lines.join("\n")
}
