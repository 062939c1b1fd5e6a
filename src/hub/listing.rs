//! What a repository of the Hub has: its files, put together to the models that can be downloaded.

use serde::Serialize;
use std::collections::BTreeMap;

use hf_hub::RepoTypeAny;

use super::api::RepoFacts;
use super::download::HubRepo;
use super::quantization::{part_of, quantization_of};
use super::resolve::has_extension;
use super::{HubError, RemoteFile, Sources};
use crate::model::families;
use crate::task::Task;

/// How a model's weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Gguf,
    Safetensors,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gguf => "GGUF",
            Self::Safetensors => "safetensors",
        }
    }
}

/// A repository at one commit, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RepoListing {
    /// `owner/name`
    pub repo: String,
    /// What was asked for; `None` for its main branch.
    pub revision: Option<String>,
    pub commit: String,
    /// Whether its owners want to know who downloads it.
    pub is_gated: bool,
    /// As its card calls it.
    pub license: Option<String>,
    /// In the last 30 days.
    pub downloads: Option<u64>,
    pub num_parameters: Option<u64>,
    /// In tokens, where the Hub read it out of a GGUF file.
    pub context_length: Option<u64>,
    /// As its files call the family.
    pub architecture: Option<String>,
    /// The same as people write it; of a family that isn't known as its files do.
    pub family: Option<String>,
    /// Why nothing of it can be trained here, as far as the Hub's facts say; a sentence.
    pub problem: Option<String>,
    /// What can be downloaded, the smallest first.
    pub variants: Vec<Variant>,
    /// Files of weights that aren't offered.
    pub left_out: Vec<LeftOut>,
    pub notes: Vec<String>,
}

/// A model of a repository: one GGUF file, all parts of a split one, or the safetensors with what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// How it is asked for, after `owner/name:`. A quantisation, or where several files have the same one, the file's name.
    pub name: String,
    pub format: Format,
    /// `Q4_K_M`; `None` where the name doesn't say it.
    pub quantization: Option<String>,
    /// Small files first: one that can't be used is known before gigabytes have come.
    pub files: Vec<RemoteFile>,
    pub num_bytes: u64,
}

/// A file that isn't offered, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub path: String,
    /// A sentence without a full stop.
    pub reason: &'static str,
}

impl RepoListing {
    /// What is meant by a name: the only one there is, the safetensors where nothing is said, a quantisation, or a file.
    ///
    /// # Errors
    /// Where there is no such variant or which of several is meant can't be known; the error names those that are there.
    pub fn choose(&self, wanted: Option<&str>) -> Result<&Variant, HubError> {
        let is_wanted = |variant: &&Variant, name: &str| {
            let is_file = |file: &RemoteFile| file.path == name || file.path.rsplit('/').next() == Some(name);
            variant.name.eq_ignore_ascii_case(name)
                || variant.quantization.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
                || variant.files.iter().any(is_file)
        };
        let found = match wanted {
            Some(name) => self.variants.iter().find(|variant| is_wanted(variant, name)),
            None => {
                self.variants.iter().find(|variant| variant.format == Format::Safetensors).or(match &*self.variants {
                    [only] => Some(only),
                    _ => None,
                })
            }
        };
        found.ok_or_else(|| {
            let names: Vec<_> = self.variants.iter().map(|variant| &*variant.name).collect();
            match (&*names, wanted) {
                ([], _) => HubError::NoModel { repo: self.repo.clone(), reason: self.why_nothing() },
                (_, Some(wanted)) => {
                    HubError::NoVariant { repo: self.repo.clone(), wanted: wanted.to_owned(), there: names.join(", ") }
                }
                (_, None) => HubError::WhichVariant { repo: self.repo.clone(), there: names.join(", ") },
            }
        })
    }

    fn why_nothing(&self) -> String {
        match self.left_out.first() {
            Some(LeftOut { path, reason }) => format!("{path}: {reason}"),
            None => "it has neither safetensors with a config.json nor a GGUF file".to_owned(),
        }
    }
}

