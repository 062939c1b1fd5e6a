//! A model of the Hub, from its repository into the models folder.

use std::path::{Path, PathBuf};

use hf_hub::RepoTypeAny;

use super::download::{HubRepo, check_room};
use super::listing::RepoListing;
use super::record::DownloadRecord;
use super::resolve::{hub_folder, model_in};
use super::starter::fetch_starter;
use super::{HubError, Sources, outside, resolve};
use crate::model::ModelSpec;
use crate::model::weights::safetensors::read_config;
use crate::recipe::ModelRef;
use crate::task::{Quiet, Task};

/// Finds a model on this disk, or fetches it into the models folder.
///
/// # Errors
/// Where there is no such model, or it can't be fetched or written; the error names it.
pub fn fetch(model: &ModelRef, sources: &Sources, task: &dyn Task) -> Result<PathBuf, HubError> {
    match (model, resolve(model, sources)) {
        (ModelRef::Starter, _) => fetch_starter(sources, task),
        (ModelRef::Hub { repo, revision, variant }, Err(HubError::NotFetched { .. })) => {
            fetch_repo(model, repo, revision.as_deref(), variant.as_deref(), sources, task)
        }
        (_, found) => found,
    }
}

/// The files go into a folder beside its final name, which it gets when all of them are there.
fn fetch_repo(
    model: &ModelRef,
    repo: &str,
    revision: Option<&str>,
    variant: Option<&str>,
    sources: &Sources,
    task: &dyn Task,
) -> Result<PathBuf, HubError> {
    outside::check_variant(variant)?;
    let hub = HubRepo::open(RepoTypeAny::Model, repo, revision, sources)?;
    let listing = RepoListing::new(repo, revision, hub.look(task)?);
    listing.notes.iter().for_each(|note| log::warn!("{repo}: {note}"));
    let files = listing.choose(variant)?.files.clone();
    // All files must be of one commit, also where the branch moves on meanwhile.
    let hub = hub.at(listing.commit.clone());
    let folder = hub_folder(&sources.models_dir, repo, revision.unwrap_or("main"), variant);
    let partial = super::part::part_path(&folder);
    let record = DownloadRecord::new(model.clone(), listing.commit, files);
    check_room(&partial, &record.files)?;
    record.clear_changed(&partial)?;
    record.write(&partial)?;
    // Gigabytes of a model that can't be trained are of no use.
    let config: Vec<_> = record.files.iter().filter(|file| file.path == "config.json").cloned().collect();
    hub.fetch_into(&partial, &config, &Quiet(task))?;
    if let Some(reason) = refusal(&partial) {
        std::fs::remove_dir_all(&partial).map_err(HubError::io(&partial))?;
        return Err(HubError::NoModel { repo: repo.to_owned(), reason });
    }
    hub.fetch_into(&partial, &record.files, task)?;
    std::fs::rename(&partial, &folder).map_err(HubError::io(&folder))?;
    model_in(&folder).ok_or(HubError::NotThere { path: folder })
}

/// Why a model of this folder's `config.json` can't be trained; `None` where it can, or where no such file says a family.
fn refusal(folder: &Path) -> Option<String> {
    let config = read_config(folder).ok().filter(|config| config.get("model_type").is_some())?;
    match ModelSpec::from_config(&config) {
        Ok(spec) => spec.problem(Some(&config)),
        Err(message) => Some(message),
    }
}
