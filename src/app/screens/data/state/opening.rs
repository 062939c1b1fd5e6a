//! Which example is open: the row that was asked for, once it is there, and the row of an example that was made.

use super::{DataState, Reveal, Wanted};
use crate::app::screens::data::action::TableAction;
use crate::app::start::Start;
use crate::engine::{JobSpec, StoreJob};

impl DataState {
    pub(super) fn walk(&mut self, action: TableAction, jobs: &mut dyn Start) {
        match action {
            TableAction::Visible(range) => self.rows.fetch(&range, &self.folder, jobs),
            TableAction::Select(row) => self.select(row, jobs),
            TableAction::Scrolled => self.scroll_to = None,
            TableAction::Step(by) => self.step(by, jobs),
        }
    }

    pub(super) fn select(&mut self, row: u64, jobs: &mut dyn Start) {
        self.flush(jobs);
        self.selected = Some(row);
        self.scroll_to = Some(row);
        self.wanted = Some(Wanted::Row(row));
        self.resolve_wanted(jobs);
    }

    pub(super) fn step(&mut self, by: i64, jobs: &mut dyn Start) {
        let Some(len) = self.rows.num_matching().filter(|len| *len > 0) else { return };
        let row = self.selected.map_or(0, |row| row.saturating_add_signed(by)).min(len - 1);
        self.select(row, jobs);
    }

    /// Opens the row that is waited for, once its page is there.
    pub(super) fn resolve_wanted(&mut self, jobs: &mut dyn Start) {
        let Some(len) = self.rows.num_matching() else { return };
        let row = match self.wanted {
            None => return,
            Some(_) if self.rows.is_stale() => return,
            Some(Wanted::After(_)) if self.has_edits_under_way() => return,
            Some(Wanted::Row(row) | Wanted::After(row)) => row.min(len.saturating_sub(1)),
        };
        match self.rows.get(row).map(|row| row.id) {
            Some(id) => {
                self.wanted = None;
                self.selected = Some(row);
                self.scroll_to = Some(row);
                if self.open.as_ref().is_none_or(|draft| draft.stored.id != id) {
                    self.load(id, jobs);
                }
            }
            None if len == 0 => {
                self.wanted = None;
                self.selected = None;
            }
            None => self.rows.fetch(&(row..row + 1), &self.folder, jobs),
        }
    }

    /// Opens an example that was made or brought back, and finds its row.
    pub(super) fn resolve_reveal(&mut self, jobs: &mut dyn Start) {
        let Some(mut reveal) = self.reveal else { return };
        if !reveal.is_asked {
            reveal.is_asked = true;
            self.reveal = Some(reveal);
            return self.load(reveal.id, jobs);
        }
        let open = self.open.as_ref().filter(|draft| draft.stored.id == reveal.id);
        let (Some(draft), false, Some(len)) = (open, self.rows.is_stale(), self.rows.num_matching()) else { return };
        let guess = reveal.row.unwrap_or(draft.stored.number.saturating_sub(1)).min(len.saturating_sub(1));
        match self.rows.index_of(reveal.id) {
            Some(row) => {
                self.selected = Some(row);
                self.scroll_to = Some(row);
                self.reveal = None;
            }
            None if self.rows.needs(&(guess..guess + 1)) => self.rows.fetch(&(guess..guess + 1), &self.folder, jobs),
            None if self.rows.is_fetching() => {}
            // The filter doesn't let it through, or it stands far from where it was looked for.
            None => self.reveal = None,
        }
    }

    /// An undone or redone change is shown.
    pub fn show_changed(&mut self, id: i64) {
        if self.open.as_ref().is_none_or(|draft| draft.stored.id != id) {
            self.reveal = Some(Reveal { id, row: None, is_asked: false });
        }
    }

    /// The open example keeps its mark when rows come or go before it.
    pub(super) fn follow_selection(&mut self) {
        if self.wanted.is_some() || self.reveal.is_some() || self.rows.is_stale() {
            return;
        }
        if let Some(row) = self.open.as_ref().and_then(|draft| self.rows.index_of(draft.stored.id)) {
            self.selected = Some(row);
        }
    }

    pub(super) fn load(&mut self, id: i64, jobs: &mut dyn Start) {
        // Only the newest wish counts when rows are walked quickly.
        self.asked.example.ask(JobSpec::Store(StoreJob::LoadExample { project: self.folder.clone(), id }), jobs);
        self.asked.example_id = Some(id);
    }
}
