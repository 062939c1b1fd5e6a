//! Which files of a folder hold examples, and which part of the data a file's name says it is.

use std::path::{Path, PathBuf};

use super::note::Note;
use super::{Split, io_words};

/// Files that may hold examples.
pub const ENDINGS: &[&str] = &["jsonl", "json", "ndjson", "csv", "tsv", "txt", "md", "parquet", "gz", "zst"];

/// Files to import, and what deserves a word about how they were found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundFiles {
    pub files: Vec<PathBuf>,
    pub notes: Vec<Note>,
}

impl From<Vec<PathBuf>> for FoundFiles {
    fn from(files: Vec<PathBuf>) -> Self {
        Self { files, notes: Vec::new() }
    }
}

impl FoundFiles {
    pub fn add(&mut self, other: Self) {
        self.files.extend(other.files);
        self.notes.extend(other.notes);
    }

    /// Notes that something is left out, if anything is; `first` is one of it.
    fn note(&mut self, count: u64, what: &str, first: Option<&str>) {
        if let Some(first) = first {
            self.notes.push(Note { what: format!("{what} ({first})"), count, first: None });
        }
    }
}

/// The files with examples in a folder; the folder itself, if it has only texts, which are read as one file. What is left
/// out is noted.
pub fn examples_in(folder: &Path) -> FoundFiles {
    /// Files further down don't belong together.
    const MAX_DEPTH: usize = 3;
    let (mut tables, mut lists, mut texts) = (Vec::new(), Vec::new(), LeftOut::default());
    let (mut unreadable, mut deeper) = (LeftOut::default(), LeftOut::default());
    let is_visible =
        |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let walk = walkdir::WalkDir::new(folder).max_depth(MAX_DEPTH).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(is_visible) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                unreadable.add(|| why_unreadable(&error));
                continue;
            }
        };
        let path = entry.path();
        if entry.file_type().is_dir() {
            if entry.depth() == MAX_DEPTH {
                deeper.add(|| path.display().to_string());
            }
            continue;
        }
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match ending.as_str() {
            "md" if is_about(path) => {}
            "txt" | "md" => texts.add(|| name(path)),
            // Often a list says something about the others.
            "json" => lists.push(entry.into_path()),
            ending if ENDINGS.contains(&ending) => tables.push(entry.into_path()),
            _ => {}
        }
    }
    let mut found = FoundFiles::default();
    found.note(unreadable.count, "a file or folder can't be read and is left out", unreadable.first());
    found.note(deeper.count, "a folder is too far down and isn't looked into", deeper.first());
    let with_texts = |found: &mut FoundFiles| {
        found.note(texts.count, "a text beside the files with examples is left out", texts.first());
    };
    match (tables.is_empty(), lists.is_empty(), texts.count) {
        (false, ..) => {
            let first = lists.first().map(|path| name(path));
            let what = "a .json file beside tables is left out, for it often describes them";
            found.note(lists.len() as u64, what, first.as_deref());
            with_texts(&mut found);
            found.files = tables;
        }
        (true, false, _) => {
            with_texts(&mut found);
            found.files = lists;
        }
        (true, true, 1..) => found.files = vec![folder.to_owned()],
        (true, true, 0) => {}
    }
    found
}

fn why_unreadable(error: &walkdir::Error) -> String {
    let path = error.path().map(|path| path.display().to_string()).unwrap_or_default();
    match error.io_error() {
        Some(io) => format!("{path}: {}", io_words::fault(io)),
        None => format!("{path}: a link leads back to a folder that it is in"),
    }
}

/// Whether a file describes the folder and isn't one of its texts.
fn is_about(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("readme"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How much of one kind, and the first of it.
#[derive(Default)]
struct LeftOut {
    count: u64,
    first: String,
}

impl LeftOut {
    fn add(&mut self, first: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = first();
        }
        self.count += 1;
    }

    fn first(&self) -> Option<&str> {
        (self.count > 0).then_some(&*self.first)
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
