//! `tunewright evaluate`: any set of models on held-out examples: the loss, and with `--generate` what they answer, by
//! every metric that fits; with `--run`, a run against its base model.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::interrupt::Interrupt;
use super::model::{self, FormatArgs};
use super::progress::Progress;
use super::terminal::{self, duration, thousands};
use super::{Ended, json_line};
use crate::data::Split;
use crate::evaluate::answers::answers_folder_of;
use crate::evaluate::metrics::Direction;
use crate::evaluate::significance::{Contrast, Verdict3};
use crate::evaluate::{
    Contender, ContenderReport, Evaluation, EvaluationReport, EvaluationRequest, ExampleResult, Figure, Findings,
    Judgement, MetricFindings, ModelHere,
};
use crate::model::inspect;
use crate::recipe::{ModelRef, RenderSpec, TooLong, TrainOn};
use crate::report::value_words;
use crate::run::RunRecord;
use crate::words::count;
use crate::workbench::evaluate::{self as workbench, Evaluated};

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
    /// Another to measure on the same examples, any number of times: a run's folder, a checkpoint or another adapter of the
    /// same base model, or a model
    #[arg(long, value_name = "WHAT")]
    against: Vec<String>,
    /// Answer every prompt, too, and compare with the expected answer
    #[arg(long)]
    generate: bool,
    /// Where the expected answers come from a list: how often the likeliest label is right
    #[arg(long)]
    labels: bool,
    /// What answers are measured by, instead of what the examples suggest: label_accuracy, json_field:category,
    /// regex:^[A-Z], …; a wrong name lists them all. All but loss need --generate
    #[arg(long, value_name = "METRIC", num_args = 1..)]
    metrics: Vec<String>,
    /// Print the slices, too: by label, tag, source, month and length
    #[arg(long)]
    slices: bool,
    /// With --json: every example with its answers
    #[arg(long, requires = "json")]
    answers: bool,
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
    let progress = Progress::new("Evaluating", &interrupt.control);
    let load = &mut |model: &ModelRef| {
        let path = model::locate(model, &interrupt)?;
        model::tell_notes(&inspect(&path)?);
        ModelHere::load::<Ended>(&path, &progress)
    };
    let Evaluated { report, kept, warnings } = workbench::evaluate(&request, load, &progress)?;
    drop(progress);
    warnings.iter().for_each(|warning| terminal::note(&format!("warning: {warning}")));
    let findings = Findings::of(&report, &args.metrics);
    if let Some((_, reason)) = findings.not_measured.first() {
        return Err(Ended::failed(reason.clone()));
    }
    let evaluation = Evaluation { report, findings };
    match args.json {
        true => json_line(&Json::of(&evaluation, args.answers))?,
        false => print(&evaluation, args.slices),
    }
    if args.run.is_none() {
        return Ok(());
    }
    match kept {
        Ok(Some(path)) => terminal::note(&format!("Kept in {}", path.display())),
        Ok(None) => terminal::note("Not kept: only a run beside its own base model is kept with the run"),
        Err(error) => return Err(Ended::failed(format!("The result could not be kept with the run: {error}"))),
    }
    Ok(())
}

fn request(args: &EvaluateArgs) -> Result<EvaluationRequest, Ended> {
    let mut request = match &args.run {
        Some(run_dir) => of_run(args, run_dir)?,
        None => of_file(args)?,
    };
    let Some(first) = request.contenders.first().cloned() else { return Err(Ended::failed("It needs a model")) };
    for what in &args.against {
        request.contenders.push(Contender::named(what, &first)?);
    }
    request.labels = args.labels;
    Ok(request)
}

fn of_run(args: &EvaluateArgs, run_dir: &Path) -> Result<EvaluationRequest, Ended> {
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
    Ok(request)
}

