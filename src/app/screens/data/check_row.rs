//! A check that found something: how much, what it means, and what can be done about all of it or about one finding.
//! And what is left out of the checks, with the way back.

use egui::{Align, Layout, Popup, Ui};

use super::AnyAction;
use super::action::{CheckAction, FilterAction};
use super::checks::{Checks, look};
use super::filters::Only;
use super::state::DataState;
use crate::app::kit::{Button, Text, Theme, format, icon, menu_item, row, tooltip};
use crate::data::checks::{Check, CheckCount, FixCount, Remedy};

/// What still runs may find something else.
const RUNNING: &str = "The checks are still running";

pub(super) fn show(ui: &mut Ui, data: &DataState, count: &CheckCount, explanation: &str, actions: &mut Vec<AnyAction>) {
    let checks = &data.checks;
    let theme = Theme::of(ui);
    let check = count.check;
    let (mark, color) = look(theme, check);
    mark.show_sized(ui, theme.size.icon_small, color);
    let left = ui.cursor().left();
    ui.add(Text::strong(format::thousands(count.num_examples)));
    row::to_column(ui, left + theme.size.row_height + theme.space.s);
    let left = ui.cursor().left();
    let title = ui.add(Text::body(check.title()));
    tooltip::on_hover(title, check.title(), explanation);
    row::to_column(ui, left + theme.size.settings_name_width + theme.space.xxl);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        more(ui, checks, check, None, actions);
        let fix = checks.fix_of(check);
        match (check.remedies().first(), fix) {
            (None, _) => {}
            (Some(_), Some(FixCount { remedy, num_changes: 0, .. })) => {
                not_a_fault(ui, checks, check, actions);
                if check.remedies().contains(&Remedy::SetAside) && *remedy != Remedy::SetAside {
                    let name = format!("{}: Set aside…", check.title());
                    let button = Button::secondary("Set aside…").small().name(name);
                    if ui.add(button.enabled_or(!checks.is_running(), RUNNING)).clicked() {
                        actions.push(CheckAction::PreviewFix(check, Remedy::SetAside, None).into());
                    }
                }
            }
            (Some(remedy), fix) => {
                let words = words(check, *remedy, fix.map(|fix| fix.num_changes));
                let button = Button::secondary(&words).small().name(format!("{}: {words}", check.title()));
                if ui.add(button.enabled_or(!checks.is_running(), RUNNING)).clicked() {
                    actions.push(CheckAction::PreviewFix(check, *remedy, None).into());
                }
            }
        }
        let only = Only::finding(check);
        let show = Button::link("Show").small().name(format!("Show {}", check.title()));
        let is_shown = data.filters.only.as_ref() == Some(&only);
        if ui.add(show.enabled_or(!is_shown, "They are shown above")).clicked() {
            actions.push(FilterAction::ShowOnly(only).into());
        }
        ui.add_space(theme.space.s);
        let none = fix.filter(|fix| fix.num_changes == 0).map(|fix| {
            let of = format::thousands(count.num_examples);
            format!("0 of {of} can be {}", participle(fix.remedy))
        });
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Text::small(none.unwrap_or_else(|| explanation.to_owned())).faint().one_line());
        });
    });
}

fn not_a_fault(ui: &mut Ui, checks: &Checks, check: Check, actions: &mut Vec<AnyAction>) {
    let name = format!("{}: Not a fault", check.title());
    let text = "They count no more, until their text changes; undo takes it back";
    let button = Button::secondary("Not a fault").small().name(name).hint("Not a fault", text);
    if ui.add(button.enabled_or(!checks.is_running(), RUNNING)).clicked() {
        actions.push(CheckAction::MarkFindings(check, None, false).into());
    }
}

/// On the button that opens the dialog, where each can still be left out.
pub(super) fn words(check: Check, remedy: Remedy, num: Option<u64>) -> String {
    let Some(num) = num else { return format!("{}…", remedy.title()) };
    let many = format::thousands(num);
    match (check, remedy) {
        (Check::Contradiction, Remedy::SetAside) => format!("Review {many}…"),
        (_, Remedy::KeepOne) => format!("Remove {}…", format::count(num, "copy", "copies")),
        (_, Remedy::MoveToOneSplit) => format!("Move {many}…"),
        (_, remedy) => format!("{} {many}…", remedy.title()),
    }
}

fn participle(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::KeepOne => "removed",
        Remedy::SetAside => "set aside",
        Remedy::Repair => "repaired",
        Remedy::Redact => "redacted",
        Remedy::MoveToOneSplit => "moved to one split",
        Remedy::Trim => "trimmed",
    }
}

/// Everything that can be done about a check's findings: about all of them, or about those of one example.
pub(super) fn more(ui: &mut Ui, checks: &Checks, check: Check, id: Option<i64>, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let here = if id.is_some() { " here" } else { "" };
    let button = Button::icon_only(icon::DOTS_THREE, format!("More for {}{here}", check.title())).small();
    let button = ui.add(button.enabled_or(!checks.is_running(), RUNNING));
    let is_mended = |remedy: Remedy| match (checks.fix_of(check).filter(|fix| fix.remedy == remedy), id) {
        (Some(fix), Some(id)) => !fix.unmendable.contains(&id),
        (Some(fix), None) => fix.num_changes > 0,
        (None, _) => true,
    };
    Popup::menu(&button).width(theme.size.settings_name_width).show(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for remedy in check.remedies().iter().filter(|remedy| is_mended(**remedy)) {
            if menu_item(ui, &words(check, *remedy, None), false).clicked() {
                actions.push(CheckAction::PreviewFix(check, *remedy, id).into());
            }
        }
        if menu_item(ui, "Not a fault", false).clicked() {
            actions.push(CheckAction::MarkFindings(check, id, false).into());
        }
        if menu_item(ui, "Don't check this", false).clicked() {
            actions.push(CheckAction::SwitchCheck(check, false).into());
        }
    });
}

/// In the head: what is off and what is marked, so that a short list is not taken for a clean one.
pub(super) fn left_out(ui: &mut Ui, checks: &Checks, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    match &checks.off[..] {
        [] => {}
        [check] => {
            let off = ui.add(Text::small("1 check off"));
            tooltip::on_hover(off, check.title(), "It is switched off for this project");
            let button = Button::link("Switch on").small().name(format!("Switch on {}", check.title()));
            if ui.add(button).clicked() {
                actions.push(CheckAction::SwitchCheck(*check, true).into());
            }
        }
        several => {
            ui.add(Text::small(format!("{} checks off", several.len())));
            let button = ui.add(Button::link("Switch on…").small());
            Popup::menu(&button).width(theme.size.settings_name_width).show(|ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for check in several {
                    if menu_item(ui, check.title(), false).clicked() {
                        actions.push(CheckAction::SwitchCheck(*check, true).into());
                    }
                }
            });
        }
    }
    if !checks.not_faults.is_empty() {
        let num = checks.not_faults.len() as u64;
        let text = "A person looked at what was found there; it counts again when the text changes";
        tooltip::on_hover(ui.add(Text::small(format!("{} not a fault", format::thousands(num)))), "Not a fault", text);
        let name = "Show what is not a fault";
        if ui.add(Button::link("Show").small().name(name)).clicked() {
            actions.push(FilterAction::ShowOnly(Only::ids("Not a fault", checks.not_faults.clone())).into());
        }
    }
}
