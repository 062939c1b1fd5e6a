//! The places of a screen: header, side panel, empty state.

use egui::{Align, CentralPanel, Frame, Layout, Margin, Panel, Rect, ScrollArea, Sense, Ui, UiBuilder, Vec2};

use super::text::Text;
use super::theme::Theme;

/// The head of a screen: title, a few words or controls beside it, and controls at the right (added from right to left).
/// Where there is no room for them, these stand in a second line.
pub fn screen_header(ui: &mut Ui, title: &str, beside: impl FnOnce(&mut Ui), right: impl FnOnce(&mut Ui)) {
    header(ui, title, None, beside, right);
}

/// [`screen_header`] over a right panel: where that is a drawer, a button with the panel's name opens and closes it.
pub fn panel_header(
    ui: &mut Ui,
    title: &str,
    panel: (&'static str, &str),
    beside: impl FnOnce(&mut Ui),
    right: impl FnOnce(&mut Ui),
) {
    header(ui, title, Some(panel), beside, right);
}

/// What the parts of a head took in the last frame.
#[derive(Clone, Copy, Default, PartialEq)]
struct Taken {
    beside: f32,
    /// What of that can't be cut.
    rigid: f32,
    right: f32,
    /// The button of the drawer.
    button: f32,
    /// Height of the second line.
    lower: f32,
}

fn header(
    ui: &mut Ui,
    title: &str,
    panel: Option<(&'static str, &str)>,
    beside: impl FnOnce(&mut Ui),
    right: impl FnOnce(&mut Ui),
) {
    let theme = Theme::of(ui);
    let id = ui.scope_id().with(("header", title));
    let before: Taken = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut taken = Taken::default();
    let gap = std::mem::take(&mut ui.spacing_mut().item_spacing.y);
    let room = ui.available_width() - 2.0 * theme.pad.screen_x;
    let name = ui.painter().layout_no_wrap(title.to_owned(), theme.title(), theme.text.normal).size().x + theme.space.m;
    // What is beside may be cut down to this.
    let least = before.beside.min(theme.size.settings_name_width).max(before.rigid);
    let panel = panel.filter(|_| super::drawer::is_drawer(ui.ctx()));
    let button = if panel.is_some() { before.button } else { 0.0 };
    let has_second = name + least + theme.space.m + before.right + button > room + theme.width.line;
    let lower = if has_second { before.lower } else { 0.0 };
    let height = theme.size.screen_header_height;
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height + lower), Sense::hover());
    ui.spacing_mut().item_spacing.y = gap;
    ui.painter().hline(rect.x_range(), rect.bottom() - theme.width.line / 2.0, theme.line(theme.stroke.normal));
    let inner = rect.shrink2(Vec2::new(theme.pad.screen_x, 0.0));
    let (upper, below) = inner.split_top_bottom_at_y(inner.top() + height);
    let mut child = ui.new_child(UiBuilder::new().max_rect(upper).layout(Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.space.m;
    child.add(Text::title(title));
    let others = button + if has_second { 0.0 } else { before.right + theme.space.m };
    let size = Vec2::new((upper.right() - child.cursor().left() - others).max(0.0), height);
    taken.beside = child
        .allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            beside(ui);
            ui.min_rect().width()
        })
        .inner;
    taken.rigid = if taken.beside > size.x + theme.width.line { taken.beside } else { before.rigid };
    let mut right = Some(right);
    child.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        if let Some((id, name)) = panel {
            super::drawer::button(ui, id, name);
            taken.button = ui.min_rect().width() + theme.pad.between_controls;
        }
        let end = ui.cursor().right();
        if let Some(right) = right.take_if(|_| !has_second) {
            right(ui);
        }
        taken.right = if has_second { before.right } else { end - ui.min_rect().left() };
    });
    taken.lower = before.lower;
    if let Some(right) = right {
        let layout = Layout::left_to_right(Align::Center).with_main_wrap(true);
        let mut line = ui.new_child(
            UiBuilder::new().max_rect(below.with_max_y(below.top() + theme.size.control_height)).layout(layout),
        );
        line.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, theme.space.xs);
        right(&mut line);
        taken.lower = line.min_rect().height() + theme.space.m;
    }
    if taken != before {
        ui.data_mut(|data| data.insert_temp(id, taken));
        ui.ctx().request_repaint();
    }
}

/// A panel at the right that can be dragged wider; wide windows give it more, and in narrow ones it is a drawer. Call it
/// before the rest of the screen.
pub fn right_panel<R>(ui: &mut Ui, id: &'static str, width: f32, content: impl FnOnce(&mut Ui) -> R) -> Option<R> {
    let theme = Theme::of(ui);
    if super::drawer::is_drawer(ui.ctx()) {
        return super::drawer::show(ui, id, width, content);
    }
    let is_wide = ui.ctx().content_rect().width() >= theme.size.window_wide;
    let width = if is_wide { theme.size.side_panel_wide_width } else { width };
    let panel = Panel::right(egui::Id::unique((id, is_wide)))
        .resizable(true)
        .default_size(width)
        .size_range(theme.size.side_panel_min..=theme.size.side_panel_max)
        .frame(Frame::new().fill(theme.surface.panel));
    Some(panel.show(ui, content).inner)
}