fn of_file(args: &EvaluateArgs) -> Result<EvaluationRequest, Ended> {
    let (Some(model), Some(data)) = (args.model.clone(), args.data.clone()) else {
        return Err(Ended::failed("It needs --model and --data, or --run"));
    };
    let format = args.format.with_run_of(args.adapter.as_deref());
    let contender = match args.adapter.clone() {
        Some(adapter) => Contender::tuned(model, adapter, format),
        None => Contender::base(model, format),
    };
    Ok(EvaluationRequest {
        contenders: vec![contender],
        data,
        spec: RenderSpec { train_on: TrainOn::Assistant, max_length: args.max_length, too_long: args.too_long, format },
        generate: args.generate,
        labels: args.labels,
        answers: args.adapter.as_deref().and_then(answers_folder_of),
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

/// What programs read.
#[derive(Serialize)]
struct Json<'a> {
    contenders: &'a [ContenderReport],
    #[serde(flatten)]
    findings: &'a Findings,
    #[serde(skip_serializing_if = "Option::is_none")]
    examples: Option<&'a [ExampleResult]>,
    verdict: Option<&'static str>,
    secs: f64,
}

impl<'a> Json<'a> {
    fn of(evaluation: &'a Evaluation, with_answers: bool) -> Self {
        let Evaluation { report, findings } = evaluation;
        Self {
            contenders: &report.contenders,
            findings,
            examples: with_answers.then_some(&report.examples),
            verdict: Judgement::of(report).map(|judgement| judgement.title()),
            secs: report.secs,
        }
    }
}

/// `Tuning worked: loss fell 2.391 → 0.418, …`
pub(super) fn verdict(report: &EvaluationReport) -> Option<String> {
    let judgement = Judgement::of(report)?;
    let words = judgement.in_words(thousands, |loss| format!("{loss:.3}"));
    Some(format!("{}. {words}", judgement.title()))
}

fn print(evaluation: &Evaluation, with_slices: bool) {
    let Evaluation { report, findings } = evaluation;
    if let Some(verdict) = verdict(report) {
        terminal::line(&verdict);
    }
    for (at, contender) in report.contenders.iter().enumerate() {
        terminal::line(&format!("\n{}", contender.name));
        if let Some(measured) = &contender.measured {
            terminal::line(&format!("  {:<24} {:.3}", "Perplexity", measured.perplexity()));
        }
        for metric in &findings.metrics {
            print_figure(&metric.title, metric, &metric.figures, &metric.contrasts, at);
        }
        contender.tally.notes().iter().for_each(|note| terminal::note(note));
    }
    if with_slices {
        print_slices(findings, report.contenders.len().saturating_sub(1));
    }
    terminal::note(&format!("{}, in {}", count(report.examples.len(), "example", "examples"), duration(report.secs)));
}

/// `Right label  71.8 % (63.3 % to 78.9 %), better: +0.50, …`
fn print_figure(
    title: &str,
    metric: &MetricFindings,
    figures: &[Option<Figure>],
    contrasts: &[Option<Contrast>],
    at: usize,
) {
    let Some(figure) = figures.get(at).copied().flatten() else { return };
    let words = |value: f64| value_words(metric.scale, value);
    let told = match contrasts.get(at).and_then(Option::as_ref) {
        Some(contrast) if metric.direction == Direction::Neither => format!(", {}", contrast.in_words()),
        Some(contrast) => match contrast.verdict {
            Verdict3::Better => format!(", better: {}", contrast.in_words()),
            Verdict3::Worse => format!(", worse: {}", contrast.in_words()),
            Verdict3::CantTell { .. } => format!(", {}", contrast.in_words()),
        },
        None => String::new(),
    };
    let Figure { value, low, high, .. } = figure;
    terminal::line(&format!("  {title:<24} {} ({} to {}){told}", words(value), words(low), words(high)));
}

/// The first metric of the last contender in every slice.
fn print_slices(findings: &Findings, contender: usize) {
    let Some(metric) = findings.metrics.first() else { return };
    for slice in &findings.slices {
        let title = format!("{}: {} ({})", slice.by.title(), slice.value, thousands(slice.num as u64));
        print_figure(&title, metric, &slice.figures, &slice.contrasts, contender);
    }
}
