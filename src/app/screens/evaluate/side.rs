//! Where answers go wrong: expected labels by answered ones, and the first metric in parts of the examples.

use egui::{Align, Layout, Sense, Ui, UiBuilder, Vec2};

use super::figures::words;
use super::state::{EvaluateAction, Shown, Side};
use crate::app::Action as AnyAction;
use crate::app::kit::interval::{Interval, intervals};
use crate::app::kit::matrix::{self, Matrix};
use crate::app::kit::{Button, Card, Text, Theme, format, scrolling, segmented_small};
use crate::evaluate::metrics::Confusion;
use crate::evaluate::slices::SliceBy;
use crate::evaluate::{Figure, MetricFindings, SliceFindings};

/// More labels than these are listed by what is taken for what.
const MAX_LABELS: usize = 8;
/// Confusions that are listed.
const MAX_LISTED: usize = 40;

/// Which of both there is something for.
pub(super) fn sides(shown: &Shown) -> Vec<(Side, &'static str)> {
    let findings = &shown.evaluation.findings;
    let labels = (!findings.confusion.is_empty()).then_some((Side::Labels, "Labels"));
    let slices = (!findings.slices.is_empty()).then_some((Side::Slices, "Slices"));
    labels.into_iter().chain(slices).collect()
}

/// What the card takes to show a matrix whole.
pub(super) fn height(ui: &Ui, shown: &Shown) -> f32 {
    let theme = Theme::of(ui);
    let confusion = shown.evaluation.findings.confusion.first();
    let num_labels = confusion.map_or(0, |confusion| confusion.labels.len());
    let around =
        theme.size.control_height_small + theme.type_scale.line_body + 2.0 * theme.space.s + 2.0 * theme.pad.card;
    match num_labels {
        1..=MAX_LABELS => matrix::height(theme, num_labels) + around + theme.space.xs,
        _ => 0.0,
    }
}

pub(super) fn show(ui: &mut Ui, shown: &Shown, height: f32, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let sides = sides(shown);
    let Some((side, title)) = sides.iter().find(|(side, _)| *side == shown.side).or(sides.first()).copied() else {
        return;
    };
    Card::new().min_height(height).show(ui, |ui| {
        ui.set_max_height(height);
        ui.spacing_mut().item_spacing.y = theme.space.s;
        ui.horizontal(|ui| {
            match sides.len() {
                1 => drop(ui.add(Text::strong(title))),
                _ => {
                    if let Some(side) = segmented_small(ui, "Show", &sides, side) {
                        actions.push(EvaluateAction::Side(side).into());
                    }
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| match side {
                Side::Labels => {
                    let of = [(0, "Before"), (1, "After")];
                    if let Some(of) = segmented_small(ui, "Answers", &of, shown.of) {
                        actions.push(EvaluateAction::Of(of).into());
                    }
                }
                Side::Slices => {
                    if let Some(metric) = shown.evaluation.findings.metrics.first() {
                        ui.add(Text::small(&metric.title).faint().one_line());
                    }
                }
            });
        });
        match side {
            Side::Labels => labels(ui, shown, actions),
            Side::Slices => scrolling(ui, "slices", |ui| slices(ui, shown, actions)),
        }
    });
}

fn labels(ui: &mut Ui, shown: &Shown, actions: &mut Vec<AnyAction>) {
    let Some(confusion) = shown.evaluation.findings.confusion.get(shown.of) else { return };
    match confusion.labels.len() <= MAX_LABELS {
        true => matrix_of(ui, shown, confusion, actions),
        false => scrolling(ui, "confusions", |ui| listed(ui, confusion, actions)),
    }
}

fn matrix_of(ui: &mut Ui, shown: &Shown, confusion: &Confusion, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let columns: Vec<_> = confusion.labels.iter().cloned().chain(["other".to_owned()]).collect();
    let selected = shown.cell.as_ref().and_then(|cell| {
        let row = confusion.labels.iter().position(|label| *label == cell.0)?;
        Some((row, columns.iter().position(|label| *label == cell.1)?))
    });
    let (rows, counts) = (&confusion.labels, &confusion.counts);
    let cells = Matrix { name: "Confusion", rows, columns: &columns, counts, selected };
    if let Some((row, column)) = cells.show(ui)
        && let (Some(expected), Some(answered)) = (rows.get(row), columns.get(column))
    {
        actions.push(EvaluateAction::Cell(expected.clone(), answered.clone()).into());
    }
    let right: u64 = (0..rows.len()).filter_map(|at| counts.get(at)?.get(at)).sum();
    let all: u64 = counts.iter().flatten().sum();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
        for (color, words) in [
            (theme.chart.heat_3, format!("Right, {}", format::thousands(right))),
            (theme.chart.heat_wrong_strong, format!("Wrong, {}", format::thousands(all - right))),
        ] {
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(theme.size.dot + theme.space.xxs), Sense::hover());
            ui.painter().rect_filled(rect, theme.rounding(theme.radius.mark), color);
            ui.add(Text::small(words));
            ui.add_space(theme.space.s);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some((expected, answered, count)) = confusion.confused().first() {
                ui.add(Text::small(format!("{count} × {expected} taken for {answered}")).one_line());
            }
        });
    });
}

