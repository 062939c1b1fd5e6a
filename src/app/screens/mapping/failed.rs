//! A file that can't be read: what is wrong with it, and another one.

use egui::Ui;

use super::state::{ImportDialog, MappingAction, Purpose};
use super::{AnyAction, Dialog, DialogEnd};
use crate::app::kit::{Text, dialog, icon};
use crate::app::screens::data::{self, dialogs::reviewers::ReviewersAction};
use crate::engine::Failure;

pub(super) fn show(ui: &mut Ui, import: &ImportDialog, failure: &Failure, actions: &mut Vec<AnyAction>) {
    let title = format!("{} can't be imported", import.file_name());
    let shown = Dialog::new("import failed", &title)
        .icon(icon::WARNING_CIRCLE)
        .primary("Other file…", None::<&str>)
        .cancel("Close")
        .show(
            ui.ctx(),
            |ui| {
                dialog::body(ui, |ui| {
                    ui.add(Text::body(&failure.message).wrapped());
                    if let Some(hint) = &failure.hint {
                        ui.add(Text::body(hint).soft().wrapped());
                    }
                });
            },
            |_| {},
        );
    match shown.0 {
        DialogEnd::Confirmed => actions.push(other_file(import.purpose)),
        DialogEnd::Cancelled => actions.push(MappingAction::Close.into()),
        DialogEnd::StillOpen => {}
    }
}

/// Asks for another file in this one's place.
pub(super) fn other_file(purpose: Purpose) -> AnyAction {
    match purpose {
        Purpose::Examples => AnyAction::ChooseImport,
        Purpose::Reviewer => data::DialogAction::Reviewers(ReviewersAction::PickFile).into(),
    }
}
