//! What a data set's card says about its subsets, splits and licence. People write it by hand: whatever isn't as it
//! should be is reported and left out.

use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

use super::{DatasetSplit, Subset, names};
use crate::hub::RemoteFile;

/// The parts of the card's head that are used.
#[derive(Debug, Default)]
pub struct Card {
    pub license: Option<String>,
    pub notes: Vec<String>,
    configs: Vec<Config>,
    /// Subset, split, rows.
    rows: Vec<(String, String, u64)>,
    /// What it says of the columns, unchanged.
    pub info: Value,
}

#[derive(Debug)]
struct Config {
    name: String,
    is_default: bool,
    /// A folder that the patterns start from, with a slash at its end, or nothing.
    folder: String,
    /// A split's name and its patterns; none: by the files' names.
    splits: Vec<(String, Vec<String>)>,
}

impl Card {
    pub fn read(card: &Value) -> Self {
        let mut read = Self { license: license(card), ..Self::default() };
        match card.get("configs") {
            None | Some(Value::Null) => {}
            Some(Value::Array(configs)) => {
                for config in configs {
                    match config_of(config) {
                        Ok(config) => read.configs.push(config),
                        Err(why) => read.notes.push(format!("The card describes a subset in a way that {why}")),
                    }
                }
            }
            Some(_) => read.notes.push("What the card says of its subsets isn't a list".to_owned()),
        }
        read.info = card.get("dataset_info").cloned().unwrap_or_default();
        read.configs.sort_by_key(|config| !config.is_default);
        // One subset's facts, or a list of them.
        match card.get("dataset_info") {
            Some(Value::Array(infos)) => infos.iter().for_each(|info| read.rows.extend(rows(info))),
            Some(info) => read.rows.extend(rows(info)),
            None => {}
        }
        read
    }

    /// The files that each split's patterns fit.
    pub fn subsets(&self, files: &[RemoteFile], notes: &mut Vec<String>) -> Vec<Subset> {
        let mut subsets: Vec<Subset> = Vec::new();
        for config in &self.configs {
            let below: Vec<_> = files.iter().filter(|file| file.path.starts_with(&config.folder)).cloned().collect();
            let splits = match config.splits.as_slice() {
                [] => names::splits(&below, notes),
                splits => splits
                    .iter()
                    .map(|(name, patterns)| {
                        let files = patterns.iter().flat_map(|pattern| fitting(&below, &config.folder, pattern, notes));
                        DatasetSplit { name: name.clone(), num_rows: None, files: once_each(files) }
                    })
                    .collect(),
            };
            let is_empty = |split: &DatasetSplit| split.files.is_empty();
            for split in splits.iter().filter(|split| is_empty(split)) {
                notes.push(format!("No file fits what the card says of {} · {}", config.name, split.name));
            }
            let splits: Vec<_> = splits.into_iter().filter(|split| !is_empty(split)).collect();
            if !splits.is_empty() && subsets.iter().all(|subset| subset.name != config.name) {
                subsets.push(Subset { name: config.name.clone(), splits });
            }
        }
        subsets
    }

    pub fn num_rows(&self, subset: &str, split: &str) -> Option<u64> {
        let found = self.rows.iter().find(|(of, name, _)| of == subset && name == split);
        found.map(|(.., rows)| *rows)
    }
}

fn license(card: &Value) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    let named = card.get("license_name").and_then(text);
    named.or_else(|| card.get("license").and_then(text)).filter(|license| !license.trim().is_empty())
}

fn config_of(config: &Value) -> Result<Config, &'static str> {
    let name = match config.get("config_name") {
        _ if !config.is_object() => return Err("has no properties"),
        Some(Value::String(name)) => name.clone(),
        None => "default".to_owned(),
        Some(_) => return Err("gives it no name"),
    };
    let folder = config.get("data_dir").and_then(Value::as_str).unwrap_or_default();
    let folder = folder.trim_start_matches("./").trim_matches('/');
    Ok(Config {
        name,
        is_default: config.get("default") == Some(&Value::Bool(true)),
        folder: if folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") },
        splits: match config.get("data_files") {
            None | Some(Value::Null) => Vec::new(),
            Some(files) => data_files(files)?,
        },
    })
}

/// One pattern, a list of them, a list of splits with theirs, or splits by name.
fn data_files(files: &Value) -> Result<Vec<(String, Vec<String>)>, &'static str> {
    let wrong = "doesn't name its files";
    match files {
        Value::Object(splits) => {
            splits.iter().map(|(name, paths)| Ok((name.clone(), patterns(paths).ok_or(wrong)?))).collect()
        }
        Value::Array(entries) if entries.iter().any(Value::is_object) => entries
            .iter()
            .map(|entry| {
                let name = entry.get("split").and_then(Value::as_str).unwrap_or("train");
                Ok((name.to_owned(), entry.get("path").and_then(patterns).ok_or(wrong)?))
            })
            .collect(),
        paths => Ok(vec![("train".to_owned(), patterns(paths).ok_or(wrong)?)]),
    }
}

