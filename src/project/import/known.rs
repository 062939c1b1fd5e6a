//! Which rows of a file the project has already: by their content, or by their prompt where only the answer is another.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::data::import::{ImportRequest, OnKnown, ReadExample};
use crate::data::{ImportError, read_examples};
use crate::project::error::ProjectError;
use crate::project::store::codes::split_code;
use crate::project::store::face::Face;
use crate::project::store::project::Project;
use crate::task::Task;

/// How many rows of a file are not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KnownRows {
    /// Their content is here.
    pub same: u64,
    /// Their prompt is here once, with another answer: an update would replace it.
    pub other: u64,
    /// A known row says another split, or another date, than the project knows; they are taken over.
    pub says_split: bool,
    pub says_date: bool,
}

/// What a row is to the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    New,
    /// It is this example.
    Same(i64),
    /// It could take this example's place.
    Other(i64),
}

/// See the module.
#[derive(Default)]
pub struct Known {
    contents: HashMap<i64, i64>,
    /// The one example with a prompt; `None` where there are several, because nobody knows which is meant.
    prompts: HashMap<i64, Option<i64>>,
    /// Examples that the file has as they are.
    matched: HashSet<i64>,
    /// How many rows could take an example's place.
    claims: HashMap<i64, u32>,
}

impl Known {
    /// Reads what the project has; nothing if rows may come in again.
    pub fn load(db: &Connection, on_known: OnKnown) -> Result<Self, ProjectError> {
        let mut known = Self::default();
        if on_known == OnKnown::Add {
            return Ok(known);
        }
        let mut select = db.prepare_cached("SELECT id, content_key, prompt_key FROM examples WHERE presence = 1")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            known.contents.insert(row.get(1)?, id);
            if on_known == OnKnown::Update {
                known.prompts.entry(row.get(2)?).and_modify(|only| *only = None).or_insert(Some(id));
            }
        }
        Ok(known)
    }

    /// A row without an answer has no other one: it never takes an example's place.
    pub fn find(&mut self, face: &Face, is_unanswered: bool) -> Match {
        if let Some(id) = self.contents.get(&face.content_key) {
            self.matched.insert(*id);
            return Match::Same(*id);
        }
        match self.prompts.get(&face.prompt_key) {
            Some(Some(id)) if !is_unanswered => {
                *self.claims.entry(*id).or_default() += 1;
                Match::Other(*id)
            }
            _ => Match::New,
        }
    }

    /// Once all rows were looked at: whether one row, and no other, is this example with another answer.
    pub fn is_update(&self, id: i64) -> bool {
        self.claims.get(&id) == Some(&1) && !self.matched.contains(&id)
    }

    fn num_updates(&self) -> u64 {
        self.claims.keys().filter(|id| self.is_update(**id)).count() as u64
    }
}

impl Project {
    /// Looks through the files of an import; whatever the request says becomes of known rows.
    ///
    /// # Errors
    /// Where a file can't be read, the store can't be read, or the task was stopped.
    pub fn count_known(&mut self, request: &ImportRequest, task: &dyn Task) -> Result<KnownRows, ProjectError> {
        let mut counts = KnownRows::default();
        let mut known = Known::load(&self.db, OnKnown::Update)?;
        if known.contents.is_empty() {
            return Ok(counts);
        }
        let mut failure = None;
        read_examples(request, task, &mut |row| {
            match Face::of(&row.example) {
                Ok(face) => {
                    if let Match::Same(id) = known.find(&face, row.example.is_unanswered()) {
                        counts.same += 1;
                        if let Err(error) = self.compare(id, &row, &mut counts) {
                            failure = Some(error);
                        }
                    }
                }
                Err(error) => failure = Some(ProjectError::Content(error)),
            }
            if failure.is_some() || task.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        if task.is_stopped() {
            return Err(ImportError::Stopped { path: request.path.clone() }.into());
        }
        counts.other = known.num_updates();
        Ok(counts)
    }

    fn compare(&self, id: i64, row: &ReadExample, counts: &mut KnownRows) -> Result<(), ProjectError> {
        let split = row.split.filter(|_| !counts.says_split).map(split_code);
        let date = row.date.filter(|_| !counts.says_date).map(Timestamp::as_millisecond);
        if split.is_none() && date.is_none() {
            return Ok(());
        }
        let mut select = self.db.prepare_cached("SELECT split, date FROM examples WHERE id = ?")?;
        let (here, at): (i64, Option<i64>) = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        counts.says_split |= split.is_some_and(|split| split != here);
        counts.says_date |= date.is_some() && date != at;
        Ok(())
    }
}
