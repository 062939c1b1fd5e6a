//! Paths that are typed: what they may go on with, and whether there is something at them.

use std::path::{Path, PathBuf};

/// What was found for what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    pub typed: String,
    /// There is a file or folder at it.
    pub exists: bool,
    /// As it may go on, in order; folders end in a slash.
    pub entries: Vec<String>,
    /// As far as all entries agree.
    pub completed: String,
}

/// A list of more is no help.
const MOST_ENTRIES: usize = 200;

/// Looks at the disk: not for the window's thread.
pub fn complete(typed: &str) -> Completion {
    let cut = typed.rfind(is_separator).map_or(0, |at| at + 1);
    let (folder, start) = typed.split_at(cut);
    let mut entries: Vec<String> = std::fs::read_dir(expand_home(folder))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_hidden = name.starts_with('.') && !start.starts_with('.');
            let fits = name.to_lowercase().starts_with(&start.to_lowercase()) && !is_hidden;
            let end = if entry.path().is_dir() { std::path::MAIN_SEPARATOR_STR } else { "" };
            fits.then(|| format!("{folder}{name}{end}"))
        })
        .collect();
    entries.sort();
    entries.truncate(MOST_ENTRIES);
    let completed = common_start(&entries).filter(|common| common.len() >= typed.len());
    let completed = completed.unwrap_or_else(|| typed.to_owned());
    Completion { exists: expand_home(typed).exists(), entries, completed, typed: typed.to_owned() }
}

/// Whether a text is meant as a path.
pub fn is_path(typed: &str) -> bool {
    typed.starts_with(['/', '~', '.']) || matches!(typed.get(1..3), Some(":\\" | ":/")) || typed.starts_with("\\\\")
}

/// With the person's own folder in place of `~`.
pub fn expand_home(typed: &str) -> PathBuf {
    let rest = typed.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(is_separator));
    match (rest, directories::BaseDirs::new()) {
        (Some(rest), Some(dirs)) => dirs.home_dir().join(rest.trim_start_matches(is_separator)),
        _ => typed.into(),
    }
}

/// A name that nothing in the folder has: `data`, or else `data 2`. Looks at the disk.
pub fn free_place(folder: &Path, name: &str) -> PathBuf {
    let names = std::iter::once(name.to_owned()).chain((2..).map(|count| format!("{name} {count}")));
    names.map(|name| folder.join(name)).find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}

fn is_separator(letter: char) -> bool {
    letter == '/' || (cfg!(windows) && letter == '\\')
}

fn common_start(entries: &[String]) -> Option<String> {
    let (first, others) = entries.split_first()?;
    let same =
        |other: &String| first.char_indices().zip(other.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let ends = others.iter().map(|other| same(other).unwrap_or(first.len().min(other.len())));
    first.get(..ends.min().unwrap_or(first.len())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_as_far_as_the_entries_agree() {
        let root = tempfile::tempdir().unwrap();
        for name in ["tickets-a.csv", "tickets-b.csv", ".hidden"] {
            crate::fs::write_atomic(&root.path().join(name), b"").unwrap();
        }
        std::fs::create_dir(root.path().join("Übung")).unwrap();
        let base = format!("{}/", root.path().display());
        let found = complete(&format!("{base}tick"));
        assert_eq!(found.completed, format!("{base}tickets-"));
        assert_eq!(found.entries, [format!("{base}tickets-a.csv"), format!("{base}tickets-b.csv")]);
        assert!(!found.exists);
        assert_eq!(complete(&format!("{base}üb")).completed, format!("{base}Übung/"));
        assert_eq!(complete(&base).entries.len(), 3, "what hides is not listed");
        assert_eq!(complete(&format!("{base}.")).entries, [format!("{base}.hidden")]);
        assert!(complete(&format!("{base}tickets-a.csv")).exists);
        let nothing = complete(&format!("{base}zebra"));
        assert!(!nothing.exists && nothing.entries.is_empty() && nothing.completed == nothing.typed);
    }

    #[test]
    fn a_path_is_known_by_its_beginning_and_the_own_folder_is_put_in() {
        assert!(is_path("/a") && is_path("~/a") && is_path("./a") && is_path("C:\\a") && !is_path("runs"));
        assert!(expand_home("~").is_absolute() && expand_home("~/a").ends_with("a"));
        assert_eq!(expand_home("~a"), Path::new("~a"));
        let root = tempfile::tempdir().unwrap();
        assert_eq!(free_place(root.path(), "data"), root.path().join("data"));
        std::fs::create_dir(root.path().join("data")).unwrap();
        assert_eq!(free_place(root.path(), "data"), root.path().join("data 2"));
    }
}
