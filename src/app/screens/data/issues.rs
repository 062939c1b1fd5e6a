//! What the checks found at the open example, each with what can be done about it here.

use egui::{Align, Frame, Layout, Margin, Ui};

use super::AnyAction;
use super::action::CheckAction;
use super::check_row::{more, words};
use super::checks::{Checks, look};
use super::draft::Draft;
use super::state::DataState;
use crate::app::kit::{Button, Text, Theme, icon, rule, tooltip};
use crate::data::checks::{Check, Finding};

/// How many are in view; the others are scrolled to.
const MOST: f32 = 2.5;

fn own<'a>(findings: &'a [Finding], draft: &Draft) -> impl Iterator<Item = &'a Finding> + use<'a> {
    let id = draft.stored.id;
    findings.iter().filter(move |finding| finding.id == id)
}

/// Those that are of the text as it is.
fn held<'a>(data: &DataState, findings: &'a [Finding]) -> &'a [Finding] {
    if data.findings_hold() { findings } else { &[] }
}

pub(super) fn has_some(data: &DataState, draft: &Draft) -> bool {
    let all = [&data.findings[..], &data.not_faults].map(|findings| held(data, findings));
    all.iter().any(|findings| own(findings, draft).next().is_some()) || data.findings_awaited().is_some()
}

/// A strip of its own below the turns, which stay where they are when findings come and go.
pub(super) fn show(ui: &mut Ui, data: &DataState, draft: &Draft, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    if !has_some(data, draft) {
        return;
    }
    let height = theme.size.row_height_two_lines * MOST;
    let scroll = egui::ScrollArea::vertical().id_salt("issues").max_height(height).auto_shrink([false, true]);
    scroll.show(ui, |ui| {
        let margin = Margin::symmetric(theme.pad.panel_x as i8, theme.space.s as i8);
        Frame::new().inner_margin(margin).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme.space.s;
            if let Some(words) = data.findings_awaited() {
                ui.add(Text::small(words).faint());
            }
            for finding in own(held(data, &data.findings), draft) {
                issue(ui, finding, &data.checks, actions);
            }
            for finding in own(held(data, &data.not_faults), draft) {
                not_a_fault(ui, finding, actions);
            }
        });
    });
    rule(ui);
}

/// Title and detail beside the fix; a long detail takes a second line.
fn issue(ui: &mut Ui, finding: &Finding, checks: &Checks, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let check = finding.check;
    let (mark, color) = look(theme, check);
    line(ui, (mark, color), finding, |ui| {
        more(ui, checks, check, Some(finding.id), actions);
        let is_unmendable = checks.fix_of(check).is_some_and(|fix| fix.unmendable.contains(&finding.id));
        let remedy = check.remedies().iter().find(|remedy| !is_unmendable || check.remedies().first() != Some(*remedy));
        if let Some(remedy) = remedy {
            let words = here(check, words(check, *remedy, None));
            let button = Button::secondary(&words).small();
            let name = format!("{} here: {words}", check.title());
            let button = button.name(name).enabled_or(!checks.is_running(), "The checks are still running");
            if ui.add(button).clicked() {
                actions.push(CheckAction::PreviewFix(check, *remedy, Some(finding.id)).into());
            }
        }
    });
}

/// Which of two answers is right is for a person to say.
fn here(check: Check, words: String) -> String {
    if check == Check::Contradiction { "Review…".to_owned() } else { words }
}

fn not_a_fault(ui: &mut Ui, finding: &Finding, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    line(ui, (icon::PROHIBIT, theme.text.faint), finding, |ui| {
        let name = format!("{} here: Count again", finding.check.title());
        if ui.add(Button::link("Count again").small().name(name)).clicked() {
            actions.push(CheckAction::MarkFindings(finding.check, Some(finding.id), true).into());
        }
        ui.add(Text::small("Not a fault").faint());
    });
}

fn line(ui: &mut Ui, (mark, color): (icon::Icon, egui::Color32), finding: &Finding, right: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        mark.show_sized(ui, theme.size.icon_small, color);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            right(ui);
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let title = ui.add(Text::body(finding.check.title()).one_line());
                tooltip::on_hover(title, finding.check.title(), finding.check.explanation());
                if !finding.detail.is_empty() {
                    ui.add(Text::small(&finding.detail).wrapped());
                }
            });
        });
    });
}
