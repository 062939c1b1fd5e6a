//! Charts: egui_plot draws and zooms, this file gives them the look of the token file: a quiet grid at meaningful
//! values, only the bottom axis, values at the lines' ends, a dotted cross-hair with a small card of values.

use egui::{
    Align2, Color32, FontId, Pos2, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, UiBuilder, Vec2,
    WidgetInfo,
};
use egui_plot::{Plot, PlotPoint, PlotTransform, PlotUi};

use super::text::Text;
use super::theme::Theme;
pub use super::ticks::{Tick, Ticks, even_ticks};

/// The frame of a chart.
#[must_use = "call show"]
pub struct Chart<'a> {
    id: &'static str,
    /// A sentence that says what the chart shows, for those who can't see it.
    sentence: &'a str,
    x: (f64, f64),
    y: (f64, f64),
    x_ticks: Ticks,
    y_ticks: Ticks,
    can_zoom: bool,
}

/// What is needed to paint on top of a chart.
pub struct ChartResponse {
    /// Where the curves are.
    pub frame: Rect,
    pub transform: PlotTransform,
    /// The place under the pointer.
    pub pointer: Option<PlotPoint>,
    pub response: Response,
}

impl ChartResponse {
    pub fn at(&self, x: f64, y: f64) -> Pos2 {
        self.transform.position_from_point(&PlotPoint::new(x, y))
    }
}

impl<'a> Chart<'a> {
    pub fn new(id: &'static str, sentence: &'a str, x: (f64, f64), y: (f64, f64)) -> Self {
        Self {
            id,
            sentence,
            x,
            y: widen(y),
            x_ticks: Ticks::Fixed(Vec::new()),
            y_ticks: Ticks::Fixed(Vec::new()),
            can_zoom: false,
        }
    }

    pub fn x_ticks(self, x_ticks: impl Into<Ticks>) -> Self {
        Self { x_ticks: x_ticks.into(), ..self }
    }

    pub fn y_ticks(self, y_ticks: impl Into<Ticks>) -> Self {
        Self { y_ticks: y_ticks.into(), ..self }
    }

    /// Drag zooms, a double click shows everything again.
    pub fn zoomable(self) -> Self {
        Self { can_zoom: true, ..self }
    }

    /// Fills `rect`, labels included; `build` adds the curves.
    pub fn show<'p>(self, ui: &mut Ui, rect: Rect, build: impl FnOnce(&mut PlotUi<'p>) + 'p) -> ChartResponse {
        let theme = Theme::of(ui);
        let font = theme.small();
        let widest = self
            .y_ticks
            .within(self.y.0, self.y.1)
            .iter()
            .map(|tick| label(ui, tick, &font).size().x)
            .fold(0.0, f32::max);
        let last =
            self.x_ticks.within(self.x.0, self.x.1).last().map_or(0.0, |tick| label(ui, tick, &font).size().x / 2.0);
        let mut frame = rect;
        frame.min.x += widest + theme.space.s;
        frame.max.x -= last;
        frame.max.y -= theme.type_scale.line_small + theme.space.xs;
        frame.min.y += theme.space.xs;
        // The grid lies under the curves, but where it lies is known only after them.
        let grid = ui.painter().add(Shape::Noop);
        let mut child = ui.new_child(UiBuilder::new().max_rect(frame).id_salt(self.id));
        let plot = Plot::new(self.id)
            .width(frame.width())
            .height(frame.height())
            .show_axes(false)
            .show_grid(false)
            .show_background(false)
            .show_x(false)
            .show_y(false)
            .show_crosshair(false)
            .set_margin_fraction(Vec2::ZERO)
            .include_x(self.x.0)
            .include_x(self.x.1)
            .include_y(self.y.0)
            .include_y(self.y.1)
            .allow_drag(false)
            .allow_scroll(false)
            .allow_zoom(false)
            .allow_axis_zoom_drag(false)
            .allow_boxed_zoom(self.can_zoom)
            .allow_double_click_reset(self.can_zoom)
            .boxed_zoom_pointer_button(egui::PointerButton::Primary)
            .label_formatter(|_| None);
        let shown = plot.show(&mut child, build);
        let sentence = self.sentence;
        shown.response.widget_info(|| WidgetInfo::labeled(Role::Image, true, sentence));
        let transform = shown.transform;
        ui.painter().set(grid, self.grid(ui, theme, frame, &transform, &font));
        let pointer = shown.response.hover_pos().map(|pos| transform.value_from_position(pos));
        ChartResponse { frame, transform, pointer, response: shown.response }
    }

    fn grid(&self, ui: &Ui, theme: &Theme, frame: Rect, transform: &PlotTransform, font: &FontId) -> Shape {
        let line = theme.line(theme.chart.grid);
        let mut shapes = Vec::new();
        let (low, high) = (transform.bounds().min(), transform.bounds().max());
        for tick in self.x_ticks.within(low[0], high[0]) {
            let x = transform.position_from_point(&PlotPoint::new(tick.at, low[1])).x.round();
            shapes.push(Shape::vline(x + 0.5, frame.y_range(), line));
            let galley = label(ui, &tick, font);
            let at = Pos2::new((x - galley.size().x / 2.0).round(), frame.bottom() + theme.space.xs);
            shapes.push(Shape::galley(at, galley, theme.chart.label));
        }
        for tick in self.y_ticks.within(low[1], high[1]) {
            let y = transform.position_from_point(&PlotPoint::new(low[0], tick.at)).y.round();
            shapes.push(Shape::hline(frame.x_range(), y + 0.5, line));
            let galley = label(ui, &tick, font);
            let at = Pos2::new(frame.left() - theme.space.s - galley.size().x, y - galley.size().y / 2.0);
            shapes.push(Shape::galley(at.round(), galley, theme.chart.label));
        }
        shapes.push(Shape::hline(frame.x_range(), frame.bottom() + 0.5, theme.line(theme.chart.axis)));
        Shape::Vec(shapes)
    }
}

