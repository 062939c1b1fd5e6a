//! Commands that were renamed: the old word still works for one version, and says what it is called now.

use std::ffi::OsString;

/// These are under `tunewright data` now.
const NOW_UNDER_DATA: [&str; 5] = ["import", "split", "check", "stats", "rank"];

/// What `tunewright export` says: the word is kept free for models.
pub const EXPORT: &str = "examples are exported by `tunewright data export`";

/// The arguments in today's words, and where one of them was old, a sentence about it.
pub fn in_todays_words(mut arguments: Vec<OsString>) -> (Vec<OsString>, Option<String>) {
    // After the program's name, or after `help`.
    let at = if arguments.get(1).is_some_and(|word| word == "help") { 2 } else { 1 };
    let Some(word) = NOW_UNDER_DATA.into_iter().find(|word| arguments.get(at).is_some_and(|it| it == word)) else {
        return (arguments, None);
    };
    arguments.insert(at, "data".into());
    let note =
        format!("note: `tunewright {word}` is called `tunewright data {word}` now; the next version ends the old name");
    (arguments, Some(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_command_s_own_place_is_looked_at() {
        for (given, wanted) in [
            (&["tunewright", "check", "--json"][..], &["tunewright", "data", "check", "--json"][..]),
            (&["tunewright", "help", "rank"], &["tunewright", "help", "data", "rank"]),
            (&["tunewright", "data", "import", "check"], &["tunewright", "data", "import", "check"]),
            (&["tunewright", "train", "split"], &["tunewright", "train", "split"]),
            (&["tunewright", "export"], &["tunewright", "export"]),
            (&["tunewright"], &["tunewright"]),
        ] {
            let (words, note) = in_todays_words(given.iter().map(OsString::from).collect());
            assert_eq!(words, wanted.iter().map(OsString::from).collect::<Vec<_>>());
            assert_eq!(note.is_some(), given != wanted, "{given:?}");
        }
    }
}
