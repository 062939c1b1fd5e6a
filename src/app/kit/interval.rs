//! A share before and after on one axis from 0 to 100 %, each with its interval.

use egui::{Pos2, Rect, Role, Ui, Vec2, WidgetInfo};

use super::theme::Theme;

/// A value and the interval it lies in, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Paints both into the place; before is a square, after a dot. `name` says what they are.
pub fn intervals(ui: &mut Ui, place: Rect, name: &str, before: Option<Interval>, after: Option<Interval>) {
    let theme = Theme::of(ui);
    let response = ui.interact(place, ui.scope_id().with(("intervals", name)), egui::Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let line = place.shrink2(Vec2::new(theme.space.xs, 0.0));
    let y = place.center().y.round() - theme.width.line / 2.0;
    let painter = ui.painter();
    painter.hline(line.x_range(), y, theme.line(theme.chart.grid));
    let at = |share: f64| line.left() + line.width() * share.clamp(0.0, 1.0) as f32;
    let bar = |interval: Interval, color| {
        let stroke = egui::Stroke::new(theme.width.curve_selected, color);
        painter.hline(at(interval.low)..=at(interval.high), y, stroke);
    };
    if let Some(before) = before {
        bar(before, theme.model.before);
        let square = Rect::from_center_size(Pos2::new(at(before.value), y), Vec2::splat(theme.size.dot - 1.0));
        painter.rect_filled(square, egui::CornerRadius::ZERO, theme.model.before);
    }
    if let Some(after) = after {
        bar(after, theme.model.after);
        painter.circle_filled(Pos2::new(at(after.value), y), theme.size.dot / 2.0, theme.model.after);
    }
}
