//! The jobs of the lanes that ask the Hub: questions, and downloads.

use super::facts::{Facts, Subject};
use crate::engine::dataset::WantedData;
use crate::hub::{DatasetName, SearchQuery};
use crate::recipe::ModelRef;

/// What is asked of the Hub.
#[derive(Debug, Clone, PartialEq)]
pub enum NetJob {
    /// Downloads a model, or the rest of it; can be paused.
    FetchModel {
        model: ModelRef,
    },
    /// Looks for models on the Hub.
    SearchModels {
        query: SearchQuery,
    },
    /// Asks the Hub for a repository's files, put together to the models that can be downloaded.
    ListRepo {
        repo: String,
        revision: Option<String>,
    },
    /// Asks the Hub what a data set has.
    ListDataset {
        name: DatasetName,
    },
    FetchDataset {
        wanted: WantedData,
    },
}

impl NetJob {
    /// Whether it is over after an answer or two: such a job doesn't wait for downloads.
    pub(super) fn is_question(&self) -> bool {
        matches!(self, Self::SearchModels { .. } | Self::ListRepo { .. } | Self::ListDataset { .. })
    }

    /// The lane's table: a row for each job.
    pub fn facts(&self) -> Facts {
        let downloading = |what: &str| {
            Facts::doing(format!("Downloading {what}"))
                .done_in(format!("Downloaded {what}"))
                .stopped(format!("Stopped downloading {what}"))
        };
        match self {
            Self::FetchModel { model } => downloading(&model.short_name()).about(Subject::Model),
            Self::SearchModels { .. } => {
                Facts::doing("Searching the Hub").about(Subject::Model).supersedes_its_kind().shows_its_failure()
            }
            Self::ListRepo { repo, .. } => {
                Facts::doing(format!("Asking the Hub for {repo}")).about(Subject::Model).shows_its_failure()
            }
            Self::ListDataset { name } => Facts::doing(format!("Asking the Hub for {name}")).shows_its_failure(),
            Self::FetchDataset { wanted } => downloading(&wanted.dataset.name.repo).shows_its_failure(),
        }
    }
}
