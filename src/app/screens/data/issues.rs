//! What the checks found at the open example, each with what can be done about it here.

use egui::{Align, Frame, Layout, Margin, Ui};

use super::AnyAction;
use super::action::DataAction;
use super::checks::{look, words};
use super::draft::Draft;
use super::state::DataState;
use crate::app::kit::{Button, Text, Theme, rule, tooltip};
use crate::data::checks::Finding;

/// As many are in view; the others are scrolled to.
const MOST: f32 = 2.5;

fn own<'a>(data: &'a DataState, draft: &Draft) -> impl Iterator<Item = &'a Finding> {
    let id = draft.stored.id;
    let held = if data.findings_hold() { data.findings.as_slice() } else { &[] };
    held.iter().filter(move |finding| finding.id == id)
}

pub(super) fn has_some(data: &DataState, draft: &Draft) -> bool {
    own(data, draft).next().is_some() || data.findings_awaited().is_some()
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
            for finding in own(data, draft) {
                issue(ui, finding, data.checks.is_running(), actions);
            }
        });
    });
    rule(ui);
}

/// Title and detail beside the fix; a long detail takes a second line.
fn issue(ui: &mut Ui, finding: &Finding, is_running: bool, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let check = finding.check;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        let (mark, color) = look(theme, check);
        mark.show_sized(ui, theme.size.icon_small, color);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(remedy) = check.remedies().first() {
                let button = Button::secondary(words(*remedy)).small();
                let name = format!("{} here: {}", check.title(), words(*remedy));
                let button = button.name(name).enabled_or(!is_running, "The checks are still running");
                if ui.add(button).clicked() {
                    actions.push(DataAction::PreviewFix(check, *remedy, Some(finding.id)).into());
                }
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let title = ui.add(Text::body(check.title()).one_line());
                tooltip::on_hover(title, check.title(), check.explanation());
                if !finding.detail.is_empty() {
                    ui.add(Text::small(&finding.detail).wrapped());
                }
            });
        });
    });
}
