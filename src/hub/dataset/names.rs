//! Subsets and splits by what files and folders are called, as the `datasets` library goes by it.

use std::sync::LazyLock;

use regex::Regex;

use super::{DatasetSplit, Subset, is_readable};
use crate::hub::RemoteFile;
use crate::words::thousands;

/// `train-00000-of-00003`
static SHARD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(?<split>\w[\w.]*)-\d{5}-of-\d{5}").ok());

/// Readable files that aren't data.
const ABOUT: &[&str] = &[
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "config.json",
    "metadata.json",
    "requirements.txt",
    "license.txt",
    "readme.txt",
];

/// A file with the names of its subset and its split.
struct Placed<'a> {
    subset: String,
    split: Option<String>,
    file: &'a RemoteFile,
}

/// The subsets of a repository, in the order of their files; none if nothing can be read.
pub fn subsets(files: &[RemoteFile], notes: &mut Vec<String>) -> Vec<Subset> {
    let placed = place(files);
    let mut subsets: Vec<Subset> = Vec::new();
    for file in &placed {
        if subsets.iter().all(|subset| subset.name != file.subset) {
            let splits = splits_of(placed.iter().filter(|other| other.subset == file.subset), notes);
            subsets.push(Subset { name: file.subset.clone(), splits });
        }
    }
    subsets
}

/// The splits of one subset, whatever folders its files are in.
pub fn splits(files: &[RemoteFile], notes: &mut Vec<String>) -> Vec<DatasetSplit> {
    splits_of(place(files).iter(), notes)
}

/// `SUBSET/SPLIT/0000.parquet`, as the Hub calls what it converts; of very large ones only the first part, in
/// `SUBSET/partial-SPLIT`.
pub fn converted(files: &[RemoteFile], notes: &mut Vec<String>) -> Vec<Subset> {
    let mut subsets: Vec<Subset> = Vec::new();
    for file in files.iter().filter(|file| is_readable(&file.path)) {
        let [subset, split, _] = file.path.split('/').collect::<Vec<_>>()[..] else { continue };
        let (split, is_partial) = split.strip_prefix("partial-").map_or((split, false), |split| (split, true));
        if is_partial {
            let note = format!("Of {subset} · {split} the Hub has converted the first part only");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let at = subsets.iter().position(|known| known.name == subset).unwrap_or_else(|| {
            subsets.push(Subset { name: subset.to_owned(), splits: Vec::new() });
            subsets.len() - 1
        });
        add(&mut subsets[at].splits, split, file);
    }
    subsets
}

/// A file about the data set, not of it.
pub fn is_about(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    path.split('/').any(|part| part.starts_with('.'))
        || ABOUT.contains(&name.as_str())
        || name.starts_with("readme")
        || name.starts_with("license")
}

fn place(files: &[RemoteFile]) -> Vec<Placed<'_>> {
    let data = files.iter().filter(|file| is_readable(&file.path) && !is_about(&file.path));
    data.map(|file| {
        let mut parts: Vec<_> = file.path.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        let split = sharded(name).or_else(|| keyword(name).map(str::to_owned));
        let split = split.or_else(|| parts.iter().rev().find_map(|folder| keyword(folder)).map(str::to_owned));
        let is_subset = |folder: &&&str| **folder != "data" && keyword(folder).is_none();
        let subset = parts.iter().find(is_subset).map_or("default", |folder| folder);
        Placed { subset: subset.to_owned(), split, file }
    })
    .collect()
}

/// Where no name says a split, all is for training.
fn splits_of<'a>(placed: impl Iterator<Item = &'a Placed<'a>>, notes: &mut Vec<String>) -> Vec<DatasetSplit> {
    let (named, other): (Vec<_>, Vec<_>) = placed.partition(|file| file.split.is_some());
    let mut splits = Vec::new();
    if named.is_empty() {
        other.iter().for_each(|file| add(&mut splits, "train", file.file));
        return splits;
    }
    if let Some(first) = other.first() {
        let (num, path) = (other.len(), &first.file.path);
        notes.push(match num {
            1 => format!("The name of {path} says no split; it is left out"),
            _ => format!("The names of {} files, such as {path}, say no split; they are left out", thousands(num)),
        });
    }
    for file in named {
        add(&mut splits, file.split.as_deref().unwrap_or("train"), file.file);
    }
    splits.sort_by_key(|split: &DatasetSplit| order(&split.name));
    splits
}

fn add(splits: &mut Vec<DatasetSplit>, name: &str, file: &RemoteFile) {
    match splits.iter_mut().find(|split| split.name == name) {
        Some(split) => split.files.push(file.clone()),
        None => splits.push(DatasetSplit { name: name.to_owned(), num_rows: None, files: vec![file.clone()] }),
    }
}

fn order(split: &str) -> usize {
    ["train", "validation", "test"].iter().position(|known| *known == split).unwrap_or(3)
}

/// The split of `train-00000-of-00003.parquet`; it may be called anything.
fn sharded(name: &str) -> Option<String> {
    let found = SHARD.as_ref()?.captures(name)?;
    Some(found["split"].to_owned())
}

/// The split that a word of the name stands for.
fn keyword(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    lower.split(|c: char| !c.is_alphabetic()).find_map(|word| match word {
        "train" | "training" => Some("train"),
        "validation" | "valid" | "dev" | "val" => Some("validation"),
        "test" | "testing" | "eval" | "evaluation" => Some("test"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<RemoteFile> {
        paths.iter().map(|path| RemoteFile { path: (*path).to_owned(), num_bytes: 1, sha256: None }).collect()
    }

    fn words(subsets: &[Subset]) -> Vec<String> {
        let split = |split: &DatasetSplit| format!("{} {}", split.name, split.files.len());
        let all = |subset: &Subset| subset.splits.iter().map(split).collect::<Vec<_>>().join(", ");
        subsets.iter().map(|subset| format!("{}: {}", subset.name, all(subset))).collect()
    }

    #[test]
    fn splits_and_subsets_are_read_from_names() {
        let check = |paths: &[&str], expected: &[&str], num_notes: usize| {
            let mut notes = Vec::new();
            let found = subsets(&files(paths), &mut notes);
            assert_eq!(words(&found), expected, "{paths:?}");
            assert_eq!(notes.len(), num_notes, "{notes:?}");
        };
        check(&["test.csv", "README.md", "train.csv"], &["default: train 1, test 1"], 0);
        check(&["data.jsonl", "more.jsonl.gz", "dataset_infos.json"], &["default: train 2"], 0);
        check(&["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"], &["default: train 2"], 0);
        check(
            &["main/train-00000-of-00001.parquet", "socratic/test-00000-of-00001.parquet"],
            &["main: train 1", "socratic: test 1"],
            0,
        );
        check(&["data/easy-00000-of-00001.parquet"], &["default: easy 1"], 0);
        check(&["train/a.txt", "train/b.txt", "dev/c.txt"], &["default: train 2, validation 1"], 0);
        check(&["en/my_eval.tsv", "en/other.tsv"], &["en: test 1"], 1);
        check(&["contest.csv"], &["default: train 1"], 0);
        check(&["a.arrow", "b.py", ".hidden/train.csv"], &[], 0);
    }

    #[test]
    fn converted_files_are_told_by_their_folders() {
        let paths =
            ["default/train/0000.parquet", "default/train/0001.parquet", "big/partial-train/0000.parquet", "x.parquet"];
        let mut notes = Vec::new();
        assert_eq!(words(&converted(&files(&paths), &mut notes)), ["default: train 2", "big: train 1"]);
        assert_eq!(notes, ["Of big · train the Hub has converted the first part only"]);
    }
}
