//! The runs that are looked at together. Each keeps its colour while others come and go.

use std::path::{Path, PathBuf};

use crate::app::kit::table::Choice;

/// See the module. Empty: the first run of the list is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// With the slot of its colour, in the order they were chosen.
    runs: Vec<(PathBuf, usize)>,
    /// Where a range begins.
    anchor: Option<PathBuf>,
    /// The row that the arrow keys move from.
    pub cursor: Option<PathBuf>,
}

impl Chosen {
    pub fn slot(&self, run_dir: &Path) -> Option<usize> {
        self.runs.iter().find(|(dir, _)| dir == run_dir).map(|(_, slot)| *slot)
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.runs.iter().map(|(dir, _)| dir.as_path())
    }

    /// What a click or an arrow key on row `at` of the list does.
    pub fn choose(&mut self, at: usize, choice: Choice, list: &[&Path]) {
        let Some(run_dir) = list.get(at).copied() else { return };
        let place = |dir: &Option<PathBuf>| list.iter().position(|other| Some(*other) == dir.as_deref());
        match choice {
            Choice::One => {
                self.runs.clear();
                self.add(run_dir);
                self.anchor = Some(run_dir.to_owned());
            }
            Choice::Toggle => {
                self.toggle(run_dir, list);
                self.anchor = Some(run_dir.to_owned());
            }
            Choice::Range => {
                let from = place(&self.anchor).or_else(|| place(&self.cursor)).unwrap_or(0);
                let range = from.min(at)..=from.max(at);
                self.runs.retain(|(dir, _)| list[range.clone()].contains(&dir.as_path()));
                list[range].iter().for_each(|dir| self.add(dir));
            }
        }
        self.cursor = Some(run_dir.to_owned());
    }

    /// A click on its check box. The last one stays chosen.
    pub fn toggle(&mut self, run_dir: &Path, list: &[&Path]) {
        if self.is_empty() {
            // The first was looked at without being chosen.
            list.first().into_iter().for_each(|first| self.add(first));
        }
        match self.slot(run_dir) {
            Some(_) if self.runs.len() == 1 => {}
            Some(_) => self.runs.retain(|(dir, _)| dir != run_dir),
            None => self.add(run_dir),
        }
        self.cursor = Some(run_dir.to_owned());
    }

    pub fn all(&mut self, list: &[&Path]) {
        list.iter().for_each(|dir| self.add(dir));
    }

    /// Forgets runs that are gone.
    pub fn keep(&mut self, is_there: impl Fn(&Path) -> bool) {
        self.runs.retain(|(dir, _)| is_there(dir));
        self.anchor = self.anchor.take().filter(|dir| is_there(dir));
        self.cursor = self.cursor.take().filter(|dir| is_there(dir));
    }

    fn add(&mut self, run_dir: &Path) {
        if self.slot(run_dir).is_none() {
            let is_free = |slot: &usize| self.runs.iter().all(|(_, taken)| taken != slot);
            let slot = (0..).find(is_free).unwrap_or_default();
            self.runs.push((run_dir.to_owned(), slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_chosen_as_rows_are_everywhere_and_keep_their_colours() {
        let dirs = ["a", "b", "c", "d"].map(Path::new);
        let mut chosen = Chosen::default();
        let slots = |chosen: &Chosen| dirs.map(|dir| chosen.slot(dir));
        chosen.choose(2, Choice::Toggle, &dirs);
        assert_eq!(slots(&chosen), [Some(0), None, Some(1), None], "the first was looked at already");
        chosen.toggle(dirs[3], &dirs);
        chosen.toggle(dirs[0], &dirs);
        assert_eq!(slots(&chosen), [None, None, Some(1), Some(2)], "the others keep their colours");
        chosen.choose(1, Choice::One, &dirs);
        chosen.choose(3, Choice::Range, &dirs);
        assert_eq!(slots(&chosen), [None, Some(0), Some(1), Some(2)]);
        chosen.choose(0, Choice::Range, &dirs);
        assert_eq!(slots(&chosen), [Some(1), Some(0), None, None], "from the same end");
        chosen.keep(|dir| dir == Path::new("b"));
        chosen.toggle(dirs[1], &dirs);
        assert_eq!(slots(&chosen), [None, Some(0), None, None], "one is always looked at");
        chosen.all(&dirs);
        assert_eq!(chosen.dirs().count(), 4);
    }
}
