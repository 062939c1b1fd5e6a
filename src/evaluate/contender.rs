//! Who is measured: a base model, one with an adapter, or one behind an address.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::EvaluateError;
use crate::endpoint::Endpoint;
use crate::model::peft::CONFIG_FILE;
use crate::recipe::{ChatFormat, ModelRef};
use crate::run::{RunDir, RunRecord};

/// One of those that are measured on the same examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// What it is called in tables: "SmolLM2-135M-Instruct", "run 2026-11-23-1".
    pub name: String,
    pub source: Source,
}

/// Where a contender's answers come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It is computed here.
    Local {
        model: ModelRef,
        /// A folder in PEFT's format.
        adapter: Option<PathBuf>,
        /// How it is used to read conversations.
        format: ChatFormat,
    },
    /// Another program answers; it gives no likelihoods.
    Endpoint(Endpoint),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { model, .. } => model.fmt(f),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

impl Contender {
    /// A model as it is.
    pub fn base(model: ModelRef, format: ChatFormat) -> Self {
        Self { name: model.short_name(), source: Source::Local { model, adapter: None, format } }
    }

    /// A model with an adapter; one of a run has the run's name.
    pub fn tuned(model: ModelRef, adapter: PathBuf, format: ChatFormat) -> Self {
        let name = match RunDir::of_checkpoint(&adapter) {
            Some(run) => format!("run {}", run.name()),
            None => adapter.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        Self { name, source: Source::Local { model, adapter: Some(adapter), format } }
    }

    /// A run's weights; `None` while it has none.
    pub fn of_run(run: &RunRecord) -> Option<Self> {
        let adapter = run.adapter.clone()?;
        Some(Self::tuned(run.recipe.base_model.clone(), adapter, run.recipe.training.chat_format()))
    }

    /// What a person calls it: an address with a model, a run's folder, an adapter of the same base model as `beside`, or a
    /// model.
    ///
    /// # Errors
    /// Where it is a run that can't be read or has no weights yet, an address without a model, or an adapter beside nothing
    /// that is computed here.
    pub fn named(text: &str, beside: &Self) -> Result<Self, EvaluateError> {
        if text.starts_with("http://") || text.starts_with("https://") {
            let endpoint: Endpoint = text.parse()?;
            return Ok(Self { name: endpoint.model.clone(), source: Source::Endpoint(endpoint) });
        }
        let path = Path::new(text);
        if path.join(CONFIG_FILE).is_file() {
            let Source::Local { model, format, .. } = &beside.source else {
                return Err(EvaluateError::NoBase { adapter: path.to_owned() });
            };
            return Ok(Self::tuned(model.clone(), path.to_owned(), *format));
        }
        if RunDir(path).has_begun() {
            let run = RunRecord::read(path)?;
            return Self::of_run(&run).ok_or_else(|| EvaluateError::NoWeights { run_dir: path.to_owned() });
        }
        let format = match &beside.source {
            Source::Local { format, .. } => *format,
            Source::Endpoint(_) => ChatFormat::OF_MODEL,
        };
        Ok(Self::base(ModelRef::parse(text), format))
    }

    /// The base model, of what is computed here.
    pub fn model(&self) -> Option<&ModelRef> {
        match &self.source {
            Source::Local { model, .. } => Some(model),
            Source::Endpoint(_) => None,
        }
    }

    /// The adapter's folder, where there is one.
    pub fn adapter(&self) -> Option<&Path> {
        match &self.source {
            Source::Local { adapter, .. } => adapter.as_deref(),
            Source::Endpoint(_) => None,
        }
    }
}
