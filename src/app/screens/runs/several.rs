//! Several runs: their curves on top of each other, and what differs between them.

use egui::{Align, Layout, Rect, Sense, Ui, UiBuilder, Vec2};
use egui_plot::{Line, PlotPoints};

use super::differs::{self, Fact, Kind};
use super::state::{MOST_CURVES, RunsAction};
use crate::app::kit::plot::{Chart, ChartResponse, HoverValue, Ticks, end_labels, hover_card, thin_out};
use crate::app::kit::{Card, Combo, Text, Theme, format, line, one_line, rule, segmented_small, series, switch};
use crate::app::screens::train::{Action as TrainAction, Run, chart};
use crate::app::{Action as AnyAction, AppState};
use crate::run::RunRecord;

/// Points of one curve that are worth painting.
const MOST_POINTS: usize = 1000;

/// One run's curve: its label, slot, and points.
struct Curve {
    name: String,
    slot: usize,
    points: Vec<(f64, f64)>,
}

pub fn curves(ui: &mut Ui, state: &AppState, rect: Rect, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("curves of runs"));
    Card::new().slim().min_height(rect.height()).show(&mut child, |ui| {
        head(ui, state, actions);
        let curves = collect(state);
        let space = ui.available_rect_before_wrap();
        let bottom = rect.bottom() - theme.space.xl;
        let space = Rect::from_min_max(space.min + Vec2::new(0.0, theme.space.s), egui::pos2(space.right(), bottom));
        draw(ui, state, &curves, space);
        ui.allocate_rect(space, Sense::hover());
    });
}

fn head(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    line(ui, Theme::of(ui).size.control_height_small, |ui| {
        let losses = [(false, "Validation loss"), (true, "Training loss")];
        if let Some(shows_training) = Combo::new("Curves", &losses, runs.shows_training).small().show(ui) {
            actions.push(RunsAction::ShowTraining(shows_training).into());
        }
        let num = runs.looked_at().len();
        if num > MOST_CURVES {
            ui.add(Text::small(format!("{MOST_CURVES} of {num} are drawn")).faint());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let scales = [(false, "Linear"), (true, "Log")];
            if let Some(is_log) = segmented_small(ui, "Scale", &scales, state.train.is_log) {
                actions.push(TrainAction::SetLog(is_log).into());
            }
            if runs.shows_training {
                let combo = Combo::new("Smoothing", chart::SMOOTHINGS, state.train.smoothing).plain();
                if let Some(smoothing) = combo.show(ui) {
                    actions.push(TrainAction::Smooth(smoothing).into());
                }
                let in_force = |(run, _): &(&RunRecord, usize)| runs.curves(run).map(Run::smoothing);
                let is_less = runs.looked_at().iter().filter_map(in_force).any(|(asked, weight)| weight < asked);
                ui.add(Text::small(if is_less { "Smoothing, less in short runs" } else { "Smoothing" }).faint());
            }
        });
    });
}

fn collect(state: &AppState) -> Vec<Curve> {
    let runs = &state.runs;
    let looked_at: Vec<_> = runs.looked_at().into_iter().filter(|(_, slot)| *slot < MOST_CURVES).collect();
    let names = differs::short_names(looked_at.iter().map(|(run, _)| run.name.as_str()));
    let mut curves = Vec::new();
    for ((run, slot), name) in looked_at.into_iter().zip(names) {
        let Some(read) = runs.curves(run) else { continue };
        let points: Vec<(f64, f64)> = match runs.shows_training {
            true => read.steps.iter().zip(&read.smoothed).map(|(step, loss)| (step.step as f64, *loss)).collect(),
            false => read.evaluations.iter().map(|e| (e.step as f64, e.eval_loss)).collect(),
        };
        let points = points.into_iter().filter(|(_, loss)| loss.is_finite()).collect();
        curves.push(Curve { name, slot, points });
    }
    curves
}

fn draw(ui: &mut Ui, state: &AppState, curves: &[Curve], rect: Rect) {
    let theme = Theme::of(ui);
    let is_log = state.train.is_log;
    let y = move |loss: f64| if is_log { loss.max(1e-6).log10() } else { loss };
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (_, loss)| (l.min(*loss), h.max(*loss)));
    let last = all().map(|(step, _)| *step).fold(1.0, f64::max);
    if low > high {
        ui.put(rect, Text::body("Reading the curves").soft());
        return;
    }
    let range = match is_log {
        true => (y(low) - 0.05, y(high) + 0.05),
        false => (0.0, high * 1.05),
    };
    let what = if state.runs.shows_training { "Training loss" } else { "Validation loss" };
    let ends = curves.iter().filter_map(|curve| Some((&curve.name, curve.points.last()?)));
    let ends: Vec<String> = ends.map(|(name, (_, loss))| format!("{name} {}", format::loss(*loss))).collect();
    let sentence = format!("{what} of {} runs over their steps: {}", curves.len(), ends.join(", "));
    // Room for the names at the curves' ends.
    let chart = Chart::new("runs", &sentence, (0.0, last * 1.1), range)
        .x_ticks(Ticks::Steps { last: last as usize, unit: 1 })
        .y_ticks(if is_log { Ticks::Log } else { Ticks::Even })
        .zoomable();
    let lines: Vec<_> = curves
        .iter()
        .map(|curve| {
            let points: Vec<_> = curve.points.iter().map(|(step, loss)| (*step, y(*loss))).collect();
            let line = Line::new(curve.name.clone(), PlotPoints::from(thin_out(&points, MOST_POINTS)));
            line.color(series::color(theme, curve.slot))
                .style(series::style(theme, curve.slot))
                .width(theme.width.curve)
        })
        .collect();
    let shown = chart.show(ui, rect, move |plot| lines.into_iter().for_each(|line| plot.line(line)));
    let end = |curve: &Curve| {
        let (step, loss) = curve.points.last()?;
        Some((shown.at(*step, y(*loss)), curve.name.clone(), series::color(theme, curve.slot)))
    };
    end_labels(ui, &shown, curves.iter().filter_map(end).collect());
    under_pointer(ui, curves, &shown);
}

