//! The marked examples, and what is done to all of them.

use std::ops::RangeInclusive;

use super::DataState;
use crate::app::screens::data::action::MarkAction;
use crate::app::screens::data::bulk::Bulk;
use crate::app::start::Start;
use crate::data::Split;
use crate::engine::{JobSpec, StoreJob};
use crate::project::Edit;

impl DataState {
    pub(super) fn mark(&mut self, action: MarkAction, jobs: &mut dyn Start) {
        match action {
            MarkAction::Mark(row) => self.toggle_mark(row),
            MarkAction::MarkTo(row) => {
                let rows = self.marks.range_to(row, self.selected);
                self.mark_rows(Some(rows), jobs);
                self.select(row, jobs);
            }
            MarkAction::MarkAll => self.mark_rows(None, jobs),
            MarkAction::Unmark => self.marks.clear(),
            MarkAction::Bulk(bulk) => self.bulk(bulk, jobs),
        }
    }

    fn toggle_mark(&mut self, row: u64) {
        let id = |row: u64| self.rows.get(row).map(|example| example.id);
        if let Some(marked) = id(row) {
            self.marks.toggle(marked, self.selected.and_then(id));
        }
    }

    /// The store knows which rows those are, whatever is in view.
    fn mark_rows(&mut self, rows: Option<RangeInclusive<u64>>, jobs: &mut dyn Start) {
        self.marks.awaited = Some(rows);
        let query = self.filters.query();
        self.asked.marks.ask(JobSpec::Store(StoreJob::FindIds { project: self.folder.clone(), query }), jobs);
    }

    fn bulk(&mut self, bulk: Bulk, jobs: &mut dyn Start) {
        self.flush(jobs);
        let ids = self.marks.ids();
        let edit = match bulk {
            Bulk::Split(Split::Train) => return self.ask_before_moving(ids, jobs),
            Bulk::Split(split) => Edit::SetSplit { ids, split },
            Bulk::Status(status) => Edit::SetStatus { ids, status },
            Bulk::Review(review) => Edit::SetReview { ids, review },
            Bulk::AddTag(tag) => Edit::AddTag { ids, tag },
            Bulk::Delete => {
                self.marks.clear();
                Edit::Delete { ids }
            }
        };
        self.start_edit(edit, jobs);
    }
}
