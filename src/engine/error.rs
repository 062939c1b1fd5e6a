//! The one place where the modules' errors become what the window and the command line show.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::data::ImportError;
use crate::evaluate::EvaluateError;
use crate::evaluate::rating::RatingError;
use crate::hub::HubError;
use crate::model::ModelError;
use crate::monitor::MonitorError;
use crate::project::ProjectError;
use crate::recipe::RecipeError;
use crate::render::Refusal;
use crate::report::ReportError;
use crate::run::RunError;
use crate::train::TrainError;
use crate::workbench::WorkbenchError;

/// Why a job did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It ended because it was asked to; not a failure.
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Hub(HubError),
    #[error(transparent)]
    Import(ImportError),
    #[error(transparent)]
    Project(ProjectError),
    #[error(transparent)]
    Model(ModelError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Train(TrainError),
    #[error(transparent)]
    Evaluate(EvaluateError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Rating(#[from] RatingError),
    /// What was asked for isn't done, for a reason that is the person's to know.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Monitor(MonitorError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl EngineError {
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<'_> {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// What is shown: the message as a sentence, and what to do about it.
    pub fn failure(&self) -> Failure {
        Failure { message: sentence(&self.to_string()), hint: self.hint(), is_internal: false }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Hub(error) => error.hint(),
            Self::Import(error) => error.hint(),
            Self::Project(error) => error.hint(),
            Self::Monitor(error) => error.hint(),
            Self::Run(error) => error.hint().map(sentence),
            Self::Train(error) => error.hint().map(sentence),
            Self::Evaluate(EvaluateError::Refused { .. }) => Some(sentence(Refusal::HINT)),
            Self::Evaluate(_) | Self::Report(_) | Self::Model(_) | Self::Recipe(_) | Self::Stopped => None,
            Self::Rating(RatingError::Io { source, .. }) => io_hint(source),
            Self::Rating(_) | Self::Refused(_) => None,
            Self::Io { source, .. } => io_hint(source),
        }
    }
}

fn io_hint(error: &std::io::Error) -> Option<String> {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "Make room on this disk, then try again."
        }
        std::io::ErrorKind::PermissionDenied => "Choose a folder that you may write to.",
        std::io::ErrorKind::NotFound => "It may have been moved or deleted. Check the path.",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Error messages begin small and end without a full stop, so that they can be put together; shown alone they don't.
fn sentence(message: &str) -> String {
    let mut text = message.trim().to_owned();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    // A path or a key at the beginning keeps its letters.
    let first_word = text.split(' ').next().unwrap_or_default();
    if first_word.chars().all(|c| c.is_ascii_lowercase()) {
        text[..1].make_ascii_uppercase();
    }
    text
}

impl From<HubError> for EngineError {
    fn from(error: HubError) -> Self {
        if matches!(error, HubError::Stopped) { Self::Stopped } else { Self::Hub(error) }
    }
}

impl From<ImportError> for EngineError {
    fn from(error: ImportError) -> Self {
        if error.is_stopped() { Self::Stopped } else { Self::Import(error) }
    }
}

impl From<ProjectError> for EngineError {
    fn from(error: ProjectError) -> Self {
        if error.is_stopped() { Self::Stopped } else { Self::Project(error) }
    }
}

impl From<ModelError> for EngineError {
    fn from(error: ModelError) -> Self {
        if matches!(error, ModelError::Stopped) { Self::Stopped } else { Self::Model(error) }
    }
}

impl From<TrainError> for EngineError {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Stopped => Self::Stopped,
            TrainError::Import(error) => error.into(),
            TrainError::Model(error) => error.into(),
            TrainError::Recipe(error) => error.into(),
            TrainError::Run(error) => Self::Run(error),
            error => Self::Train(error),
        }
    }
}

impl From<EvaluateError> for EngineError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Stopped => Self::Stopped,
            EvaluateError::Import(error) => error.into(),
            EvaluateError::Model(error) => error.into(),
            EvaluateError::Run(error) => error.into(),
            error => Self::Evaluate(error),
        }
    }
}

impl From<MonitorError> for EngineError {
    fn from(error: MonitorError) -> Self {
        match error {
            MonitorError::Import(error) => error.into(),
            error => Self::Monitor(error),
        }
    }
}

impl From<WorkbenchError> for EngineError {
    fn from(error: WorkbenchError) -> Self {
        match error {
            WorkbenchError::Stopped => Self::Stopped,
            WorkbenchError::Project(error) => error.into(),
            WorkbenchError::Import(error) => error.into(),
            WorkbenchError::Evaluate(error) => error.into(),
            WorkbenchError::Run(error) => error.into(),
            WorkbenchError::Train(error) => error.into(),
            WorkbenchError::Report(error) => error.into(),
            WorkbenchError::Rating(error) => error.into(),
            WorkbenchError::Refused(reason) => Self::Refused(reason),
            WorkbenchError::Monitor(error) => error.into(),
            WorkbenchError::Io { path, source } => Self::Io { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_as_a_sentence() {
        assert_eq!(sentence("the file is empty"), "The file is empty.");
        assert_eq!(sentence("training.seed is 0, but it must be 1"), "training.seed is 0, but it must be 1.");
        assert_eq!(sentence("/a/b is empty"), "/a/b is empty.");
        assert_eq!(sentence("Is it there?"), "Is it there?");
    }

    #[test]
    fn being_stopped_is_no_failure_whoever_says_it() {
        assert!(matches!(EngineError::from(HubError::Stopped), EngineError::Stopped));
        assert!(matches!(EngineError::from(ModelError::Stopped), EngineError::Stopped));
        let stopped = || ImportError::Stopped { path: "a.jsonl".into() };
        assert!(matches!(EngineError::from(stopped()), EngineError::Stopped));
        assert!(matches!(EngineError::from(ProjectError::Import(stopped())), EngineError::Stopped));
    }
}
