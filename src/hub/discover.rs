//! The models that are on this disk already, wherever other programs keep theirs. Only headers are read.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use walkdir::WalkDir;

use super::cache::CachedRepo;
use super::catalogue::STARTER;
use super::outside::is_file_name;
use super::part::file_name;
use super::resolve::{has_extension, is_whole_gguf, resolve};
use super::{FoundModel, HubError, Sources};
use crate::model::{self, ModelFacts};
use crate::recipe::ModelRef;
use crate::task::{Task, Unit};

/// Folders within folders: LM Studio has owner and repository above the file.
const MAX_DEPTH: usize = 4;

/// A place in the file system that may be a model.
struct Candidate {
    model: ModelRef,
    path: PathBuf,
    /// A better name than the file's, where the place knows one.
    name: Option<String>,
    place: &'static str,
}

/// The starter model first, also before it is fetched; then what the known places hold, in their order.
///
/// # Errors
/// [`HubError::Stopped`] where the task was stopped.
pub fn discover(sources: &Sources, task: &dyn Task) -> Result<Vec<FoundModel>, HubError> {
    let mut found = vec![starter(sources)];
    let mut seen: HashSet<PathBuf> = resolve(&ModelRef::Starter, sources).iter().filter_map(|p| real(p)).collect();
    let candidates = candidates(sources);
    let total = candidates.len() as u64;
    for (done, candidate) in candidates.into_iter().enumerate() {
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        task.progress(done as u64, Some(total), Unit::Files);
        // Several names may lead to one file: the caches are full of links.
        if real(&candidate.path).is_some_and(|path| seen.insert(path)) {
            found.push(look_at(candidate));
        }
    }
    Ok(found)
}

/// What a model on this disk is, from its header.
///
/// # Errors
/// Where the model isn't on this disk, or its header can't be read; the error names it.
pub fn inspect(model: &ModelRef, sources: &Sources) -> Result<ModelFacts, HubError> {
    let mut facts = model::inspect(&resolve(model, sources)?)?;
    if *model == ModelRef::Starter {
        // Its file calls it by the name of an experiment.
        facts.name = STARTER.name.to_owned();
    }
    Ok(facts)
}

fn candidates(sources: &Sources) -> Vec<Candidate> {
    let mut all: Vec<_> = sources.models_dirs().flat_map(|folder| in_folder(folder, "Models folder")).collect();
    all.extend(in_hub_cache(&sources.hub_cache));
    all.extend(sources.lm_studio.iter().flat_map(|folder| in_folder(folder, "LM Studio")));
    all.extend(sources.ollama.iter().flat_map(|folder| in_ollama(folder)));
    all
}

fn starter(sources: &Sources) -> FoundModel {
    let (is_on_disk, facts, problem) = match inspect(&ModelRef::Starter, sources) {
        Ok(facts) => (true, Some(facts), None),
        Err(HubError::NotFetched { .. }) => (false, None, None),
        Err(error) => (true, None, Some(error.to_string())),
    };
    FoundModel {
        model: ModelRef::Starter,
        name: STARTER.name.to_owned(),
        place: "Starter model".to_owned(),
        is_on_disk,
        num_bytes: STARTER.num_bytes,
        facts,
        problem,
    }
}

fn look_at(candidate: Candidate) -> FoundModel {
    let (facts, problem) = match model::inspect(&candidate.path) {
        Ok(facts) => (Some(facts), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let num_bytes = match &facts {
        Some(facts) => facts.num_bytes,
        None => candidate.path.metadata().map(|metadata| metadata.len()).unwrap_or_default(),
    };
    let stem = || candidate.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = candidate.name.or_else(stem).unwrap_or_else(|| file_name(&candidate.path));
    FoundModel {
        model: candidate.model,
        name,
        place: candidate.place.to_owned(),
        is_on_disk: true,
        num_bytes,
        facts,
        problem,
    }
}

/// GGUF files, and folders with a configuration and weights.
fn in_folder(folder: &Path, place: &'static str) -> Vec<Candidate> {
    let is_wanted = |entry: &walkdir::DirEntry| {
        // Half a download isn't a model; neither is a hidden file.
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name.ends_with(".part"))
    };
    let walk = WalkDir::new(folder).max_depth(MAX_DEPTH).follow_links(true).sort_by_file_name();
    walk.into_iter()
        .filter_entry(is_wanted)
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            if entry.file_type().is_dir() && is_model_folder(path) {
                // A folder that was fetched from the Hub carries its repository's name.
                let name = file_name(path).replacen("--", "/", 1);
                let name = name.split('@').next().map(str::to_owned);
                return Some(Candidate {
                    model: ModelRef::Folder(path.to_owned()),
                    path: path.to_owned(),
                    name,
                    place,
                });
            }
            let is_model = entry.file_type().is_file() && is_whole_gguf(path);
            is_model.then(|| Candidate {
                model: ModelRef::Gguf(path.to_owned()),
                path: path.to_owned(),
                name: None,
                place,
            })
        })
        .collect()
}

fn in_hub_cache(cache: &Path) -> Vec<Candidate> {
    let place = "Hugging Face cache";
    let mut all = Vec::new();
    for repo in CachedRepo::all(cache) {
        let main = repo.commit_of("main");
        for (commit, folder) in repo.snapshots() {
            if is_model_folder(&folder) {
                let revision = (main.as_deref() != Some(&commit)).then_some(commit);
                let model = ModelRef::Hub { repo: repo.id.clone(), revision };
                all.push(Candidate { model, path: folder, name: Some(repo.id.clone()), place });
            } else {
                all.extend(in_folder(&folder, place));
            }
        }
    }
    all
}

/// What of an Ollama manifest says which blob is the model.
#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

/// `manifests/registry.ollama.ai/library/NAME/TAG` names `blobs/sha256-…`.
fn in_ollama(folder: &Path) -> Vec<Candidate> {
    let walk = WalkDir::new(folder.join("manifests")).max_depth(6).sort_by_file_name();
    walk.into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            let manifest: Manifest = serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()?;
            let layer =
                manifest.layers.into_iter().find(|layer| layer.media_type == "application/vnd.ollama.image.model")?;
            let blob = Some(layer.digest.replace(':', "-")).filter(|name| is_file_name(name))?;
            let path = folder.join("blobs").join(blob);
            let tag = file_name(entry.path());
            let name = format!("{}:{tag}", file_name(entry.path().parent()?));
            Some(Candidate { model: ModelRef::Gguf(path.clone()), path, name: Some(name), place: "Ollama" })
        })
        .collect()
}

fn is_model_folder(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    folder.join("config.json").is_file() && entries.flatten().any(|entry| has_extension(&entry.path(), "safetensors"))
}

fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}
