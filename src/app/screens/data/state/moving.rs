//! Held-out examples are locked: training on them is asked about first.

use super::DataState;
use crate::app::screens::data::dialogs::DataDialog;
use crate::app::screens::data::dialogs::moving::Moving;
use crate::app::start::Start;
use crate::data::Split;
use crate::engine::{JobSpec, StoreJob};
use crate::project::Edit;

impl DataState {
    pub(super) fn set_split(&mut self, split: Split, jobs: &mut dyn Start) {
        self.flush(jobs);
        let Some(draft) = &self.open else { return };
        let ids = vec![draft.stored.id];
        if split == Split::Train && draft.stored.split != Split::Train {
            self.open_dialog(DataDialog::Move(Moving { ids, num_held_out: Some(1) }), jobs);
        } else {
            self.start_edit(Edit::SetSplit { ids, split }, jobs);
        }
    }

    /// The store knows which of them are held out, whatever is in view.
    pub(super) fn ask_before_moving(&mut self, ids: Vec<i64>, jobs: &mut dyn Start) {
        self.moving = Some(Moving { ids: ids.clone(), num_held_out: None });
        self.asked.held_out.ask(JobSpec::Store(StoreJob::CountHeldOut { project: self.folder.clone(), ids }), jobs);
    }

    /// Once they are counted. Where another dialog is open, the question waits for its end.
    pub(super) fn move_or_ask(&mut self, jobs: &mut dyn Start) {
        let has_room = self.dialog.is_none();
        let is_settled = |num| num == 0 || has_room;
        if let Some(moving) = self.moving.take_if(|moving| moving.num_held_out.is_some_and(is_settled)) {
            match moving.num_held_out {
                Some(0) => self.train_on(moving, jobs),
                _ => self.dialog = Some(DataDialog::Move(moving)),
            }
        }
    }

    pub(super) fn move_into_training(&mut self, jobs: &mut dyn Start) {
        if let Some(DataDialog::Move(moving)) = self.dialog.take() {
            self.train_on(moving, jobs);
        }
    }

    fn train_on(&mut self, moving: Moving, jobs: &mut dyn Start) {
        self.start_edit(Edit::SetSplit { ids: moving.ids, split: Split::Train }, jobs);
    }
}
