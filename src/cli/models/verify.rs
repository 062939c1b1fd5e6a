//! `tunewright models verify`: whether a model is whole.

use clap::Args;
use serde::Serialize;

use super::print_json;
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::terminal;
use crate::hub::verify::{Outcome, VerifyReport, verify};
use crate::hub::{self, Sources};
use crate::recipe::ModelRef;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A GGUF file, a folder, or the name of a model that has been fetched
    #[arg(value_name = "MODEL")]
    model: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    is_fine: bool,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

pub fn run(args: VerifyArgs, interrupt: &Interrupt) -> Result<(), Ended> {
    let path = hub::resolve(&ModelRef::parse(&args.model), &Sources::default())?;
    let report = verify(&path, &Progress::new("Checking", &interrupt.control))?;
    if args.json {
        print_json(&Report { is_fine: report.is_fine(), report: &report })?;
    } else {
        report.checks.iter().for_each(|check| {
            let mark = match check.outcome {
                Outcome::Passed => "ok",
                Outcome::Failed => "! ",
                Outcome::Unknown => "? ",
            };
            terminal::line(&format!("{mark} {:9}  {}", check.name, check.detail));
        });
    }
    match report.is_fine() {
        true => Ok(()),
        false => Err(Ended::failed(format!("{} isn't whole", path.display()))),
    }
}