fn patterns(paths: &Value) -> Option<Vec<String>> {
    match paths {
        Value::String(path) => Some(vec![path.clone()]),
        Value::Array(paths) => paths.iter().map(|path| path.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// A pattern's files; those of a folder, if it names one.
fn fitting(files: &[RemoteFile], folder: &str, pattern: &str, notes: &mut Vec<String>) -> Vec<RemoteFile> {
    let path = format!("{folder}{}", pattern.trim_start_matches("./").trim_matches('/'));
    let glob = |path: &str| -> Option<GlobMatcher> {
        Some(GlobBuilder::new(path).literal_separator(true).build().ok()?.compile_matcher())
    };
    let fits = |matcher: GlobMatcher| -> Vec<RemoteFile> {
        files.iter().filter(|file| matcher.is_match(&file.path)).cloned().collect()
    };
    if pattern.contains("://") {
        notes.push(format!("{pattern} lies elsewhere and is left out"));
        return Vec::new();
    }
    let Some(matcher) = glob(&path) else {
        notes.push(format!("The card names files by a pattern that can't be read: {pattern}"));
        return Vec::new();
    };
    let found = fits(matcher);
    match glob(&format!("{path}/**")) {
        Some(inside) if found.is_empty() => fits(inside),
        _ => found,
    }
}

/// Two patterns may fit one file.
fn once_each(files: impl Iterator<Item = RemoteFile>) -> Vec<RemoteFile> {
    let mut known = std::collections::HashSet::new();
    files.filter(|file| known.insert(file.path.clone())).collect()
}

fn rows(info: &Value) -> Vec<(String, String, u64)> {
    let subset = info.get("config_name").and_then(Value::as_str).unwrap_or("default");
    let splits = info.get("splits").and_then(Value::as_array).into_iter().flatten();
    splits
        .filter_map(|split| {
            let name = split.get("name")?.as_str()?;
            Some((subset.to_owned(), name.to_owned(), split.get("num_examples")?.as_u64()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(paths: &[&str]) -> Vec<RemoteFile> {
        paths.iter().map(|path| RemoteFile { path: (*path).to_owned(), num_bytes: 1, sha256: None }).collect()
    }

    /// `subset: split=file file; split=file`, and what was noted.
    fn listed(card: Value, paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let card = Card::read(&card);
        let mut notes = card.notes.clone();
        let subsets = card.subsets(&files(paths), &mut notes);
        let split = |split: &DatasetSplit| {
            let paths: Vec<_> = split.files.iter().map(|file| file.path.as_str()).collect();
            format!("{}={}", split.name, paths.join(" "))
        };
        let subset = |subset: &Subset| {
            format!("{}: {}", subset.name, subset.splits.iter().map(split).collect::<Vec<_>>().join("; "))
        };
        (subsets.iter().map(subset).collect(), notes)
    }

    #[test]
    fn every_way_to_name_files_is_understood() {
        let paths = ["a/train-0.csv", "a/train-1.csv", "a/test.csv", "b/x.jsonl", "b/deep/y.jsonl", "README.md"];
        let check = |data_files: Value, expected: &str| {
            let card = json!({"configs": [{"config_name": "c", "data_files": data_files}]});
            assert_eq!(listed(card, &paths).0, [expected.to_owned()], "{data_files}");
        };
        check(json!("a/train-*"), "c: train=a/train-0.csv a/train-1.csv");
        check(json!(["b/*.jsonl", "b/x.jsonl"]), "c: train=b/x.jsonl");
        check(json!("b/**/*.jsonl"), "c: train=b/x.jsonl b/deep/y.jsonl");
        check(json!("./b"), "c: train=b/x.jsonl b/deep/y.jsonl");
        check(json!({"test": "a/test.csv"}), "c: test=a/test.csv");
        let splits =
            json!([{"split": "train", "path": "a/train-[0-9].csv"}, {"split": "test", "path": ["a/test.csv"]}]);
        check(splits, "c: train=a/train-0.csv a/train-1.csv; test=a/test.csv");

        let card = json!({"configs": [
            {"config_name": "one", "data_dir": "a"},
            {"config_name": "two", "data_dir": "./b/", "data_files": "*.jsonl", "default": true},
        ]});
        assert_eq!(
            listed(card, &paths).0,
            ["two: train=b/x.jsonl", "one: train=a/train-0.csv a/train-1.csv; test=a/test.csv"]
        );
    }

    #[test]
    fn nonsense_is_told_and_left_out() {
        let check = |card: Value, expected: &str| {
            let (subsets, notes) = listed(card, &["train.csv"]);
            assert!(subsets.is_empty() && notes.iter().any(|note| note.contains(expected)), "{subsets:?} {notes:?}");
        };
        let files = |data_files: Value| json!({"configs": [{"config_name": "c", "data_files": data_files}]});
        check(json!({"configs": "all"}), "isn't a list");
        check(json!({"configs": [{"config_name": 7}]}), "gives it no name");
        check(json!({"configs": [3]}), "has no properties");
        check(files(json!(7)), "doesn't name its files");
        check(files(json!([{"split": "train"}])), "doesn't name its files");
        check(files(json!("gone-*.csv")), "No file fits what the card says of c · train");
        check(files(json!("a[")), "can't be read");
        check(files(json!("https://example.org/train.csv")), "lies elsewhere");
        assert_eq!(listed(Value::Null, &["train.csv"]), (Vec::new(), Vec::new()));
    }

    #[test]
    fn licence_and_rows_are_read_in_each_of_their_forms() {
        let split = |rows: u64| json!([{"name": "train", "num_bytes": 3, "num_examples": rows}]);
        let one = Card::read(&json!({"license": "mit", "dataset_info": {"splits": split(7)}}));
        assert_eq!((one.license.as_deref(), one.num_rows("default", "train")), (Some("mit"), Some(7)));
        let infos =
            json!([{"config_name": "a", "splits": split(1)}, {"config_name": "b", "splits": split(2)}, {"splits": 3}]);
        let two = Card::read(&json!({"license": ["mit", "cc-by-4.0"], "dataset_info": infos}));
        assert_eq!(two.license.as_deref(), Some("mit, cc-by-4.0"));
        assert_eq!((two.num_rows("b", "train"), two.num_rows("b", "test")), (Some(2), None));
    }
}
