//! How a role looks, and the block of one turn.

use egui::{Align, Color32, Layout, Pos2, Rect, Ui, UiBuilder};

use crate::app::kit::{Icon, Text, Theme, icon, line};
use crate::data::Role;

/// A role's icon, name and colour.
pub fn role_look(theme: &Theme, role: Role) -> (Icon, &'static str, Color32) {
    match role {
        Role::System => (icon::GEAR_SIX, "System", theme.role.role_system),
        Role::User => (icon::USER, "User", theme.role.role_user),
        Role::Assistant => (icon::ROBOT, "Assistant", theme.role.role_assistant),
        Role::Tool => (icon::WRENCH, "Tool", theme.role.role_tool),
    }
}

/// Icon and name of a role.
pub fn role_heading(ui: &mut Ui, role: Role) {
    let theme = Theme::of(ui);
    let (icon, name, color) = role_look(theme, role);
    icon.show_sized(ui, theme.size.icon_small, color);
    ui.add(Text::caption(name).color(color));
}

/// A block with the role's two-pixel bar at its left; `head` comes after the role's name, on its line.
pub fn role_block<R>(ui: &mut Ui, role: Role, head: impl FnOnce(&mut Ui), content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    let (_, _, color) = role_look(theme, role);
    let indent = theme.space.m;
    let outer = ui.available_rect_before_wrap();
    let mut child = ui.new_child(
        UiBuilder::new()
            .max_rect(Rect::from_min_max(Pos2::new(outer.left() + indent, outer.top()), outer.max))
            .layout(Layout::top_down(Align::Min)),
    );
    child.spacing_mut().item_spacing.y = theme.space.xs;
    line(&mut child, theme.size.badge_height, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        role_heading(ui, role);
        head(ui);
    });
    let inner = content(&mut child);
    let mut rect = child.min_rect();
    rect.min.x = outer.left();
    let bar = Rect::from_min_max(rect.min, Pos2::new(rect.left() + theme.width.focus_ring, rect.bottom()));
    ui.painter().rect_filled(bar, egui::CornerRadius::ZERO, color);
    ui.advance_cursor_after_rect(rect);
    inner
}
