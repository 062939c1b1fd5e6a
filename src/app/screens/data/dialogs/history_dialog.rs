//! Previous versions of the open example: the list, the chosen one beside the one after it, and the way back.

use egui::{Context, Rect, Sense, Ui, UiBuilder, Vec2};

use super::history::{History, Past, Side, TurnPair};
use crate::app::Action as AnyAction;
use crate::app::kit::diff_view::{self, MarkStyle};
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Dialog, DialogEnd, Text, Theme, format, icon};
use crate::app::parts::role_block;
use crate::app::screens::data::action::DialogAction;

/// The dialog keeps this height, whatever is chosen.
const ROWS: f32 = 16.0;

pub(super) fn show(ctx: &Context, history: &History, actions: &mut Vec<AnyAction>) {
    let remark = format!("Example {}", format::thousands(history.number));
    let reason = history.chosen_messages().is_none().then_some("The example says this already");
    let dialog = Dialog::new("history", "Previous versions").wide().remark(&remark);
    let (end, chosen) = dialog.primary("Bring back this version", reason).cancel("Close").show(
        ctx,
        |ui| body(ui, history),
        |ui| drop(ui.add(Text::body("The turns come back as they were; undo takes that back").soft())),
    );
    match (end, chosen) {
        (DialogEnd::Confirmed, _) => actions.push(DialogAction::BringBack.into()),
        (DialogEnd::Cancelled, _) => actions.push(DialogAction::Close.into()),
        (DialogEnd::StillOpen, Some(at)) => actions.push(DialogAction::ChooseVersion(at).into()),
        (DialogEnd::StillOpen, None) => {}
    }
}

/// Tells the version that was chosen.
fn body(ui: &mut Ui, history: &History) -> Option<usize> {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.row_height * ROWS);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (list, detail) = rect.split_left_right_at_x(rect.left() + theme.size.held_out_width);
    ui.painter().vline(list.right(), rect.y_range(), theme.line(theme.stroke.normal));
    let inside = list.shrink2(Vec2::new(theme.width.line, 0.0));
    let chosen = versions(&mut ui.new_child(UiBuilder::new().max_rect(inside)), history);
    let inside = detail.shrink2(Vec2::new(theme.pad.dialog_x, theme.space.m));
    chosen_version(&mut ui.new_child(UiBuilder::new().max_rect(inside)), inside, history);
    chosen
}

fn versions(ui: &mut Ui, history: &History) -> Option<usize> {
    ui.set_clip_rect(ui.max_rect().intersect(ui.clip_rect()));
    let columns = [Column::share("Version", 1.0)];
    let table = Table {
        name: "Versions",
        columns: &columns,
        num_rows: history.pasts.len() as u64,
        selected: Some(history.chosen as u64),
        scroll_to: None,
        edge: Theme::of(ui).space.l,
        is_list: true,
        sorted: None,
        marked: &unmarked,
    };
    let done = table.show(ui, |row| match history.pasts.get(row.index as usize) {
        Some(past) => paint_version(row, past, row.index as usize == history.present()),
        None => String::new(),
    });
    done.select.map(|row| row as usize)
}

fn paint_version(row: &mut Row<'_>, past: &Past, is_present: bool) -> String {
    let theme = row.theme();
    let (mark, color) = match (is_present, past.is_undone) {
        (true, _) => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        (_, true) => (icon::ARROW_U_UP_LEFT, theme.text.faint),
        _ => (icon::CLOCK, theme.text.soft),
    };
    let mut below = past.at.map_or_else(|| "Not known when".to_owned(), when);
    match (is_present, past.is_undone) {
        (true, _) => below.push_str(", now"),
        (_, true) => below.push_str(", taken back"),
        _ => {}
    }
    row.two_lines(0, Some((mark, color)), &past.what, &below);
    format!("{}, {below}", past.what)
}

/// `23 Nov 2026, 14:02`
fn when(millis: i64) -> String {
    let local =
        |at: jiff::Timestamp| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b %Y, %H:%M").to_string();
    jiff::Timestamp::from_millisecond(millis).map(local).unwrap_or_default()
}

fn chosen_version(ui: &mut Ui, rect: Rect, history: &History) {
    let theme = Theme::of(ui);
    ui.set_clip_rect(rect.expand(theme.space.xs).intersect(ui.clip_rect()));
    ui.spacing_mut().item_spacing = Vec2::new(theme.space.l, theme.space.m);
    let changes = history.pasts.get(history.chosen).map(|past| past.changes.as_slice()).unwrap_or_default();
    for change in changes {
        ui.add(Text::small(change).wrapped());
    }
    if history.is_compared {
        ui.columns(2, |columns| {
            columns[0].add(Text::caption("This version").color(theme.model.before));
            columns[1].add(Text::caption("The one after it").color(theme.model.after));
        });
    }
    egui::ScrollArea::vertical().id_salt("turns of a version").auto_shrink(false).show(ui, |ui| {
        for pair in &history.turns {
            match history.is_compared {
                true if pair.is_same => same_turn(ui, pair),
                true => ui.columns(2, |columns| {
                    side(&mut columns[0], "This version", pair.before.as_ref(), true);
                    side(&mut columns[1], "The one after it", pair.after.as_ref(), false);
                }),
                false => side(ui, "This version", pair.before.as_ref(), true),
            }
        }
    });
}

/// One line: it says what both say.
pub(super) fn same_turn(ui: &mut Ui, pair: &TurnPair) {
    let Some(turn) = &pair.before else { return };
    let head = |ui: &mut Ui| drop(ui.add(Text::small("the same").faint()));
    role_block(ui, turn.role, head, |ui| ui.add(Text::body(turn.text.text.replace('\n', " ")).soft().one_line()));
}

pub(super) fn side(ui: &mut Ui, name: &str, side: Option<&Side>, is_before: bool) {
    let theme = Theme::of(ui);
    let Some(turn) = side else {
        ui.add(Text::small(if is_before { "No such turn yet" } else { "This turn is gone" }).faint());
        return;
    };
    let (color, fill) = match is_before {
        true => (theme.model.before, theme.model.before_tint),
        false => (theme.model.after, theme.model.after_tint),
    };
    let head = |ui: &mut Ui| {
        if turn.is_left_out {
            ui.add(Text::small("Left out of training").faint());
        }
    };
    role_block(ui, turn.role, head, |ui| {
        let style = MarkStyle { color, fill, is_underlined: false };
        diff_view::show(ui, name, std::slice::from_ref(&turn.text), Some((&turn.marks, style)), None);
        if turn.text.text.is_empty() {
            ui.add(Text::small("Empty").faint());
        }
    });
}
