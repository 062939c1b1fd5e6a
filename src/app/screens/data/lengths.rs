//! How long the examples are in tokens, with the limit of a run as a line that can be moved: by dragging, by the arrow
//! keys, or in a field. The counts are exact and follow the line; the project's recipe gets the new limit when it is
//! let go.

use egui::{
    Align, CursorIcon, EventFilter, Id, Key, Layout, Pos2, Rect, Sense, Shape, Ui, UiBuilder, Vec2, WidgetInfo,
};
use egui_plot::{Bar, BarChart};

use super::{AnyAction, AppState, Drafts};
use crate::app::kit::plot::{Chart, ChartResponse, even_ticks};
use crate::app::kit::{Combo, NumberField, Text, Theme, focus, format, line, rule, tooltip};
use crate::app::screens::train;
use crate::data::statistics::Histogram;
use crate::recipe::params::{self, Kind, Value};
use crate::recipe::{TooLong, Training};

const LIMIT: &str = "training.max_length";
const POLICY: &str = "training.too_long";

/// The limit of a run, and where the line is while it is moved.
pub(super) struct Limit<'a> {
    pub training: &'a Training,
    /// Which line, and where to.
    pub moved: &'a mut Option<(Id, usize)>,
}

impl Limit<'_> {
    /// The length as the line shows it.
    fn now(&self) -> usize {
        self.moved.map_or(self.training.max_length, |(_, to)| to)
    }

    fn set(&self, max_length: usize, actions: &mut Vec<AnyAction>) {
        let value = within(max_length as f64);
        if value != self.training.max_length {
            actions.push(train::Action::Set(LIMIT, Value::Integer(value as i64)).into());
        }
    }
}

/// The nearest limit that a recipe may have.
fn within(tokens: f64) -> usize {
    let (min, max) = match params::find(LIMIT).map(|param| param.kind) {
        Some(Kind::Integer { min, max }) => (min as f64, max as f64),
        _ => (1.0, f64::from(u32::MAX)),
    };
    tokens.round().clamp(min, max) as usize
}

/// `12 of 500 are longer: left out`
fn in_words(histogram: &Histogram, max_length: usize, policy: TooLong) -> String {
    let all = format::thousands(histogram.num);
    match histogram.num_above(max_length) {
        0 => format!("None of {all} is longer"),
        num => {
            let are = if num == 1 { "is" } else { "are" };
            format!("{} of {all} {are} longer: {}", format::thousands(num), policy.in_words())
        }
    }
}

/// The part of the wide panel: the store's counts. `open` is the length of the open example.
pub(super) fn section(
    ui: &mut Ui,
    state: &AppState,
    training: &Training,
    drafts: &mut Drafts,
    open: Option<usize>,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    rule(ui);
    let inner = ui.available_rect_before_wrap().shrink2(Vec2::new(theme.pad.panel_x, theme.space.m));
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inner).layout(Layout::top_down(Align::Min)));
    ui.spacing_mut().item_spacing.y = theme.space.xs;
    let lengths = &state.data.lengths;
    if lengths.counted.num == 0 {
        ui.add(Text::strong("Length of all examples"));
        ui.add(Text::small("The checks count the tokens; they have not done so yet").faint().wrapped());
        return;
    }
    let mut limit = Limit { training, moved: &mut drafts.max_length };
    line(&mut ui, theme.type_scale.line_body, |ui| {
        ui.add(Text::strong("Length of all examples"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(Text::small(format!("{} tokens", spread(&lengths.counted))));
        });
    });
    line(&mut ui, theme.type_scale.line_small, |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        sentence(ui, &lengths.counted, &limit);
        if lengths.num_uncounted > 0 {
            ui.add(Text::small(format!("{} not counted yet", format::thousands(lengths.num_uncounted))).faint());
        }
    });
    let height = ui.available_height();
    chart(&mut ui, "Length of all examples", &lengths.counted, Some(&mut limit), open, height, actions);
}

/// The height of [`section`].
pub(super) fn section_height(theme: &Theme) -> f32 {
    theme.size.row_height * 5.0 + 2.0 * (theme.type_scale.line_body + theme.space.m)
}

