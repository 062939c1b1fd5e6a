//! Thin entry point: logging, arguments, then the window or a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two crates log what is no concern of a person: retries that we tell as errors, quirks of displays.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn,hf_hub=off,winit=error")).init();
    tunewright::cli::run()
}
