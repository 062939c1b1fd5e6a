//! `tunewright evaluate`: the loss on a file of examples, and with `--generate` how many answers are exactly right;
//! with `--run`, a run against its base model.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::model::{self, FormatArgs};
use super::progress::Progress;
use super::terminal::{self, duration, thousands};
use crate::data::Split;
use crate::evaluate::{self, EvaluationReport, EvaluationRequest, HeldOut, Judgement};
use crate::model::inspect;
use crate::recipe::{ModelRef, RenderSpec, TooLong, TrainOn};
use crate::run::RunRecord;

#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// `starter`, a GGUF file, a folder, or a Hub repository owner/name or owner/name@revision
    #[arg(long, value_name = "M", required_unless_present = "run", value_parser = model::model_ref)]
    model: Option<ModelRef>,
    /// A folder in PEFT's format
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Examples in any known format
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    data: Option<PathBuf>,
    /// A run's folder: its best weights and its base model, on what it held out; the result is kept there
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "model", "adapter", "data", "max_length", "too_long", "chat_template", "thinking",
    ])]
    run: Option<PathBuf>,
    /// With --run: test or validation
    #[arg(long, value_name = "PART", default_value = "test", requires = "run", value_parser = part)]
    part: Split,
    /// Answer every prompt, too, and compare with the expected answer
    #[arg(long)]
    generate: bool,
    /// The loss is measured on examples of at most this many tokens
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = super::max_length)]
    max_length: usize,
    /// What becomes of longer ones: drop, cut_left, cut_right or split
    #[arg(long, value_name = "HOW", default_value = "drop", value_parser = super::too_long)]
    too_long: TooLong,
    #[command(flatten)]
    format: FormatArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: EvaluateArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let request = request(&args)?;
    let path = model::locate(&request.model, &interrupt)?;
    model::tell_notes(&inspect(&path)?);
    let report = evaluate::run(&request, &path, &Progress::new("Evaluating", &interrupt.control))?;
    if args.run.is_some() {
        return of_run(&request, &report, args.json);
    }
    let Some(held_out) = report.after.or(report.before) else {
        return Err(Ended::failed("The evaluation gave no figures."));
    };
    if args.json {
        return json(&held_out);
    }
    print(&held_out, report.secs);
    Ok(())
}

fn request(args: &EvaluateArgs) -> Result<EvaluationRequest, Ended> {
    if let Some(run_dir) = &args.run {
        let run = RunRecord::read(run_dir)?;
        if run.adapter.is_none() {
            return Err(Ended::failed(format!("{} has no weights yet", run_dir.display())));
        }
        let request = EvaluationRequest::of_run(run_dir, &run.recipe, run.adapter, args.part, args.generate);
        if !request.data.is_file() {
            return Err(Ended::failed(format!(
                "{} is not there: the run froze no such examples. Name a file with --model, --adapter and --data",
                request.data.display()
            )));
        }
        return Ok(request);
    }
    let (Some(model), Some(data)) = (args.model.clone(), args.data.clone()) else {
        return Err(Ended::failed("It needs --model and --data, or --run"));
    };
    Ok(EvaluationRequest {
        model,
        adapter: args.adapter.clone(),
        data,
        spec: RenderSpec {
            train_on: TrainOn::Assistant,
            max_length: args.max_length,
            too_long: args.too_long,
            format: args.format.with_run_of(args.adapter.as_deref()),
        },
        generate: args.generate,
        with_base: false,
    })
}

/// A run's own held-out part.
fn part(text: &str) -> Result<Split, String> {
    match text {
        "test" => Ok(Split::Test),
        "validation" => Ok(Split::Validation),
        _ => Err("it must be test or validation".to_owned()),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<(), Ended> {
    terminal::line(&serde_json::to_string(value).map_err(|error| Ended::failed(error.to_string()))?);
    Ok(())
}

/// Before and after, with the verdict; kept with the run, as the window does.
fn of_run(request: &EvaluationRequest, report: &EvaluationReport, as_json: bool) -> Result<(), Ended> {
    let kept = evaluate::keep_with_run(request, report);
    if as_json {
        json(report)?;
    } else if let (Some(before), Some(after)) = (&report.before, &report.after) {
        terminal::line(&verdict(report).unwrap_or_default());
        terminal::line(&format!("loss         {:.4} → {:.4}", before.loss, after.loss));
        terminal::line(&format!("perplexity   {:.3} → {:.3}", before.perplexity, after.perplexity));
        if let (Some(before), Some(after)) = (before.exact_match, after.exact_match) {
            terminal::line(&format!("exact match  {:.1} % → {:.1} %", 100.0 * before, 100.0 * after));
        }
        rest(after, report.secs);
    }
    let folder = request.adapter.as_deref().unwrap_or(Path::new(""));
    match kept {
        Ok(Some(path)) => terminal::note(&format!("Kept in {}", path.display())),
        Ok(None) => terminal::note(&format!("Not kept: {} lies in no run's folder", folder.display())),
        Err(error) => return Err(Ended::failed(format!("The result could not be kept with the run: {error}"))),
    }
    Ok(())
}

/// `Tuning worked: loss fell 2.391 → 0.418, …`
pub(super) fn verdict(report: &EvaluationReport) -> Option<String> {
    let judgement = Judgement::of(report)?;
    let words = judgement.in_words(thousands, |loss| format!("{loss:.3}"));
    Some(format!("{}. {words}", judgement.title()))
}

fn print(held_out: &HeldOut, secs: f64) {
    terminal::line(&format!("loss         {:.4}", held_out.loss));
    terminal::line(&format!("perplexity   {:.3}", held_out.perplexity));
    if let Some(exact_match) = held_out.exact_match {
        terminal::line(&format!("exact match  {:.1} %", 100.0 * exact_match));
    }
    rest(held_out, secs);
}

fn rest(held_out: &HeldOut, secs: f64) {
    terminal::line(&format!("examples     {}", thousands(held_out.num_examples as u64)));
    terminal::line(&format!("tokens       {}", thousands(held_out.num_tokens as u64)));
    held_out.tally.notes().iter().for_each(|note| terminal::note(note));
    terminal::note(&format!("in {}", duration(secs)));
}
