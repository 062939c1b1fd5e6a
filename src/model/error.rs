//! What can be wrong with a model.

use std::path::{Path, PathBuf};

/// The message names the file and, where there is one, the tensor or the key.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} isn't a model that can be read: {message}", path.display())]
    Format { path: PathBuf, message: String },
    #[error("{}: tensor {tensor} {message}", path.display())]
    Tensor { path: PathBuf, tensor: String, message: String },
    #[error("{}: {message}", path.display())]
    Unsupported { path: PathBuf, message: String },
    #[error("{}: the tokenizer can't be used: {message}", path.display())]
    Tokenizer { path: PathBuf, message: String },
    #[error("the chat template can't be used: {0}")]
    Template(String),
    #[error("{}: the adapter can't be used: {message}", path.display())]
    Adapter { path: PathBuf, message: String },
    #[error("{message}")]
    Compute { message: String },
    #[error("loading was stopped")]
    Stopped,
}

impl ModelError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }

    /// What is wrong, without the opening words of [`Self::Template`].
    pub(super) fn template_message(&self) -> String {
        match self {
            Self::Template(message) => message.clone(),
            other => other.to_string(),
        }
    }

    pub(crate) fn format(path: &Path, message: impl ToString) -> Self {
        Self::Format { path: path.into(), message: message.to_string() }
    }
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        // candle's Display appends a backtrace where one was captured; the first line is the message.
        Self::Compute { message: error.to_string().lines().next().unwrap_or_default().to_owned() }
    }
}
