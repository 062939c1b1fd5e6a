//! The curves of a run.

use egui::{Align, Layout, Rect, Sense, Stroke, Ui, UiBuilder, Vec2};
use egui_plot::{Line, LineStyle, PlotPoints, Span, VLine};

use super::run::Run;
use super::{Action, standing};
use crate::app::AppState;
use crate::app::kit::plot::{
    Chart, ChartResponse, HoverValue, Tick, Ticks, averaged, end_labels, even_ticks, hover_card, ring, series_name,
    thin_out,
};
use crate::app::kit::{Card, Combo, Text, Theme, format, line, segmented_small, tooltip};
use crate::train::{EvalMetrics, StepMetrics};

/// Points of one curve that are worth painting.
const MOST_POINTS: usize = 1500;

/// Between two points of a small curve, in pixels.
const MIN_POINT_DISTANCE: f32 = 3.0;

/// From this share of the steps on, the axis goes on by this factor.
const NEAR_END: f64 = 0.9;
const ROOM_FOR_VALUES: f64 = 1.08;

/// Weights of the past to choose from.
pub const SMOOTHINGS: &[(f64, &str)] = &[(0.0, "0"), (0.8, "0.80"), (0.93, "0.93"), (0.98, "0.98")];

/// What a curve's card needs, so that the painting functions stay short.
struct Loss<'a> {
    run: &'a Run,
    is_log: bool,
    num_steps: usize,
}

impl Loss<'_> {
    /// Where a loss lies on the axis.
    fn y(&self, loss: f64) -> f64 {
        if self.is_log { loss.max(1e-6).log10() } else { loss }
    }

    fn points(&self, values: impl Iterator<Item = (f64, f64)>) -> PlotPoints<'static> {
        let points: Vec<_> = values.filter(|(_, y)| y.is_finite()).map(|(x, y)| (x, self.y(y))).collect();
        PlotPoints::from(thin_out(&points, MOST_POINTS))
    }

    fn range(&self) -> (f64, f64) {
        let steps = self.run.steps.iter().map(|step| step.loss);
        let evaluations = self.run.evaluations.iter().map(|e| e.eval_loss);
        let all = steps.chain(evaluations).filter(|loss| loss.is_finite());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), loss| (l.min(loss), h.max(loss)));
        if low > high {
            return if self.is_log { (-1.0, 0.5) } else { (0.0, 1.0) };
        }
        if self.is_log {
            let (low, high) = (self.y(low), self.y(high));
            let room = ((high - low) * 0.05).max(0.05);
            (low - room, high + room)
        } else {
            (0.0, high * 1.05)
        }
    }
}

pub fn loss(ui: &mut Ui, state: &AppState, run: &Run, rect: Rect, actions: &mut Vec<crate::app::Action>) {
    let theme = Theme::of(ui);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("loss"));
    Card::new().slim().min_height(rect.height()).show(&mut child, |ui| {
        head(ui, state, run, actions);
        let num_steps = run.num_steps().max(1);
        let loss = Loss { run, is_log: state.train.is_log, num_steps };
        let space = ui.available_rect_before_wrap();
        let bottom = rect.bottom() - theme.space.xl;
        let space = Rect::from_min_max(space.min + Vec2::new(0.0, theme.space.s), egui::pos2(space.right(), bottom));
        curves(ui, &loss, space);
        if run.steps.is_empty() && run.evaluations.is_empty() && !run.is_over() {
            nothing_yet(ui, &standing::in_full(state, run), space);
        }
        ui.allocate_rect(space, Sense::hover());
    });
}

/// What happens before there is a curve.
fn nothing_yet(ui: &mut Ui, doing: &str, rect: Rect) {
    let middle = Rect::from_center_size(rect.center(), Vec2::new(rect.width(), Theme::of(ui).size.control_height));
    let layout = Layout::top_down(Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(middle).layout(layout), |ui| {
        ui.add(Text::body(doing));
        ui.add(Text::small("The curves begin after that").faint());
    });
}

