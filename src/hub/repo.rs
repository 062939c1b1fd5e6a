//! A whole repository of the Hub, as far as it is a model.

use std::path::PathBuf;

use hf_hub::RepoTypeAny;

use super::download::HubRepo;
use super::resolve::{has_extension, hub_folder, model_in};
use super::starter::fetch_starter;
use super::{HubError, RemoteFile, Sources, resolve};
use crate::recipe::ModelRef;
use crate::task::Task;

/// Finds a model on this disk, or fetches it into the models folder.
///
/// # Errors
/// Where there is no such model, or it can't be fetched or written; the error names it.
pub fn fetch(model: &ModelRef, sources: &Sources, task: &dyn Task) -> Result<PathBuf, HubError> {
    match (model, resolve(model, sources)) {
        (ModelRef::Starter, _) => fetch_starter(sources, task),
        (ModelRef::Hub { repo, revision }, Err(HubError::NotFetched { .. })) => {
            fetch_repo(repo, revision.as_deref(), sources, task)
        }
        (_, found) => found,
    }
}

/// The files go into a folder beside its final name, which it gets when all of them are there.
fn fetch_repo(repo: &str, revision: Option<&str>, sources: &Sources, task: &dyn Task) -> Result<PathBuf, HubError> {
    let hub = HubRepo::open(RepoTypeAny::Model, repo, revision, sources)?;
    let facts = hub.look(task)?;
    facts.notes.iter().for_each(|note| log::warn!("{repo}: {note}"));
    // All files must be of one commit, also where the branch moves on meanwhile.
    let hub = hub.at(facts.commit);
    let mut files = model_files(repo, facts.files)?;
    // Small files first: a model that can't be used is known before gigabytes have come.
    files.sort_by_key(|file| file.num_bytes);
    let folder = hub_folder(&sources.models_dir, repo, revision.unwrap_or("main"));
    let partial = super::part::part_path(&folder);
    hub.fetch_into(&partial, &files, task)?;
    std::fs::rename(&partial, &folder).map_err(HubError::io(&folder))?;
    model_in(&folder).ok_or(HubError::NotThere { path: folder })
}

/// What of a repository is needed: weights with their configuration and tokenizer, or else its one GGUF file.
fn model_files(repo: &str, files: Vec<RemoteFile>) -> Result<Vec<RemoteFile>, HubError> {
    let top = || files.iter().filter(|file| !file.path.contains('/'));
    let with = |extension: &str| -> Vec<RemoteFile> {
        top().filter(|file| has_extension(file.path.as_ref(), extension)).cloned().collect()
    };
    let has_config = top().any(|file| file.path == "config.json");
    let mut weights = with("safetensors");
    if has_config && !weights.is_empty() {
        weights.extend(with("json"));
        weights.extend(with("jinja"));
        return Ok(weights);
    }
    let gguf_files = with("gguf");
    match gguf_files.len() {
        1 => Ok(gguf_files),
        0 => Err(no_model(repo, "it has neither safetensors with a config.json nor a GGUF file")),
        _ => Err(no_model(repo, "it has several GGUF files; download the one you want and open it as a file")),
    }
}

fn no_model(repo: &str, reason: &str) -> HubError {
    HubError::NoModel { repo: repo.to_owned(), reason: reason.to_owned() }
}
