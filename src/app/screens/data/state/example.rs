//! What is done to the open example, and examples that are made.

use super::{DataState, Made, Wanted};
use crate::app::effect::Effect;
use crate::app::screens::data::action::ExampleAction;
use crate::app::screens::data::review;
use crate::app::start::Start;
use crate::data::{Message, Role, Split};
use crate::engine::{JobSpec, StoreJob};
use crate::project::{Edit, ExampleStatus};

impl DataState {
    pub(super) fn edit_example(&mut self, action: ExampleAction, now: f64, jobs: &mut dyn Start) -> Vec<Effect> {
        match action {
            ExampleAction::Review(review) => {
                let number = self.open.as_ref().map(|draft| draft.stored.number);
                self.edit_open(|id| Edit::SetReview { ids: vec![id], review }, jobs);
                self.step(1, jobs);
                let told = number.and_then(|number| review::told(review, number));
                return told.map(Effect::Say).into_iter().collect();
            }
            ExampleAction::Label(label) => {
                self.edit_open(|id| Edit::SetLabel { ids: vec![id], label: Some(label) }, jobs);
            }
            ExampleAction::AddTag(tag) => self.edit_open(|id| Edit::AddTag { ids: vec![id], tag }, jobs),
            ExampleAction::RemoveTag(tag) => self.edit_open(|id| Edit::RemoveTag { ids: vec![id], tag }, jobs),
            ExampleAction::Notes(notes) => self.edit_open(|id| Edit::SetNotes { id, notes }, jobs),
            ExampleAction::ToggleAside => self.toggle_aside(jobs),
            ExampleAction::SetSplit(split) => self.set_split(split, jobs),
            ExampleAction::SetStatus(status) => self.edit_open(|id| Edit::SetStatus { ids: vec![id], status }, jobs),
            ExampleAction::Duplicate => {
                self.flush(jobs);
                if let Some(id) = self.open.as_ref().map(|draft| draft.stored.id) {
                    // The copy stands below the original.
                    self.make(Edit::Duplicate { id }, self.selected.map(|row| row + 1), jobs);
                }
            }
            ExampleAction::Delete => self.delete(jobs),
            ExampleAction::Turn(change) => {
                if let Some(draft) = &mut self.open {
                    draft.change(change, now);
                }
            }
            ExampleAction::OpenAnswer => {
                if let Some(draft) = &mut self.open {
                    draft.open_answer();
                }
            }
            ExampleAction::LayOut(lays_out) => self.lays_out = lays_out,
            ExampleAction::Flush => self.flush(jobs),
            ExampleAction::SelectToken(token) => self.tokens.selected = token,
        }
        Vec::new()
    }

    fn edit_open(&mut self, edit: impl FnOnce(i64) -> Edit, jobs: &mut dyn Start) {
        self.flush(jobs);
        if let Some(draft) = &self.open {
            let edit = edit(draft.stored.id);
            self.start_edit(edit, jobs);
        }
    }

    fn toggle_aside(&mut self, jobs: &mut dyn Start) {
        let Some(draft) = &self.open else { return };
        let status = match draft.stored.status {
            ExampleStatus::SetAside => ExampleStatus::Ready,
            _ => ExampleStatus::SetAside,
        };
        self.edit_open(|id| Edit::SetStatus { ids: vec![id], status }, jobs);
    }

    fn delete(&mut self, jobs: &mut dyn Start) {
        let Some(draft) = self.open.take() else { return };
        self.tokens.forget();
        self.wanted = self.selected.map(Wanted::After);
        self.start_edit(Edit::Delete { ids: vec![draft.stored.id] }, jobs);
    }

    pub(super) fn add(&mut self, jobs: &mut dyn Start) {
        self.flush(jobs);
        let open = self.open.as_ref();
        let system = open.and_then(|draft| draft.messages.first()).filter(|message| message.role == Role::System);
        let mut messages: Vec<Message> = system.cloned().into_iter().collect();
        messages.extend([Message::new(Role::User, ""), Message::new(Role::Assistant, "")]);
        let split = open.map_or(Split::Train, |draft| draft.stored.split);
        // It stands at the end of all.
        self.filters.clear();
        self.make(Edit::Insert { example: messages.into(), split }, None, jobs);
    }

    fn make(&mut self, edit: Edit, row: Option<u64>, jobs: &mut dyn Start) {
        let spec = JobSpec::Store(StoreJob::Edit { project: self.folder.clone(), edit });
        self.change(spec, Some(Made(row)), jobs);
    }
}