fn head(ui: &mut Ui, state: &AppState, run: &Run, actions: &mut Vec<crate::app::Action>) {
    let theme = Theme::of(ui);
    line(ui, theme.size.control_height_small, |ui| {
        ui.add(Text::strong("Loss"));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if let Some(is_log) = segmented_small(ui, "Scale", &[(false, "Linear"), (true, "Log")], state.train.is_log)
            {
                actions.push(Action::SetLog(is_log).into());
            }
            let combo = Combo::new("Smoothing", SMOOTHINGS, state.train.smoothing).plain();
            if let Some(smoothing) = combo.show(ui) {
                actions.push(Action::Smooth(smoothing).into());
            }
            let names = ["Train", "Validation"].map(|name| series_width(ui, name)).iter().sum::<f32>();
            smoothing_words(ui, run, names);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let series = [("Train", theme.chart.train, false), ("Validation", theme.chart.validation, true)];
                for (name, color, with_ring) in series {
                    // The curves' colours say it, too; half a name would say nothing.
                    if ui.available_width() < series_width(ui, name) {
                        break;
                    }
                    series_name(ui, name, color, with_ring);
                }
            });
        });
    });
}

/// The room that a series' name takes in the head.
fn series_width(ui: &Ui, name: &str) -> f32 {
    Theme::of(ui).size.icon_small + Text::small(name).width(ui) + 2.0 * ui.spacing().item_spacing.x
}

/// A short run is smoothed less than asked for, and says so.
fn smoothing_words(ui: &mut Ui, run: &Run, names: f32) {
    let (asked, in_force) = run.smoothing();
    let words = match in_force < asked {
        true if in_force == 0.0 => "Too short to smooth".to_owned(),
        true => format!("Smoothing, {in_force:.2} so far"),
        false => "Smoothing".to_owned(),
    };
    let galley = ui.painter().layout_no_wrap(words.clone(), Theme::of(ui).small(), Theme::of(ui).text.faint);
    if ui.available_width() > galley.size().x + names {
        let shown = ui.add(Text::small(words).faint());
        if in_force < asked {
            let text = "Short runs are smoothed less: the curve would lag behind the loss";
            tooltip::on_hover(shown, "Smoothing", text);
        }
    }
}

fn curves(ui: &mut Ui, loss: &Loss<'_>, rect: Rect) {
    let theme = Theme::of(ui);
    let run = loss.run;
    let range = loss.range();
    let at = |step: usize| step as f64;
    let raw = loss.points(run.steps.iter().map(|s| (at(s.step), s.loss)));
    let smooth = loss.points(run.steps.iter().zip(&run.smoothed).map(|(s, y)| (at(s.step), *y)));
    let validation = loss.points(run.evaluations.iter().map(|e| (at(e.step), e.eval_loss)));
    let best = run.best().filter(|best| best.step > 0).cloned();
    let now = at(run.num_steps_done());
    let rising = best.as_ref().filter(|_| run.is_rising()).map(|best| at(best.step)..=now);
    let colors = (theme.chart.train_raw, theme.chart.train, theme.chart.validation);
    let sentence = in_words(run);
    // Room for the values at the curves' ends, which would otherwise lie on them.
    let room = if now > NEAR_END * at(loss.num_steps) { ROOM_FOR_VALUES } else { 1.0 };
    let chart = Chart::new("loss", &sentence, (0.0, room * at(loss.num_steps)), range)
        // Evaluations are where one looks: ticks are multiples of their distance.
        .x_ticks(Ticks::Steps { last: loss.num_steps, unit: run.eval_stride().unwrap_or(1) })
        .y_ticks(if loss.is_log { Ticks::Log } else { Ticks::Even })
        .zoomable();
    let (line, curve) = (theme.width.line, theme.width.curve);
    let best_line = best.as_ref().map(|best| at(best.step));
    let (best_color, tint, accent) = (theme.chart.best, theme.chart.rising, theme.accent.line);
    let is_over = run.is_over();
    let shown = chart.show(ui, rect, move |plot| {
        if let Some(rising) = rising {
            plot.span(Span::new("", rising).fill(tint).border_width(0.0));
        }
        plot.line(Line::new("Train, each step", raw).color(colors.0).width(line));
        plot.line(Line::new("Train", smooth).color(colors.1).width(curve));
        plot.line(Line::new("Validation", validation).color(colors.2).width(curve));
        if let Some(step) = best_line {
            plot.vline(VLine::new("Best", step).color(best_color).width(line).style(LineStyle::dashed_dense()));
        }
        if now > 0.0 && !is_over {
            plot.vline(VLine::new("Now", now).color(accent).width(line));
        }
    });
    marks(ui, loss, &shown, best.as_ref());
}

