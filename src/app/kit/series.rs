//! Runs on top of each other: each has a colour and a dash of its own, in the order of the token file.

use egui::{Color32, Pos2, Sense, Stroke, Ui, Vec2};
use egui_plot::LineStyle;

use super::theme::Theme;

/// Curves that can be told apart.
pub fn most(theme: &Theme) -> usize {
    theme.series.colors.len()
}

pub fn color(theme: &Theme, slot: usize) -> Color32 {
    theme.series.colors.get(slot).copied().unwrap_or(theme.text.faint)
}

pub fn style(theme: &Theme, slot: usize) -> LineStyle {
    let words = theme.series.dash.get(slot).map_or("solid", String::as_str);
    let mut words = words.split_whitespace();
    let (kind, length) = (words.next(), words.next().and_then(|word| word.parse().ok()));
    match (kind, length) {
        (Some("dashed"), Some(length)) => LineStyle::Dashed { length },
        (Some("dotted"), Some(spacing)) => LineStyle::Dotted { spacing },
        _ => LineStyle::Solid,
    }
}

/// A short piece of a run's line.
pub fn sample(ui: &mut Ui, slot: usize) {
    let theme = Theme::of(ui);
    let size = Vec2::new(theme.space.l + theme.space.xs, theme.size.icon);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (left, right) = (rect.left_center(), rect.right_center());
    let stroke = Stroke::new(theme.width.curve_selected, color(theme, slot));
    let painter = ui.painter();
    match style(theme, slot) {
        LineStyle::Solid => drop(painter.line_segment([left, right], stroke)),
        LineStyle::Dashed { .. } => {
            painter.extend(egui::Shape::dashed_line(
                &[left, right],
                stroke,
                theme.space.s - theme.space.xxs,
                theme.space.xs,
            ));
        }
        LineStyle::Dotted { .. } => {
            let mut x = left.x;
            while x <= right.x {
                painter.circle_filled(Pos2::new(x, left.y), stroke.width / 2.0, stroke.color);
                x += theme.space.xs;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_of_the_token_file_has_its_dash() {
        let theme = Theme::get(true);
        assert_eq!(most(theme), theme.series.dash.len());
        assert_eq!(style(theme, 0), LineStyle::Solid);
        assert_eq!(style(theme, 1), LineStyle::Dashed { length: 6.0 });
        assert_eq!(style(theme, 2), LineStyle::Dotted { spacing: 4.0 });
    }
}
