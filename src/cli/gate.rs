//! `tunewright gate`: SHIP or DON'T SHIP, for scripts that hold a release.

use std::path::PathBuf;

use clap::Args;

use super::Ended;
use super::interrupt::Interrupt;
use super::model;
use super::progress::Progress;
use super::terminal;
use crate::data::Split;
use crate::evaluate::gate::{Gate, Requirement};
use crate::evaluate::{Contender, EvaluationRequest, Findings, ModelHere};
use crate::recipe::ModelRef;
use crate::run::RunRecord;
use crate::workbench::evaluate::evaluate;

#[derive(Debug, Args)]
pub struct GateArgs {
    /// The run's folder
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// What is required of a metric, any number of times: 'exact_match>=0.8', 'loss<=0.5'
    #[arg(long, value_name = "BOUND")]
    require: Vec<Requirement>,
    /// A run's folder, an adapter or a model that no measure may be worse than
    #[arg(long, value_name = "WHAT")]
    no_worse_than: Option<String>,
    /// How seldom an equally good run may be called worse
    #[arg(long, value_name = "P", default_value_t = 0.05, requires = "no_worse_than", value_parser = level)]
    alpha: f64,
    /// Examples in any known format; the run's own test examples if they aren't named
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn level(text: &str) -> Result<f64, String> {
    super::number(text, 0.0001, 0.5)
}

/// Ends with [`Ended::SaidNo`] if it doesn't ship.
pub fn run(args: GateArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let run = RunRecord::read(&args.run)?;
    let tuned =
        Contender::of_run(&run).ok_or_else(|| Ended::failed(format!("{} has no weights yet", args.run.display())))?;
    let mut request = EvaluationRequest::of_run(&args.run, &run.recipe, None, Split::Test, true);
    if let Some(what) = &args.no_worse_than {
        request.contenders = vec![Contender::named(what, &tuned)?];
    }
    request.contenders.push(tuned);
    if let Some(data) = args.data {
        request.data = data;
    }
    let progress = Progress::new("Evaluating", &interrupt.control);
    let load = &mut |model: &ModelRef| {
        let path = model::locate(model, &interrupt)?;
        ModelHere::load::<Ended>(&path, &progress)
    };
    let report = evaluate(&request, load, &progress)?.report;
    drop(progress);
    let wanted: Vec<String> = args.require.iter().map(|requirement| requirement.metric.clone()).collect();
    let findings = Findings::with(&report, &wanted);
    let gate = Gate::of(&findings, 1, &args.require, args.no_worse_than.is_some().then_some(args.alpha));
    if args.json {
        terminal::line(&serde_json::to_string(&gate).map_err(|error| Ended::failed(error.to_string()))?);
    } else {
        terminal::line(gate.title());
        for check in &gate.checks {
            terminal::line(&format!("{} {}", if check.is_met { "✓" } else { "✗" }, check.words));
        }
    }
    if gate.ships { Ok(()) } else { Err(Ended::SaidNo) }
}
