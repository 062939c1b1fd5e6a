//! Whether a model on this disk is whole: its files by their hashes, its tensors by their values, its tokenizer by the rows of
//! the embedding.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::part::file_name;
use super::{DownloadRecord, HubError};
use crate::model::language_model::check_rows;
use crate::model::{self, Chat, Decoder, ModelError};
use crate::task::{Task, Unit};
use crate::words::{bytes, count, thousands};

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    Failed,
    /// There was nothing to check by.
    Unknown,
}

/// One check, and a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// `files`, `settings`, `tokenizer` or `tensors`
    pub name: &'static str,
    pub outcome: Outcome,
    pub detail: String,
}

/// All checks of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    pub path: PathBuf,
    pub checks: Vec<Verified>,
}

impl VerifyReport {
    /// Whether no check failed.
    pub fn is_fine(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }
}

/// Reads a model whole: each check that fails says what is wrong, and the others are made all the same.
///
/// # Errors
/// Where nothing is at the path, and [`HubError::Stopped`] where the task was stopped.
pub fn verify(path: &Path, task: &dyn Task) -> Result<VerifyReport, HubError> {
    if !path.exists() {
        return Err(HubError::NotThere { path: path.to_owned() });
    }
    let checks = vec![files(path, task)?, settings(path), tokenizer(path), tensors(path, task)?];
    Ok(VerifyReport { path: path.to_owned(), checks })
}

fn check(name: &'static str, outcome: Outcome, detail: impl Into<String>) -> Verified {
    Verified { name, outcome, detail: detail.into() }
}

/// A file, and what it must be.
struct Wanted {
    path: PathBuf,
    num_bytes: Option<u64>,
    sha256: Option<String>,
}

fn files(path: &Path, task: &dyn Task) -> Result<Verified, HubError> {
    let name = "files";
    let wanted = match recorded(path) {
        Some(wanted) => wanted,
        None => named_by_hash(path),
    };
    if wanted.is_empty() {
        let detail = "nobody wrote down their hashes: Tunewright does for what it downloads, and the caches of the Hub and of \
                      Ollama name files by them";
        return Ok(check(name, Outcome::Unknown, detail));
    }
    let len = |wanted: &Wanted| wanted.path.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    let total = wanted.iter().map(len).sum();
    let (mut done, mut num_hashed) = (0, 0);
    for file in &wanted {
        let there = len(file);
        if !file.path.is_file() {
            return Ok(check(name, Outcome::Failed, format!("{} is missing", file.path.display())));
        }
        if let Some(expected) = file.num_bytes.filter(|expected| *expected != there) {
            let (path, there, expected) = (file.path.display(), thousands(there), thousands(expected));
            return Ok(check(name, Outcome::Failed, format!("{path} has {there} bytes, not {expected}")));
        }
        if let Some(expected) = &file.sha256 {
            let found = hash(&file.path, done, total, task)?;
            if found != *expected {
                let path = file.path.display();
                let detail = format!("{path} is damaged or was changed: its SHA-256 is {found}, not {expected}");
                return Ok(check(name, Outcome::Failed, detail));
            }
            num_hashed += 1;
        }
        done += there;
    }
    let files = count(wanted.len(), "file", "files");
    let detail = format!("{files}, {}; {num_hashed} by SHA-256, the others by size", bytes(total));
    Ok(check(name, Outcome::Passed, detail))
}

/// What the download of this model wrote down.
fn recorded(path: &Path) -> Option<Vec<Wanted>> {
    let folder = if path.is_dir() { path } else { path.parent()? };
    let record = DownloadRecord::read(folder)?;
    // A file that was put beside a download isn't of it.
    let is_of_it = |file: &super::RemoteFile| path.is_dir() || folder.join(&file.path) == path;
    record.files.iter().any(is_of_it).then(|| {
        let wanted = |file: super::RemoteFile| Wanted {
            path: folder.join(file.path),
            num_bytes: Some(file.num_bytes),
            sha256: file.sha256,
        };
        record.files.into_iter().map(wanted).collect()
    })
}

/// Files that are called after their hash, as links in the Hub's cache lead to and as Ollama has them.
fn named_by_hash(path: &Path) -> Vec<Wanted> {
    let paths: Vec<PathBuf> = match path.is_dir() {
        false => vec![path.to_owned()],
        true => std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect(),
    };
    let wanted = paths.into_iter().filter_map(|path| {
        let name = file_name(&path.canonicalize().ok()?);
        let hash = name.strip_prefix("sha256-").unwrap_or(&name).to_owned();
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then_some(Wanted { path, num_bytes: None, sha256: Some(hash) })
    });
    wanted.collect()
}

fn hash(path: &Path, before: u64, total: u64, task: &dyn Task) -> Result<String, HubError> {
    let mut file = File::open(path).map_err(HubError::io(path))?;
    let (mut hasher, mut buffer, mut done) = (Sha256::new(), vec![0; 1 << 20], before);
    loop {
        if task.is_stopped() {
            return Err(HubError::Stopped);
        }
        let num_read = file.read(&mut buffer).map_err(HubError::io(path))?;
        if num_read == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..num_read]);
        done += num_read as u64;
        task.progress(done, Some(total), Unit::Bytes);
    }
}

fn settings(path: &Path) -> Verified {
    match model::inspect(path) {
        Ok(facts) => match facts.problem {
            Some(problem) => check("settings", Outcome::Failed, problem),
            None => {
                let layers = count(facts.num_layers, "layer", "layers");
                let detail = format!("{}, {layers}, {} parameters", facts.family, thousands(facts.num_parameters));
                check("settings", Outcome::Passed, detail)
            }
        },
        Err(error) => check("settings", Outcome::Failed, error.to_string()),
    }
}

fn tokenizer(path: &Path) -> Verified {
    let outcome = Chat::load(path).and_then(|chat| {
        let facts = model::inspect(path)?;
        let failed = |message| ModelError::Unsupported { path: path.to_owned(), message };
        check_rows(&chat, facts.vocab_size).map_err(failed)?;
        Ok((chat.tokenizer.vocab_size(), facts.vocab_size))
    });
    match outcome {
        Ok((tokens, rows)) => {
            let detail = format!("{} tokens for {} rows of the embedding", thousands(tokens), thousands(rows));
            check("tokenizer", Outcome::Passed, detail)
        }
        Err(error) => check("tokenizer", Outcome::Failed, error.to_string()),
    }
}

/// Loading reads each of them and looks at norms and biases; the matrices are looked at afterwards.
fn tensors(path: &Path, task: &dyn Task) -> Result<Verified, HubError> {
    let failed = |error: ModelError| check("tensors", Outcome::Failed, error.to_string());
    let decoder = match Decoder::load(path, task) {
        Err(ModelError::Stopped) => return Err(HubError::Stopped),
        Err(error) => return Ok(failed(error)),
        Ok(decoder) => decoder,
    };
    Ok(match decoder.damage() {
        Some(error) => failed(error),
        None => {
            let parts = count(decoder.spec().parts().len(), "tensor", "tensors");
            check("tensors", Outcome::Passed, format!("{parts}, all values are finite"))
        }
    })
}
