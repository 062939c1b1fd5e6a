//! What is done to the data as a whole and not every day, behind the dots of the header.

use egui::{Popup, Ui};

use super::AnyAction;
use super::action::DataAction;
use super::export_dialog::ExportAction;
use super::labels_dialog::LabelsAction;
use super::reviewers_dialog::ReviewersAction;
use crate::app::kit::{Button, Theme, icon, menu_item};
use crate::project::ProjectState;

static ENTRIES: [(&str, DataAction); 3] = [
    ("Export data…", DataAction::Export(ExportAction::Open)),
    ("Labels…", DataAction::Labels(LabelsAction::Open)),
    ("Second reviewer…", DataAction::Reviewers(ReviewersAction::Open)),
];

/// The same, and what the header's buttons do, for the command field.
pub fn commands() -> Vec<(&'static str, DataAction)> {
    let of_the_header = [
        ("Split the examples…", DataAction::SplitDialog(Some(Default::default()))),
        ("Rank the examples…", DataAction::RankDialog(Some(Default::default()))),
        ("Statistics of the data", DataAction::Statistics(true)),
    ];
    of_the_header.into_iter().chain(ENTRIES.iter().cloned()).collect()
}

pub(super) fn show(ui: &mut Ui, project: &ProjectState, actions: &mut Vec<AnyAction>) {
    let button = Button::icon_only(icon::DOTS_THREE, "More for the data");
    let has_examples = project.counts.total() > 0;
    let button = ui.add(button.enabled_or(has_examples, "There are no examples yet"));
    Popup::menu(&button).width(Theme::of(ui).size.settings_name_width).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for (words, action) in &ENTRIES {
            if menu_item(ui, words, false).clicked() {
                actions.push(action.clone().into());
            }
        }
    });
}
