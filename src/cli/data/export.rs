//! `tunewright data export`: a project's examples as a file of another shape.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::import::part;
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::terminal::{self, thousands};
use crate::data::Split;
use crate::data::export::ExportReport;
use crate::data::shape::FileShape;
use crate::project::{ExampleQuery, Project};
use crate::workbench::data_export::{DataExport, ExportWhat, export_data};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The file to write; packed if its name ends with .gz or .zst
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// openai-messages, openai-messages-parquet, sharegpt, alpaca, prompt-completion, preference, prompt-completion-csv or text-label-csv
    #[arg(long = "as", value_name = "SHAPE", default_value = "openai-messages", value_parser = shape)]
    shape: FileShape,
    /// Only this part: train, validation or test
    #[arg(long, value_name = "PART", value_parser = part)]
    split: Option<Split>,
    /// Leave out which part each example belongs to
    #[arg(long)]
    without_split: bool,
    /// Leave out when each example is from
    #[arg(long)]
    without_date: bool,
    /// A file for each part, named after it: tickets.train.jsonl
    #[arg(long)]
    per_split: bool,
    /// Print one JSON object a file
    #[arg(long)]
    json: bool,
}

fn shape(text: &str) -> Result<FileShape, String> {
    let names = FileShape::ALL.map(FileShape::name).join(", ");
    let found = FileShape::ALL.into_iter().find(|shape| shape.name() == text);
    found.ok_or_else(|| format!("it must be one of {names}"))
}

pub fn run(args: ExportArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let mut project = Project::open(&args.project)?;
    let request = DataExport {
        what: ExportWhat::Matching(ExampleQuery { split: args.split, ..ExampleQuery::default() }),
        shape: args.shape,
        to: args.to,
        with_split: !args.without_split,
        with_date: !args.without_date,
        per_split: args.per_split,
    };
    let progress = Progress::new("Exporting", &interrupt.control);
    let reports = export_data(&mut project, &request, &progress)?;
    drop(progress);
    for report in &reports {
        if args.json { terminal::line(&summary(report).to_string()) } else { tell(report) }
    }
    if let (false, Some(words)) = (args.json, project.counts()?.left_out()) {
        terminal::note(&format!("left out of the data: {words}"));
    }
    Ok(())
}

fn summary(report: &ExportReport) -> Value {
    let reasons = report.reasons.iter().map(|(what, count)| json!({"what": what, "count": count}));
    json!({
        "path": report.path,
        "exported": report.num_exported,
        "rejected": report.num_rejected,
        "reasons": reasons.collect::<Vec<_>>(),
    })
}

fn tell(report: &ExportReport) {
    let (exported, rejected) = (thousands(report.num_exported), thousands(report.num_rejected));
    terminal::line(&format!("{}: {exported} written, {rejected} left out", report.path.display()));
    for row in report.rejected.iter().take(5) {
        terminal::note(&format!("  example {}: {}", row.line, row.reason));
    }
}
