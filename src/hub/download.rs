//! Files of the Hugging Face Hub: with progress, stopped at any time, and gone on with where they were left.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use hf_hub::repository::RepoTreeEntry;
use hf_hub::{HFClient, HFError};
use tokio::runtime::{Builder, Runtime};

use super::part::{Expected, Part, file_name};
use super::{HubError, Sources};
use crate::task::{Task, Unit};

/// How often a wait looks whether it is still wanted.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A Hub that can't be reached must not keep the other sources waiting.
const ANSWER_SECS: u64 = 8;
/// No byte for so long means that the connection is dead.
const STALL_SECS: u64 = 30;

/// One repository of the Hub at one revision.
pub(super) struct HubRepo {
    client: HFClient,
    runtime: Runtime,
    owner: String,
    name: String,
    revision: String,
}

/// A file as the Hub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub path: String,
    pub num_bytes: u64,
}

impl HubRepo {
    pub fn open(repo: &str, revision: Option<&str>, sources: &Sources) -> Result<Self, HubError> {
        if sources.is_offline {
            return Err(HubError::Offline);
        }
        let client = HFClient::builder()
            .endpoint(sources.endpoint())
            // Tries are counted here, because each goes on from what has arrived.
            .retry_max_attempts(0)
            .build()
            .map_err(|error| hub_error(sources.endpoint(), &error))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| HubError::Io { path: "network".into(), source })?;
        let (owner, name) = hf_hub::split_id(repo);
        Ok(Self {
            client,
            runtime,
            owner: owner.to_owned(),
            name: name.to_owned(),
            revision: revision.unwrap_or("main").to_owned(),
        })
    }

    /// All files of the revision.
    pub fn list(&self, task: &dyn Task) -> Result<Vec<RemoteFile>, HubError> {
        let repo = self.client.model(&*self.owner, &*self.name);
        let listing = async {
            let mut files = Vec::new();
            let mut entries = pin!(repo.list_tree().revision(&*self.revision).recursive(true).send()?);
            while let Some(entry) = entries.next().await {
                if let RepoTreeEntry::File { path, size, .. } = entry? {
                    files.push(RemoteFile { path, num_bytes: size });
                }
            }
            Ok::<_, HFError>(files)
        };
        self.wait(listing, task)?.map_err(|error| hub_error(&self.id(), &error))
    }

    /// The commit that the revision stands for now.
    pub fn commit(&self, task: &dyn Task) -> Result<String, HubError> {
        let repo = self.client.model(&*self.owner, &*self.name);
        let answer = self.wait(repo.info().revision(&*self.revision).send(), task)?;
        let info = answer.map_err(|error| hub_error(&self.id(), &error))?;
        info.sha.ok_or_else(|| HubError::Hub { what: self.id(), message: "the Hub names no commit".to_owned() })
    }

    /// The same repository, held at one commit.
    pub fn at(self, commit: String) -> Self {
        Self { revision: commit, ..self }
    }

    /// Fetches one file; `told` is how far the whole job was before it.
    pub fn fetch(
        &self,
        file: &str,
        expected: &Expected,
        target: &Path,
        told: Told,
        task: &dyn Task,
    ) -> Result<PathBuf, HubError> {
        let mut part = Part::open(target, task)?;
        if part.num_bytes() > expected.num_bytes {
            part.clear()?;
        }
        match self.fetch_all(file, expected.num_bytes, &mut part, told, task) {
            Ok(()) => part.finish(expected),
            Err(error) => part.leave().and(Err(error)),
        }
    }

    /// Goes on after lost connections, as long as each try brings something.
    fn fetch_all(&self, file: &str, total: u64, part: &mut Part, told: Told, task: &dyn Task) -> Result<(), HubError> {
        while part.num_bytes() < total {
            let before = part.num_bytes();
            match self.fetch_rest(file, total, part, told, task) {
                Err(error @ HubError::CutOff { .. }) if part.num_bytes() > before => {
                    log::info!("{error}; going on from there");
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Asks for the bytes that are missing and writes them as they come.
    fn fetch_rest(&self, file: &str, total: u64, part: &mut Part, told: Told, task: &dyn Task) -> Result<(), HubError> {
        let start = part.num_bytes();
        let repo = self.client.model(&*self.owner, &*self.name);
        let opening = repo
            .download_file_stream()
            .filename(file)
            .revision(&*self.revision)
            .maybe_range((start > 0).then_some(start..total))
            .send();
        let opened = self.wait(opening, task)?;
        let (num_coming, mut stream) = opened.map_err(|error| hub_error(&format!("{}/{file}", self.id()), &error))?;
        if start > 0 && num_coming == Some(total) {
            // A server that knows no ranges sends the whole file again.
            part.clear()?;
        }
        let cut_off = |done: u64| HubError::CutOff { file: file_name(Path::new(file)), done, total };
        loop {
            told.tell(part.num_bytes(), task);
            if task.is_cancelled() {
                return Err(HubError::Stopped);
            }
            let next = match self.wait_for(stream.next(), STALL_SECS, task) {
                Err(HubError::NoAnswer { .. }) => return Err(cut_off(part.num_bytes())),
                other => other?,
            };
            match next {
                Some(Ok(bytes)) => part.write(&bytes)?,
                Some(Err(error)) => {
                    log::info!("{}/{file}: {error}", self.id());
                    return Err(cut_off(part.num_bytes()));
                }
                None if part.num_bytes() < total => return Err(cut_off(part.num_bytes())),
                None => return Ok(()),
            }
        }
    }

    fn id(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    fn wait<F: Future>(&self, future: F, task: &dyn Task) -> Result<F::Output, HubError> {
        self.wait_for(future, ANSWER_SECS, task)
    }

    /// Waits for the network, but no longer than the person does.
    fn wait_for<F: Future>(&self, future: F, secs: u64, task: &dyn Task) -> Result<F::Output, HubError> {
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut future = pin!(future);
            loop {
                if let Ok(output) = tokio::time::timeout(POLL_INTERVAL, &mut future).await {
                    return Ok(output);
                }
                if task.is_cancelled() {
                    return Err(HubError::Stopped);
                }
                if begun.elapsed() >= Duration::from_secs(secs) {
                    return Err(HubError::NoAnswer { what: self.client.endpoint().to_owned(), secs });
                }
            }
        })
    }
}

/// Turns the bytes of one file into those of the whole job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// Bytes of the files before this one.
    pub before: u64,
    /// Bytes of all files.
    pub total: u64,
}

impl Told {
    fn tell(self, done: u64, task: &dyn Task) {
        task.progress(self.before + done, Some(self.total), Unit::Bytes);
    }
}

/// hf-hub's errors in a sentence without its debugging details.
fn hub_error(what: &str, error: &HFError) -> HubError {
    let message = match error {
        HFError::RepoNotFound { .. } => "there is no such repository on the Hub, or it is private".to_owned(),
        HFError::RevisionNotFound { revision, .. } => format!("it has no revision {revision}"),
        HFError::EntryNotFound { .. } => "there is no such file on the Hub".to_owned(),
        HFError::AuthRequired { .. } | HFError::Forbidden { .. } => {
            "the Hub wants to know who asks; accept the model's licence there and set HF_TOKEN".to_owned()
        }
        HFError::RateLimited { .. } => "the Hub has had too many requests from here; wait a while".to_owned(),
        HFError::Request { source, .. } if source.is_connect() || source.is_timeout() => {
            "the Hub can't be reached".to_owned()
        }
        HFError::Http { context } => format!("the server answered {}", context.status),
        other => other.to_string(),
    };
    HubError::Hub { what: what.to_owned(), message }
}
