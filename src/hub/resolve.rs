//! From the name of a model to the file or folder on this disk.

use std::path::{Path, PathBuf};

use super::cache::CachedRepo;
use super::listing::reason_against;
use super::part::file_name;
use super::pinned::STARTER;
use super::quantization::quantization_of;
use super::{HubError, Sources, outside};
use crate::recipe::ModelRef;

/// Finds a model on this disk, without asking the network.
///
/// # Errors
/// [`HubError::NotFetched`] for a model that could be fetched; where nothing is at a path, an error that names it.
pub fn resolve(model: &ModelRef, sources: &Sources) -> Result<PathBuf, HubError> {
    match model {
        ModelRef::Starter => {
            find_starter(sources).ok_or_else(|| HubError::NotFetched { model: "the starter model".to_owned() })
        }
        ModelRef::Gguf(path) | ModelRef::Folder(path) => {
            if path.exists() {
                Ok(path.clone())
            } else {
                Err(HubError::NotThere { path: path.clone() })
            }
        }
        ModelRef::Hub { repo, revision, variant } => {
            outside::check(repo, revision.as_deref())?;
            outside::check_variant(variant.as_deref())?;
            find_hub_model(repo, revision.as_deref(), variant.as_deref(), sources)
                .ok_or_else(|| HubError::NotFetched { model: model.to_string() })
        }
    }
}

/// In the models folder every file is whole; elsewhere the size must be right.
fn find_starter(sources: &Sources) -> Option<PathBuf> {
    let repo = CachedRepo::named(&sources.hub_cache, STARTER.hub_repo);
    let cached = repo.snapshots().into_iter().map(|(_, folder)| folder.join(STARTER.file_name));
    let fetched = sources.models_dirs().map(|folder| folder.join(STARTER.file_name));
    fetched.chain(cached).find(|path| path.metadata().is_ok_and(|metadata| metadata.len() == STARTER.num_bytes))
}

fn find_hub_model(repo: &str, revision: Option<&str>, variant: Option<&str>, sources: &Sources) -> Option<PathBuf> {
    let revision = revision.unwrap_or("main");
    let mut fetched = sources.models_dirs().map(|folder| hub_folder(folder, repo, revision, variant));
    let cached = || CachedRepo::named(&sources.hub_cache, repo).snapshot(revision);
    let of_cache = || match variant {
        None => model_in(&cached()?),
        Some(variant) => variant_in(&cached()?, variant),
    };
    fetched.find_map(|folder| model_in(&folder)).or_else(of_cache)
}

/// Where a model of a repository is fetched to.
pub(super) fn hub_folder(models_dir: &Path, repo: &str, revision: &str, variant: Option<&str>) -> PathBuf {
    // A revision may hold slashes (`refs/pr/1`), a folder's name may not.
    let plain = |text: &str| text.replace('/', "--");
    let variant = variant.map_or_else(String::new, |variant| format!("+{}", plain(variant)));
    models_dir.join(format!("{}@{}{variant}", plain(repo), plain(revision)))
}

/// The model that is meant in another program's folder with several: the safetensors, a quantisation, or a file.
fn variant_in(folder: &Path, variant: &str) -> Option<PathBuf> {
    if variant == "safetensors" {
        return model_in(folder).filter(|path| path == folder);
    }
    let is_meant = |path: &Path| {
        let name = file_name(path);
        name == variant || quantization_of(&name).is_some_and(|own| own.eq_ignore_ascii_case(variant))
    };
    let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|path| is_whole_gguf(path) && is_meant(path)).collect();
    found.sort();
    let named = folder.join(variant);
    found.into_iter().next().or_else(|| (is_whole_gguf(&named) && named.is_file()).then_some(named))
}

/// What in a folder is the model: the folder itself, or the one GGUF file in it (of a split one the first part).
pub(super) fn model_in(folder: &Path) -> Option<PathBuf> {
    let files = || std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let has = |extension: &str| files().any(|path| has_extension(&path, extension));
    if folder.join("config.json").is_file() && has("safetensors") {
        return Some(folder.to_owned());
    }
    let mut gguf_files: Vec<PathBuf> = files().filter(|path| is_whole_gguf(path)).collect();
    if gguf_files.is_empty() {
        // Repositories keep the parts of a split file in a folder of their own.
        let inner =
            files().filter_map(|path| std::fs::read_dir(path).ok()).flatten().flatten().map(|entry| entry.path());
        gguf_files = inner.filter(|path| is_whole_gguf(path)).collect();
    }
    match &*gguf_files {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// A folder with a configuration and weights.
pub(super) fn is_model_folder(folder: &Path) -> bool {
    let has_weights = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| has_extension(&entry.path(), "safetensors"))
    };
    folder.join("config.json").is_file() && has_weights(folder)
}

/// A GGUF file that is a model: neither a part that sees (`mmproj`) nor a further piece of a split file.
pub(super) fn is_whole_gguf(path: &Path) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let piece = name.split("-of-").next().and_then(|start| start.rsplit('-').next());
    let is_later_piece = name.contains("-of-") && piece.is_some_and(|piece| piece != "00001");
    has_extension(path, "gguf") && reason_against(&name).is_none() && !is_later_piece
}

pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path, num_bytes: u64) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().set_len(num_bytes).unwrap();
    }

    fn sources(root: &Path) -> Sources {
        Sources { hub_cache: root.join("cache"), ..Sources::only(&root.join("models")) }
    }

    #[test]
    fn the_starter_is_taken_from_the_models_folder_then_from_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let sources = sources(root.path());
        let error = resolve(&ModelRef::Starter, &sources).unwrap_err();
        assert!(matches!(error, HubError::NotFetched { .. }), "{error}");

        let repo = sources.hub_cache.join("models--QuantFactory--SmolLM2-135M-Instruct-GGUF/snapshots/abc");
        let cached = repo.join(STARTER.file_name);
        touch(&cached, STARTER.num_bytes - 1);
        assert!(resolve(&ModelRef::Starter, &sources).is_err(), "a file of the wrong size was taken");
        touch(&cached, STARTER.num_bytes);
        assert_eq!(resolve(&ModelRef::Starter, &sources).unwrap(), cached);

        let own = sources.models_dir.join(STARTER.file_name);
        touch(&own, STARTER.num_bytes);
        assert_eq!(resolve(&ModelRef::Starter, &sources).unwrap(), own);
    }

    #[test]
    fn a_hub_model_is_found_by_branch_and_by_commit() {
        let root = tempfile::tempdir().unwrap();
        let sources = sources(root.path());
        let repo = sources.hub_cache.join("models--org--name");
        for file in ["config.json", "model.safetensors"] {
            touch(&repo.join("snapshots/c0ffee").join(file), 1);
        }
        touch(&repo.join("snapshots/only-tokenizer/tokenizer.json"), 1);
        touch(&repo.join("refs/main"), 0);
        std::fs::OpenOptions::new()
            .write(true)
            .open(repo.join("refs/main"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"c0ffee\n"))
            .unwrap();
        for name in ["org/name", "org/name@c0ffee"] {
            let found = resolve(&ModelRef::parse(name), &sources).unwrap();
            assert_eq!(found, repo.join("snapshots/c0ffee"), "{name}");
        }
        for name in ["org/name@v2", "org/name@only-tokenizer", "org/other"] {
            let error = resolve(&ModelRef::parse(name), &sources).unwrap_err();
            assert_eq!(error.to_string(), format!("{name} has not been fetched yet"));
        }
    }
}