/// Rings on the evaluations, the best one's dot and name, the values at the ends, and what lies under the pointer.
fn marks(ui: &mut Ui, loss: &Loss<'_>, shown: &ChartResponse, best: Option<&EvalMetrics>) {
    let theme = Theme::of(ui);
    let run = loss.run;
    let place = |step: usize, value: f64| shown.at(step as f64, loss.y(value));
    for e in run.evaluations.iter().filter(|e| e.eval_loss.is_finite()) {
        let center = place(e.step, e.eval_loss);
        if shown.frame.expand(theme.width.series_marker_radius).contains(center) {
            ring(ui, center, theme.chart.validation);
        }
    }
    let mut name = None;
    if let Some(best) = best {
        let center = place(best.step, best.eval_loss);
        if shown.frame.contains(center) {
            ui.painter().circle_filled(center, theme.size.dot / 2.0, theme.chart.best);
            let words = format!("Best, step {}", best.step);
            name = Some(name_line(ui, shown, center.x, &words, theme.chart.best, true, None));
        }
    }
    if !run.is_over() && run.num_steps_done() > 0 {
        let x = place(run.num_steps_done(), 1.0).x;
        name_line(ui, shown, x, "Now", theme.accent.text, false, name);
    }
    let mut ends = Vec::new();
    if let Some(e) = run.evaluations.last() {
        ends.push((place(e.step, e.eval_loss), format::loss(e.eval_loss), theme.chart.validation));
    }
    if let (Some(step), Some(value)) = (run.steps.last(), run.smoothed.last()) {
        ends.push((place(step.step, *value), format::loss(*value), theme.chart.train));
    }
    // Both stand beside the later of the two, so that they form a column.
    let right = ends.iter().map(|(at, _, _)| at.x).fold(0.0, f32::max);
    ends.iter_mut().for_each(|(at, _, _)| at.x = right);
    end_labels(ui, shown, ends);
    under_pointer(ui, loss, shown);
}

/// Words at the upper end of a vertical line: left of it, or right where there is no room; a line lower where they would
/// lie on those of another line. Gives where they are.
fn name_line(
    ui: &Ui,
    shown: &ChartResponse,
    x: f32,
    words: &str,
    color: egui::Color32,
    is_left: bool,
    other: Option<Rect>,
) -> Rect {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), theme.small(), color);
    let gap = theme.space.xs + theme.space.xxs;
    let width = galley.size().x;
    let fits_left = x - gap - width >= shown.frame.left();
    let fits_right = x + gap + width <= shown.frame.right();
    let left = if (is_left && fits_left) || !fits_right { x - gap - width } else { x + gap };
    let top = egui::pos2(left.round(), shown.frame.top() + theme.width.line);
    let mut rect = Rect::from_min_size(top, galley.size());
    if let Some(other) = other.filter(|other| other.expand2(egui::vec2(gap, 0.0)).intersects(rect)) {
        rect = rect.translate(egui::vec2(0.0, other.height()));
    }
    ui.painter().galley(rect.min, galley, color);
    rect
}

fn under_pointer(ui: &Ui, loss: &Loss<'_>, shown: &ChartResponse) {
    let theme = Theme::of(ui);
    let Some(pointer) = shown.pointer else { return };
    let Some((index, step)) = nearest(&loss.run.steps, pointer.x) else { return };
    let title = format!("Step {}, epoch {:.2}", format::thousands(step.step as u64), step.epoch);
    let mut values = vec![
        HoverValue {
            color: theme.chart.train,
            is_round: false,
            name: "Train",
            value: loss.run.smoothed.get(index).map_or_else(String::new, |value| format::loss(*value)),
        },
        HoverValue { color: theme.chart.train_raw, is_round: false, name: "This step", value: format::loss(step.loss) },
    ];
    let evaluation = loss.run.evaluations.iter().rev().find(|e| e.step <= step.step);
    if let Some(e) = evaluation {
        values.push(HoverValue {
            color: theme.chart.validation,
            is_round: true,
            name: "Validation",
            value: format::loss(e.eval_loss),
        });
    }
    let dot = theme.size.dot / 2.0;
    if let Some(value) = loss.run.smoothed.get(index) {
        ui.painter().circle_filled(shown.at(step.step as f64, loss.y(*value)), dot, theme.chart.train);
    }
    hover_card(ui, shown, step.step as f64, &title, &values);
}

