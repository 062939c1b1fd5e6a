//! Counts by row and column: right ones on the diagonal, coloured by their share of the row, wrong ones beside it.

use egui::{Align2, Color32, Pos2, Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use super::theme::Theme;

/// What is in a matrix; rows and columns have the same names in the same order, columns may have more.
pub struct Matrix<'a> {
    pub name: &'a str,
    pub rows: &'a [String],
    pub columns: &'a [String],
    /// `rows.len() × columns.len()`
    pub counts: &'a [Vec<u64>],
    pub selected: Option<(usize, usize)>,
}

/// The height of a matrix with so many rows.
pub fn height(theme: &Theme, num_rows: usize) -> f32 {
    row_height(theme) * (num_rows + 1) as f32
}

fn row_height(theme: &Theme) -> f32 {
    theme.size.control_height - theme.space.xxs
}

impl Matrix<'_> {
    /// The cell that was clicked.
    pub fn show(&self, ui: &mut Ui) -> Option<(usize, usize)> {
        let theme = Theme::of(ui);
        let height = row_height(theme);
        let width = ui.available_width();
        let of_names = self.names_width(ui).min(width / 3.0);
        let size = Vec2::new(width, height * (self.rows.len() + 1) as f32);
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        let step = (width - of_names) / self.columns.len().max(1) as f32;
        let place = |row: usize, column: usize| {
            let min = Pos2::new(rect.left() + of_names + step * column as f32, rect.top() + height * row as f32);
            Rect::from_min_size(min, Vec2::new(step, height))
        };
        for (column, name) in self.columns.iter().enumerate() {
            words(ui, place(0, column).shrink2(Vec2::new(theme.width.line, 0.0)), Align2::CENTER_CENTER, name);
        }
        let mut clicked = None;
        for (row, name) in self.rows.iter().enumerate() {
            let left =
                Rect::from_min_size(Pos2::new(rect.left(), place(row + 1, 0).top()), Vec2::new(of_names, height));
            words(ui, left.with_max_x(left.right() - theme.space.s), Align2::LEFT_CENTER, name);
            let counts = self.counts.get(row).map(Vec::as_slice).unwrap_or_default();
            let sum: u64 = counts.iter().sum();
            for (column, count) in counts.iter().enumerate() {
                let cell = place(row + 1, column).shrink(theme.width.line);
                if self.cell(ui, cell, (row, column), *count, sum) {
                    clicked = Some((row, column));
                }
            }
        }
        clicked
    }

    fn names_width(&self, ui: &Ui) -> f32 {
        let theme = Theme::of(ui);
        let width = |name: &String| {
            ui.painter().layout_no_wrap(name.clone(), theme.small(), theme.text.soft).size().x + theme.space.m
        };
        self.rows.iter().map(width).fold(0.0, f32::max)
    }

    fn cell(&self, ui: &mut Ui, cell: Rect, (row, column): (usize, usize), count: u64, sum: u64) -> bool {
        let theme = Theme::of(ui);
        let share = count as f32 / sum.max(1) as f32;
        let is_right = row == column;
        let fill = match count {
            0 => theme.chart.background,
            _ => heat(theme, is_right, share),
        };
        let name = |row: usize, column: usize| {
            let of = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
            format!("{} answered as {}: {count}", of(self.rows, row), of(self.columns, column))
        };
        let sense = if count > 0 { Sense::click() } else { Sense::hover() };
        let response = ui.interact(cell, ui.scope_id().with((self.name, row, column)), sense);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, count > 0, name(row, column)));
        ui.painter().rect_filled(cell, theme.rounding(theme.radius.mark), fill);
        let (words, color) = match count {
            0 => ("·".to_owned(), theme.text.disabled),
            _ => (count.to_string(), theme.text.normal),
        };
        ui.painter().text(cell.center(), Align2::CENTER_CENTER, words, theme.small(), color);
        if self.selected == Some((row, column)) || response.has_focus() {
            let stroke = egui::Stroke::new(theme.width.curve_selected, theme.accent.line);
            ui.painter().rect_stroke(cell, theme.rounding(theme.radius.mark), stroke, egui::StrokeKind::Inside);
        }
        if count > 0 { response.on_hover_text(name(row, column)).clicked() } else { false }
    }
}

fn heat(theme: &Theme, is_right: bool, share: f32) -> Color32 {
    let chart = &theme.chart;
    match (is_right, share) {
        (true, share) if share < 0.34 => chart.heat_1,
        (true, share) if share < 0.67 => chart.heat_2,
        (true, _) => chart.heat_3,
        (false, share) if share < 0.15 => chart.heat_wrong,
        (false, _) => chart.heat_wrong_strong,
    }
}

/// A name of a row or column, cut where it is too long.
fn words(ui: &Ui, place: Rect, align: Align2, text: &str) {
    let theme = Theme::of(ui);
    let galley = super::choice::one_line(ui, text, theme.small(), theme.text.soft, place.width());
    let at = align.align_size_within_rect(galley.size(), place).min;
    ui.painter().galley(at, galley, theme.text.soft);
}
