//! The project at a glance.

use super::findings::num_queued;
use crate::project::error::ProjectError;
use crate::project::state::{ProjectState, SplitCounts};
use crate::project::store::journal;
use crate::project::store::meta::{LOSS_FROM, TOKENS_FROM, origin};
use crate::project::store::project::Project;

impl Project {
    /// The project at a glance.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn state(&mut self) -> Result<ProjectState, ProjectError> {
        let counts = self.counts()?;
        let labels = journal::labels(&self.db)?;
        let settings = self.settings()?;
        let folder_name = || self.folder().file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(ProjectState {
            name: if settings.name.is_empty() { folder_name() } else { settings.name.clone() },
            folder: self.folder().to_owned(),
            is_read_only: self.is_read_only(),
            counts,
            source: labels.source,
            undo: labels.undo.map(|label| format!("Undo {label}")),
            redo: labels.redo.map(|label| format!("Redo {label}")),
            settings,
            tokens_from: origin(&self.db, TOKENS_FROM)?,
            loss_from: origin(&self.db, LOSS_FROM)?,
            num_queued: num_queued(&self.db)?,
            has_dates: self.has_dates()?,
            revision: self.order.revision(),
            content_revision: journal::content_revision(&self.db)?,
            last_changed: self.last_changed.filter(|id| self.order.contains(*id)),
        })
    }

    /// How many examples take part in each split.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn counts(&mut self) -> Result<SplitCounts, ProjectError> {
        self.order.refresh(&mut self.db)?;
        Ok(self.order.counts())
    }

    /// [`Self::counts`], with the revision of the content that they are of, or an earlier one.
    ///
    /// # Errors
    /// Where the store can't be read.
    pub fn counts_at(&mut self) -> Result<(SplitCounts, u64), ProjectError> {
        let revision = journal::content_revision(&self.db)?;
        Ok((self.counts()?, revision))
    }
}
