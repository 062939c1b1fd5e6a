//! The focus ring: shown once a key was used, gone with the next click.

use egui::{Context, Event, Id, Key, Response, Stroke, StrokeKind, Ui};

use super::theme::Theme;

fn memory_id() -> Id {
    Id::unique("focus shown by keyboard")
}

/// Called once a frame: learns whether the person works with keys or with the pointer.
pub fn track(ctx: &Context) {
    let by_key = ctx.input(|input| {
        input.events.iter().rev().find_map(|event| match event {
            Event::Key { key: Key::Tab | Key::ArrowUp | Key::ArrowDown | Key::ArrowLeft | Key::ArrowRight, .. } => {
                Some(true)
            }
            Event::PointerButton { pressed: true, .. } => Some(false),
            _ => None,
        })
    });
    if let Some(by_key) = by_key {
        ctx.data_mut(|data| data.insert_temp(memory_id(), by_key));
    }
}

/// Paints the ring around a control that has focus.
pub fn ring(ui: &Ui, response: &Response, radius: f32) {
    let by_key = ui.data(|data| data.get_temp::<bool>(memory_id())).unwrap_or(false);
    if by_key && response.has_focus() {
        ring_around(ui, response.rect, radius);
    }
}

/// Paints the ring without asking; text fields always show it.
pub fn ring_around(ui: &Ui, rect: egui::Rect, radius: f32) {
    let theme = Theme::of(ui);
    let width = theme.width.focus_ring;
    ui.painter().rect_stroke(
        rect.expand(theme.width.focus_gap),
        theme.rounding(radius + theme.width.focus_gap),
        Stroke::new(width, theme.accent.line),
        StrokeKind::Outside,
    );
}
