//! `tunewright models get`: downloads one.

use clap::Args;
use serde::Serialize;

use super::{asking, print_json};
use crate::cli::Ended;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::terminal;
use crate::hub::{self, DownloadRecord, RemoteFile};
use crate::recipe::ModelRef;

#[derive(Debug, Args)]
pub struct GetArgs {
    /// `starter`, or a Hub repository: owner/name, owner/name@revision, owner/name:Q4_K_M or owner/name:FILE
    #[arg(value_name = "NAME")]
    pub model: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Got {
    model: ModelRef,
    /// The file or folder.
    path: std::path::PathBuf,
    /// The commit that it is of, and its files; not of the starter model, nor of what another program fetched.
    commit: Option<String>,
    files: Vec<RemoteFile>,
}

pub fn run(args: GetArgs, interrupt: &Interrupt) -> Result<(), Ended> {
    let model = ModelRef::parse(&args.model);
    let progress = Progress::new(&format!("Fetching {model}"), &interrupt.control);
    let path = asking(|sources| hub::fetch(&model, sources, &progress))?;
    drop(progress);
    if !args.json {
        terminal::line(&path.display().to_string());
        return Ok(());
    }
    let folder = if path.is_dir() { Some(&*path) } else { path.parent() };
    let record = folder.and_then(DownloadRecord::read).filter(|record| record.model == model);
    let (commit, files) = record.map(|record| (record.commit, record.files)).unzip();
    print_json(&Got { model, path, commit, files: files.unwrap_or_default() })
}
