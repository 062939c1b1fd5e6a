//! Thin entry point: logging, arguments, then the window or a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The Hub's client logs what we turn into errors with a way on.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn,hf_hub=off")).init();
    tunewright::cli::run()
}
