//! `tunewright report`: a run in one HTML file, and its model card.

use std::path::PathBuf;

use clap::Args;

use super::{Ended, terminal};
use crate::hub::{self, Sources};
use crate::model::inspect;
use crate::run::RunRecord;
use crate::workbench::report::{Written, write};

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's folder
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Where report.html and MODEL_CARD.md are written; the run's folder if it isn't named
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: ReportArgs) -> Result<(), Ended> {
    let license = license(&RunRecord::read(&args.run)?);
    let Written { html, card } = write(&args.run, args.out.as_deref(), license.as_deref())?;
    if args.json {
        terminal::line(&serde_json::json!({"html": html, "card": card}).to_string());
    } else {
        terminal::line(&html.display().to_string());
        terminal::line(&card.display().to_string());
    }
    Ok(())
}

/// What the base model's files say, where they are still on this disk.
fn license(run: &RunRecord) -> Option<String> {
    let path = hub::resolve(&run.model, &Sources::default()).ok()?;
    inspect(&path).ok()?.license
}
