//! Files of the Hugging Face Hub: with progress, paused and stopped at any time, and resumed where they were left.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use hf_hub::{HFError, RepoType, RepoTypeAny};

use super::client::{ANSWER_SECS, HubClient, STALL_SECS};
use super::part::{Expected, Part, file_name, part_path};
use super::{HubError, RemoteFile, Sources, outside};
use crate::task::{Signal, Task, Unit};

/// One repository of the Hub at one revision.
pub(super) struct HubRepo {
    pub(super) hub: HubClient,
    pub(super) kind: RepoTypeAny,
    /// `owner/name`.
    pub(super) id: String,
    pub(super) revision: String,
}

/// How a download left off.
enum Flow {
    Whole,
    /// The person wants it to stand still.
    Paused,
}

impl HubRepo {
    pub fn open(kind: RepoTypeAny, id: &str, revision: Option<&str>, sources: &Sources) -> Result<Self, HubError> {
        outside::check(id, revision)?;
        let revision = revision.unwrap_or("main").to_owned();
        Ok(Self { hub: HubClient::open(sources)?, kind, id: id.to_owned(), revision })
    }

    /// This repository, held at one commit.
    pub fn at(self, commit: String) -> Self {
        Self { revision: commit, ..self }
    }

    pub(super) fn endpoint(&self) -> &str {
        self.hub.endpoint()
    }

    /// Fetches the files that are not in the folder yet, in their order.
    pub fn fetch_into(&self, folder: &Path, files: &[RemoteFile], task: &dyn Task) -> Result<(), HubError> {
        check_room(folder, files)?;
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
        // Nobody could tell whether the rest of a file without a hash is of the same file; such files are small.
        if part.num_bytes() > expected.num_bytes || expected.sha256.is_none() {
            part.clear()?;
        }
        match self.fetch_all(file, expected.num_bytes, &mut part, told, task) {
            Ok(()) => part.finish(expected),
            Err(error) => part.leave().and(Err(error)),
        }
    }

    /// Continues after lost connections, as long as each try brings something, and after a pause.
    fn fetch_all(&self, file: &str, total: u64, part: &mut Part, told: Told, task: &dyn Task) -> Result<(), HubError> {
        while part.num_bytes() < total {
            let before = part.num_bytes();
            match self.hub.patiently(task, || self.fetch_rest(file, total, part, told, task)) {
                // Nobody keeps a connection open for as long as a person may be away.
                Ok(Flow::Paused) => task.go_on().map(|_| ()).ok_or(HubError::Stopped)?,
                Ok(Flow::Whole) => {}
                Err(error @ HubError::CutOff { .. }) if part.num_bytes() > before => {
                    log::info!("{error}; resuming from there");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Asks for the bytes that are missing and writes them as they come.
    fn fetch_rest(
        &self,
        file: &str,
        total: u64,
        part: &mut Part,
        told: Told,
        task: &dyn Task,
    ) -> Result<Flow, HubError> {
        let start = part.num_bytes();
        let range = (start > 0).then_some(start..total);
        let (owner, name) = hf_hub::split_id(&self.id);
        // hf-hub's own type for all kinds asks for a data set's file where a model's would be.
        let (model, dataset) = (self.hub.client.model(owner, name), self.hub.client.dataset(owner, name));
        let revision = &*self.revision;
        let opening = async {
            match self.kind {
                RepoTypeAny::Dataset => {
                    dataset.download_file_stream().filename(file).revision(revision).maybe_range(range).send().await
                }
                _ => model.download_file_stream().filename(file).revision(revision).maybe_range(range).send().await,
            }
        };
        let opened = self.hub.wait_for(opening, ANSWER_SECS, task)?;
        let (num_coming, mut stream) = opened.map_err(|error| self.hub_error(format!("{}/{file}", self.id), &error))?;
        if start > 0 && num_coming == Some(total) {
            // A server that knows no ranges sends the whole file again.
            part.clear()?;
        }
        let cut_off = |done: u64| HubError::CutOff { file: file_name(Path::new(file)), done, total };
        loop {
            told.tell(part.num_bytes(), task);
            match task.signal() {
                Signal::Run => {}
                Signal::Pause => return Ok(Flow::Paused),
                Signal::Stop { .. } | Signal::Close => return Err(HubError::Stopped),
            }
            let next = match self.hub.wait_for(stream.next(), STALL_SECS, task) {
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
                None => return Ok(Flow::Whole),
            }
            // A server that never ends must not fill the disk.
            if part.num_bytes() > total {
                return Ok(Flow::Whole);
            }
        }
    }

    /// hf-hub's errors in a sentence without its debugging details.
    fn hub_error(&self, what: String, error: &HFError) -> HubError {
        match error {
            HFError::RateLimited { retry_after, .. } => self.hub.too_many(retry_after.map(|after| after.as_secs())),
            HFError::Http { context }
            | HFError::AuthRequired { context }
            | HFError::Forbidden { context }
            | HFError::RepoNotFound { context: Some(context), .. }
            | HFError::RevisionNotFound { context: Some(context), .. } => {
                self.refusal(what, context.status.as_u16(), context.error_code.as_deref())
            }
            HFError::EntryNotFound { context: Some(context), .. } => {
                let code = context.error_code.as_deref().unwrap_or("EntryNotFound");
                self.refusal(what, context.status.as_u16(), Some(code))
            }
            HFError::Request { source, .. } => self.hub.unreachable(source),
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
            _ => format!("the server answered {status}"),
        };
        HubError::Hub { what, message }
    }
}

/// Checks that the disk has room for what is still missing.
pub(super) fn check_room(folder: &Path, files: &[RemoteFile]) -> Result<(), HubError> {
    let len = |path: &Path| path.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    let missing = |file: &RemoteFile| {
        let target = folder.join(&file.path);
        file.num_bytes.saturating_sub(len(&target).max(len(&part_path(&target))))
    };
    let needed: u64 = files.iter().fold(0, |sum, file| sum.saturating_add(missing(file)));
    // The folder itself may not be there yet. A system that doesn't say how much is free isn't asked again.
    let Some(there) = folder.ancestors().find(|folder| folder.exists()) else { return Ok(()) };
    match fs4::available_space(there) {
        Ok(free) if free < needed => Err(HubError::NoSpace { path: there.to_owned(), needed, free }),
        _ => Ok(()),
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
