//! The models that are on this disk already, wherever other programs keep theirs. Only headers are read.

mod not_text;
mod ollama;
mod places;
mod walk;

use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use self::places::candidates;
use super::part::file_name;
use super::pinned::STARTER;
use super::quantization;
use super::resolve::resolve;
use super::{FoundModel, HubError, Sources};
use crate::model::{self, ModelFacts};
use crate::recipe::ModelRef;
use crate::task::{Task, Unit};

/// What a search on this disk brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The starter model first, also before it is fetched; then what the known places hold, in their order.
    pub models: Vec<FoundModel>,
    pub beside: Beside,
}

/// What a search saw beside the models that are offered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Beside {
    /// Files of models that nothing can be trained of.
    pub left_out: Vec<NotOffered>,
    /// Folders that couldn't be looked through, or not to their end; sentences.
    pub notes: Vec<String>,
}

/// A file or folder that isn't offered, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotOffered {
    pub path: PathBuf,
    /// As in [`FoundModel::place`].
    pub place: String,
    /// A sentence without a full stop.
    pub reason: String,
}

/// A place in the file system that may be a model.
struct Candidate {
    model: ModelRef,
    path: PathBuf,
    /// A better name than the file's, where the place knows one.
    name: Option<String>,
    place: &'static str,
    /// What the place knows about it.
    note: Option<String>,
}

/// The models on this disk, the starter model first.
///
/// # Errors
/// [`HubError::Stopped`] where the task was stopped.
pub fn discover(sources: &Sources, task: &dyn Task) -> Result<Vec<FoundModel>, HubError> {
    Ok(look_around(sources, task)?.models)
}

/// [`discover`], with what was seen beside the models. However many files there are, and however links lead in circles: each
/// place is looked through up to a limit, which is told.
///
/// # Errors
/// [`HubError::Stopped`] where the task was stopped.
pub fn look_around(sources: &Sources, task: &dyn Task) -> Result<Found, HubError> {
    let mut models = vec![starter(sources)];
    let mut seen: HashSet<PathBuf> = resolve(&ModelRef::Starter, sources).iter().filter_map(|p| real(p)).collect();
    let (candidates, mut beside) = candidates(sources, task)?;
    let total = candidates.len() as u64;
    for (done, candidate) in candidates.into_iter().enumerate() {
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        task.progress(done as u64, Some(total), Unit::Files);
        // Several names may lead to one file: the caches are full of links.
        if real(&candidate.path).is_none_or(|path| !seen.insert(path)) {
            continue;
        }
        let found = look_at(candidate);
        match not_text::reason(&found) {
            Some((path, reason)) => {
                beside.left_out.push(NotOffered { path, place: found.place, reason: reason.to_owned() });
            }
            None => models.push(found),
        }
    }
    Ok(Found { models, beside })
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

impl FoundModel {
    /// What models are grouped by: the name without owner, quantisation and format, in small letters. `Qwen3-0.6B-Q8_0` of
    /// one program and `Qwen/Qwen3-0.6B` of another are one model.
    pub fn group(&self) -> String {
        let name = self.name.rsplit('/').next().unwrap_or(&self.name).to_lowercase();
        // Ollama's `qwen3:0.6b`.
        let name = name.strip_suffix(":latest").unwrap_or(&name).replace([':', ' '], "-");
        let name = name.strip_suffix(".gguf").unwrap_or(&name);
        let mut words = Vec::new();
        for word in name.split('-').filter(|word| !matches!(*word, "gguf" | "ud" | "")) {
            match word.rsplit_once('.') {
                _ if quantization::is_quantization(word) => break,
                Some((word, end)) if quantization::is_quantization(end) => {
                    words.push(word);
                    break;
                }
                _ => words.push(word),
            }
        }
        match &*words {
            [] => name.to_owned(),
            words => words.join("-"),
        }
    }
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
    let (mut facts, problem) = match model::inspect(&candidate.path) {
        Ok(facts) => (Some(facts), None),
        Err(error) => (None, Some(error.to_string())),
    };
    if let (Some(facts), Some(note)) = (&mut facts, candidate.note) {
        facts.notes.push(note);
    }
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

fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_is_one_group_whoever_keeps_it() {
        let group = |name: &str| {
            let place = String::new();
            let (model, facts, problem) = (ModelRef::Starter, None, None);
            FoundModel { model, name: name.to_owned(), place, is_on_disk: true, num_bytes: 1, facts, problem }.group()
        };
        for name in [
            "Qwen/Qwen3-0.6B",
            "Qwen3-0.6B-Q8_0",
            "Qwen3-0.6B-UD-Q4_K_XL",
            "qwen3:0.6b",
            "Qwen3-0.6B-GGUF",
            "Qwen3-0.6B.Q4_1",
            "Qwen3-0.6B-BF16.gguf",
        ] {
            assert!(group(name).starts_with("qwen3-0.6b"), "{name}: {}", group(name));
        }
        assert_eq!(group("Qwen3-0.6B-Q8_0"), group("qwen3:0.6b"));
        assert_ne!(group("Qwen3-0.6B"), group("Qwen3-1.7B"));
        assert_eq!(group("Q8_0"), "q8_0");
    }
}
