//! Held-out examples are locked: training on them is asked about first.

use super::DataState;
use crate::app::screens::data::move_dialog::Moving;
use crate::app::screens::data::start::Start;
use crate::data::Split;
use crate::engine::{JobSpec, StoreJob};
use crate::project::Edit;

impl DataState {
    pub(super) fn set_split(&mut self, split: Split, jobs: &mut dyn Start) {
        self.flush(jobs);
        let Some(draft) = &self.open else { return };
        let ids = vec![draft.stored.id];
        if split == Split::Train && draft.stored.split != Split::Train {
            self.moving = Some(Moving { ids, num_held_out: Some(1) });
        } else {
            self.start_edit(Edit::SetSplit { ids, split }, jobs);
        }
    }

    /// The store knows which of them are held out, whatever is in view.
    pub(super) fn ask_before_moving(&mut self, ids: Vec<i64>, jobs: &mut dyn Start) {
        self.moving = Some(Moving { ids: ids.clone(), num_held_out: None });
        self.asked.held_out.ask(JobSpec::Store(StoreJob::CountHeldOut { project: self.folder.clone(), ids }), jobs);
    }

    pub(super) fn move_what_is_not_held_out(&mut self, jobs: &mut dyn Start) {
        if self.moving.as_ref().is_some_and(|moving| moving.num_held_out == Some(0)) {
            self.answer_move(true, jobs);
        }
    }

    pub(super) fn answer_move(&mut self, is_meant: bool, jobs: &mut dyn Start) {
        if let Some(moving) = self.moving.take()
            && is_meant
        {
            self.start_edit(Edit::SetSplit { ids: moving.ids, split: Split::Train }, jobs);
        }
    }
}
