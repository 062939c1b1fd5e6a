//! The lists of the header: where examples come in from, and, behind the dots, what is done to the data as a whole and
//! not every day.

use egui::{Popup, Ui};

use super::AnyAction;
use super::action::DataAction;
use super::export_dialog::ExportAction;
use super::labels_dialog::LabelsAction;
use super::rank::{Question, RankForm, Under};
use super::reviewers_dialog::ReviewersAction;
use crate::app::kit::{Button, Theme, icon, menu_item};
use crate::app::screens::dataset;
use crate::project::ProjectState;

static LOOKS: [(&str, DataAction); 2] = [
    ("Statistics", DataAction::Statistics(true)),
    ("Rank…", DataAction::RankDialog(Some(RankForm { question: Question::Loss, under: Under::Newest, count: 20 }))),
];

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
        for (words, action) in LOOKS.iter().chain(&ENTRIES) {
            if menu_item(ui, words, false).clicked() {
                actions.push(action.clone().into());
            }
        }
    });
}

/// Where examples come in from.
pub(super) fn import(ui: &mut Ui, actions: &mut Vec<AnyAction>) {
    let button = ui.add(Button::secondary("Import").icon(icon::DOWNLOAD_SIMPLE).caret());
    Popup::menu(&button).width(Theme::of(ui).size.settings_name_width).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if menu_item(ui, "From files…", false).clicked() {
            actions.push(AnyAction::ChooseImport);
        }
        if menu_item(ui, "From the Hub…", false).clicked() {
            actions.push(dataset::Action::Open.into());
        }
    });
}
