//! Data sets of the Hub: which subsets and splits one has, and its files.
//!
//! What its card says comes first; then what its files and folders are called; then the Parquet files that the Hub makes
//! of data sets itself.

mod card;
mod name;
mod names;

use std::collections::BTreeMap;
use std::path::PathBuf;

use hf_hub::RepoTypeAny;
use serde_json::Value;

use self::card::Card;
pub use self::name::DatasetName;
use super::cache::CachedRepo;
use super::download::HubRepo;
use super::{HubError, RemoteFile, Sources};
use crate::task::Task;
use crate::words::count;

/// The branch with the Parquet files that the Hub makes.
const CONVERTED: &str = "refs/convert/parquet";

/// A data set as it can be imported.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub name: DatasetName,
    /// The branch, tag or commit that the files are of.
    pub revision: String,
    pub commit: String,
    /// The licence as its card writes it.
    pub license: Option<String>,
    /// Downloads need a token, and the owners' conditions accepted.
    pub is_gated: bool,
    pub listed_by: ListedBy,
    /// At least one.
    pub subsets: Vec<Subset>,
    /// What deserves a word, in sentences without full stops.
    pub notes: Vec<String>,
    /// The card's `dataset_info`: what each subset's columns are.
    pub info: Value,
}

/// Where the subsets and splits are known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedBy {
    Card,
    FileNames,
    /// The files are those that the Hub converted.
    Converted,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Subset {
    pub name: String,
    /// At least one.
    pub splits: Vec<DatasetSplit>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DatasetSplit {
    pub name: String,
    /// Where the card says it.
    pub num_rows: Option<u64>,
    /// At least one, each of a format that the import reads.
    pub files: Vec<RemoteFile>,
}

/// Files of a data set at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetFiles {
    /// `owner/name`.
    pub repo: String,
    /// What the commit was called.
    pub revision: String,
    pub commit: String,
    pub files: Vec<RemoteFile>,
}

impl DatasetSplit {
    pub fn num_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.num_bytes).sum()
    }
}

impl Dataset {
    /// The one that was asked for, else the one that is called default, else the first.
    ///
    /// # Errors
    /// Where there is no subset of this name; the error names those that there are.
    pub fn subset(&self, name: Option<&str>) -> Result<&Subset, HubError> {
        let named = |name: &str| self.subsets.iter().find(|subset| subset.name == name);
        match name {
            Some(name) => named(name).ok_or_else(|| HubError::NoSuchPart {
                name: self.name.repo.clone(),
                what: format!("subset {name}"),
                there: self.subsets.iter().map(|subset| subset.name.as_str()).collect::<Vec<_>>().join(", "),
            }),
            None => named("default").or(self.subsets.first()).ok_or_else(|| no_data(&self.name, &[])),
        }
    }

    /// The files of these splits, in order.
    pub fn files<'a>(&self, splits: impl IntoIterator<Item = &'a DatasetSplit>) -> DatasetFiles {
        DatasetFiles {
            repo: self.name.repo.clone(),
            revision: self.revision.clone(),
            commit: self.commit.clone(),
            files: splits.into_iter().flat_map(|split| split.files.iter().cloned()).collect(),
        }
    }

    /// `banking77 · train` or `gsm8k (main) · train`: as an example's source is called.
    pub fn source_name(&self, subset: &Subset, split: &DatasetSplit) -> String {
        let name = self.name.repo.rsplit('/').next().unwrap_or(&self.name.repo);
        match (self.subsets.len(), &*subset.name) {
            (1, _) | (_, "default") => format!("{name} · {}", split.name),
            _ => format!("{name} ({}) · {}", subset.name, split.name),
        }
    }
}

