//! The upper part: each column's name, what it is used for, and its first cells.

use egui::{Align, CursorIcon, Layout, Pos2, Rect, Role, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo};

use super::state::{ImportDialog, MappingAction, Purpose};
use super::{AnyAction, Theme};
use crate::app::kit::{Button, Combo, Text, one_line, role_look};
use crate::app::screens::data::{self, reviewers_dialog::ReviewersAction};
use crate::data::Role as Turn;
use crate::data::import::{ColumnRole, ImportPreview};

/// Rows shown under the heads.
const NUM_ROWS: usize = 5;

/// Of a second reviewer's file.
const REVIEWER_ROLES: [(ColumnRole, &str); 3] =
    [(ColumnRole::Unused, "Not used"), (ColumnRole::User, "Prompt"), (ColumnRole::Assistant, "Label")];

const ROLES: [(ColumnRole, &str); 7] = [
    (ColumnRole::Unused, "Not used"),
    (ColumnRole::System, "System"),
    (ColumnRole::User, "User"),
    (ColumnRole::Assistant, "Answer"),
    (ColumnRole::Verdict, "Good or bad"),
    (ColumnRole::Split, "Split"),
    (ColumnRole::Date, "Date"),
];

pub(super) fn show(ui: &mut Ui, dialog: &ImportDialog, preview: &ImportPreview, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (rect, _) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.filter_bar_height), Sense::hover());
    let inner = rect.shrink2(Vec2::new(theme.pad.dialog_x, 0.0));
    let mut line = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    line.add(Text::strong("What each column is"));
    let remark = match dialog.request.mapping {
        None => "Guessed from names and content, change what is wrong",
        Some(_) => "As you chose",
    };
    line.add(Text::body(remark).soft());
    line.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if ui.add(Button::link("Other file…")).clicked() {
            actions.push(match dialog.purpose {
                Purpose::Examples => AnyAction::ChooseImport,
                Purpose::Reviewer => data::Action::Reviewers(ReviewersAction::PickFile).into(),
            });
        }
    });
    ui.painter().hline(rect.x_range(), rect.bottom(), theme.line(theme.stroke.subtle));

    let widths = widths(theme, preview, rect.width());
    ScrollArea::horizontal().id_salt("columns").auto_shrink([false, true]).show(ui, |ui| {
        heads(ui, dialog, preview, &widths, actions);
        for index in 0..preview.cells.len().min(NUM_ROWS) {
            cells(ui, dialog, preview, index, &widths, actions);
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
    let total: f32 = lengths.iter().sum::<f32>().max(1.0);
    let gap = theme.pad.cell_x * 2.0;
    let room = room - theme.pad.dialog_x * 2.0 - gap * (lengths.len().saturating_sub(1)) as f32;
    let least = theme.size.side_panel_min / 3.5;
    lengths.iter().map(|length| (room * length / total).max(least).floor()).collect()
}

/// Calls `cell` with each column's place in a strip of `height`.
fn strip(ui: &mut Ui, widths: &[f32], height: f32) -> (Rect, Vec<Rect>) {
    let theme = Theme::of(ui);
    let gap = theme.pad.cell_x * 2.0;
    let total = widths.iter().sum::<f32>() + gap * widths.len().saturating_sub(1) as f32 + theme.pad.dialog_x * 2.0;
    let size = Vec2::new(total.max(ui.available_width()), height);
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
        ColumnRole::Unused | ColumnRole::Verdict | ColumnRole::Split | ColumnRole::Date => None,
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
