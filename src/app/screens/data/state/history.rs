//! The previous versions of the open example: asked for, looked through, brought back.

use super::DataState;
use crate::app::screens::data::dialogs::DataDialog;
use crate::app::screens::data::dialogs::history::History;
use crate::app::start::Start;
use crate::engine::{JobSpec, StoreJob};
use crate::project::Version;

impl DataState {
    pub(super) fn ask_for_history(&mut self, jobs: &mut dyn Start) {
        // What was typed a moment ago is the newest version.
        self.flush(jobs);
        if let Some(id) = self.open.as_ref().map(|draft| draft.stored.id) {
            self.asked.history.ask(JobSpec::Store(StoreJob::LoadHistory { project: self.folder.clone(), id }), jobs);
        }
    }

    pub(super) fn show_history(&mut self, id: i64, versions: &[Version]) {
        if let Some(draft) = self.open.as_ref().filter(|draft| draft.stored.id == id) {
            let history = History::new(id, draft.stored.number, versions, &draft.messages);
            self.answer_with(DataDialog::History(history));
        }
    }

    pub(super) fn choose_version(&mut self, at: usize) {
        if let Some(DataDialog::History(history)) = &mut self.dialog {
            history.choose(at);
        }
    }

    pub(super) fn bring_back(&mut self, now: f64, jobs: &mut dyn Start) {
        let Some(DataDialog::History(history)) = self.dialog.take() else { return };
        if let (Some(messages), Some(draft)) = (history.chosen_messages(), &mut self.open)
            && draft.stored.id == history.id
        {
            draft.bring_back(messages.to_vec(), now);
            self.flush(jobs);
        }
    }
}
