//! Ollama's models: `manifests/registry.ollama.ai/library/NAME/TAG` names the layers of one, each a file in `blobs`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use walkdir::WalkDir;

use super::{Beside, Candidate, NotOffered};
use crate::hub::HubError;
use crate::hub::outside::is_file_name;
use crate::hub::part::file_name;
use crate::recipe::ModelRef;
use crate::task::Task;

/// A manifest is a few hundred bytes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// More than anybody has.
const MAX_ENTRIES: usize = 10_000;
const PLACE: &str = "Ollama";

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

impl Manifest {
    fn read(path: &Path) -> Option<Self> {
        path.metadata().ok().filter(|metadata| metadata.len() <= MAX_MANIFEST_BYTES)?;
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// The digest of the layer of a kind.
    fn layer(&self, kind: &str) -> Option<&str> {
        let is_of = |layer: &&Layer| layer.media_type.strip_prefix("application/vnd.ollama.image.") == Some(kind);
        self.layers.iter().find(is_of).map(|layer| &*layer.digest)
    }
}

/// `sha256:abc` lies in `blobs/sha256-abc`.
fn blob(folder: &Path, digest: &str) -> Option<PathBuf> {
    let name = Some(digest.replace(':', "-")).filter(|name| is_file_name(name))?;
    Some(folder.join("blobs").join(name))
}

pub(super) fn in_ollama(folder: &Path, beside: &mut Beside, task: &dyn Task) -> Result<Vec<Candidate>, HubError> {
    let mut found = Vec::new();
    let walk = WalkDir::new(folder.join("manifests")).max_depth(6).sort_by_file_name();
    for entry in walk.into_iter().take(MAX_ENTRIES).flatten().filter(|entry| entry.file_type().is_file()) {
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        let Some(manifest) = Manifest::read(entry.path()) else { continue };
        if let Some(path) = manifest.layer("projector").and_then(|digest| blob(folder, digest)) {
            let reason = format!("the part of {} that sees or hears; text is trained without it", name(entry.path()));
            beside.left_out.push(NotOffered { path, place: PLACE.to_owned(), reason });
        }
        found.extend(candidate(folder, entry.path(), &manifest));
    }
    Ok(found)
}

fn candidate(folder: &Path, path: &Path, manifest: &Manifest) -> Option<Candidate> {
    let file = blob(folder, manifest.layer("model")?)?;
    let (has_adapter, has_template) = (manifest.layer("adapter").is_some(), manifest.layer("template").is_some());
    let note = match (has_adapter, has_template) {
        (true, _) => Some("Ollama lays an adapter over this model; what is offered is the model without it".to_owned()),
        (false, true) => Some(
            "Ollama writes the turns by a template of its own, which isn't read; the one in the model's file is used"
                .to_owned(),
        ),
        (false, false) => None,
    };
    Some(Candidate { model: ModelRef::Gguf(file.clone()), path: file, name: Some(name(path)), place: PLACE, note })
}

/// `qwen3:0.6b`
fn name(manifest: &Path) -> String {
    let model = manifest.parent().map(file_name).unwrap_or_default();
    format!("{model}:{}", file_name(manifest))
}