/// The largest of these that takes no more than `free` bytes, as `needed` says. That is the most exact one that fits.
pub fn fitting(variants: &[Variant], free: u64, needed: impl Fn(&Variant) -> u64) -> Option<usize> {
    let fits = variants.iter().enumerate().filter(|(_, variant)| needed(variant) <= free);
    fits.max_by_key(|(_, variant)| variant.num_bytes).map(|(index, _)| index)
}

/// Asks the Hub what a repository has.
///
/// # Errors
/// Where the Hub can't be reached, doesn't know the repository, or wants a token.
pub fn list_repo(
    repo: &str,
    revision: Option<&str>,
    sources: &Sources,
    task: &dyn Task,
) -> Result<RepoListing, HubError> {
    let hub = HubRepo::open(RepoTypeAny::Model, repo, revision, sources)?;
    Ok(RepoListing::new(repo, revision, hub.look(task)?))
}

impl RepoListing {
    pub(super) fn new(repo: &str, revision: Option<&str>, facts: RepoFacts) -> Self {
        let Grouped { variants, left_out } = group(facts.files);
        let problem = problem(&facts.about);
        Self {
            repo: repo.to_owned(),
            revision: revision.map(str::to_owned),
            commit: facts.commit,
            is_gated: facts.is_gated,
            license: facts.card.get("license").and_then(|license| license.as_str()).map(str::to_owned),
            downloads: facts.about.downloads,
            num_parameters: facts.about.num_parameters(),
            context_length: facts.about.context_length(),
            architecture: facts.about.architecture().map(str::to_owned),
            family: facts.about.family(),
            problem,
            variants,
            left_out,
            notes: facts.notes,
        }
    }
}

/// Why nothing of a repository can be trained, from what the Hub says about it.
pub(super) fn problem(about: &super::api::About) -> Option<String> {
    let what = match about.pipeline_tag.as_deref() {
        Some("feature-extraction" | "sentence-similarity") => "It makes embeddings and writes no text",
        Some("text-ranking") => "It ranks texts and writes none",
        Some("text-to-image" | "image-to-image" | "text-to-video" | "image-to-video") => "It makes pictures",
        Some("automatic-speech-recognition" | "text-to-speech" | "text-to-audio") => "It is a model of speech",
        Some("token-classification" | "text-classification" | "zero-shot-classification" | "fill-mask") => {
            "It labels texts and writes none"
        }
        _ => "",
    };
    if !what.is_empty() {
        return Some(what.to_owned());
    }
    if let Some(method) = about.quantization_method() {
        return Some(format!("{} weights are not read; take a GGUF file or the original", method.to_uppercase()));
    }
    let architecture = about.architecture()?;
    let is_unknown = families::find_in_or_out_of_a_wrapper(architecture).is_none();
    is_unknown.then(|| format!("Models of the family {architecture} can't be trained yet"))
}

struct Grouped {
    variants: Vec<Variant>,
    left_out: Vec<LeftOut>,
}

/// Puts the files of a repository together.
fn group(files: Vec<RemoteFile>) -> Grouped {
    let mut left_out = Vec::new();
    let mut gguf_files: BTreeMap<String, Vec<RemoteFile>> = BTreeMap::new();
    let mut others = Vec::new();
    for file in files {
        match reason_against(&file.path) {
            Some(reason) => left_out.push(LeftOut { path: file.path, reason }),
            None if has_extension(file.path.as_ref(), "gguf") => {
                gguf_files.entry(stem_of(&file.path)).or_default().push(file);
            }
            None => others.push(file),
        }
    }
    let mut variants = Vec::new();
    for (_, mut parts) in gguf_files {
        parts.sort_by(|a, b| a.path.cmp(&b.path));
        match is_complete(&parts) {
            true => variants.push(of_gguf(parts)),
            false => left_out.extend(parts.into_iter().map(|part| LeftOut { path: part.path, reason: INCOMPLETE })),
        }
    }
    name_apart(&mut variants);
    variants.extend(safetensors(others, &mut left_out));
    variants.sort_by_key(|variant| variant.num_bytes);
    Grouped { variants, left_out }
}

