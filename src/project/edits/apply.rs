//! Making a change, taking it back, and making it again.

use super::edit;
use crate::project::error::ProjectError;
use crate::project::state::Edit;
use crate::project::store::journal::{self, Direction, Recorder};
use crate::project::store::project::Project;
use crate::project::store::transaction::begin;

/// The examples that an edit, undo or redo was about; the new one after `Insert` and `Duplicate`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changed {
    /// Empty if nothing was to do.
    pub ids: Vec<i64>,
}

impl Project {
    /// Makes a change; it is on the disk when this returns.
    ///
    /// # Errors
    /// Where an example is gone, the change can't be made, or the store can't be written; then nothing has changed.
    pub fn apply(&mut self, edit: &Edit) -> Result<Changed, ProjectError> {
        let tx = begin(&mut self.db)?;
        let mut recorder = Recorder::start(&tx)?;
        let label = edit::make(&mut recorder, edit)?;
        let Some((revision, ids)) = recorder.finish(&label, None)? else { return Ok(Changed::default()) };
        tx.commit()?;
        self.order.follow(&self.db, revision, &ids)?;
        self.last_changed = only(&ids);
        Ok(Changed { ids })
    }

    /// Takes the last change back; `None` if there is none.
    ///
    /// # Errors
    /// Where the store can't be written; then nothing has changed.
    pub fn undo(&mut self) -> Result<Option<Changed>, ProjectError> {
        self.travel(Direction::Back)
    }

    /// Makes the last undone change again; `None` if there is none.
    ///
    /// # Errors
    /// Where the store can't be written; then nothing has changed.
    pub fn redo(&mut self) -> Result<Option<Changed>, ProjectError> {
        self.travel(Direction::Forward)
    }

    fn travel(&mut self, direction: Direction) -> Result<Option<Changed>, ProjectError> {
        let tx = begin(&mut self.db)?;
        let Some((ids, revision)) = journal::travel(&tx, direction)? else { return Ok(None) };
        tx.commit()?;
        self.order.follow(&self.db, revision, &ids)?;
        self.last_changed = only(&ids);
        Ok(Some(Changed { ids }))
    }
}

fn only(ids: &[i64]) -> Option<i64> {
    if let [id] = ids { Some(*id) } else { None }
}
