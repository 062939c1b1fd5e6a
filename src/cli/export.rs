//! `tunewright export`: a project's examples as a file of another shape.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Ended;
use super::import::part;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::terminal::{self, thousands};
use crate::data::Split;
use crate::data::export::{ExportReport, ExportRequest, ExportRow, ExportShape, export};
use crate::project::{ExampleStatus, Project, ProjectError};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// openai-messages, sharegpt, alpaca, prompt-completion, preference, prompt-completion-csv or text-label-csv
    #[arg(long = "as", value_name = "SHAPE", default_value = "openai-messages", value_parser = shape)]
    shape: ExportShape,
    /// Only this part: train, validation or test
    #[arg(long, value_name = "PART", value_parser = part)]
    split: Option<Split>,
    /// Leave out which part each example belongs to
    #[arg(long)]
    without_split: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn shape(text: &str) -> Result<ExportShape, String> {
    let names = ExportShape::ALL.map(ExportShape::as_str).join(", ");
    let found = ExportShape::ALL.into_iter().find(|shape| shape.as_str() == text);
    found.ok_or_else(|| format!("it must be one of {names}"))
}

pub fn run(args: ExportArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let project = Project::open(&args.project)?;
    let request = ExportRequest { to: args.to, shape: args.shape, with_split: !args.without_split };
    let report: ExportReport =
        export::<ProjectError>(&request, &Progress::new("Exporting", &interrupt.cancel), |sink| {
            project.for_each_present(&mut |stored| {
                let is_wanted = args.split.is_none_or(|split| split == stored.split);
                if !is_wanted || stored.status == ExampleStatus::SetAside {
                    return ControlFlow::Continue(());
                }
                sink(ExportRow { number: stored.number, split: stored.split, example: &stored.example })
            })
        })?;
    if args.json {
        let reasons = report.reasons.iter().map(|(what, count)| json!({"what": what, "count": count}));
        terminal::line(
            &json!({
                "path": report.path,
                "exported": report.num_exported,
                "rejected": report.num_rejected,
                "reasons": reasons.collect::<Vec<_>>(),
            })
            .to_string(),
        );
        return Ok(());
    }
    let (exported, rejected) = (thousands(report.num_exported), thousands(report.num_rejected));
    terminal::line(&format!("{}: {exported} written, {rejected} left out", report.path.display()));
    for row in report.rejected.iter().take(5) {
        terminal::note(&format!("  example {}: {}", row.line, row.reason));
    }
    Ok(())
}
