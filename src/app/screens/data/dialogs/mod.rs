//! The dialogs of the data screen, of which one at most is open.

pub mod export;
mod fix;
pub mod fix_review;
pub mod history;
mod history_dialog;
pub mod labels;
pub mod moving;
pub mod rank;
pub mod replace;
pub mod reviewers;
pub mod split;
mod statistics;

use egui::Ui;

use super::{AnyAction, AppState, Drafts, lengths, training};
use crate::data::statistics::Statistics;
use crate::project::ProjectState;
use export::ExportDialog;
use fix_review::FixReview;
use history::History;
use moving::Moving;
use rank::RankForm;
use replace::Replace;
use reviewers::ReviewersDialog;
use split::SplitPlan;

pub(super) use statistics::title;

/// The one that is open, with what is in it.
pub enum DataDialog {
    Split(SplitPlan),
    /// Held-out examples are about to be trained on.
    Move(Moving),
    Export(ExportDialog),
    /// What is typed into the dialog of labels.
    Labels(String),
    Reviewers(ReviewersDialog),
    Replace(Replace),
    /// Previous versions of the open example.
    History(History),
    /// Which examples matter?
    Rank(RankForm),
    /// `None` while they are counted.
    Statistics(Option<Box<Statistics>>),
    /// What a fix would change.
    Fix(FixReview),
}

pub(super) fn show(
    ui: &Ui,
    dialog: &DataDialog,
    state: &AppState,
    project: &ProjectState,
    drafts: &mut Drafts,
    actions: &mut Vec<AnyAction>,
) {
    let ctx = ui.ctx();
    match dialog {
        DataDialog::Split(plan) => split::show(ctx, plan, actions),
        DataDialog::Move(moving) => moving::show(ctx, moving, actions),
        DataDialog::Export(dialog) => export::show(ctx, dialog, state, project, actions),
        DataDialog::Labels(text) => labels::show(ctx, text, &state.data, actions),
        DataDialog::Reviewers(dialog) => reviewers::show(ctx, dialog, actions),
        DataDialog::Replace(replace) => replace::show(ctx, replace, state.data.marks.len(), actions),
        DataDialog::History(history) => history_dialog::show(ctx, history, actions),
        DataDialog::Rank(form) => rank::show(ctx, form, state, project, actions),
        DataDialog::Statistics(numbers) => {
            let training = training(project);
            let mut limit = lengths::Limit { training: &training, moved: &mut drafts.max_length };
            statistics::show(ctx, numbers.as_deref(), &mut limit, actions);
        }
        DataDialog::Fix(fix) => fix::show(ctx, fix, actions),
    }
}