const INCOMPLETE: &str = "parts of this split file are missing";

/// What all parts of one file have in common.
fn stem_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{folder}/{}", part_of(name).map_or(name, |part| part.stem))
}

fn is_complete(parts: &[RemoteFile]) -> bool {
    let number = |file: &RemoteFile| part_of(file.path.rsplit('/').next()?).map(|part| (part.number, part.of));
    match parts {
        [only] => number(only).is_none_or(|(_, of)| of == 1),
        _ => parts.iter().zip(1..).all(|(file, index)| number(file) == Some((index, parts.len() as u32))),
    }
}

fn of_gguf(files: Vec<RemoteFile>) -> Variant {
    let quantization = files.first().and_then(|file| quantization_of(&file.path));
    let name = quantization.clone().unwrap_or_else(|| files[0].path.clone());
    let num_bytes = files.iter().map(|file| file.num_bytes).sum();
    Variant { name, format: Format::Gguf, quantization, files, num_bytes }
}

/// Several files of one quantisation are asked for by their names.
fn name_apart(variants: &mut [Variant]) {
    let names: Vec<String> = variants.iter().map(|variant| variant.name.clone()).collect();
    for variant in variants {
        if names.iter().filter(|name| **name == variant.name).count() > 1 {
            variant.name.clone_from(&variant.files[0].path);
        }
    }
}

/// Where Transformers keeps a model's chat templates for tools and the like.
const OTHER_TEMPLATES: &str = "additional_chat_templates/";

/// The weights at the top of a repository with their configuration, tokenizer and templates.
fn safetensors(files: Vec<RemoteFile>, left_out: &mut Vec<LeftOut>) -> Option<Variant> {
    let belongs = |path: &str| !path.contains('/') || path.starts_with(OTHER_TEMPLATES) && path.ends_with(".jinja");
    let mut top: Vec<RemoteFile> = files.into_iter().filter(|file| belongs(&file.path)).collect();
    let is_weights = |file: &RemoteFile| has_extension(file.path.as_ref(), "safetensors");
    let has_config = top.iter().any(|file| file.path == "config.json");
    // Beside those that Transformers reads some repositories have all weights again, as their makers lay them out.
    let has_usual = top.iter().any(|file| is_weights(file) && file.path.starts_with("model"));
    let mut is_wanted = |file: &RemoteFile| {
        let reason = match is_weights(file) {
            false => {
                let is_text = ["json", "jinja", "model"].iter().any(|end| has_extension(file.path.as_ref(), end));
                // SentencePiece and the old form of a vocabulary; `optimizer.model` is neither.
                return is_text && (!has_extension(file.path.as_ref(), "model") || file.path.contains("token"))
                    || file.path == "merges.txt"
                    || file.path == "vocab.txt";
            }
            true if !has_config => "its repository has no config.json",
            true if has_usual && !file.path.starts_with("model") => "the weights once more, in another layout",
            true => return true,
        };
        left_out.push(LeftOut { path: file.path.clone(), reason });
        false
    };
    top.retain(|file| is_wanted(file));
    if !top.iter().any(is_weights) {
        return None;
    }
    top.sort_by(|a, b| (a.num_bytes, &a.path).cmp(&(b.num_bytes, &b.path)));
    let num_bytes = top.iter().map(|file| file.num_bytes).sum();
    Some(Variant {
        name: "safetensors".to_owned(),
        format: Format::Safetensors,
        quantization: None,
        files: top,
        num_bytes,
    })
}

