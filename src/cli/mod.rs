//! The command line: one command a file, each the same engine functions as the window with a printing observer.
//!
//! Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or something found
//! that speaks against it (a gate, drift), 130 stopped by Ctrl-C.

mod bench;
mod data;
mod doctor;
mod evaluate;
mod gate;
mod generate;
mod hub;
mod interrupt;
mod model;
mod models;
mod monitor;
mod moved;
mod observer;
mod progress;
mod quickstart;
mod rate;
mod release;
mod report;
mod studio;
mod terminal;
mod train;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::engine::{EngineError, Failure};
use crate::recipe::TooLong;
use crate::recipe::params::{self, Kind};

/// Fine-tune a language model on your own computer.
///
/// Without a command, the studio opens.
#[derive(Debug, Parser)]
#[command(name = "tunewright", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Args {
    /// The project to open; a new one is made where there is none
    folder: Option<PathBuf>,
    /// Print the window's frame times when it closes
    #[arg(long)]
    frame_stats: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the starter model on the starter data and see what that brought
    Quickstart(quickstart::QuickstartArgs),
    /// Take in, check, count, split and write a project's examples
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Follow a recipe
    Train(train::TrainArgs),
    /// Measure a model on a file of examples
    Evaluate(evaluate::EvaluateArgs),
    /// Say whether a run may be released: exit code 0 or 2
    Gate(gate::GateArgs),
    /// Write a run's report and its model card
    Report(report::ReportArgs),
    /// Mark a run as the one that is in use
    Release(release::ReleaseArgs),
    /// Measure the released run on new examples: exit code 0 or, on drift, 2
    Monitor(monitor::MonitorArgs),
    /// Say of two answers to a prompt which is better, without knowing whose they are
    Rate(rate::RateArgs),
    /// Answer a prompt
    Generate(generate::GenerateArgs),
    /// List, find, download, inspect and verify models
    Models(models::ModelsArgs),
    /// Measure how fast this machine trains, answers and multiplies
    Bench(bench::BenchArgs),
    /// Say what this machine has, and what is missing
    Doctor,
    /// The old word for `data export`
    #[command(hide = true, disable_help_flag = true)]
    Export {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _arguments: Vec<OsString>,
    },
}

/// Why a command ended early.
#[derive(Debug)]
enum Ended {
    /// By Ctrl-C.
    Stopped,
    /// It did what it was asked, and what it found speaks against it.
    SaidNo,
    Failed(Failure),
}

impl Ended {
    fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Failure { message: message.into(), hint: None, is_internal: false })
    }
}

impl<E: Into<EngineError>> From<E> for Ended {
    fn from(error: E) -> Self {
        match error.into() {
            EngineError::Stopped => Self::Stopped,
            error => Self::Failed(error.failure()),
        }
    }
}

/// Reads the arguments, does what they say, and shows an error, once.
pub fn run() -> ExitCode {
    terminal::start_log();
    let (arguments, note) = moved::in_todays_words(std::env::args_os().collect());
    if let Some(note) = note {
        terminal::note(&note);
    }
    match dispatch(Args::parse_from(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ended::Stopped) => ExitCode::from(130),
        Err(Ended::SaidNo) => ExitCode::from(2),
        Err(Ended::Failed(failure)) => {
            terminal::note(&format!("error: {}", failure.message));
            if let Some(hint) = failure.hint {
                terminal::note(&format!("hint: {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: Args) -> Result<(), Ended> {
    match args.command {
        None => studio::run(args.folder, args.frame_stats),
        Some(Command::Quickstart(args)) => quickstart::run(args),
        Some(Command::Data(command)) => data::run(command),
        Some(Command::Train(args)) => train::run(args),
        Some(Command::Evaluate(args)) => evaluate::run(args),
        Some(Command::Gate(args)) => gate::run(args),
        Some(Command::Release(args)) => release::run(args),
        Some(Command::Monitor(args)) => monitor::run(args),
        Some(Command::Report(args)) => report::run(args),
        Some(Command::Rate(args)) => rate::run(args),
        Some(Command::Generate(args)) => generate::run(args),
        Some(Command::Models(args)) => models::run(args),
        Some(Command::Bench(args)) => bench::run(args),
        Some(Command::Doctor) => doctor::run(),
        Some(Command::Export { .. }) => Args::command().error(ErrorKind::InvalidSubcommand, moved::EXPORT).exit(),
    }
}

/// Prints one JSON object.
fn json_line<T: serde::Serialize>(value: &T) -> Result<(), Ended> {
    terminal::line(&serde_json::to_string(value).map_err(|error| Ended::failed(error.to_string()))?);
    Ok(())
}

/// Reads an argument that says what becomes of examples beyond the limit.
fn too_long(name: &str) -> Result<TooLong, String> {
    let names = TooLong::ALL.map(TooLong::name).join(", ");
    TooLong::from_name(name).ok_or_else(|| format!("it must be one of {names}"))
}

/// A finite number between two others.
fn number(text: &str, min: f64, max: f64) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("it must be a number from {min} to {max}")),
    }
}

/// Reads `--max-length`: what a recipe may say, too.
fn max_length(text: &str) -> Result<usize, String> {
    in_range(text, "training.max_length")
}

/// A whole number within a parameter's range.
fn in_range(text: &str, key: &str) -> Result<usize, String> {
    let Some(param) = params::find(key) else { return Err(format!("there is no parameter {key}")) };
    let Kind::Integer { min, max } = param.kind else { return Err(format!("{key} is not a whole number")) };
    let value = text.trim().parse::<i64>().ok().filter(|value| (min..=max).contains(value));
    value.and_then(|value| usize::try_from(value).ok()).ok_or_else(|| format!("it must be {}", param.allowed()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        super::Args::command().debug_assert();
    }
}
