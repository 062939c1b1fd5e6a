//! `tunewright train`: follows a recipe.

use std::path::PathBuf;

use clap::Args;

use super::interrupt::Interrupt;
use super::observer::{JsonLines, Readable};
use super::terminal::{self, duration};
use super::{Ended, model};
use crate::engine::EngineError;
use crate::project::Project;
use crate::recipe::{Plan, Recipe};
use crate::run::RunLock;
use crate::task::Task;
use crate::train::{Observer, RunSummary};
use crate::words::thousands;
use crate::workbench::{self, train::Source};

#[derive(Debug, Args)]
pub struct TrainArgs {
    /// What to train, on which examples, how
    recipe: PathBuf,
    /// Train on this project's examples instead of the recipe's files
    #[arg(long, value_name = "DIR")]
    project: Option<PathBuf>,
    /// The folder that the run is written to; if a run with this recipe was stopped there, it is resumed [default: a
    /// new one among the project's runs]
    #[arg(long, value_name = "DIR", required_unless_present = "project")]
    out: Option<PathBuf>,
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
    if let Some(out) = &args.out {
        RunLock::check(out)?;
    }
    let mut project = args.project.as_deref().map(Project::open).transpose()?;
    let model_path = model::locate(&recipe.base_model, &interrupt)?;
    let run_dir = match (args.out, &project) {
        (Some(out), _) => out,
        (None, Some(project)) => project.create_run_dir()?,
        (None, None) => return Err(Ended::failed("It needs --out or --project")),
    };
    let plan = Plan::new(recipe, model_path, run_dir.clone())?;
    let source = project.as_mut().map_or(Source::Files, Source::Project);
    let result = if args.json {
        let lines = JsonLines::new(&interrupt.control);
        let result = follow(source, plan, &lines, &mut |event| lines.observe(&event));
        result.inspect(|summary| lines.finished(summary))
    } else {
        let readable = Readable::new(&interrupt.control);
        follow(source, plan, &readable, &mut |event| readable.observe(event))
    };
    if args.project.is_some() && result.is_err() {
        // One that was made for it and holds no run.
        let _ = std::fs::remove_dir(&run_dir);
    }
    let summary = result?;
    terminal::note(&in_words(&summary));
    if summary.was_stopped {
        terminal::note("Stopped; the same command resumes from here");
        return Err(Ended::Stopped);
    }
    Ok(())
}

fn follow(
    source: Source<'_>,
    plan: Plan,
    task: &dyn Task,
    observer: &mut dyn Observer,
) -> Result<RunSummary, EngineError> {
    Ok(workbench::train::train(workbench::train::freeze(source, plan, task)?, None, task, observer)?)
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
