//! `tunewright data rank`: which examples matter, by their loss under a model; and which to label next.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::terminal::{self, duration, thousands};
use crate::cli::{Ended, model};
use crate::evaluate::{Judge, Scorer};
use crate::model::LanguageModel;
use crate::project::{ExampleQuery, ExampleRow, Project, Sort, SortBy};
use crate::recipe::{ModelRef, TooLong, Training};
use crate::workbench::scores::{QueueReport, ScoreReport, base_judge, label_next, run_judge, score};

#[derive(Debug, Args)]
pub struct RankArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR")]
    project: PathBuf,
    /// The model that judges: `starter`, a GGUF file, a folder, or a Hub repository owner/name or owner/name@revision
    #[arg(long, value_name = "M", required_unless_present = "run", value_parser = |text: &str| Ok::<_, std::convert::Infallible>(ModelRef::parse(text)))]
    model: Option<ModelRef>,
    /// A run of the project, by its name: its base model with what it learned
    #[arg(long, value_name = "RUN", conflicts_with_all = ["model", "adapter"])]
    run: Option<String>,
    /// A folder in PEFT's format that the model judges with
    #[arg(long, value_name = "DIR", requires = "model")]
    adapter: Option<PathBuf>,
    /// The loss is measured on examples of at most this many tokens
    #[arg(long, value_name = "N", default_value_t = 1024, conflicts_with = "run", value_parser = crate::cli::max_length)]
    max_length: usize,
    /// What becomes of longer ones: drop, cut_left, cut_right or split
    #[arg(long, value_name = "HOW", default_value = "drop", conflicts_with = "run", value_parser = crate::cli::too_long)]
    too_long: TooLong,
    /// How many examples are printed from each end
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    top: u64,
    /// Instead, queue the N prompts that are most worth labelling or reviewing: those the model is unsure about, unlike
    /// what is labelled and unlike each other
    #[arg(long, value_name = "N", conflicts_with = "top")]
    label_next: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: RankArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let mut project = Project::open(&args.project)?;
    let judge = judge(&args, &project)?;
    let path = model::locate(&judge.model, &interrupt)?;
    let language_model = LanguageModel::load(&path, &Progress::new("Loading", &interrupt.control))?;
    model::tell_notes(&language_model.facts);
    let mut scorer = Scorer::new(&language_model, &judge)?;
    let started = std::time::Instant::now();
    match args.label_next {
        Some(count) => {
            let progress = Progress::new("Asking the model", &interrupt.control);
            let report = label_next(&mut project, &scorer, count, &progress)?;
            drop(progress);
            if args.json { as_json(&json!(report)) } else { print_queue(&report) }
        }
        None => {
            let progress = Progress::new("Ranking", &interrupt.control);
            let report = score(&mut project, &mut scorer, &judge.name, &progress)?;
            drop(progress);
            let mut end = |descending| {
                let sort = Sort { by: SortBy::Loss, descending };
                let query = ExampleQuery { loss: Some(ALL), sort, limit: args.top, ..ExampleQuery::default() };
                project.query(&query).map(|page| page.rows)
            };
            let (highest, lowest) = (end(true)?, end(false)?);
            match args.json {
                true => as_json(&losses_json(&report, &highest, &lowest)),
                false => print_losses(&report, &highest, &lowest),
            }
        }
    }
    terminal::note(&format!("in {}", duration(started.elapsed().as_secs_f64())));
    Ok(())
}

/// Every loss.
const ALL: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

fn judge(args: &RankArgs, project: &Project) -> Result<Judge, Ended> {
    if let Some(name) = &args.run {
        let runs = project.runs()?;
        let known = || runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", ");
        let Some(run) = runs.iter().find(|run| run.name == *name) else {
            let there_are = if runs.is_empty() { "it has none".to_owned() } else { format!("there are {}", known()) };
            return Err(Ended::failed(format!("The project has no run {name}; {there_are}.")));
        };
        return run_judge(run).ok_or_else(|| Ended::failed(format!("The run {name} has not written any weights yet.")));
    }
    let Some(model) = &args.model else { return Err(Ended::failed("Name a model with --model.")) };
    let training = Training { max_length: args.max_length, too_long: args.too_long, ..Training::default() };
    let base = base_judge(model, &training);
    Ok(match &args.adapter {
        Some(folder) => Judge { name: folder.display().to_string(), adapter: Some(folder.clone()), ..base },
        None => base,
    })
}

fn as_json(value: &serde_json::Value) {
    terminal::line(&value.to_string());
}

fn losses_json(report: &ScoreReport, highest: &[ExampleRow], lowest: &[ExampleRow]) -> serde_json::Value {
    let rows = |rows: &[ExampleRow]| -> Vec<serde_json::Value> {
        rows.iter()
            .map(|row| {
                json!({
                    "id": row.id,
                    "number": row.number,
                    "split": row.split,
                    "loss": row.annotations.loss,
                    "prompt": row.prompt,
                    "answer": row.answer,
                })
            })
            .collect()
    };
    json!({
        "from": report.from,
        "scored": report.num_scored,
        "without_loss": report.num_without,
        "highest": rows(highest),
        "lowest": rows(lowest),
    })
}

fn print_losses(report: &ScoreReport, highest: &[ExampleRow], lowest: &[ExampleRow]) {
    let print = |title: &str, rows: &[ExampleRow]| {
        terminal::line(title);
        for row in rows {
            let loss = row.annotations.loss.unwrap_or_default();
            let split = row.split.as_str();
            terminal::line(&format!("  {loss:>8.4}  {:>7}  {split:<10}  {} → {}", row.number, row.prompt, row.answer));
        }
    };
    print(&format!("Highest loss under {}: surprising, perhaps wrong (loss, number, part)", report.from), highest);
    print("Lowest loss: the model knows these already", lowest);
    let mut words = format!("{} examples ranked", thousands(report.num_scored));
    if report.num_without > 0 {
        words += &format!(", {} have nothing to train and no loss", thousands(report.num_without));
    }
    terminal::note(&words);
}

fn print_queue(report: &QueueReport) {
    terminal::line("To label or review next (doubt, novelty, number)");
    for queued in &report.chosen {
        let answer = if queued.is_unanswered { "  (no answer yet)" } else { "" };
        terminal::line(&format!(
            "  {:.4}  {:.2}  {:>7}  {}{answer}",
            queued.doubt, queued.novelty, queued.number, queued.prompt
        ));
    }
    terminal::note(&format!(
        "{} of {} candidates queued; the model was asked about {}",
        thousands(report.chosen.len()),
        thousands(report.num_candidates),
        thousands(report.num_judged)
    ));
}
