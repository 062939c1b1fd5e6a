//! A second reviewer: the labels of a file beside those that are here, how far the two agree, and where they don't.

use std::path::PathBuf;

use egui::{Context, Ui};

use super::DataDialog;
use super::fix::list;
use crate::app::Action as AnyAction;
use crate::app::Screen;
use crate::app::effect::Effect;
use crate::app::files::{FilePick, PickKind};
use crate::app::kit::row::to_column;
use crate::app::kit::{Button, Dialog, DialogEnd, Text, Theme, dialog, fact, format, icon, marked_text};
use crate::app::screens::data::action::DialogAction;
use crate::app::screens::data::filters::Filter;
use crate::app::screens::data::state::DataState;
use crate::app::screens::{ScreenAction, mapping};
use crate::app::start::Start;
use crate::data::files;
use crate::engine::{IoJob, JobSpec, Outcome, StoreJob};
use crate::project::{Reviewed, Reviewers};

/// What a person did in the dialog.
#[derive(Debug, Clone, PartialEq)]
pub enum ReviewersAction {
    Open,
    /// Asks for the second reviewer's file.
    PickFile,
    Take(PathBuf),
    /// Forgets the second reviewer's labels.
    Drop,
    ShowDifferences,
}

/// The open dialog.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReviewersDialog {
    /// `None` within where there is no second reviewer; `None` until it is known.
    pub found: Option<Option<Reviewers>>,
    pub is_busy: bool,
    pub failure: Option<String>,
}

impl DataState {
    pub(in crate::app::screens::data) fn compare_reviewers(
        &mut self,
        action: ReviewersAction,
        jobs: &mut dyn Start,
    ) -> Vec<Effect> {
        let project = self.folder().to_owned();
        match action {
            ReviewersAction::Open => {
                self.flush(jobs);
                self.wait_for_reviewers(JobSpec::Io(IoJob::CompareReviewers { project }), jobs);
                return vec![Effect::Show(Screen::Data)];
            }
            ReviewersAction::Drop => {
                self.wait_for_reviewers(JobSpec::Store(StoreJob::DropReviewer { project }), jobs);
            }
            ReviewersAction::PickFile => {
                let kind = PickKind::Open { name: "Labels", endings: files::ENDINGS };
                let pick = FilePick { title: "Labels of a second reviewer", kind };
                return vec![Effect::Pick(pick, |path| DialogAction::Reviewers(ReviewersAction::Take(path)).into())];
            }
            ReviewersAction::Take(path) => {
                // The file is looked at in the import dialog.
                self.close_dialog(jobs);
                return vec![Effect::Do(ScreenAction::Mapping(mapping::Action::OpenReviewer(path)))];
            }
            ReviewersAction::ShowDifferences => {
                self.close_dialog(jobs);
                self.change_filters(|filters| {
                    filters.clear();
                    filters.set(Filter::Reviewers(Some(Reviewed::Differ)));
                });
                self.open_first();
            }
        }
        Vec::new()
    }

    fn wait_for_reviewers(&mut self, spec: JobSpec, jobs: &mut dyn Start) {
        let found = match self.dialog.take() {
            Some(DataDialog::Reviewers(dialog)) => dialog.found,
            _ => None,
        };
        self.dialog = Some(DataDialog::Reviewers(ReviewersDialog { found, is_busy: true, failure: None }));
        self.asked.reviewers.ask(spec, jobs);
    }
}

impl ReviewersDialog {
    pub fn on_finished(&mut self, outcome: &Outcome) {
        self.is_busy = false;
        if let Outcome::Failed(failure) = outcome {
            self.failure = Some(failure.message.clone());
        }
    }
}

