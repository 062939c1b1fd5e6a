//! Thin entry point: the window or a command, as the arguments say.

use std::process::ExitCode;

fn main() -> ExitCode {
    tunewright::cli::run()
}
