//! The upper part: each column's name, what it is used for, and its first cells.

use egui::{Align, CursorIcon, Layout, Pos2, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo};

use super::failed::other_file;
use super::state::{ImportDialog, MappingAction, Purpose};
use super::{AnyAction, Theme};
use crate::app::kit::{Button, Combo, Text, one_line};
use crate::app::parts::role_look;
use crate::data::Role as Turn;
use crate::data::import::{ColumnRole, ImportPreview};

/// Rows shown under the heads.
const NUM_ROWS: usize = 5;

/// The roles in a second reviewer's file.
const REVIEWER_ROLES: [(ColumnRole, &str); 3] =
    [(ColumnRole::Unused, "Not used"), (ColumnRole::User, "Prompt"), (ColumnRole::Assistant, "Label")];

const ROLES: [(ColumnRole, &str); 11] = [
    (ColumnRole::Unused, "Not used"),
    (ColumnRole::System, "System"),
    (ColumnRole::User, "User"),
    (ColumnRole::Assistant, "Answer"),
    (ColumnRole::Label, "Label"),
    (ColumnRole::Group, "Group"),
    (ColumnRole::Id, "Id"),
    (ColumnRole::Note, "Note"),
    (ColumnRole::Date, "Date"),
    (ColumnRole::Verdict, "Good or bad"),
    (ColumnRole::Split, "Split"),
];

pub(super) fn show(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (rect, _) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.filter_bar_height), Sense::hover());
    let inner = rect.shrink2(Vec2::new(theme.pad.dialog_x, 0.0));
    let mut line = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    line.add(Text::strong("What each column is"));
    let remark = match (&dialog.request.mapping, dialog.open_choice()) {
        (None, None) => "Guessed from names and content, change what is wrong".to_owned(),
        (None, Some(open)) => format!("Guessed as far as it is clear. {open}"),
        (Some(_), None) => "As you chose".to_owned(),
        (Some(_), Some(open)) => open,
    };
    line.add(Text::body(remark).soft());
    line.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if ui.add(Button::link("Other file…")).clicked() {
            actions.push(other_file(dialog.purpose));
        }
        match &dialog.mapping_saved {
            Some(Ok(path)) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                ui.add(Text::small(format!("Saved as {name}")).color(theme.status.ok));
            }
            Some(Err(why)) => drop(ui.add(Text::small(why).color(theme.status.error).one_line())),
            None => {
                let about = "How the columns are read, for the next file or for tunewright data import --mapping";
                if ui.add(Button::link("Save mapping…").hint("Save mapping", about)).clicked() {
                    actions.push(MappingAction::PickMappingFile.into());
                }
            }
        }
    });
    ui.painter().hline(rect.x_range(), rect.bottom(), theme.line(theme.stroke.subtle));

    let widths = widths(theme, preview, rect.width());
    let is_wider = total_width(theme, &widths) > rect.width();
    // Each file begins at its first column.
    let place = ("columns", dialog.opened_by);
    ScrollArea::horizontal().id_salt(place).auto_shrink([false, true]).show(ui, |ui| {
        heads(ui, dialog, preview, &widths, actions);
        for index in 0..preview.cells.len().min(NUM_ROWS) {
            cells(ui, dialog, preview, index, &widths, actions);
        }
        if is_wider {
            // The bar lies below the rows and not on the last one.
            ui.add_space(ui.spacing().scroll.bar_width + ui.spacing().scroll.bar_outer_margin);
        }
    });
    let y = ui.cursor().top();
    ui.painter().hline(rect.x_range(), y, theme.line(theme.stroke.normal));
}

/// Room by what stands in a column; more columns than fit are scrolled.
fn widths(theme: &Theme, preview: &ImportPreview, room: f32) -> Vec<f32> {
    let length = |column: usize| {
        let name = preview.columns.get(column).map_or(0, |name| name.chars().count());
        let cells = preview.cells.iter().take(NUM_ROWS).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(name).clamp(10, 40) as f32
    };
    let lengths: Vec<f32> = (0..preview.columns.len()).map(length).collect();
    let gap = theme.pad.cell_x * 2.0;
    let room = room - theme.pad.dialog_x * 2.0 - gap * (lengths.len().saturating_sub(1)) as f32;
    shared(&lengths, room, theme.size.side_panel_min / 3.5)
}

/// Room in proportion, but no less than `least` for each; the others share what is left.
fn shared(lengths: &[f32], room: f32, least: f32) -> Vec<f32> {
    let mut is_least = vec![false; lengths.len()];
    loop {
        let (mut left, mut total) = (room, 0.0);
        for (length, is_least) in lengths.iter().zip(&is_least) {
            if *is_least { left -= least } else { total += length }
        }
        let share = |length: f32| left * length / total.max(1.0);
        let too_narrow = lengths.iter().zip(&is_least).position(|(length, done)| !done && share(*length) < least);
        match too_narrow {
            Some(at) => is_least[at] = true,
            None => {
                let width = |(length, is_least): (&f32, &bool)| if *is_least { least } else { share(*length) };
                return lengths.iter().zip(&is_least).map(width).map(f32::floor).collect();
            }
        }
    }
}