pub(super) fn show(ctx: &Context, dialog: &ReviewersDialog, actions: &mut Vec<AnyAction>) {
    let found = dialog.found.as_ref().and_then(Option::as_ref);
    let remark = found.map(|found| found.source.as_str()).unwrap_or_default();
    let words = if found.is_some() { "Another file…" } else { "Choose a file…" };
    let reason = dialog.is_busy.then_some("The labels are being read");
    let frame = Dialog::new("reviewers", "Second reviewer").icon(icon::USER).remark(remark).primary(words, reason);
    let mut push = |action: ReviewersAction| actions.push(DialogAction::Reviewers(action).into());
    let (end, ()) = frame.cancel("Close").show(
        ctx,
        |ui| {
            dialog::body(ui, |ui| {
                match &dialog.found {
                    Some(Some(found)) => body(ui, found, &mut push),
                    Some(None) => explain(ui),
                    None => drop(ui.add(Text::body("Reading").soft())),
                }
                if let Some(failure) = &dialog.failure {
                    let error = Theme::of(ui).status.error;
                    marked_text(ui, icon::X_CIRCLE.filled(), error, Text::body(failure));
                }
            });
        },
        |ui| {
            if dialog.is_busy {
                ui.add(Text::small("Reading"));
            }
        },
    );
    match end {
        DialogEnd::Confirmed => push(ReviewersAction::PickFile),
        DialogEnd::Cancelled => actions.push(DialogAction::Close.into()),
        DialogEnd::StillOpen => {}
    }
}

fn explain(ui: &mut Ui) {
    let text = "Take the labels that another person gave to the same prompts, from a file whose columns you choose. You see \
                how far you agree, beyond chance, and go through the examples where you don't.";
    ui.add(Text::body(text).soft().wrapped());
}

fn body(ui: &mut Ui, found: &Reviewers, push: &mut impl FnMut(ReviewersAction)) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.xs;
    fact(ui, "Labelled by both", &format::count(found.num_shared, "example", "examples"));
    let only = format!("{} here, {} there", format::thousands(found.only_first), format::thousands(found.only_second));
    fact(ui, "Labelled by one alone", &only);
    let share = found.num_agreeing as f64 / found.num_shared.max(1) as f64;
    let agreeing = format!("{} ({})", format::thousands(found.num_agreeing), format::percent(share));
    fact(ui, "The same label", &agreeing);
    match found.kappa {
        Some(kappa) => fact(ui, "Cohen's kappa", &format!("{kappa:.2}, {}", strength(kappa))),
        None => fact(ui, "Cohen's kappa", "None: there is only one label"),
    }
    ui.add_space(theme.space.s);
    let num = found.num_shared - found.num_agreeing;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        let words = format!("Show {}", format::count(num, "difference", "differences"));
        if ui.add(Button::secondary(words).enabled_or(num > 0, "There are none")).clicked() {
            push(ReviewersAction::ShowDifferences);
        }
        if ui.add(Button::quiet("Forget these labels")).clicked() {
            push(ReviewersAction::Drop);
        }
    });
    if found.differences.is_empty() {
        return;
    }
    ui.add_space(theme.space.s);
    ui.add(Text::small("Here, there, and how often").faint());
    list(ui, "differences", 7, |ui| {
        for (first, second, num) in &found.differences {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = theme.space.s;
                let (left, half) = (ui.cursor().left(), ui.available_width() / 2.0);
                ui.add(Text::body(first));
                to_column(ui, left + half - theme.size.icon_small - theme.space.s);
                icon::ARROWS_LEFT_RIGHT.show_sized(ui, theme.size.icon_small, theme.text.faint);
                to_column(ui, left + half);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.add(Text::small(format::thousands(*num)).faint());
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        ui.add(Text::body(second).one_line());
                    });
                });
            });
        }
    });
}

/// In the words of Landis and Koch.
fn strength(kappa: f64) -> &'static str {
    match kappa {
        k if k <= 0.0 => "no better than chance",
        k if k <= 0.2 => "slight agreement",
        k if k <= 0.4 => "fair agreement",
        k if k <= 0.6 => "moderate agreement",
        k if k <= 0.8 => "substantial agreement",
        _ => "almost perfect agreement",
    }
}
