//! The lists of the header: where examples come in from, and, behind the dots, what is done to the data as a whole and
//! not every day.

use egui::{Popup, Ui};

use super::AnyAction;
use super::action::{DataAction, DialogAction};
use super::dialogs::export::ExportAction;
use super::dialogs::labels::LabelsAction;
use super::dialogs::rank::{Question, RankForm, Under};
use super::dialogs::reviewers::ReviewersAction;
use crate::app::kit::{Button, Theme, icon, menu_item};
use crate::app::screens::dataset;
use crate::project::ProjectState;

static LOOKS: [(&str, DataAction); 2] = [
    ("Statistics", DataAction::Dialog(DialogAction::Statistics)),
    (
        "Rank…",
        DataAction::Dialog(DialogAction::RankForm(RankForm {
            question: Question::Loss,
            under: Under::Newest,
            count: 20,
        })),
    ),
];

static ENTRIES: [(&str, DataAction); 3] = [
    ("Export data…", DataAction::Dialog(DialogAction::Export(ExportAction::Open))),
    ("Labels…", DataAction::Dialog(DialogAction::Labels(LabelsAction::Open))),
    ("Second reviewer…", DataAction::Dialog(DialogAction::Reviewers(ReviewersAction::Open))),
];

/// The menu's entries, and what the header's buttons do, for the command field.
pub fn commands() -> Vec<(&'static str, DataAction)> {
    let of_the_header = [
        ("Split the examples…", DataAction::Dialog(DialogAction::Split(Default::default()))),
        ("Rank the examples…", DataAction::Dialog(DialogAction::RankForm(Default::default()))),
        ("Statistics of the data", DataAction::Dialog(DialogAction::Statistics)),
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
