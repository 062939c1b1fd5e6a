//! What an evaluation found: the verdict first, then the figures, then the answers.

use egui::{Align, Layout, Sense, Ui, UiBuilder, Vec2};

use super::state::{EvaluateAction, Shown};
use super::{figures, list, side};
use crate::app::kit::{Button, Card, Text, Theme, format, icon};
use crate::app::parts::run_label;
use crate::app::screens::runs::{self, state::RunsState};
use crate::app::screens::train;
use crate::app::{Action as AnyAction, AppState, Screen};
use crate::evaluate::{Judgement, Stale, Verdict};
use crate::run::RunRecord;

pub(super) fn show(ui: &mut Ui, state: &AppState, run: &RunRecord, shown: &Shown, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.pad.between_cards;
    if let Some(stale) = &shown.stale {
        no_longer(ui, state, run, stale, actions);
    }
    if let Some(judgement) = &shown.judgement {
        verdict(ui, state, run, shown, judgement, actions);
    }
    let has_list = shown.evaluation.report.has_answers();
    let height = figures::height(ui, shown).max(side::height(ui, shown));
    match side::sides(shown).is_empty() {
        true => figures::show(ui, shown, height),
        false => beside_each_other(ui, height, |ui, is_left| match is_left {
            true => figures::show(ui, shown, height),
            false => side::show(ui, shown, height, actions),
        }),
    }
    if has_list {
        let least = theme.size.row_height * 7.0 + theme.size.filter_bar_height;
        list::show(ui, run, shown, ui.available_height().max(least), actions);
    }
}

/// Two cards of one height, the left one wider.
fn beside_each_other(ui: &mut Ui, height: f32, mut content: impl FnMut(&mut Ui, bool)) {
    let theme = Theme::of(ui);
    let gap = theme.pad.between_cards;
    let width = ui.available_width() - gap;
    let left = (width * 0.62).round();
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let (first, rest) = rect.split_left_right_at_x(rect.left() + left);
    for (place, is_left) in [(first, true), (rest.with_min_x(rest.left() + gap), false)] {
        let mut child = ui.new_child(UiBuilder::new().max_rect(place).layout(Layout::top_down(Align::Min)));
        content(&mut child, is_left);
    }
}

/// What was measured was something else than the run is now.
fn no_longer(ui: &mut Ui, state: &AppState, run: &RunRecord, stale: &Stale, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (title, text) = match stale {
        Stale::Step(step) => {
            let step = format::thousands(*step as u64);
            (format!("Measured at step {step}"), format!("The run uses other weights now: {}", run_label(run)))
        }
        Stale::Weights => ("Measured on other weights".to_owned(), "They were written anew since".to_owned()),
        Stale::Data => ("Measured on other examples".to_owned(), "The held-out file was changed since".to_owned()),
    };
    Card::new().show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.m;
            icon::WARNING.filled().show(ui, theme.status.warning);
            ui.add(Text::strong(title));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let again = Button::secondary("Measure again").icon(icon::ARROW_CLOCKWISE).small();
                let again = again.enabled_or(state.evaluate.job.is_none(), "An evaluation is running");
                if ui.add(again).clicked() {
                    actions.push(EvaluateAction::Start.into());
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::body(text).soft().one_line()));
            });
        });
    });
}

fn verdict(
    ui: &mut Ui,
    state: &AppState,
    run: &RunRecord,
    shown: &Shown,
    judgement: &Judgement,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let (mark, color) = match judgement.verdict {
        Verdict::Worked => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        Verdict::FormOnly | Verdict::Mixed | Verdict::TooFew => (icon::WARNING.filled(), theme.status.warning),
        Verdict::Little => (icon::EQUALS, theme.text.soft),
        Verdict::Worse => (icon::X_CIRCLE.filled(), theme.status.error),
    };
    Card::new().show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.m;
            mark.show(ui, color);
            ui.add(Text::strong(judgement.title()));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if judgement.verdict.asks_for_more() {
                    train_more(ui, state, run, actions);
                } else if let Some(all) = judgement.outcomes {
                    let same = all.num - all.got_right - all.went_wrong;
                    let words = [(all.got_right, "got right"), (same, "same"), (all.went_wrong, "went wrong")];
                    let words = words.map(|(num, what)| format!("{} {what}", format::thousands(num))).join(", ");
                    ui.add(Text::small(words).faint());
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let words = judgement.in_words(format::thousands, format::loss);
                    let measures = shown.evaluation.findings.in_words(1);
                    let words = measures.map_or(words.clone(), |measures| format!("{words}. {measures}"));
                    ui.add(Text::body(words).soft().one_line());
                });
            });
        });
    });
}

/// Goes on with a run that has steps left, else leads to the form of the next one.
fn train_more(ui: &mut Ui, state: &AppState, run: &RunRecord, actions: &mut Vec<AnyAction>) {
    let can_resume = RunsState::can_resume(run);
    let words = if can_resume { "Go on training" } else { "Train longer…" };
    let button = Button::secondary(words).icon(icon::PLAY).small();
    let is_free = state.jobs.training().is_none();
    if ui.add(button.enabled_or(is_free, "A run is training already")).clicked() {
        if can_resume {
            actions.push(runs::Action::Resume(run.run_dir.clone()).into());
        } else {
            actions.push(train::Action::ShowForm.into());
        }
        actions.push(AnyAction::Go(Screen::Train));
    }
}