/// Why a file of weights isn't offered; `None` for all others.
pub(super) fn reason_against(path: &str) -> Option<&'static str> {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let ends = |ends: &[&str]| ends.iter().any(|end| has_extension(name.as_ref(), end));
    match () {
        () if ends(&["gguf"]) && name.contains("mmproj") => {
            Some("the part of a model that sees or hears (mmproj); text is trained without it")
        }
        () if name.trim_end_matches(".gguf").ends_with("imatrix") || name == "imatrix.dat" => {
            Some("measurements for quantising, no weights")
        }
        () if name.starts_with("adapter_model") => Some("an adapter, no whole model"),
        () if ends(&["bin", "pt", "pth", "ckpt", "pkl", "pickle"]) => {
            Some("pickled weights, which may run code of their own when they are read")
        }
        () if ends(&["onnx", "onnx_data", "msgpack", "h5", "tflite", "mlmodel", "mlpackage", "engine", "ot"]) => {
            Some("weights in a format that isn't read here")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<RemoteFile> {
        let file = |(index, path): (usize, &&str)| RemoteFile {
            path: (*path).to_owned(),
            num_bytes: 1000 * (index as u64 + 1),
            sha256: None,
        };
        paths.iter().enumerate().map(file).collect()
    }

    fn names(grouped: &Grouped) -> Vec<(&str, usize)> {
        grouped.variants.iter().map(|variant| (&*variant.name, variant.files.len())).collect()
    }

    #[test]
    fn files_are_put_together_by_quantisation() {
        let grouped = group(files(&[
            "tiny-Q4_K_M.gguf",
            "tiny-Q8_0.gguf",
            "BF16/tiny-BF16-00001-of-00002.gguf",
            "BF16/tiny-BF16-00002-of-00002.gguf",
            "F16/tiny-F16-00001-of-00002.gguf",
            "mmproj-F16.gguf",
            "tiny-imatrix.gguf",
            "README.md",
            "config.json",
        ]));
        assert_eq!(names(&grouped), [("Q4_K_M", 1), ("Q8_0", 1), ("BF16", 2)]);
        let left_out: Vec<_> = grouped.left_out.iter().map(|left_out| &*left_out.path).collect();
        assert_eq!(left_out, ["mmproj-F16.gguf", "tiny-imatrix.gguf", "F16/tiny-F16-00001-of-00002.gguf"]);
        assert_eq!(grouped.left_out[2].reason, INCOMPLETE);
    }

    #[test]
    fn two_files_of_one_quantisation_are_told_apart_by_name() {
        let grouped = group(files(&["a-Q8_0.gguf", "b-Q8_0.gguf", "c.gguf"]));
        assert_eq!(names(&grouped), [("a-Q8_0.gguf", 1), ("b-Q8_0.gguf", 1), ("c.gguf", 1)]);
    }

    #[test]
    fn safetensors_come_with_what_belongs_to_them_and_once() {
        let grouped = group(files(&[
            "config.json",
            "tokenizer.json",
            "tokenizer.model",
            "chat_template.jinja",
            "additional_chat_templates/tool_use.jinja",
            "additional_chat_templates/notes.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "consolidated.safetensors",
            "pytorch_model.bin",
            "onnx/model.onnx",
            "original/model.safetensors",
            "README.md",
            "optimizer.model",
        ]));
        let [only] = &*grouped.variants else { panic!("{:?}", names(&grouped)) };
        let paths: Vec<_> = only.files.iter().map(|file| &*file.path).collect();
        assert_eq!(
            paths,
            [
                "config.json",
                "tokenizer.json",
                "tokenizer.model",
                "chat_template.jinja",
                "additional_chat_templates/tool_use.jinja",
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ]
        );
        let left_out: Vec<_> = grouped.left_out.iter().map(|left_out| &*left_out.path).collect();
        assert_eq!(left_out, ["pytorch_model.bin", "onnx/model.onnx", "consolidated.safetensors"]);
        assert!(group(files(&["model.safetensors"])).variants.is_empty(), "without its configuration");
    }

    #[test]
    fn the_largest_that_fits_is_marked() {
        let grouped = group(files(&["a-Q4_0.gguf", "a-Q8_0.gguf", "a-F16.gguf"]));
        let fits = |free| fitting(&grouped.variants, free, |variant| variant.num_bytes + 500);
        assert_eq!([1000, 1500, 2999, 3500].map(fits), [None, Some(0), Some(1), Some(2)]);
    }
}
