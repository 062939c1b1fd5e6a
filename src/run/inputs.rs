//! What a run is based on: its data and its base model, by their SHA-256 in `inputs.json`. A run is resumed on nothing
//! else.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunDir, RunError};
use crate::words::thousands;

/// The content of `inputs.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inputs {
    /// The training file, and the validation file where there is one. A folder counts as one file.
    pub data: Vec<InputFile>,
    /// The person's files that the data were frozen from, as they were named; of a project's run, none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<InputFile>,
    /// The share of the source that was held out, where that was left to the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
    pub base_model: Vec<InputFile>,
    /// The adapter that the run began with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_adapter: Vec<InputFile>,
    /// When the run began, with its time zone: the time that its model's template writes, also when it is resumed.
    #[serde(default)]
    pub began: String,
    /// SHA-256 of every sample's tokens, and of which are trained.
    pub samples_sha256: String,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The path of data, as the run's recipe has it; a model's file name.
    pub name: String,
    pub num_bytes: u64,
    /// In hexadecimal digits; `None` for weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// For weights, the SHA-256 of pieces spread over the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_sha256: Option<String>,
}

impl Inputs {
    /// The time of the field `began`.
    pub fn began(&self) -> jiff::Zoned {
        self.began.parse().unwrap_or_else(|_| jiff::Zoned::now())
    }

    /// What the run in a folder began with; `None` for a run of a version that didn't keep it.
    ///
    /// # Errors
    /// [`RunError`] where the file is there and can't be read; it names the file.
    pub fn read(run_dir: &Path) -> Result<Option<Self>, RunError> {
        let path = RunDir(run_dir).inputs();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(RunError::io(&path)(e)),
        };
        let damaged = |e: serde_json::Error| RunError::Damaged { path: path.clone(), message: e.to_string() };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Writes `inputs.json`.
    ///
    /// # Errors
    /// [`RunError::Io`] when it can't be written.
    pub fn write(&self, run_dir: &Path) -> Result<(), RunError> {
        let path = RunDir(run_dir).inputs();
        let text = serde_json::to_vec_pretty(self).map_err(|e| RunError::io(&path)(e.into()))?;
        crate::fs::write_atomic(&path, &text).map_err(RunError::io(&path))
    }

    /// What is other about the person's files than when the data were frozen from them.
    pub fn changed_source(&self, sources: &[InputFile], validation_split: Option<f64>) -> Option<String> {
        let share = |share: Option<f64>| share.map_or("none".to_owned(), |share| share.to_string());
        let [now, then] = [validation_split, self.validation_split].map(share);
        let split = (now != then).then(|| format!("data.validation_split is {now} instead of {then}"));
        difference(sources, &self.sources).or(split)
    }

    /// The first file that isn't what it was when the run began.
    pub fn changed_file(&self, began_with: &Self) -> Option<String> {
        let all = |inputs: &Self| [&inputs.data[..], &inputs.base_model, &inputs.init_adapter].map(<[_]>::to_vec);
        let lists = all(self).into_iter().zip(all(began_with));
        let kinds = ["", "of the base model, ", "of init_adapter, "];
        kinds.into_iter().zip(lists).find_map(|(kind, (now, then))| Some(format!("{kind}{}", difference(&now, &then)?)))
    }
}

/// Which file, and what is other about it. The recipes are the same, so data has the same names, too.
fn difference(now: &[InputFile], then: &[InputFile]) -> Option<String> {
    for (at, old) in then.iter().enumerate() {
        let Some(new) = now.get(at).filter(|new| new.name == old.name) else {
            return Some(format!("{} was there when the run began", old.name));
        };
        if new.num_bytes != old.num_bytes {
            let [now, then] = [new.num_bytes, old.num_bytes].map(thousands);
            return Some(format!("{} has {now} bytes instead of {then}", new.name));
        }
        if (&new.sha256, &new.sampled_sha256) != (&old.sha256, &old.sampled_sha256) {
            return Some(format!("{} has another content (its SHA-256 differs)", new.name));
        }
    }
    now.get(then.len()).map(|new| format!("{} was not there when the run began", new.name))
}
