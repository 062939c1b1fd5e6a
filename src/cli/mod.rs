//! The command line: one command a file, each the same engine functions as the window with a printing observer.
//!
//! Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by
//! Ctrl-C.

mod interrupt;
mod observer;
mod progress;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::engine::Failure;

/// Fine-tune a language model on your own computer.
///
/// Without a command, the studio opens.
#[derive(Debug, Parser)]
#[command(name = "tunewright", version, args_conflicts_with_subcommands = true)]
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
}

/// Why a command ended early.
#[derive(Debug)]
enum Ended {
    Failed(Failure),
    /// By Ctrl-C.
    Stopped,
}

impl<E: Into<Failure>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Reads the arguments, does what they say, and shows an error, once.
pub fn run() -> ExitCode {
    match dispatch(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ended::Stopped) => ExitCode::from(130),
        Err(Ended::Failed(failure)) => {
            terminal::note(&format!("error: {}", failure.message));
            if let Some(hint) = failure.hint {
                terminal::note(&format!("hint: {hint}"));
            }
            ExitCode::FAILURE
        }
    }
}
