//! What the Hub says about a repository in one answer: its commit, its card, and its files with their SHA-256. hf-hub
//! asks without `blobs`, so that sizes and hashes are missing from what it gets.

use hf_hub::RepoType;
use hf_hub::repository::RepoSibling;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::download::HubRepo;
use super::outside::{is_file_name, is_inside};
use super::{HubError, RemoteFile};
use crate::task::Task;

/// A list of a hundred thousand files is smaller.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A repository at one commit.
pub(super) struct RepoFacts {
    pub commit: String,
    pub is_gated: bool,
    /// The head of its README, read as YAML by the Hub.
    pub card: Value,
    pub files: Vec<RemoteFile>,
    /// What was left out of them.
    pub notes: Vec<String>,
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
        let url = self.address().ok_or_else(|| self.nonsense("its address is none".to_owned()))?;
        let asking = async {
            let request = self.http.get(url);
            let request = match &self.token {
                Some(token) => request.bearer_auth(token.as_str()),
                None => request,
            };
            let mut answer = request.send().await?;
            let code = answer.headers().get("x-error-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
            let mut body = Vec::new();
            while let Some(bytes) = answer.chunk().await? {
                body.extend_from_slice(&bytes);
                if body.len() > MAX_ANSWER_BYTES {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((answer.status(), code, body))
        };
        let (status, code, body) = self.wait_long(asking, task)?.map_err(|error| self.unreachable(&error))?;
        if !status.is_success() {
            return Err(self.refusal(self.id.clone(), status.as_u16(), code.as_deref()));
        }
        let answer = serde_json::from_slice(&body).map_err(|error| self.nonsense(format!("its answer: {error}")))?;
        self.facts(answer)
    }

    /// A revision with slashes is one segment of the address.
    fn address(&self) -> Option<Url> {
        let mut url = Url::parse(self.endpoint()).ok()?;
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(["api", self.kind.plural()])
            .extend(self.id.split('/'))
            .extend(["revision", &self.revision]);
        url.query_pairs_mut().append_pair("blobs", "true");
        Some(url)
    }

    fn facts(&self, answer: Answer) -> Result<RepoFacts, HubError> {
        let commit = answer.sha.filter(|commit| is_file_name(commit));
        let commit = commit.ok_or_else(|| self.nonsense("it names no commit".to_owned()))?;
        let (inside, unsafe_names): (Vec<_>, Vec<_>) =
            answer.siblings.into_iter().partition(|file| is_inside(&file.rfilename));
        let files = inside.into_iter().filter_map(|file| {
            let num_bytes = file.lfs.as_ref().and_then(|lfs| lfs.size).or(file.size)?;
            let sha256 = file.lfs.and_then(|lfs| lfs.sha256).map(|hash| hash.to_ascii_lowercase());
            Some(RemoteFile { path: file.rfilename, num_bytes, sha256 })
        });
        let is_gated = !matches!(answer.gated, Value::Null | Value::Bool(false));
        let notes = unsafe_names.first().map(|first| {
            let (num, first) = (unsafe_names.len(), &first.rfilename);
            format!("Files whose names lead out of the repository are left out: {num}, the first is {first:?}")
        });
        Ok(RepoFacts {
            commit,
            is_gated,
            card: answer.card_data,
            files: files.collect(),
            notes: notes.into_iter().collect(),
        })
    }

    fn nonsense(&self, what: String) -> HubError {
        HubError::Hub { what: self.endpoint().to_owned(), message: format!("this is not how the Hub answers: {what}") }
    }
}