use egui::emath::GuiRounding as _;

fn label(ui: &Ui, tick: &Tick, font: &FontId) -> std::sync::Arc<egui::Galley> {
    ui.painter().layout_no_wrap(tick.words.clone(), font.clone(), Theme::of(ui).chart.label)
}

/// A flat line still needs room above and below it.
fn widen((low, high): (f64, f64)) -> (f64, f64) {
    if high > low { (low, high) } else { (low - low.abs().max(1e-6) * 0.5, low + low.abs().max(1e-6) * 0.5) }
}

/// A value of the card beside the cross-hair: its mark's colour, whether the mark is round, name, and value.
pub struct HoverValue<'a> {
    pub color: Color32,
    pub is_round: bool,
    pub name: &'a str,
    pub value: String,
}

/// A dotted line at `x`, and a card with the values there.
pub fn hover_card(ui: &Ui, chart: &ChartResponse, x: f64, title: &str, values: &[HoverValue<'_>]) {
    let theme = Theme::of(ui);
    let line_x = chart.at(x, 0.0).x.round() + 0.5;
    if !chart.frame.x_range().contains(line_x) {
        return;
    }
    let stroke = theme.line(theme.chart.crosshair);
    let ends = [Pos2::new(line_x, chart.frame.top()), Pos2::new(line_x, chart.frame.bottom())];
    ui.painter().extend(Shape::dashed_line(&ends, stroke, theme.space.xxs, theme.space.xxs));

    let painter = ui.painter();
    let title = painter.layout_no_wrap(title.to_owned(), theme.small_strong(), theme.text.normal);
    let row = theme.type_scale.line_small + theme.space.xxs;
    let rows: Vec<_> = values
        .iter()
        .map(|v| {
            let name = painter.layout_no_wrap(v.name.to_owned(), theme.small(), theme.text.soft);
            (v, name, painter.layout_no_wrap(v.value.clone(), theme.small(), theme.text.normal))
        })
        .collect();
    let mark = theme.size.dot;
    let natural =
        rows.iter().map(|(_, name, value)| mark + theme.space.s + name.size().x + theme.space.l + value.size().x);
    let width = natural.fold(title.size().x, f32::max) + 2.0 * theme.space.m;
    let size = Vec2::new(width, row * (rows.len() + 1) as f32 + theme.space.l);
    let to_right = line_x + theme.space.m;
    let left = if to_right + width > chart.frame.right() { line_x - theme.space.m - width } else { to_right };
    let card = Rect::from_min_size(Pos2::new(left.round(), chart.frame.top() + theme.space.l), size);
    painter.rect(
        card,
        theme.rounding(theme.radius.control),
        theme.surface.floating,
        theme.line(theme.stroke.strong),
        StrokeKind::Inside,
    );
    let left = card.left() + theme.space.m;
    let mut y = card.top() + theme.space.s;
    painter.galley(Pos2::new(left, y + theme.width.line), title, theme.text.normal);
    for (v, name, value) in rows {
        y += row;
        let center = Pos2::new(left + mark / 2.0, y + row / 2.0);
        paint_mark(ui, center, v.color, v.is_round);
        let text_y = (center.y - name.size().y / 2.0).round();
        painter.galley(Pos2::new(left + mark + theme.space.s, text_y), name, theme.text.soft);
        let at = Pos2::new((card.right() - theme.space.m - value.size().x).round(), text_y);
        painter.galley(at, value, theme.text.normal);
    }
}

/// A series' mark: round for what is measured on held-out examples, square otherwise.
fn paint_mark(ui: &Ui, center: Pos2, color: Color32, is_round: bool) {
    let theme = Theme::of(ui);
    let side = theme.size.dot;
    if is_round {
        ui.painter().circle_filled(center, side / 2.0, color);
    } else {
        let square = Rect::from_center_size(center, Vec2::splat(side));
        ui.painter().rect_filled(square, theme.rounding(theme.radius.mark), color);
    }
}

/// A name with its line, for the head of a chart; `with_ring` as validation is drawn.
pub fn series_name(ui: &mut Ui, name: &str, color: Color32, with_ring: bool) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(theme.size.icon_small, theme.size.icon), Sense::hover());
    let stroke = Stroke::new(theme.width.curve_selected, color);
    let center = rect.center();
    ui.painter().hline(rect.x_range(), center.y, stroke);
    if with_ring {
        let ring = Stroke::new(theme.width.curve, color);
        ui.painter().circle(center, theme.width.series_marker_radius, theme.chart.background, ring);
    }
    ui.add(Text::small(name).normal());
}

