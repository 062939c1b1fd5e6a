//! The places of a screen: header, side panel, empty state.

use egui::{Align, CentralPanel, Frame, Layout, Margin, Panel, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2};

use super::text::Text;
use super::theme::Theme;

/// The head of a screen: title, a few words or controls beside it, and controls at the right (added from right to left).
pub fn screen_header(ui: &mut Ui, title: &str, beside: impl FnOnce(&mut Ui), right: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    let gap = std::mem::take(&mut ui.spacing_mut().item_spacing.y);
    let (rect, _) =
        ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.screen_header_height), Sense::hover());
    ui.spacing_mut().item_spacing.y = gap;
    ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.normal));
    let inner = rect.shrink2(Vec2::new(theme.pad.screen_x, 0.0));
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.space.m;
    child.add(Text::title(title));
    beside(&mut child);
    child.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        right(ui);
    });
}

/// A panel at the right that can be dragged wider; wide windows give it more. Call it before the rest of the screen.
pub fn right_panel<R>(ui: &mut Ui, id: &'static str, width: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    let window = ui.ctx().content_rect().width();
    let is_wide = window >= theme.size.window_wide;
    let is_narrow = window < theme.size.window_drawer;
    let width = match (is_wide, is_narrow) {
        (true, _) => theme.size.side_panel_wide_width,
        (_, true) => theme.size.side_panel_min,
        _ => width,
    };
    Panel::right(egui::Id::unique((id, is_wide, is_narrow)))
        .resizable(true)
        .default_size(width)
        .size_range(theme.size.side_panel_min..=theme.size.side_panel_max)
        .frame(Frame::new().fill(theme.surface.panel))
        .show(ui, content)
        .inner
}

/// A line of exactly `height` (or of its content, where that is higher), things in it centred: egui's own horizontal
/// layout is never lower than a button.
pub fn line<R>(ui: &mut Ui, height: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let size = Vec2::new(ui.available_width(), height);
    let shown = ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(height);
        content(ui)
    });
    shown.inner
}

/// The rest of a screen, filled with the panel's colour, without padding.
pub fn main_area<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    CentralPanel::no_frame().frame(Frame::new().fill(theme.surface.panel)).show(ui, content).inner
}

/// Content with the padding of a screen that scrolls where it is too high.
pub fn scrolling<R>(ui: &mut Ui, id: &'static str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let x = Theme::of(ui).pad.screen_x;
    scrolling_with(ui, id, x, content)
}

/// The same with another padding at the sides.
pub fn scrolling_with<R>(ui: &mut Ui, id: &'static str, x: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    ScrollArea::vertical().id_salt(id).auto_shrink(false).show(ui, |ui| padded(ui, x, content)).inner
}

/// Content with `x` at the sides and the screen's padding above and below.
pub fn padded<R>(ui: &mut Ui, x: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    Frame::new()
        .inner_margin(Margin::symmetric(x as i8, theme.space.l as i8))
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            content(ui)
        })
        .inner
}

/// A foot of fixed height at the lower edge, for the one big step. Call it before the content above it.
pub fn foot<R>(ui: &mut Ui, id: &'static str, x: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let theme = Theme::of(ui);
    Panel::bottom(id)
        .show_separator_line(false)
        .resizable(false)
        .frame(Frame::new().inner_margin(Margin::symmetric(x as i8, theme.space.m as i8)))
        .show(ui, content)
        .inner
}

/// What a screen shows before it has anything to show: what is missing, and the ways on as cards.
pub fn empty_state(ui: &mut Ui, title: &str, text: &str, ways: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    let room = ui.available_rect_before_wrap();
    let width = theme.size.empty_state_width.min(room.width() - 2.0 * theme.pad.screen_x);
    // The height of the last frame puts it into the middle.
    let id = ui.scope_id().with("empty state");
    let height = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(room.height() / 2.0);
    let top = (room.center().y - height / 2.0).max(room.top() + theme.space.l).round();
    let left = (room.center().x - width / 2.0).round();
    let rect = Rect::from_min_size(egui::pos2(left, top), Vec2::new(width, room.bottom() - top));
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)));
    child.spacing_mut().item_spacing.y = theme.pad.between_cards;
    child.scope(|ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        ui.add(Text::title(title));
        ui.add(Text::body(text).soft().wrapped());
    });
    child.add_space(theme.space.m);
    ways(&mut child);
    let shown = child.min_rect().height();
    if (shown - height).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, shown));
        ui.ctx().request_repaint();
    }
}