/// Content that needs at least this room: where there is less, it scrolls, in both directions.
pub fn at_least<R>(ui: &mut Ui, id: &'static str, least: Vec2, content: impl FnOnce(&mut Ui) -> R) -> R {
    let room = ui.available_size_before_wrap();
    if room.x >= least.x && room.y >= least.y {
        return content(ui);
    }
    let spacing = ui.spacing().item_spacing;
    ScrollArea::both()
        .id_salt(id)
        .auto_shrink(false)
        .show(ui, |ui| {
            let (rect, _) = ui.allocate_exact_size(room.max(least), Sense::hover());
            let mut child = ui.new_child(UiBuilder::new().max_rect(rect));
            child.spacing_mut().item_spacing = spacing;
            content(&mut child)
        })
        .inner
}

/// A strip of controls that continues in another line where one has no room for all: begun with this, ended with
/// [`Strip::end`].
pub struct Strip {
    id: egui::Id,
    height: f32,
}

impl Strip {
    /// Gives the strip with its place for controls, which are `control` high.
    pub fn begin(ui: &mut Ui, name: &'static str, least: f32, control: f32) -> (Self, Rect, Ui) {
        let theme = Theme::of(ui);
        let id = ui.scope_id().with(("strip", name));
        let height = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(least).max(least);
        let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
        let edge = ((least - control) / 2.0).floor();
        let inner = rect.shrink2(Vec2::new(theme.pad.screen_x, edge));
        let layout = Layout::left_to_right(Align::Center).with_main_wrap(true);
        // One line of it: the others follow below.
        let line = inner.with_max_y(inner.top() + control);
        let mut bar = ui.new_child(UiBuilder::new().max_rect(line).layout(layout));
        bar.spacing_mut().item_spacing.y = theme.space.xs;
        bar.spacing_mut().interact_size.y = control;
        (Self { id, height }, rect, bar)
    }

    pub fn end(self, bar: &Ui, least: f32, control: f32) {
        let height = least.max((bar.min_rect().height() + least - control).ceil());
        if height != self.height {
            bar.data_mut(|data| data.insert_temp(self.id, height));
            bar.ctx().request_repaint();
        }
    }
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

/// [`scrolling`] with another padding at the sides.
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

/// What the last frame knew of content that is followed to its end.
#[derive(Clone, Copy)]
struct Followed {
    was_followed: bool,
    is_at_end: bool,
    /// How far it could be scrolled.
    most: f32,
}

/// A column that scrolls; while `follows`, to its end, as long as the person doesn't scroll away from it.
pub fn following(ui: &mut Ui, name: &'static str, follows: bool, content: impl FnOnce(&mut Ui)) {
    let id = ui.scope_id().with(("followed", name));
    let last = ui.data(|data| data.get_temp::<Followed>(id));
    let goes_to_end = follows && last.is_none_or(|last| !last.was_followed || last.is_at_end);
    let shown = ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
        content(ui);
        if goes_to_end {
            ui.scroll_to_cursor_animation(Some(Align::BOTTOM), egui::style::ScrollAnimation::none());
        }
    });
    let most = (shown.content_size.y - shown.inner_rect.height()).max(0.0);
    // By what there was: what came in this frame is below the end.
    let is_at_end = goes_to_end
        && !last.is_some_and(|last| last.was_followed && shown.state.clamped_offset().y + 1.0 < last.most)
        || shown.state.clamped_offset().y + 1.0 >= most;
    ui.data_mut(|data| data.insert_temp(id, Followed { was_followed: follows, is_at_end, most }));
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
    let below = Rect::from_min_max(egui::pos2(room.left(), top), room.max);
    let mut outer = ui.new_child(UiBuilder::new().max_rect(below));
    // Over the whole width, so that its bar is at the screen's edge and not on the cards.
    let shown = ScrollArea::vertical().id_salt("empty state").auto_shrink(false).show(&mut outer, |ui| {
        let middle = Rect::from_min_size(egui::pos2(left, ui.cursor().top()), Vec2::new(width, below.height()));
        let content = |ui: &mut Ui| {
            ui.spacing_mut().item_spacing.y = theme.pad.between_cards;
            ui.scope(|ui| {
                ui.spacing_mut().item_spacing.y = theme.space.xs;
                ui.add(Text::title(title));
                ui.add(Text::body(text).soft().wrapped());
            });
            ui.add_space(theme.space.m);
            ways(ui);
            ui.min_rect().height()
        };
        ui.scope_builder(UiBuilder::new().max_rect(middle), content).inner
    });
    let shown = shown.inner;
    if (shown - height).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, shown));
        ui.ctx().request_repaint();
    }
}