/// What is taken for what, the most frequent first.
fn listed(ui: &mut Ui, confusion: &Confusion, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    let confused = confusion.confused();
    if confused.is_empty() {
        ui.add(Text::small("No label is taken for another").faint());
    }
    for (expected, answered, count) in confused.iter().take(MAX_LISTED) {
        let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), theme.size.row_height), Sense::hover());
        let mut row = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::right_to_left(Align::Center)));
        let show = Button::link("Show").small().name(format!("Show {expected} answered as {answered}"));
        if row.add(show).clicked() {
            actions.push(EvaluateAction::Cell(expected.clone(), answered.clone()).into());
        }
        row.add(Text::strong(format::thousands(*count)));
        row.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Text::small(format!("{expected} → {answered}")).normal().one_line());
        });
    }
    if let Some(rest) = confused.get(MAX_LISTED..).filter(|rest| !rest.is_empty()) {
        ui.add(Text::small(format!("and {}", format::count(rest.len() as u64, "pair more", "pairs more"))).faint());
    }
}

fn slices(ui: &mut Ui, shown: &Shown, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let findings = &shown.evaluation.findings;
    let Some(metric) = findings.metrics.first() else { return };
    ui.spacing_mut().item_spacing.y = 0.0;
    for by in SliceBy::ALL {
        let of_kind: Vec<_> = findings.slices.iter().enumerate().filter(|(_, slice)| slice.by == by).collect();
        if of_kind.is_empty() {
            continue;
        }
        ui.add_space(theme.space.xs);
        ui.add(Text::caption(by.title()));
        for (at, slice) in of_kind {
            if slice_row(ui, metric, slice, shown.slice == Some(at)) {
                actions.push(EvaluateAction::Slice(at).into());
            }
        }
    }
}

fn slice_row(ui: &mut Ui, metric: &MetricFindings, slice: &SliceFindings, is_selected: bool) -> bool {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.row_height - theme.space.xs);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let name = format!("{}: {}", slice.by.title(), slice.value);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_selected, &name));
    let fill = match (is_selected, response.hovered()) {
        (true, _) => Some(theme.surface.selected),
        (false, true) => Some(theme.surface.hover),
        (false, false) => None,
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, theme.rounding(theme.radius.mark), fill);
    }
    let figure = |at: usize| slice.figures.get(at).copied().flatten();
    let mut row = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::right_to_left(Align::Center)));
    row.spacing_mut().item_spacing.x = theme.space.s;
    let told = figure(1).or(figure(0)).map_or_else(|| "–".to_owned(), |figure| words(metric.scale, figure.value));
    let value_width = theme.size.control_height * 2.0 - theme.space.s;
    let (value, _) = row.allocate_exact_size(Vec2::new(value_width, size.y), Sense::hover());
    row.painter().text(value.right_center(), egui::Align2::RIGHT_CENTER, told, theme.strong(), theme.text.normal);
    if metric.scale == crate::evaluate::metrics::Scale::Share {
        let (plot, _) = row.allocate_exact_size(Vec2::new(rect.width() * 0.28, size.y), Sense::hover());
        let interval = |figure: Figure| Interval { value: figure.value, low: figure.low, high: figure.high };
        intervals(
            &mut row,
            plot,
            &format!("{name}, before and after"),
            figure(0).map(interval),
            figure(1).map(interval),
        );
    }
    row.add(Text::small(format::thousands(slice.num as u64)).faint());
    row.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.add(Text::small(&slice.value).normal().one_line());
    });
    response.clicked()
}
