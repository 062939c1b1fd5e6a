//! The places where programs keep models.

use super::walk::in_folder;
use super::{Beside, Candidate, ollama};
use crate::hub::cache::CachedRepo;
use crate::hub::resolve::is_model_folder;
use crate::hub::sources::NAMED_FOLDER;
use crate::hub::{HubError, Sources};
use crate::recipe::ModelRef;
use crate::task::Task;

pub(super) fn candidates(sources: &Sources, task: &dyn Task) -> Result<(Vec<Candidate>, Beside), HubError> {
    let mut beside = Beside::default();
    let mut all = Vec::new();
    for folder in sources.models_dirs() {
        all.extend(in_folder(folder, "Models folder", &mut beside, task)?);
    }
    all.extend(in_hub_cache(sources, &mut beside, task)?);
    for folder in &sources.lm_studio {
        all.extend(in_folder(folder, "LM Studio", &mut beside, task)?);
    }
    for folder in &sources.ollama {
        all.extend(ollama::in_ollama(folder, &mut beside, task)?);
    }
    for (place, folder) in &sources.others {
        // Other programs may not be here; this folder was.
        if *place == NAMED_FOLDER && !folder.is_dir() {
            beside.notes.push(format!("{} isn't there, or can't be opened", folder.display()));
        }
        all.extend(in_folder(folder, place, &mut beside, task)?);
    }
    Ok((all, beside))
}

fn in_hub_cache(sources: &Sources, beside: &mut Beside, task: &dyn Task) -> Result<Vec<Candidate>, HubError> {
    let place = "Hugging Face cache";
    let mut all = Vec::new();
    for repo in CachedRepo::all(&sources.hub_cache) {
        let main = repo.commit_of("main");
        for (commit, folder) in repo.snapshots() {
            if is_model_folder(&folder) {
                let revision = (main.as_deref() != Some(&commit)).then_some(commit);
                let model = ModelRef::Hub { repo: repo.id.clone(), revision, variant: None };
                all.push(Candidate { model, path: folder, name: Some(repo.id.clone()), place, note: None });
            } else {
                all.extend(in_folder(&folder, place, beside, task)?);
            }
        }
    }
    Ok(all)
}