fn total_width(theme: &Theme, widths: &[f32]) -> f32 {
    let gap = theme.pad.cell_x * 2.0;
    widths.iter().sum::<f32>() + gap * widths.len().saturating_sub(1) as f32 + theme.pad.dialog_x * 2.0
}

/// Calls `cell` with each column's place in a strip of `height`.
fn strip(ui: &mut Ui, widths: &[f32], height: f32) -> (Rect, Vec<Rect>) {
    let theme = Theme::of(ui);
    let gap = theme.pad.cell_x * 2.0;
    let size = Vec2::new(total_width(theme, widths).max(ui.available_width()), height);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let mut x = rect.left() + theme.pad.dialog_x;
    let places = widths
        .iter()
        .map(|width| {
            let place = Rect::from_min_size(Pos2::new(x, rect.top()), Vec2::new(*width, height));
            x += width + gap;
            place
        })
        .collect();
    (rect, places)
}

fn heads(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, widths: &[f32], actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let height = theme.size.control_height + theme.size.control_height + theme.space.s;
    let (rect, places) = strip(ui, widths, height);
    let roles = dialog.mapping().map(|mapping| mapping.columns.as_slice()).unwrap_or_default();
    for (column, (name, place)) in preview.columns.iter().zip(places).enumerate() {
        let role = roles.get(column).map_or(ColumnRole::Unused, |(_, role)| *role);
        let mut head = ui.new_child(UiBuilder::new().max_rect(place.shrink2(Vec2::new(0.0, theme.space.xs))));
        head.spacing_mut().item_spacing.y = theme.space.xxs;
        let text = Text::mono(name);
        head.add(if role == ColumnRole::Unused { text.faint() } else { text }.one_line());
        let label = format!("Role of {name}");
        let is_reviewer = dialog.purpose == Purpose::Reviewer;
        // What else a column could be doesn't matter here.
        let is_known = REVIEWER_ROLES.iter().any(|(known, _)| *known == role);
        let shown = if is_reviewer && !is_known { ColumnRole::Unused } else { role };
        let roles = if is_reviewer { &REVIEWER_ROLES[..] } else { &ROLES[..] };
        let mut combo = Combo::new(&label, roles, shown).small().width(place.width());
        if let Some(turn) = turn_of(role) {
            combo = combo.color(role_look(theme, turn).2);
        }
        if let Some(role) = combo.show(&mut head) {
            actions.push(MappingAction::Column(column, role).into());
        }
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), theme.line(theme.stroke.subtle));
}

fn turn_of(role: ColumnRole) -> Option<Turn> {
    match role {
        ColumnRole::System => Some(Turn::System),
        ColumnRole::User => Some(Turn::User),
        ColumnRole::Assistant => Some(Turn::Assistant),
        _ => None,
    }
}

fn cells(
    ui: &mut Ui,
    dialog: &ImportDialog,
    preview: &ImportPreview,
    index: usize,
    widths: &[f32],
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let (rect, places) = strip(ui, widths, theme.size.row_height);
    let response = ui.interact(rect, ui.scope_id().with(("row", index)), Sense::click());
    let is_shown = index == dialog.shown_example && !dialog.shows_rejected;
    let name = format!("Row {}", index + 1);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_shown, &name));
    let fill = if is_shown { Some(theme.surface.selected) } else { None };
    if let Some(fill) = fill.or(response.hovered().then_some(theme.surface.hover)) {
        ui.painter().rect_filled(rect, 0.0, fill);
    }
    let roles = dialog.mapping().map(|mapping| mapping.columns.as_slice()).unwrap_or_default();
    let row = preview.cells.get(index).map(Vec::as_slice).unwrap_or_default();
    for (column, (cell, place)) in row.iter().zip(places).enumerate() {
        let is_used = roles.get(column).is_some_and(|(_, role)| *role != ColumnRole::Unused);
        let ink = if is_used { theme.text.normal } else { theme.text.faint };
        let galley = one_line(ui, &cell.replace(['\n', '\r'], " "), theme.body(), ink, place.width());
        let corner = Pos2::new(place.left(), (place.center().y - galley.size().y / 2.0).round());
        ui.painter().galley(corner, galley, ink);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.subtle));
    if response.clicked() {
        actions.push(MappingAction::ShowExample(index).into());
        actions.push(MappingAction::ShowRejected(false).into());
    }
    response.on_hover_cursor(CursorIcon::PointingHand);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_the_room_and_the_last_one_is_in_it() {
        let widths = shared(&[10.0, 10.0, 40.0, 10.0, 40.0, 10.0], 900.0, 91.0);
        assert!(widths.iter().sum::<f32>() <= 900.0 && widths.iter().all(|width| *width >= 91.0), "{widths:?}");
        assert_eq!(widths[2], widths[4]);
        // Where there are too many, each has what it needs, and the table is wider than the room.
        assert_eq!(shared(&[10.0, 40.0], 100.0, 91.0), [91.0, 91.0]);
        assert_eq!(shared(&[], 100.0, 91.0), [] as [f32; 0]);
    }
}