fn nearest(steps: &[StepMetrics], x: f64) -> Option<(usize, &StepMetrics)> {
    let after = steps.partition_point(|step| (step.step as f64) < x);
    let before = after.saturating_sub(1);
    let distance = |i: usize| steps.get(i).map_or(f64::INFINITY, |step| (step.step as f64 - x).abs());
    let index = if distance(before) <= distance(after) { before } else { after };
    steps.get(index).map(|step| (index, step))
}

fn in_words(run: &Run) -> String {
    let train = run.smoothed.last().map_or_else(|| "not known yet".to_owned(), |value| format::loss(*value));
    let validation = run.evaluations.last().map_or_else(|| "not known yet".to_owned(), |e| format::loss(e.eval_loss));
    let best = run.best().map_or_else(String::new, |best| {
        format!(", best {} at step {}", format::loss(best.eval_loss), format::thousands(best.step))
    });
    format!(
        "Loss curves, {} steps: training loss {train}, validation loss {validation}{best}",
        format::thousands(run.steps.len())
    )
}

pub fn learning_rate(ui: &mut Ui, run: &Run, rect: Rect) {
    let value = run.steps.last().map_or_else(|| "–".to_owned(), |step| format::rate(step.learning_rate));
    small(ui, "Learning rate", &value, run, rect, |step| step.learning_rate);
}

pub fn gradient_norm(ui: &mut Ui, run: &Run, rect: Rect) {
    let value = run.steps.last().map_or_else(|| "–".to_owned(), |step| format!("{:.2}", step.grad_norm));
    small(ui, "Gradient norm", &value, run, rect, |step| step.grad_norm);
}

fn small(ui: &mut Ui, name: &'static str, value: &str, run: &Run, rect: Rect, of: fn(&StepMetrics) -> f64) {
    let theme = Theme::of(ui);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(name));
    Card::new().slim().min_height(rect.height()).show(&mut child, |ui| {
        line(ui, theme.type_scale.line_small, |ui| {
            ui.add(Text::small(name));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.add(Text::caption(value).normal()));
        });
        let points: Vec<_> = run.steps.iter().map(|s| (s.step as f64, of(s))).filter(|(_, y)| y.is_finite()).collect();
        let num_steps = run.num_steps().max(1);
        let space = ui.available_rect_before_wrap();
        let bottom = rect.bottom() - theme.space.m;
        let space = Rect::from_min_max(space.min, egui::pos2(space.right(), bottom));
        curve(ui, name, value, space, num_steps, &points);
        ui.allocate_rect(space, Sense::hover());
    });
}

/// One quiet curve from zero up; also the form's preview of the learning rate.
pub fn curve(ui: &mut Ui, name: &'static str, value: &str, rect: Rect, num_steps: usize, points: &[(f64, f64)]) {
    let theme = Theme::of(ui);
    let high = points.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    let high = if high > 0.0 { high * 1.1 } else { 1.0 };
    let sentence = format!("{name} over {} steps, now {value}", format::thousands(num_steps));
    let line = PlotPoints::from(averaged(points, (rect.width() / MIN_POINT_DISTANCE) as usize));
    let (stroke, parts) = match name {
        "Schedule" => (Stroke::new(theme.width.curve, theme.accent.line), 3),
        _ => (Stroke::new(theme.width.line, theme.text.soft), 2),
    };
    Chart::new(name, &sentence, (0.0, num_steps as f64), (0.0, high))
        .x_ticks(parts_of(num_steps, parts))
        .y_ticks(even_ticks(0.0, high, 3, format::rate))
        .show(ui, rect, move |plot| plot.line(Line::new(name, line).stroke(stroke)));
}

/// Even parts at whole steps: a small chart has no room for more.
fn parts_of(num_steps: usize, parts: usize) -> Vec<Tick> {
    let step = |part: usize| (part * num_steps).div_ceil(parts);
    let mut steps: Vec<usize> = (0..=parts).map(step).collect();
    steps.dedup();
    steps.into_iter().map(|step| Tick { at: step as f64, words: format::thousands(step as u64) }).collect()
}
