//! `tunewright models`: which there are, here and on the Hub, and what is in one.

mod facts;
mod get;
mod inspect;
mod list;
mod search;
mod verify;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Ended;
use super::interrupt::Interrupt;
use super::terminal;
use crate::hub::{HubError, Sources, keyring};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ModelsArgs {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
    /// The old word for `models get`
    #[arg(long, value_name = "NAME", hide = true)]
    fetch: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// List the models on this disk, and good small ones that can be downloaded
    List(list::ListArgs),
    /// Look for models on the Hugging Face Hub
    Search(search::SearchArgs),
    /// Download a model, or the rest of it, and print where it is
    Get(get::GetArgs),
    /// Say what a model is made of, and what its template makes of a conversation
    Inspect(inspect::InspectArgs),
    /// Check that a model on this disk is whole: hashes, tensors, tokenizer
    Verify(verify::VerifyArgs),
}

pub fn run(args: ModelsArgs) -> Result<(), Ended> {
    let interrupt = Interrupt::listen();
    match (args.command, args.fetch) {
        (Some(ModelsCommand::List(args)), _) => list::run(args, &interrupt),
        (Some(ModelsCommand::Search(args)), _) => search::run(args, &interrupt),
        (Some(ModelsCommand::Get(args)), _) => get::run(args, &interrupt),
        (Some(ModelsCommand::Inspect(args)), _) => inspect::run(args, &interrupt),
        (Some(ModelsCommand::Verify(args)), _) => verify::run(args, &interrupt),
        (None, Some(model)) => {
            terminal::note(&format!("note: `models --fetch {model}` is called `models get {model}` now"));
            get::run(get::GetArgs { model, json: false }, &interrupt)
        }
        (None, None) => list::run(list::ListArgs::default(), &interrupt),
    }
}

/// Does something with what the environment says; where the Hub wants a token and there is none, with the one that the
/// window keeps in the system's keyring.
fn asking<T>(mut ask: impl FnMut(&Sources) -> Result<T, HubError>) -> Result<T, Ended> {
    let mut sources = Sources::default();
    let first = ask(&sources);
    if !matches!(first, Err(HubError::Gated { .. } | HubError::NoRepo { .. })) || sources.has_token() {
        return Ok(first?);
    }
    match keyring::load() {
        Ok(Some(token)) => {
            sources.token = Some(token);
            Ok(ask(&sources)?)
        }
        Ok(None) | Err(_) => Ok(first?),
    }
}

/// One JSON object on stdout; `docs/models-json.md` describes each.
fn print_json(value: &impl Serialize) -> Result<(), Ended> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Ended::failed(error.to_string()))?;
    terminal::line(&text);
    Ok(())
}

/// `1.7 B`, `135 M`; of a model for tests `69,952`.
fn parameters(number: u64) -> String {
    match number {
        0..1_000_000 => terminal::thousands(number),
        1_000_000..1_000_000_000 => format!("{:.0} M", number as f64 / 1e6),
        _ => format!("{:.1} B", number as f64 / 1e9),
    }
}