fn under_pointer(ui: &Ui, curves: &[Curve], shown: &ChartResponse) {
    let theme = Theme::of(ui);
    let Some(pointer) = shown.pointer else { return };
    let step = pointer.x.round().max(0.0);
    let at = |curve: &Curve| curve.points.iter().rev().find(|(at, _)| *at <= step).copied();
    let values: Vec<_> = curves
        .iter()
        .filter_map(|curve| {
            let (_, loss) = at(curve)?;
            let color = series::color(theme, curve.slot);
            Some(HoverValue { color, is_round: false, name: &curve.name, value: format::loss(loss) })
        })
        .collect();
    if !values.is_empty() {
        hover_card(ui, shown, step, &format!("Step {}", format::thousands(step as u64)), &values);
    }
}

/// What is the same in all of them is left out, unless asked for.
pub fn differences(ui: &mut Ui, state: &AppState, rect: Rect, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    let looked_at: Vec<_> = runs.looked_at().into_iter().filter(|(_, slot)| *slot < MOST_CURVES).collect();
    let records: Vec<&RunRecord> = looked_at.iter().map(|(run, _)| *run).collect();
    let mut facts = differs::facts(&records);
    let num_all = facts.len();
    if runs.only_differences {
        facts.retain(Fact::differs);
    }
    ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
        Card::new().min_height(rect.height()).show(ui, |ui| {
            let theme = Theme::of(ui);
            line(ui, theme.size.control_height_small, |ui| {
                ui.add(Text::strong("What differs"));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let name = "Only differences";
                    if let Some(is_on) = switch(ui, name, name, runs.only_differences) {
                        actions.push(RunsAction::OnlyDifferences(is_on).into());
                    }
                });
            });
            let names = differs::short_names(records.iter().map(|run| run.name.as_str()));
            let heads: Vec<_> = names.into_iter().zip(looked_at.iter().map(|(_, slot)| *slot)).collect();
            egui::ScrollArea::vertical().id_salt("differs").auto_shrink(false).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                row(
                    ui,
                    |ui, column, rect| match column {
                        0 => {}
                        column => {
                            let (name, slot) = &heads[column - 1];
                            cell(ui, rect, name, theme.small_strong(), series::color(theme, *slot), false);
                        }
                    },
                    heads.len(),
                );
                for fact in &facts {
                    rule(ui);
                    fact_row(ui, fact);
                }
                if facts.len() < num_all {
                    ui.add_space(theme.space.s);
                    let rest = format::count((num_all - facts.len()) as u64, "setting is", "settings are");
                    ui.add(Text::small(format!("{rest} the same in all of them")).faint());
                }
            });
        });
    });
}

fn fact_row(ui: &mut Ui, fact: &Fact) {
    let theme = Theme::of(ui);
    let usual = fact.usual();
    let shown = row(
        ui,
        |ui, column, rect| match column {
            0 => {
                let font = if fact.kind == Kind::Setting { theme.mono() } else { theme.body() };
                let name = one_line(ui, fact.name, font, theme.text.soft, rect.width());
                let at = egui::pos2(rect.left(), (rect.center().y - name.size().y / 2.0).round());
                ui.painter().galley(at, name, theme.text.soft);
            }
            column => {
                let value = &fact.values[column - 1];
                cell(ui, rect, value, theme.body(), theme.text.normal, usual.is_some_and(|usual| value != usual));
            }
        },
        fact.values.len(),
    );
    let words = format!("{}: {}", fact.name, fact.values.join(", "));
    shown.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &words));
}

/// A name and `num_values` values of even width.
fn row(ui: &mut Ui, paint: impl Fn(&Ui, usize, Rect), num_values: usize) -> egui::Response {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.row_height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let gap = theme.space.xs;
    // The scroll bar lies over the edge.
    let width = rect.width() - theme.space.m;
    let name_width = (width / (num_values as f32 + 2.0) * 2.0).min(theme.size.settings_name_width);
    let value_width = (width - name_width) / num_values as f32;
    paint(ui, 0, rect.with_max_x(rect.left() + name_width - gap));
    for i in 0..num_values {
        let left = rect.left() + name_width + i as f32 * value_width;
        let cell =
            Rect::from_min_max(egui::pos2(left + gap, rect.top()), egui::pos2(left + value_width, rect.bottom()));
        paint(ui, i + 1, cell);
    }
    response
}

fn cell(ui: &Ui, rect: Rect, value: &str, font: egui::FontId, color: egui::Color32, is_odd: bool) {
    let theme = Theme::of(ui);
    let pad = theme.space.xs;
    let galley = one_line(ui, value, font, color, rect.width() - 2.0 * pad);
    let at = egui::pos2(rect.right() - pad - galley.size().x, (rect.center().y - galley.size().y / 2.0).round());
    if is_odd {
        let ground = Rect::from_min_size(at, galley.size()).expand2(Vec2::new(pad, theme.space.xxs));
        ui.painter().rect_filled(ground, theme.rounding(theme.radius.badge), theme.surface.selected);
    }
    ui.painter().galley(at, galley, color);
}
