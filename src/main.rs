//! Thin entry point: logging, arguments, then the window or a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    tunewright::cli::run()
}
