//! What deserves a word about a file as a whole, counted while its rows are read.

use crate::data::note::{Note, Place};

/// What was said so far.
#[derive(Debug, Default)]
pub struct Notes(Vec<(&'static str, Note)>);

impl Notes {
    /// Counts it once more, for the row at this line. `detail` describes the first one; it is asked only then.
    pub fn add(&mut self, what: &'static str, line: u64, detail: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, note)) => note.count += 1,
            None => {
                let first = Some(Place { file: None, line });
                self.0.push((what, Note { what: format!("{what} ({})", detail()), count: 1, first }));
            }
        }
    }

    pub fn told(&self) -> Vec<Note> {
        self.0.iter().map(|(_, note)| note.clone()).collect()
    }
}
