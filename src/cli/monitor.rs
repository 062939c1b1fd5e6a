//! `tunewright monitor`: the released run on new examples. Ends with exit code 2 on drift, so that a script can act.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::interrupt::Interrupt;
use super::model;
use super::progress::Progress;
use super::terminal::{self, thousands};
use super::{Ended, json_line};
use crate::evaluate::ModelHere;
use crate::model::inspect;
use crate::monitor::{AddRequest, Batch, BatchFindings, Period, Test};
use crate::project::Project;
use crate::recipe::ModelRef;
use crate::words::count;
use crate::workbench::monitor::{self, MonitorReport, NewExamples, Which};

#[derive(Debug, Args)]
pub struct MonitorArgs {
    /// The project's folder
    #[arg(value_name = "PROJECT")]
    project: PathBuf,
    #[command(subcommand)]
    command: MonitorCommand,
}

#[derive(Debug, Subcommand)]
enum MonitorCommand {
    /// Take new examples in and measure the released run on them: exit code 0 or, on drift, 2
    Add(AddArgs),
    /// List the batches
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Every measure and test of every batch: exit code 2 if the latest has drifted
    Report {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Put a batch's examples into the review queue, tagged "drift"
    Review {
        /// The batch's name, as `list` gives it
        #[arg(value_name = "BATCH")]
        batch: String,
        /// Only the examples behind its warnings
        #[arg(long)]
        behind: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct AddArgs {
    /// New examples in any known format, also without answers
    #[arg(value_name = "FILE", required_unless_present = "watch")]
    file: Option<PathBuf>,
    /// Every file of this folder that hasn't come in yet
    #[arg(long, value_name = "DIR", conflicts_with = "file")]
    watch: Option<PathBuf>,
    /// The day of rows that don't say theirs, as 2026-11-30; else it is the file's
    #[arg(long, value_name = "DAY", value_parser = day)]
    date: Option<Date>,
    /// What rows with a date are dealt into: day, week or month
    #[arg(long, value_name = "PERIOD", default_value = "week", value_parser = period)]
    by: Period,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "it must be a day, as 2026-11-30".to_owned())
}

fn period(name: &str) -> Result<Period, String> {
    Period::from_name(name).ok_or_else(|| format!("it must be one of {}", Period::ALL.map(Period::name).join(", ")))
}

pub fn run(args: MonitorArgs) -> Result<(), Ended> {
    match args.command {
        MonitorCommand::Add(add) => run_add(&args.project, add),
        MonitorCommand::List { json } => {
            let report = monitor::report(&args.project)?;
            if json { json_line(&report.batches) } else { list(&report) }
        }
        MonitorCommand::Report { json } => {
            let report = monitor::report(&args.project)?;
            if json {
                json_line(&report)?;
            } else {
                print_report(&report);
            }
            if report.has_drift() { Err(Ended::SaidNo) } else { Ok(()) }
        }
        MonitorCommand::Review { batch, behind, json } => {
            let interrupt = Interrupt::listen();
            let mut project = Project::open(&args.project)?;
            let which = if behind { Which::Behind } else { Which::All };
            let progress = Progress::new("Importing", &interrupt.control);
            let reviewed = monitor::to_review(&mut project, &batch, which, &progress)?;
            drop(progress);
            if json {
                return json_line(&reviewed);
            }
            let new = count(reviewed.num_imported, "example is", "examples are");
            let known = thousands(reviewed.num_known);
            terminal::line(&format!("{new} new in the project, {known} were there before"));
            terminal::line(&format!("{} in the review queue, tagged \"drift\"", thousands(reviewed.num_queued)));
            Ok(())
        }
    }
}

fn run_add(project: &std::path::Path, args: AddArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    let new = match (args.file, args.watch) {
        (Some(file), _) => NewExamples::File(file),
        (None, Some(folder)) => NewExamples::Folder(folder),
        (None, None) => return Err(Ended::failed("It needs a file, or a folder with --watch")),
    };
    let request = AddRequest { date: args.date, period: args.by };
    let progress = Progress::new("Evaluating", &interrupt.control);
    let load = &mut |model: &ModelRef| {
        let path = model::locate(model, &interrupt)?;
        model::tell_notes(&inspect(&path)?);
        ModelHere::load::<Ended>(&path, &progress)
    };
    let monitored = monitor::add(project, &new, &request, load, &progress)?;
    drop(progress);
    if args.json {
        json_line(&monitored)?;
    } else {
        monitored.added.notes.iter().for_each(|note| terminal::note(note));
        if monitored.findings.is_empty() {
            terminal::line("Nothing new");
        }
        monitored.findings.iter().for_each(print_findings);
    }
    if monitored.has_drift() { Err(Ended::SaidNo) } else { Ok(()) }
}

fn list(report: &MonitorReport) -> Result<(), Ended> {
    for batch in &report.batches {
        let state = match report.log.of_batch(&batch.name) {
            None => "not measured yet",
            Some(findings) if findings.warnings.is_empty() => "no drift",
            Some(_) => "drift",
        };
        terminal::line(&format!("{}  {}  {state}", batch.name, sizes(batch.num, batch.num_answered)));
    }
    if report.batches.is_empty() {
        terminal::note("No batch was added yet");
    }
    Ok(())
}

fn sizes(num: usize, num_answered: usize) -> String {
    format!("{}, {} answered", count(num, "example", "examples"), thousands(num_answered))
}

fn print_report(report: &MonitorReport) {
    for (run, release) in &report.releases {
        let day = |at: &str| at.split('T').next().unwrap_or_default().to_owned();
        let until = release.until.as_deref().map_or_else(|| "now".to_owned(), day);
        terminal::line(&format!("{run}  released {} to {until}", day(&release.from)));
    }
    report.log.batches.iter().for_each(print_findings);
    let is_pending = |batch: &&Batch| report.pending.contains(&batch.name);
    for batch in report.batches.iter().filter(is_pending) {
        terminal::line(&format!("{}  not measured yet", batch.name));
    }
    terminal::note(&report.false_alarms);
}

fn print_findings(findings: &BatchFindings) {
    let name = &findings.run.name;
    terminal::line(&format!("{}  {}  by {name}", findings.batch, sizes(findings.num, findings.num_answered)));
    for figure in &findings.figures {
        let value =
            |value: f64| if figure.is_share { format!("{:.1} %", 100.0 * value) } else { format!("{value:.3}") };
        let [value, low, high] = [figure.value, figure.low, figure.high].map(value);
        let num = thousands(figure.num);
        terminal::line(&format!("  {}  {value}  95 % interval {low} to {high}, {num} measured", figure.title));
    }
    findings.tests.iter().for_each(|test| terminal::line(&format!("  {}", in_words(test))));
    for warning in &findings.warnings {
        terminal::line(&format!("  DRIFT  {}", warning.text));
        for behind in warning.behind.iter().take(MOST_SHOWN) {
            terminal::line(&format!("    example {}: {}", behind.row + 1, behind.why));
        }
        let num_more = warning.behind.len().saturating_sub(MOST_SHOWN);
        if num_more > 0 {
            terminal::line(&format!("    and {} more, in --json", thousands(num_more)));
        }
    }
    findings.notes.iter().for_each(|note| terminal::note(&format!("  {note}")));
}

/// Behind each warning.
const MOST_SHOWN: usize = 5;

fn in_words(test: &Test) -> String {
    let verdict = if test.is_drift { "drift" } else { "no drift" };
    format!("{}  {verdict}, p = {:.4} held against {:.5}", test.kind.title(), test.p_value, test.level)
}