/// Asks the Hub what a data set has.
///
/// # Errors
/// Where there is no such data set, it has no files that can be read, or the Hub can't be reached.
pub fn list(name: &DatasetName, sources: &Sources, task: &dyn Task) -> Result<Dataset, HubError> {
    let hub = HubRepo::open(RepoTypeAny::Dataset, &name.repo, name.revision.as_deref(), sources)?;
    let facts = hub.look(task)?;
    let card = Card::read(&facts.card);
    let mut dataset = Dataset {
        name: name.clone(),
        revision: hub.revision.clone(),
        commit: facts.commit,
        license: card.license.clone(),
        is_gated: facts.is_gated,
        listed_by: ListedBy::Card,
        subsets: Vec::new(),
        notes: facts.notes.iter().chain(&card.notes).cloned().collect(),
        info: card.info.clone(),
    };
    dataset.subsets = readable(card.subsets(&facts.files, &mut dataset.notes), &mut dataset.notes);
    if dataset.subsets.is_empty() {
        dataset.listed_by = ListedBy::FileNames;
        dataset.subsets = names::subsets(&facts.files, &mut dataset.notes);
    }
    // The Hub converts the main branch only.
    if dataset.subsets.is_empty() && name.revision.is_none() {
        let converted = HubRepo::open(RepoTypeAny::Dataset, &name.repo, Some(CONVERTED), sources)?;
        match converted.look(task) {
            Ok(facts) => {
                dataset.listed_by = ListedBy::Converted;
                dataset.subsets = names::converted(&facts.files, &mut dataset.notes);
                (dataset.revision, dataset.commit) = (CONVERTED.to_owned(), facts.commit);
            }
            // There is no such branch.
            Err(HubError::Hub { .. } | HubError::Unreachable { .. } | HubError::NoRepo { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if dataset.subsets.is_empty() {
        return Err(no_data(name, &facts.files));
    }
    for subset in &mut dataset.subsets {
        for split in &mut subset.splits {
            split.num_rows = card.num_rows(&subset.name, &split.name);
        }
    }
    Ok(dataset)
}

/// Fetches the files into the Hugging Face cache, as far as they aren't there yet; gives their paths in the same order.
///
/// # Errors
/// Where a file can't be fetched or written; the error names it.
pub fn fetch(files: &DatasetFiles, sources: &Sources, task: &dyn Task) -> Result<Vec<PathBuf>, HubError> {
    let hub = HubRepo::open(RepoTypeAny::Dataset, &files.repo, Some(&files.commit), sources)?;
    let cached = CachedRepo::dataset(&sources.hub_cache, &files.repo);
    let folder = cached.commit_folder(&files.commit);
    hub.fetch_into(&folder, &files.files, task)?;
    if files.revision != files.commit {
        cached.set_ref(&files.revision, &files.commit)?;
    }
    Ok(files.files.iter().map(|file| folder.join(&file.path)).collect())
}

/// Only what the import reads; the rest is reported.
fn readable(subsets: Vec<Subset>, notes: &mut Vec<String>) -> Vec<Subset> {
    let mut left_out = Vec::new();
    let mut kept = Vec::new();
    for mut subset in subsets {
        for split in &mut subset.splits {
            let (readable, other) = split.files.drain(..).partition(|file| is_readable(&file.path));
            split.files = readable;
            left_out.extend(other);
        }
        subset.splits.retain(|split| !split.files.is_empty());
        if !subset.splits.is_empty() {
            kept.push(subset);
        }
    }
    if !left_out.is_empty() {
        notes.push(format!("Files that can't be read here are left out: {}", endings(&left_out)));
    }
    kept
}

fn is_readable(path: &str) -> bool {
    let (rest, ending) = split_ending(path);
    let is_text = |ending: &str| matches!(ending, "jsonl" | "ndjson" | "json" | "csv" | "tsv" | "txt");
    match ending.as_str() {
        "parquet" => true,
        "gz" | "zst" => is_text(&split_ending(rest).1),
        ending => is_text(ending),
    }
}

/// What is before the last point of a file's name, and its ending in small letters.
fn split_ending(path: &str) -> (&str, String) {
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    match path[name_at..].rfind('.') {
        Some(point) => (&path[..name_at + point], path[name_at + point + 1..].to_ascii_lowercase()),
        None => (path, String::new()),
    }
}

/// `12 .arrow, 1 .py`
fn endings(files: &[RemoteFile]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        *counts.entry(split_ending(&file.path).1).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let word = |(ending, count): &(String, usize)| match ending.as_str() {
        "" => format!("{count} without an ending"),
        _ => format!("{count} .{ending}"),
    };
    counts.iter().take(5).map(word).collect::<Vec<_>>().join(", ")
}

fn no_data(name: &DatasetName, files: &[RemoteFile]) -> HubError {
    let files: Vec<_> = files.iter().filter(|file| !names::is_about(&file.path)).cloned().collect();
    let reason = match files.len() {
        0 => "it has no data files at all".to_owned(),
        _ => format!("it has {} ({})", count(files.len(), "file", "files"), endings(&files)),
    };
    HubError::NoData { name: name.repo.clone(), reason }
}
