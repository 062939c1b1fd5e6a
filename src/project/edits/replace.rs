//! Find and replace in the turns of many examples.

use regex::{NoExpand, Regex, RegexBuilder};

use crate::data::{ImportError, Message};
use crate::project::error::ProjectError;
use crate::project::rows::read::stored_example;
use crate::project::state::{ReplacePreview, ReplacedTurn, Replacement};
use crate::project::store::project::Project;
use crate::task::{Task, Unit};

/// A replacement made ready.
pub struct Replacer<'a> {
    replacement: &'a Replacement,
    pattern: Regex,
}

impl<'a> Replacer<'a> {
    pub fn new(replacement: &'a Replacement) -> Result<Self, ProjectError> {
        let find = &replacement.find;
        if find.is_empty() {
            return Err(ProjectError::Pattern { message: "it is empty".to_owned() });
        }
        let pattern = if replacement.is_regex { find.clone() } else { regex::escape(find) };
        let pattern = RegexBuilder::new(&pattern).case_insensitive(replacement.ignores_case).multi_line(true).build();
        let pattern = pattern.map_err(|e| ProjectError::Pattern { message: one_line(&e) })?;
        Ok(Self { replacement, pattern })
    }

    /// Changes the turns that match; for each its index, its text before, and how often it matches.
    pub fn apply(&self, messages: &mut [Message]) -> Vec<(usize, String, u64)> {
        let mut changed = Vec::new();
        for (turn, message) in messages.iter_mut().enumerate() {
            let is_wanted = self.replacement.role.is_none_or(|role| message.role == role);
            let num_matches = if is_wanted { self.pattern.find_iter(&message.content).count() as u64 } else { 0 };
            if num_matches == 0 {
                continue;
            }
            let with = self.replacement.with.as_str();
            let after = match self.replacement.is_regex {
                true => self.pattern.replace_all(&message.content, with),
                false => self.pattern.replace_all(&message.content, NoExpand(with)),
            };
            if after != message.content {
                let after = after.into_owned();
                changed.push((turn, std::mem::replace(&mut message.content, after), num_matches));
            }
        }
        changed
    }
}

/// The parser draws the place with lines and arrows; its last line says what is wrong.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

impl Project {
    /// What a replacement would do to these examples, with the first turns before and after.
    ///
    /// # Errors
    /// [`ProjectError::Pattern`] where the search pattern can't be used, or where an example is gone.
    pub fn preview_replace(
        &self,
        ids: &[i64],
        replacement: &Replacement,
        task: &dyn Task,
    ) -> Result<ReplacePreview, ProjectError> {
        const MAX_TURNS: usize = 200;
        let replacer = Replacer::new(replacement)?;
        let mut preview = ReplacePreview { num_examples: 0, num_matches: 0, turns: Vec::new(), ids: Vec::new() };
        for (done, id) in ids.iter().enumerate() {
            if task.is_stopped() {
                return Err(ImportError::Stopped { path: self.folder().into() }.into());
            }
            task.progress(done as u64, Some(ids.len() as u64), Unit::Examples);
            let stored = match stored_example(&self.db, *id) {
                Err(ProjectError::NoSuchExample { .. }) => continue,
                stored => stored?,
            };
            let mut messages = stored.example.messages;
            let changed = replacer.apply(&mut messages);
            if !changed.is_empty() {
                preview.num_examples += 1;
                preview.ids.push(*id);
            }
            for (turn, before, num_matches) in changed {
                preview.num_matches += num_matches;
                if preview.turns.len() < MAX_TURNS {
                    let after = messages[turn].content.clone();
                    preview.turns.push(ReplacedTurn { id: *id, number: stored.number, turn, before, after });
                }
            }
        }
        Ok(preview)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Role;

    fn replaced(text: &str, replacement: Replacement) -> Option<(String, u64)> {
        let mut messages = vec![Message::new(Role::User, text)];
        let changed = Replacer::new(&replacement).unwrap().apply(&mut messages);
        changed.first().map(|(_, _, num)| (messages[0].content.clone(), *num))
    }

    #[test]
    fn plain_text_is_taken_as_it_is_and_patterns_know_groups() {
        let plain = Replacement { find: "a.b".to_owned(), with: "$1".to_owned(), ..Replacement::default() };
        assert_eq!(replaced("a.b axb a.b", plain.clone()), Some(("$1 axb $1".to_owned(), 2)));
        assert_eq!(replaced("A.B", plain.clone()), None);
        let ignoring = Replacement { ignores_case: true, ..plain.clone() };
        assert_eq!(replaced("A.B", ignoring), Some(("$1".to_owned(), 1)));
        let regex =
            Replacement { find: r"^(\w+) (\w+)$".to_owned(), with: "$2 $1".to_owned(), is_regex: true, ..plain };
        assert_eq!(replaced("one two\nthree four", regex.clone()), Some(("two one\nfour three".to_owned(), 2)));
        assert_eq!(replaced("one two", Replacement { role: Some(Role::Tool), ..regex }), None);
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong() {
        let message = |find: &str| {
            let replacement = Replacement { find: find.to_owned(), is_regex: true, ..Replacement::default() };
            Replacer::new(&replacement).err().unwrap().to_string()
        };
        assert_eq!(message("a("), "the search pattern can't be used: unclosed group");
        assert_eq!(message(""), "the search pattern can't be used: it is empty");
    }
}