/// The part of the statistics: chart, sentence, and the two settings that it is about.
pub(super) fn with_settings(ui: &mut Ui, histogram: &Histogram, limit: &mut Limit<'_>, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    plain(ui, "Length in tokens", histogram, Some(limit), actions);
    ui.add_space(theme.space.xs);
    sentence(ui, histogram, limit);
    ui.add_space(theme.space.xs);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.pad.between_controls;
        let label = |key: &str| params::find(key).map_or("", |param| param.label);
        let field = NumberField::new(label(LIMIT), limit.now() as f64).integer().unit("tokens");
        if let Some(value) = field.width(theme.size.settings_name_width / 1.5).show(ui) {
            limit.set(within(value), actions);
        }
        let names = match params::find(POLICY).map(|param| param.kind) {
            Some(Kind::Choice(choices)) => choices,
            _ => &[],
        };
        if let Some(name) = Combo::new(label(POLICY), names, limit.training.too_long.name()).show(ui) {
            actions.push(train::Action::Set(POLICY, Value::Choice(name)).into());
        }
    });
}

/// A chart of lengths under its name.
pub(super) fn plain(
    ui: &mut Ui,
    words: &str,
    histogram: &Histogram,
    limit: Option<&mut Limit<'_>>,
    actions: &mut Vec<AnyAction>,
) {
    super::dialogs::title(ui, words, &spread(histogram));
    let height = Theme::of(ui).size.row_height * 5.0;
    chart(ui, words, histogram, limit, None, height, actions);
}

fn spread(histogram: &Histogram) -> String {
    let number = |value: u32| format::thousands(u64::from(value));
    format!("median {}, longest {}", number(histogram.median), number(histogram.max))
}

fn sentence(ui: &mut Ui, histogram: &Histogram, limit: &Limit<'_>) {
    let theme = Theme::of(ui);
    let words = Text::small(in_words(histogram, limit.now(), limit.training.too_long));
    let is_any = histogram.num_above(limit.now()) > 0;
    ui.add(if is_any { words.color(theme.status.warning) } else { words });
}

fn chart(
    ui: &mut Ui,
    words: &str,
    histogram: &Histogram,
    limit: Option<&mut Limit<'_>>,
    open: Option<usize>,
    height: f32,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let highest = histogram.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let width = f64::from(histogram.bin_width);
    let last = width * histogram.counts.len() as f64;
    // A limit far beyond everything would only squeeze the bars. The room to the right is the same wherever the line is
    // while it moves.
    let kept = limit.as_ref().map(|limit| limit.training.max_length as f64 * 1.05).filter(|kept| *kept <= last * 1.6);
    let right = if limit.is_some() { kept.unwrap_or_default().max(last * 1.15) } else { last }.max(1.0);
    let number = |value: u32| format::thousands(u64::from(value));
    let spoken = format!("{words}: median {}, 95 % up to {}", number(histogram.median), number(histogram.p95));
    let whole = |value: f64| format::thousands(value.round() as u64);
    let frame = Chart::new("lengths", &spoken, (0.0, right), (0.0, highest * 1.05))
        .x_ticks(even_ticks(0.0, right, 6, whole))
        .y_ticks(even_ticks(0.0, highest, 3, whole));
    let now = limit.as_ref().map(|limit| limit.now() as f64);
    let bar = |(i, count): (usize, &u64)| {
        let from = i as f64 * width;
        let is_open = open.is_some_and(|length| (from..from + width).contains(&(length as f64)));
        let is_beyond = now.is_some_and(|limit| from >= limit);
        let fill = match (is_open, is_beyond) {
            (true, _) => theme.accent.line,
            (_, true) => theme.status.warning,
            _ => theme.chart.label,
        };
        Bar::new(from + 0.5 * width, *count as f64).width(width * 0.85).fill(fill).stroke(egui::Stroke::NONE)
    };
    let bars: Vec<Bar> = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(bar).collect();
    ui.push_id(words, |ui| {
        let shown = frame.show(ui, rect, |plot| plot.bar_chart(BarChart::new("examples", bars).allow_hover(false)));
        if let Some(limit) = limit {
            limit_line(ui, &shown, right, width, limit, actions);
        }
    });
}

