//! The right panel of a narrow window: it lies over the content, and a button in the screen's head opens and closes it.

use egui::{Area, Context, Frame, Id, Key, Modifiers, Order, Popup, Rect, Ui, Vec2};

use super::button::Button;
use super::icon;
use super::layout::at_least;
use super::theme::Theme;

/// What is remembered of a panel while the window is open.
#[derive(Clone, Copy, Default)]
struct Drawer {
    is_open: bool,
    /// Has the keyboard back when the drawer closes.
    button: Option<Id>,
}

fn memory(panel: &'static str) -> Id {
    Id::unique(("drawer", panel))
}

fn of(ctx: &Context, panel: &'static str) -> Drawer {
    ctx.data(|data| data.get_temp(memory(panel))).unwrap_or_default()
}

fn set(ctx: &Context, panel: &'static str, drawer: Drawer) {
    ctx.data_mut(|data| data.insert_temp(memory(panel), drawer));
    ctx.request_repaint();
}

/// Whether the window is so narrow that right panels are drawers.
pub fn is_drawer(ctx: &Context) -> bool {
    ctx.content_rect().width() < Theme::of_context(ctx).size.window_drawer
}

/// Whether this panel is in view: beside the content, or as an open drawer.
pub fn is_shown(ctx: &Context, panel: &'static str) -> bool {
    !is_drawer(ctx) || of(ctx, panel).is_open
}

/// Brings the panel into view, should it be a drawer, for what is to be seen in it.
pub fn open(ctx: &Context, panel: &'static str) {
    set(ctx, panel, Drawer { is_open: true, ..of(ctx, panel) });
}

/// Opens and closes the drawer.
pub(super) fn button(ui: &mut Ui, panel: &'static str, name: &str) {
    let drawer = of(ui.ctx(), panel);
    let shown = ui.add(Button::secondary(name).icon(icon::SIDEBAR_SIMPLE));
    let is_open = drawer.is_open != shown.clicked();
    if is_open != drawer.is_open || drawer.button != Some(shown.id) {
        set(ui.ctx(), panel, Drawer { is_open, button: Some(shown.id) });
    }
}

pub(super) fn show<R>(ui: &Ui, panel: &'static str, width: f32, content: impl FnOnce(&mut Ui) -> R) -> Option<R> {
    let drawer = of(ui.ctx(), panel);
    if !drawer.is_open {
        return None;
    }
    let ctx = ui.ctx();
    if takes_escape(ctx) && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
        set(ctx, panel, Drawer { is_open: false, ..drawer });
        if let Some(button) = drawer.button {
            ctx.memory_mut(|memory| memory.request_focus(button));
        }
    }
    let theme = Theme::of(ui);
    // The part of the screen that is in view, should the screen itself scroll.
    let room = ui.available_rect_before_wrap().intersect(ui.clip_rect());
    let width = width.min(room.width());
    let rect = Rect::from_min_max(egui::pos2(room.right() - width, room.top()), room.max);
    let area = Area::new(memory(panel)).order(Order::Middle).movable(false).constrain(false).fixed_pos(rect.min);
    let shown = area.show(ctx, |ui| {
        ui.set_clip_rect(rect.expand(theme.width.line));
        let frame = Frame::new().fill(theme.surface.panel).stroke(theme.line(theme.stroke.strong));
        ui.painter().add(frame.paint(rect));
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect));
        child.set_clip_rect(rect);
        ui.allocate_rect(rect, egui::Sense::hover());
        let least = Vec2::new(theme.size.side_panel_min, theme.size.side_panel_max - theme.size.settings_name_width);
        at_least(&mut child, "drawer", least, content)
    });
    Some(shown.inner)
}

/// Fields, menus and dialogs have it first.
fn takes_escape(ctx: &Context) -> bool {
    !super::focus::was_typing(ctx)
        && !Popup::is_any_open(ctx)
        && ctx.memory(|memory| memory.top_modal_layer().is_none())
}
