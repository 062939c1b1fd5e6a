//! `tunewright release`: which run is in use.

use std::path::PathBuf;

use clap::Args;

use super::{Ended, terminal};
use crate::fs::name_of;
use crate::workbench::monitor;

#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The run's folder: PROJECT/runs/RUN
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

pub fn run(args: ReleaseArgs) -> Result<(), Ended> {
    let before = monitor::release(&args.run)?;
    let name = name_of(&args.run);
    terminal::line(&match before {
        Some(before) => format!("{name} is released now, in the place of {before}"),
        None => format!("{name} is released"),
    });
    Ok(())
}
