//! Paths as people type them: what they mean, and how one that is half typed may continue.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};

/// How a path may continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The whole path, in the words it was begun in (`~/` stays `~/`); a folder's ends in a separator.
    pub text: String,
    pub is_folder: bool,
}

/// No more entries of a folder are looked at: nobody reads through that many names.
const MOST_ENTRIES: usize = 20_000;
/// No more are offered.
const MOST_OFFERED: usize = 50;

/// Whether it is a path rather than words.
pub fn is_path(text: &str) -> bool {
    let text = text.trim_start();
    let is_of_drive = text.get(1..3).is_some_and(|rest| rest == ":\\" || rest == ":/");
    let is_of_home = text == "~" || text.starts_with("~/") || text.starts_with("~\\");
    text.starts_with(['/', '\\']) || text.starts_with("./") || text.starts_with("../") || is_of_drive || is_of_home
}

/// The path that was meant: `~` is the home folder, and quote marks around it, as file managers copy them, are none of it.
pub fn meant(text: &str) -> PathBuf {
    let text = text.trim();
    let quoted = |mark: char| text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    let text = quoted('"').or_else(|| quoted('\'')).unwrap_or(text);
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    match text.strip_prefix('~') {
        Some("") => home().unwrap_or_else(|| text.into()),
        Some(rest) if rest.starts_with(['/', '\\']) => match home() {
            Some(home) => home.join(rest.trim_start_matches(['/', '\\'])),
            None => text.into(),
        },
        _ => text.into(),
    }
}

/// How the text may continue: what is in the folder that it names so far and begins with the rest, whatever its case;
/// folders first. Hidden ones only for who types their dot. Reads the disk: not for the window's thread.
pub fn complete(text: &str) -> Vec<Completion> {
    let text = text.trim_start();
    if text == "~" {
        return vec![Completion { text: format!("~{MAIN_SEPARATOR}"), is_folder: true }];
    }
    let begun = text.rfind(is_separator).map_or(0, |at| at + 1);
    let (folder, name) = text.split_at(begun);
    let read = match folder.is_empty() {
        true => PathBuf::from("."),
        false => meant(folder),
    };
    let Ok(entries) = std::fs::read_dir(&read) else { return Vec::new() };
    let wanted = name.to_lowercase();
    let mut found: Vec<Completion> = entries
        .take(MOST_ENTRIES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let own = entry.file_name().into_string().ok()?;
            let is_wanted = own.to_lowercase().starts_with(&wanted) && (!own.starts_with('.') || name.starts_with('.'));
            is_wanted.then(|| completion(folder, &own, &entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.is_folder.cmp(&a.is_folder).then_with(|| a.text.to_lowercase().cmp(&b.text.to_lowercase())));
    found.truncate(MOST_OFFERED);
    found
}

/// What all of them begin with, if that is more than what was typed: what the Tab key adds.
pub fn common_start(text: &str, completions: &[Completion]) -> Option<String> {
    let (first, rest) = completions.split_first()?;
    let mut common = first.text.as_str();
    for other in rest {
        let len = common.char_indices().zip(other.text.chars()).take_while(|((_, a), b)| a == b);
        let end = len.last().map_or(0, |((at, c), _)| at + c.len_utf8());
        common = &common[..end];
    }
    (common.len() > text.trim_start().len()).then(|| common.to_owned())
}

fn completion(folder: &str, name: &str, path: &Path) -> Completion {
    // Follows links, as opening it will.
    let is_folder = path.is_dir();
    let separator = folder.chars().last().filter(|last| is_separator(*last)).unwrap_or(MAIN_SEPARATOR);
    let mut text = format!("{folder}{name}");
    if is_folder {
        text.push(separator);
    }
    Completion { text, is_folder }
}

fn is_separator(c: char) -> bool {
    c == '/' || (cfg!(windows) && c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_words() {
        for path in ["/tmp/a.csv", " ~/a", "~", "./a", "../a", "C:\\a", "D:/a"] {
            assert!(is_path(path), "{path}");
        }
        for words in ["import", "a/b", ".5 learning rate", "~approx", ""] {
            assert!(!is_path(words), "{words}");
        }
    }

    #[test]
    fn home_and_quote_marks_are_understood() {
        let home = directories::BaseDirs::new().unwrap().home_dir().to_owned();
        assert_eq!(meant(" ~/data/a.csv "), home.join("data/a.csv"));
        assert_eq!(meant("~"), home);
        assert_eq!(meant("\"/data/my file.csv\""), Path::new("/data/my file.csv"));
        assert_eq!(meant("'/data/a'"), Path::new("/data/a"));
        assert_eq!(meant("~other/a"), Path::new("~other/a"));
    }

    #[test]
    fn a_path_goes_on_with_what_lies_there() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["Tickets.csv", "tickets old.csv", ".hidden", "other.txt"] {
            crate::fs::write_atomic(&folder.path().join(name), b"x").unwrap();
        }
        std::fs::create_dir(folder.path().join("tickets 2026")).unwrap();
        let at = folder.path().display().to_string();
        let offered = |text: &str| -> Vec<String> { complete(text).into_iter().map(|found| found.text).collect() };
        let all = offered(&format!("{at}/tick"));
        assert_eq!(all, ["tickets 2026/", "tickets old.csv", "Tickets.csv"].map(|name| format!("{at}/{name}")));
        assert_eq!(offered(&format!("{at}/.")), [format!("{at}/.hidden")]);
        assert_eq!(offered(&format!("{at}/nothing")), [] as [&str; 0]);
        assert_eq!(offered(&format!("{at}/")).len(), 4, "the hidden one isn't offered");
        assert_eq!(offered("/no such folder/a"), [] as [&str; 0]);
        assert_eq!(offered("~"), ["~/"]);

        let found = complete(&format!("{at}/tickets "));
        assert_eq!(common_start(&format!("{at}/tickets "), &found), None);
        assert_eq!(common_start(&format!("{at}/o"), &complete(&format!("{at}/o"))), Some(format!("{at}/other.txt")));
        assert_eq!(common_start("x", &[]), None);
    }
}