/// A ring around a measured value.
pub fn ring(ui: &Ui, center: Pos2, color: Color32) {
    let theme = Theme::of(ui);
    let stroke = Stroke::new(theme.width.curve, color);
    ui.painter().circle(center, theme.width.series_marker_radius, theme.chart.background, stroke);
}

/// The last values of curves, at their ends in their colours, moved apart where they would touch.
pub fn end_labels(ui: &Ui, chart: &ChartResponse, mut ends: Vec<(Pos2, String, Color32)>) {
    let theme = Theme::of(ui);
    ends.retain(|(at, _, _)| chart.frame.expand(theme.space.s).contains(*at));
    ends.sort_by(|a, b| a.0.y.total_cmp(&b.0.y));
    let apart = theme.type_scale.line_small;
    for i in 1..ends.len() {
        let above = ends[i - 1].0.y;
        ends[i].0.y = ends[i].0.y.max(above + apart);
    }
    for (at, words, color) in ends {
        let galley = ui.painter().layout_no_wrap(words, theme.small(), color);
        let to_right = at.x + theme.space.s;
        let is_outside = to_right + galley.size().x > chart.frame.right() + theme.space.l;
        let x = if is_outside { at.x - theme.space.s - galley.size().x } else { to_right };
        let anchor = Align2::LEFT_CENTER.anchor_size(Pos2::new(x, at.y), galley.size());
        ui.painter().galley(anchor.min.round_ui(), galley, color);
    }
}

/// Few enough points for the room: each bucket keeps its lowest and highest.
pub fn thin_out(points: &[(f64, f64)], most: usize) -> Vec<[f64; 2]> {
    if points.len() <= most.max(4) {
        return points.iter().map(|(x, y)| [*x, *y]).collect();
    }
    let size = (2 * points.len()).div_ceil(most).max(2);
    points
        .chunks(size)
        .flat_map(|bucket| {
            let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
            let (low, high) = (bucket.iter().min_by(by_y), bucket.iter().max_by(by_y));
            let mut pair: Vec<_> = low.into_iter().chain(high).map(|(x, y)| [*x, *y]).collect();
            pair.sort_by(|a, b| a[0].total_cmp(&b[0]));
            pair
        })
        .collect()
}

/// Few enough points for a small plot: the mean of each bucket. A line between extremes that are closer than its own
/// width would be a blot.
pub fn averaged(points: &[(f64, f64)], most: usize) -> Vec<[f64; 2]> {
    let size = points.len().div_ceil(most.max(2)).max(1);
    let mean = |values: &mut dyn Iterator<Item = f64>, num: usize| values.sum::<f64>() / num as f64;
    points
        .chunks(size)
        .map(|bucket| {
            let num = bucket.len();
            [mean(&mut bucket.iter().map(|p| p.0), num), mean(&mut bucket.iter().map(|p| p.1), num)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_plot_shows_means() {
        let points: Vec<(f64, f64)> = (0..6).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        assert_eq!(averaged(&points, 3), [[0.5, 0.5], [2.5, 0.5], [4.5, 0.5]]);
        assert_eq!(averaged(&points, 100).len(), 6);
        assert!(averaged(&[], 3).is_empty());
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let mut points: Vec<_> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points[5_000].1 = 9.0;
        let thin = thin_out(&points, 500);
        assert!(thin.len() <= 502, "{}", thin.len());
        assert!(thin.iter().any(|p| p[1] == 9.0));
        assert!(thin.windows(2).all(|w| w[0][0] <= w[1][0]));
    }
}
