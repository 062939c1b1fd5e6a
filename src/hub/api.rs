//! What the Hub says about a repository in one answer: its commit, its card, and its files with their SHA-256. hf-hub
//! asks without `blobs`, so that sizes and hashes are missing from what it gets.

use hf_hub::RepoType;
use hf_hub::repository::RepoSibling;
use serde::Deserialize;
use serde_json::Value;

use super::download::HubRepo;
use super::outside::{is_file_name, is_inside};
use super::{HubError, RemoteFile};
use crate::model::families;
use crate::task::Task;

/// A repository at one commit.
pub(super) struct RepoFacts {
    pub commit: String,
    pub is_gated: bool,
    /// The head of its README, read as YAML by the Hub.
    pub card: Value,
    pub about: About,
    pub files: Vec<RemoteFile>,
    /// What was left out of them.
    pub notes: Vec<String>,
}

/// What the Hub found out about a model.
#[derive(Debug, Default, Deserialize)]
pub(super) struct About {
    /// In the last 30 days.
    pub downloads: Option<u64>,
    pub pipeline_tag: Option<String>,
    /// A part of its `config.json`.
    #[serde(default)]
    config: Value,
    /// What a GGUF file of it says.
    #[serde(default)]
    gguf: Value,
    /// How many values of each type its safetensors have.
    #[serde(default)]
    safetensors: Value,
}

impl About {
    /// The family, as its files call it.
    pub fn architecture(&self) -> Option<&str> {
        let of_config = self.config.get("model_type").and_then(Value::as_str);
        of_config.or_else(|| self.gguf.get("architecture")?.as_str())
    }

    /// As people write it; of a family that isn't known as its files do.
    pub fn family(&self) -> Option<String> {
        let name = self.architecture()?;
        Some(families::find_in_or_out_of_a_wrapper(name).map_or(name, |family| family.name).to_owned())
    }

    pub fn num_parameters(&self) -> Option<u64> {
        let total = |of: &Value| of.get("total").and_then(Value::as_u64);
        total(&self.safetensors).or_else(|| total(&self.gguf)).filter(|total| *total > 0)
    }

    /// In tokens.
    pub fn context_length(&self) -> Option<u64> {
        self.gguf.get("context_length")?.as_u64()
    }

    /// `gptq`, where the weights are quantised in a way of Python programs.
    pub fn quantization_method(&self) -> Option<&str> {
        self.config.pointer("/quantization_config/quant_method")?.as_str()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    sha: Option<String>,
    #[serde(default)]
    gated: Value,
    #[serde(default)]
    card_data: Value,
    #[serde(default)]
    siblings: Vec<RepoSibling>,
}

impl HubRepo {
    pub fn look(&self, task: &dyn Task) -> Result<RepoFacts, HubError> {
        let of_repo = self.id.split('/');
        let words: Vec<_> = ["api", self.kind.plural()].into_iter().chain(of_repo).collect();
        let mut url = self.hub.address(&[&*words, &["revision", &self.revision]].concat())?;
        url.query_pairs_mut().append_pair("blobs", "true");
        let answer = self.hub.ask(&url, task)?;
        if !answer.status.is_success() {
            return Err(self.refusal(self.id.clone(), answer.status.as_u16(), answer.code.as_deref()));
        }
        let json: Value =
            serde_json::from_slice(&answer.body).map_err(|error| self.hub.nonsense(format!("its answer: {error}")))?;
        // What is only told is never a reason to refuse the rest.
        let about = About::deserialize(&json).unwrap_or_default();
        let answer = Answer::deserialize(&json).map_err(|error| self.hub.nonsense(format!("its answer: {error}")))?;
        self.facts(answer, about)
    }

    fn facts(&self, answer: Answer, about: About) -> Result<RepoFacts, HubError> {
        let commit = answer.sha.filter(|commit| is_file_name(commit));
        let commit = commit.ok_or_else(|| self.hub.nonsense("it names no commit"))?;
        let (inside, unsafe_names): (Vec<_>, Vec<_>) =
            answer.siblings.into_iter().partition(|file| is_inside(&file.rfilename));
        let files = inside.into_iter().filter_map(|file| {
            let num_bytes = file.lfs.as_ref().and_then(|lfs| lfs.size).or(file.size)?;
            let sha256 = file.lfs.and_then(|lfs| lfs.sha256).map(|hash| hash.to_ascii_lowercase());
            Some(RemoteFile { path: file.rfilename, num_bytes, sha256 })
        });
        let notes = unsafe_names.first().map(|first| {
            let (num, first) = (unsafe_names.len(), &first.rfilename);
            format!("Files whose names lead out of the repository are left out: {num}, the first is {first:?}")
        });
        Ok(RepoFacts {
            commit,
            is_gated: is_gated(&answer.gated),
            card: answer.card_data,
            about,
            files: files.collect(),
            notes: notes.into_iter().collect(),
        })
    }
}

/// `false`, or how it is granted: `auto` or `manual`.
pub(super) fn is_gated(gated: &Value) -> bool {
    !matches!(gated, Value::Null | Value::Bool(false))
}
