//! Files of the Hugging Face Hub: with progress, stopped at any time, and resumed where they were left.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use hf_hub::{HFClient, HFError, RepoType, RepoTypeAny};
use tokio::runtime::{Builder, Runtime};

use super::part::{Expected, Part, file_name, part_path};
use super::sources::HubToken;
use super::{HubError, RemoteFile, Sources, outside};
use crate::task::{Task, Unit};

/// How often a wait looks whether it is still wanted.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// A Hub that can't be reached must not keep the other sources waiting.
const ANSWER_SECS: u64 = 8;
/// No byte in this time means that the connection is dead.
const STALL_SECS: u64 = 30;

/// One repository of the Hub at one revision.
pub(super) struct HubRepo {
    client: HFClient,
    pub(super) http: reqwest::Client,
    pub(super) token: Option<HubToken>,
    runtime: Runtime,
    pub(super) kind: RepoTypeAny,
    /// `owner/name`.
    pub(super) id: String,
    pub(super) revision: String,
}

impl HubRepo {
    pub fn open(kind: RepoTypeAny, id: &str, revision: Option<&str>, sources: &Sources) -> Result<Self, HubError> {
        outside::check(id, revision)?;
        if sources.is_switched_off {
            return Err(HubError::SwitchedOff);
        }
        if sources.is_offline {
            return Err(HubError::Offline);
        }
        let failed =
            |error: &HFError| HubError::Hub { what: sources.endpoint().to_owned(), message: error.to_string() };
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(ANSWER_SECS)).build();
        let http = http.map_err(|error| failed(&error.into()))?;
        let token = sources.token();
        let builder = HFClient::builder()
            .endpoint(sources.endpoint())
            .client(http.clone())
            // Tries are counted here, because each resumes from what has arrived.
            .retry_max_attempts(0);
        let builder = match &token {
            Some(token) => builder.token(token.as_str()),
            None => builder,
        };
        let client = builder.build().map_err(|error| failed(&error))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| HubError::Io { path: "network".into(), source })?;
        let revision = revision.unwrap_or("main").to_owned();
        Ok(Self { client, http, token, runtime, kind, id: id.to_owned(), revision })
    }

    /// This repository, held at one commit.
    pub fn at(self, commit: String) -> Self {
        Self { revision: commit, ..self }
    }

    pub(super) fn endpoint(&self) -> &str {
        self.client.endpoint()
    }

    /// Fetches the files that are not in the folder yet, in their order.
    pub fn fetch_into(&self, folder: &Path, files: &[RemoteFile], task: &dyn Task) -> Result<(), HubError> {
        let mut told = Told { before: 0, total: files.iter().map(|file| file.num_bytes).sum() };
        for file in files {
            if !outside::is_inside(&file.path) {
                return Err(HubError::Hub {
                    what: self.id.clone(),
                    message: format!("it names a file {:?}", file.path),
                });
            }
            let target = folder.join(&file.path);
            if !target.metadata().is_ok_and(|metadata| metadata.len() == file.num_bytes) {
                let expected = Expected { num_bytes: file.num_bytes, sha256: file.sha256.clone() };
                self.fetch(&file.path, &expected, &target, told, task)?;
            }
            told.before += file.num_bytes;
            told.tell(0, task);
        }
        Ok(())
    }

    /// Fetches one file; `told` is how far the whole job was before it. What an earlier fetch left may be what is wrong
    /// with it: then the file is fetched once more from its beginning.
    pub fn fetch(
        &self,
        file: &str,
        expected: &Expected,
        target: &Path,
        told: Told,
        task: &dyn Task,
    ) -> Result<PathBuf, HubError> {
        let is_resumed = part_path(target).metadata().is_ok_and(|metadata| metadata.len() > 0);
        match self.fetch_once(file, expected, target, told, task) {
            Err(error @ (HubError::WrongHash { .. } | HubError::WrongSize { .. })) if is_resumed => {
                log::info!("{error}; beginning again");
                self.fetch_once(file, expected, target, told, task)
            }
            other => other,
        }
    }

    fn fetch_once(
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

    /// Continues after lost connections, as long as each try brings something.
    fn fetch_all(&self, file: &str, total: u64, part: &mut Part, told: Told, task: &dyn Task) -> Result<(), HubError> {
        while part.num_bytes() < total {
            let before = part.num_bytes();
            match self.fetch_rest(file, total, part, told, task) {
                Err(error @ HubError::CutOff { .. }) if part.num_bytes() > before => {
                    log::info!("{error}; resuming from there");
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Asks for the bytes that are missing and writes them as they come.
    fn fetch_rest(&self, file: &str, total: u64, part: &mut Part, told: Told, task: &dyn Task) -> Result<(), HubError> {
        let start = part.num_bytes();
        let range = (start > 0).then_some(start..total);
        let (owner, name) = hf_hub::split_id(&self.id);
        // hf-hub's own type for all kinds asks for a data set's file where a model's would be.
        let (model, dataset) = (self.client.model(owner, name), self.client.dataset(owner, name));
        let revision = &*self.revision;
        let opening = async {
            match self.kind {
                RepoTypeAny::Dataset => {
                    dataset.download_file_stream().filename(file).revision(revision).maybe_range(range).send().await
                }
                _ => model.download_file_stream().filename(file).revision(revision).maybe_range(range).send().await,
            }
        };
        let opened = self.wait(opening, task)?;
        let (num_coming, mut stream) = opened.map_err(|error| self.hub_error(format!("{}/{file}", self.id), &error))?;
        if start > 0 && num_coming == Some(total) {
            // A server that knows no ranges sends the whole file again.
            part.clear()?;
        }
        let cut_off = |done: u64| HubError::CutOff { file: file_name(Path::new(file)), done, total };
        loop {
            told.tell(part.num_bytes(), task);
            if task.is_stopped() {
                return Err(HubError::Stopped);
            }
            let next = match self.wait_for(stream.next(), STALL_SECS, task) {
                Err(HubError::NoAnswer { .. }) => return Err(cut_off(part.num_bytes())),
                other => other?,
            };
            match next {
                Some(Ok(bytes)) => part.write(&bytes)?,
                Some(Err(error)) => {
                    log::info!("{}/{file}: {error}", self.id);
                    return Err(cut_off(part.num_bytes()));
                }
                None if part.num_bytes() < total => return Err(cut_off(part.num_bytes())),
                None => return Ok(()),
            }
        }
    }

    fn wait<F: Future>(&self, future: F, task: &dyn Task) -> Result<F::Output, HubError> {
        self.wait_for(future, ANSWER_SECS, task)
    }

    /// [`Self::wait`] for long answers.
    pub(super) fn wait_long<F: Future>(&self, future: F, task: &dyn Task) -> Result<F::Output, HubError> {
        self.wait_for(future, STALL_SECS, task)
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
                if task.is_stopped() {
                    return Err(HubError::Stopped);
                }
                if begun.elapsed() >= Duration::from_secs(secs) {
                    return Err(HubError::NoAnswer { what: self.client.endpoint().to_owned(), secs });
                }
            }
        })
    }

    /// hf-hub's errors in a sentence without its debugging details.
    fn hub_error(&self, what: String, error: &HFError) -> HubError {
        match error {
            HFError::Http { context }
            | HFError::AuthRequired { context }
            | HFError::Forbidden { context }
            | HFError::RateLimited { context, .. }
            | HFError::RepoNotFound { context: Some(context), .. }
            | HFError::RevisionNotFound { context: Some(context), .. } => {
                self.refusal(what, context.status.as_u16(), context.error_code.as_deref())
            }
            HFError::EntryNotFound { context: Some(context), .. } => {
                let code = context.error_code.as_deref().unwrap_or("EntryNotFound");
                self.refusal(what, context.status.as_u16(), Some(code))
            }
            HFError::Request { source, .. } => self.unreachable(source),
            other => HubError::Hub { what, message: other.to_string() },
        }
    }

    /// Why the Hub gives nothing, from the status and the Hub's own word for the reason.
    pub(super) fn refusal(&self, what: String, status: u16, code: Option<&str>) -> HubError {
        let message = match (code, status) {
            (Some("GatedRepo"), _) | (None, 403) => {
                let page = format!("{}/{}{}", self.endpoint(), self.kind.url_prefix(), self.id);
                return HubError::Gated { id: self.id.clone(), page };
            }
            (Some("EntryNotFound"), _) => "there is no such file on the Hub".to_owned(),
            (Some("RevisionNotFound"), _) => format!("it has no revision {}", self.revision),
            // To those it doesn't know, the Hub says the same of what isn't there and of what is private.
            (Some("RepoNotFound"), _) | (_, 401) | (None, 404) => {
                let kind = if self.kind == RepoTypeAny::Dataset { "data set" } else { "model" };
                return HubError::NoRepo { kind, id: self.id.clone() };
            }
            (_, 429) => "the Hub has had too many requests from here; wait a while".to_owned(),
            _ => format!("the server answered {status}"),
        };
        HubError::Hub { what, message }
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> HubError {
        let address = self.endpoint().to_owned();
        if error.is_connect() || error.is_timeout() {
            return HubError::Unreachable { address };
        }
        HubError::Hub { what: address, message: error.to_string() }
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
