//! A run's memory in parts against what is free.

use egui::{Color32, Pos2, Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use crate::app::kit::{Theme, format};
use crate::train::preview::MemoryEstimate;

const NUM_PARTS: usize = 4;

/// Bar and legend; the colours are the series' first four, so that the parts can be told apart.
pub fn memory_parts(ui: &mut Ui, memory: &MemoryEstimate) {
    let theme = Theme::of(ui);
    let colors = &theme.series.colors;
    let color = |i: usize| colors.get(i).copied().unwrap_or(theme.text.soft);
    let parts: [_; NUM_PARTS] = [
        ("Weights", memory.weights + memory.embeddings, color(0)),
        ("Adapter", memory.adapter + memory.optimizer, color(2)),
        ("Activations", memory.activations + memory.work + memory.head, color(1)),
        ("Program", memory.program + memory.data, color(5)),
    ];
    bar(ui, theme, memory, &parts);
    ui.add_space(theme.space.xs + theme.space.xxs);
    let gap = theme.space.l;
    let num_columns = num_columns(ui);
    let width = (ui.available_width() - gap * (num_columns as f32 - 1.0)) / num_columns as f32;
    for row in parts.chunks(num_columns) {
        let (line, _) =
            ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.type_scale.line_body), Sense::hover());
        for (i, part) in row.iter().enumerate() {
            let left = line.left() + i as f32 * (width + gap);
            legend(ui, theme, Rect::from_min_size(Pos2::new(left, line.top()), Vec2::new(width, line.height())), part);
        }
    }
}

fn num_columns(ui: &Ui) -> usize {
    let theme = Theme::of(ui);
    if ui.available_width() < theme.size.side_panel_min - theme.space.xxl { 1 } else { 2 }
}

/// The room that [`memory_parts`] takes, to be kept free before the parts are known.
pub fn memory_parts_height(ui: &Ui) -> f32 {
    let theme = Theme::of(ui);
    let num_rows = NUM_PARTS.div_ceil(num_columns(ui)) as f32;
    2.0 * theme.size.progress_height + theme.space.xs + theme.space.xxs + num_rows * theme.type_scale.line_body
}

fn bar(ui: &mut Ui, theme: &Theme, memory: &MemoryEstimate, parts: &[(&str, u64, Color32)]) {
    let height = 2.0 * theme.size.progress_height;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let words: Vec<_> = parts.iter().map(|(name, bytes, _)| format!("{name} {}", format::bytes(*bytes))).collect();
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words.join(", ")));
    ui.painter().rect_filled(rect, egui::CornerRadius::ZERO, theme.surface.active);
    // Where more is needed than is free, the bar is full and the parts keep their shares.
    let whole = memory.room().max(memory.total()).max(1) as f32;
    let mut x = rect.left();
    for (_, bytes, color) in parts {
        let width = rect.width() * *bytes as f32 / whole;
        let part =
            Rect::from_min_size(Pos2::new(x, rect.top()), Vec2::new((width - theme.width.line).max(0.0), height));
        ui.painter().rect_filled(part, egui::CornerRadius::ZERO, *color);
        x += width;
    }
}

fn legend(ui: &Ui, theme: &Theme, rect: Rect, (name, bytes, color): &(&str, u64, Color32)) {
    let side = theme.space.s + theme.space.xxs;
    let square = Rect::from_center_size(rect.left_center() + Vec2::new(side / 2.0, 0.0), Vec2::splat(side));
    ui.painter().rect_filled(square, theme.rounding(theme.radius.mark), *color);
    let name = ui.painter().layout_no_wrap((*name).to_owned(), theme.small(), theme.text.soft);
    let value = ui.painter().layout_no_wrap(format::bytes(*bytes), theme.small(), theme.text.normal);
    let y = (rect.center().y - name.size().y / 2.0).round();
    ui.painter().galley(Pos2::new(square.right() + theme.space.s, y), name, theme.text.soft);
    ui.painter().galley(Pos2::new((rect.right() - value.size().x).round(), y), value, theme.text.normal);
}

/// `0.9 of 11.2 GB free`
pub fn memory_words(memory: &MemoryEstimate) -> String {
    let what = if memory.limit.is_some_and(|limit| limit < memory.available) { "allowed" } else { "free" };
    format!("{} of {} GB {what}", format::gigabytes(memory.total()), format::gigabytes(memory.room()))
}
