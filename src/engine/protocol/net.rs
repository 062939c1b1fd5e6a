//! The net lane's jobs: downloads.

use super::facts::{Facts, Subject};
use crate::engine::dataset::WantedData;
use crate::hub::DatasetName;
use crate::recipe::ModelRef;

/// What is asked of the Hub.
#[derive(Debug, Clone, PartialEq)]
pub enum NetJob {
    FetchModel {
        model: ModelRef,
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
    /// The lane's table: a row for each job.
    pub fn facts(&self) -> Facts {
        let downloading = |what: &str| {
            Facts::doing(format!("Downloading {what}"))
                .done_in(format!("Downloaded {what}"))
                .stopped(format!("Stopped downloading {what}"))
        };
        match self {
            Self::FetchModel { model } => downloading(&model.short_name()).about(Subject::Model),
            Self::ListDataset { name } => Facts::doing(format!("Asking the Hub for {name}")).shows_its_failure(),
            Self::FetchDataset { wanted } => downloading(&wanted.dataset.name.repo).shows_its_failure(),
        }
    }
}