/// The line, which takes hold of the pointer and of the arrow keys; Shift makes steps of a bar.
fn limit_line(
    ui: &mut Ui,
    chart: &ChartResponse,
    right: f64,
    bar: f64,
    limit: &mut Limit<'_>,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    // One far beyond everything waits at the edge.
    let x_of = |limit: usize| chart.at((limit as f64).min(right), 0.0).x.round() + 0.5;
    let grip = Vec2::new(theme.space.l, chart.frame.height());
    let rect = Rect::from_center_size(Pos2::new(x_of(limit.now()), chart.frame.center().y), grip);
    let response = ui.interact(rect, ui.make_persistent_id("limit"), Sense::click_and_drag());
    let response = response.on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
    if response.clicked() || response.drag_started() {
        response.request_focus();
    }
    let is_moved = response.dragged() || response.drag_stopped();
    if let Some(pointer) = response.interact_pointer_pos().filter(|_| is_moved) {
        let tokens = chart.transform.value_from_position(pointer).x.min(right);
        *limit.moved = Some((response.id, within(tokens)));
    }
    if response.drag_stopped() {
        limit.set(limit.now(), actions);
    }
    if response.has_focus() && !response.dragged() {
        let filter = EventFilter { horizontal_arrows: true, ..Default::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
        let steps = ui.input(|input| {
            let presses = input.num_presses(Key::ArrowRight) as f64 - input.num_presses(Key::ArrowLeft) as f64;
            presses * if input.modifiers.shift { bar } else { 1.0 }
        });
        if steps != 0.0 {
            limit.set(within(limit.now() as f64 + steps), actions);
        }
    }
    let value = limit.now();
    response.widget_info(|| WidgetInfo::slider(true, value as f64, "Longest example in tokens"));
    // Also where the line was closed away while it was held.
    limit.moved.take_if(|(held, _)| !ui.ctx().is_being_dragged(*held));
    let x = x_of(value);
    let ends = [Pos2::new(x, chart.frame.top()), Pos2::new(x, chart.frame.bottom())];
    let is_held = response.hovered() || response.dragged() || response.has_focus();
    let width = if is_held { theme.width.curve_selected } else { theme.width.line };
    let stroke = egui::Stroke::new(width, theme.status.error);
    ui.painter().extend(Shape::dashed_line(&ends, stroke, theme.space.xs, theme.space.xxs));
    let beyond = if value as f64 > right { " →" } else { "" };
    let words = format!("limit {}{beyond}", format::thousands(value as u64));
    let words = ui.painter().layout_no_wrap(words, theme.small(), theme.status.error);
    let fits = x - theme.space.s - words.size().x >= chart.frame.left();
    let left = if fits { x - theme.space.s - words.size().x } else { x + theme.space.s };
    let at = Pos2::new(left.round(), chart.frame.top());
    ui.painter().galley(at, words, theme.status.error);
    focus::ring(ui, &response, theme.radius.mark);
    if !response.dragged() {
        let about = "Drag it, or move it with the arrow keys, with Shift by a bar. The next run takes this limit";
        tooltip::on_hover(response, "Longest example", about);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_counts_exactly_and_says_what_becomes_of_them() {
        let histogram = Histogram::of((1..=1200).collect(), 4);
        assert_eq!(in_words(&histogram, 1199, TooLong::Drop), "1 of 1,200 is longer: left out");
        assert_eq!(in_words(&histogram, 1, TooLong::CutLeft), "1,199 of 1,200 are longer: cut at the beginning");
        assert_eq!(in_words(&histogram, 1200, TooLong::Split), "None of 1,200 is longer");
    }

    #[test]
    fn the_limit_stays_within_what_a_recipe_may_say() {
        assert_eq!([within(-3.0), within(99.6), within(1e12)], [8, 100, 1_048_576]);
    }
}
