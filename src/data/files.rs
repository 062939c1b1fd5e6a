//! Which files of a folder hold examples, and which part of the data a file's name says it is.

use std::path::{Path, PathBuf};

use super::Split;

/// Files that may hold examples.
pub const ENDINGS: &[&str] = &["jsonl", "json", "ndjson", "csv", "tsv", "txt", "md", "parquet", "gz", "zst"];

/// The files with examples in a folder; the folder itself, if it has only texts, which are read as one file.
pub fn examples_in(folder: &Path) -> Vec<PathBuf> {
    /// A larger folder is none that was made for examples.
    const MOST_ENTRIES: usize = 10_000;
    let (mut tables, mut lists, mut has_texts) = (Vec::new(), Vec::new(), false);
    let is_visible =
        |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let entries = walkdir::WalkDir::new(folder).max_depth(3).sort_by_file_name().into_iter().filter_entry(is_visible);
    for entry in entries.flatten().take(MOST_ENTRIES).filter(|entry| !entry.file_type().is_dir()) {
        let ending = entry.path().extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "txt" | "md" => has_texts = true,
            // Often it says something about the others.
            "json" => lists.push(entry.into_path()),
            ending if ENDINGS.contains(&ending) => tables.push(entry.into_path()),
            _ => {}
        }
    }
    match (tables.is_empty(), lists.is_empty()) {
        (false, _) => tables,
        (true, false) => lists,
        (true, true) if has_texts => vec![folder.to_owned()],
        (true, true) => Vec::new(),
    }
}

/// The part that a file is called after: `train.csv`, `tickets-dev.jsonl.gz`, `test-00000-of-00002.parquet`. `None` also
/// for a name with two of them.
pub fn part_of(path: &Path) -> Option<Split> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let mut parts = name.split(|c: char| !c.is_alphabetic()).filter_map(|word| match word {
        "train" | "training" => Some(Split::Train),
        "validation" | "valid" | "val" | "dev" | "eval" | "evaluation" => Some(Split::Validation),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    });
    let part = parts.next()?;
    parts.all(|other| other == part).then_some(part)
}

/// Whether files were split before they came here: some are called after a part that is held out, and something is left
/// to train on.
pub fn are_parts<'a>(paths: impl IntoIterator<Item = &'a Path>, project_has_examples: bool) -> bool {
    let is_held_out = |path: &Path| matches!(part_of(path), Some(Split::Validation | Split::Test));
    let (mut some_held_out, mut some_for_training) = (false, project_has_examples);
    for path in paths {
        some_held_out |= is_held_out(path);
        some_for_training |= !is_held_out(path);
    }
    some_held_out && some_for_training
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_part_or_none() {
        let check = |name: &str, part| assert_eq!(part_of(Path::new(name)), part, "{name}");
        check("a/train.csv", Some(Split::Train));
        check("test/tickets.csv", None);
        check("My-Tickets_Dev.jsonl.gz", Some(Split::Validation));
        check("eval_data.json", Some(Split::Validation));
        check("test-00000-of-00002.parquet", Some(Split::Test));
        check("train_test.csv", None);
        check("latest.csv", None);
        check("contest2.csv", None);
    }

    #[test]
    fn files_are_parts_if_something_is_held_out_and_something_is_left() {
        let check = |names: &[&str], has_examples, expected| {
            assert_eq!(are_parts(names.iter().map(Path::new), has_examples), expected, "{names:?}");
        };
        check(&["train.csv", "test.csv"], false, true);
        check(&["tickets.csv", "dev.csv"], false, true);
        check(&["train.csv"], true, false);
        check(&["test.csv"], false, false);
        check(&["test.csv"], true, true);
    }
}
