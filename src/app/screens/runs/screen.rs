//! The table of runs, and the chosen one below it.

use egui::{Align, Rect, Ui, UiBuilder, Vec2};

use super::state::{RunsAction, RunsState};
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{
    Button, Card, Icon, Text, Theme, empty_state, format, icon, main_area, screen_header, section, way_on,
};
use crate::app::screens::train::{self, chart};
use crate::app::shell::words::model_name;
use crate::app::{Action as AnyAction, AppState, Drafts as AllDrafts, Screen};
use crate::project::{RunRecord, state::RunStatus};
use crate::recipe::params::{self, Value};

const COLUMNS: [Column; 7] = [
    Column::text("Run", "2026-12-28-88"),
    Column::share("Model", 1.0),
    Column::icon_and_text("Status", "Interrupted"),
    Column::text("Steps", "8,888 of 8,888").right(),
    Column::text("First val. loss", "8.888").right(),
    Column::text("Best val. loss", "8.888").right(),
    Column::text("Time", "88 min 88 s").right(),
];

pub fn show(ui: &mut Ui, state: &AppState, _drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let runs = &state.runs;
    header(ui, state, actions);
    main_area(ui, |ui| {
        if runs.records.is_empty() {
            return nothing_yet(ui, state, actions);
        }
        let theme = Theme::of(ui);
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let room = ui.available_rect_before_wrap();
        // The table has what it needs, and never more than half.
        let wanted = theme.size.table_header_height + theme.size.row_height * runs.records.len() as f32;
        let y = room.top() + wanted.min(room.height() / 2.0);
        let (upper, lower) = room.split_top_bottom_at_y(y);
        ui.scope_builder(UiBuilder::new().max_rect(upper), |ui| table(ui, state, actions));
        let lower = lower.shrink2(Vec2::new(theme.pad.screen_x, theme.space.l));
        if let Some(run) = runs.chosen() {
            ui.scope_builder(UiBuilder::new().max_rect(lower), |ui| one_run(ui, lower, state, run, actions));
        }
    });
}

fn header(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    let num = runs.records.len() as u64;
    let beside = |ui: &mut Ui| {
        if num > 0 {
            ui.add(Text::body(format::count(num, "run", "runs")).soft());
        }
    };
    screen_header(ui, "Runs", beside, |ui| {
        let Some(run) = runs.chosen() else { return };
        if ui.add(Button::secondary("Open folder").icon(icon::FOLDER_OPEN)).clicked() {
            actions.push(AnyAction::OpenFolder(run.run_dir.clone()));
        }
        if RunsState::can_resume(run) {
            let busy = state.jobs.training().is_some();
            let resume = Button::secondary("Go on").icon(icon::PLAY);
            if ui.add(resume.enabled_or(!busy, "Another run is training")).clicked() {
                actions.push(RunsAction::Resume(run.run_dir.clone()).into());
                actions.push(AnyAction::Go(Screen::Train));
            }
        }
    });
}

fn nothing_yet(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let text = match &state.runs.error {
        Some(error) => error.as_str(),
        None => "Every training is kept here with its settings, data, curves and weights",
    };
    empty_state(ui, "No runs yet", text, |ui| {
        let button = Button::primary("Go to Train");
        if way_on(ui, icon::PULSE, "Train the first run", "The defaults work unread", button).clicked() {
            actions.push(AnyAction::Go(Screen::Train));
        }
    });
}

fn table(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    let table = Table {
        name: "Runs",
        columns: &COLUMNS,
        num_rows: runs.records.len() as u64,
        selected: runs.selected(),
        scroll_to: None,
        edge: Theme::of(ui).pad.screen_x,
        is_list: false,
        sorted: None,
        marked: &unmarked,
    };
    let best = runs.records.iter().filter_map(|run| run.best_eval_loss).reduce(f64::min);
    let done = table.show(ui, |row| match runs.records.get(row.index as usize) {
        Some(run) => paint_row(row, run, best, train::of_live(state, &run.run_dir)),
        None => String::new(),
    });
    if let Some(row) = done.select {
        actions.push(RunsAction::Select(row).into());
    }
}

fn paint_row(row: &mut Row<'_>, run: &RunRecord, best: Option<f64>, live: Option<train::Standing>) -> String {
    let theme = row.theme();
    let (mark, color, words) = status_look(theme, run.status);
    // The folder of a run under way says "running", also while it is paused or stopping.
    let words = live.map_or(words, |standing| standing.short());
    row.text(0, Align::Min, &run.name, theme.body(), theme.text.normal);
    row.text(1, Align::Min, &model_name(&run.model), theme.body(), theme.text.soft);
    row.marked_text(2, mark, color, words, theme.text.normal);
    let steps =
        format!("{} of {}", format::thousands(run.num_steps_done as u64), format::thousands(run.num_steps as u64));
    row.text(3, Align::Max, &steps, theme.body(), theme.text.soft);
    let loss = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::loss);
    row.text(4, Align::Max, &loss(run.first_eval_loss), theme.body(), theme.text.soft);
    let is_best = best.is_some() && run.best_eval_loss == best;
    let font = if is_best { theme.strong() } else { theme.body() };
    row.text(5, Align::Max, &loss(run.best_eval_loss), font, theme.text.normal);
    row.text(6, Align::Max, &format::duration(run.secs), theme.body(), theme.text.soft);
    format!("Run {}, {words}, {steps} steps, best validation loss {}", run.name, loss(run.best_eval_loss))
}

fn status_look(theme: &Theme, status: RunStatus) -> (Icon, egui::Color32, &'static str) {
    match status {
        RunStatus::Running => (icon::CIRCLE.filled(), theme.status.running, "Running"),
        RunStatus::Completed => (icon::CHECK_CIRCLE.filled(), theme.status.ok, "Done"),
        RunStatus::Stopped => (icon::CHECK_CIRCLE.filled(), theme.text.faint, "Stopped"),
        RunStatus::Interrupted => (icon::WARNING.filled(), theme.status.warning, "Interrupted"),
    }
}

/// Curves at the left, what was asked at the right.
fn one_run(ui: &mut Ui, rect: Rect, state: &AppState, run: &RunRecord, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing = Vec2::new(theme.pad.between_controls, theme.space.xs);
    let right_width = theme.size.side_panel_width.min(rect.width() / 2.0);
    let (left, right) = rect.split_left_right_at_x(rect.right() - right_width);
    let left = Rect::from_min_max(left.min, left.max - Vec2::new(theme.pad.between_cards, 0.0));
    curves(ui, state, run, left, actions);
    ui.scope_builder(UiBuilder::new().max_rect(right), |ui| {
        Card::new().min_height(right.height()).show(ui, |ui| asked(ui, run));
    });
}

fn curves(ui: &mut Ui, state: &AppState, run: &RunRecord, rect: Rect, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    if runs.smoothing != state.train.smoothing {
        actions.push(RunsAction::Smooth(state.train.smoothing).into());
    }
    match (&runs.curves, &runs.error) {
        (Some(curves), None) if curves.run_dir.as_ref() == Some(&run.run_dir) => {
            chart::loss(ui, state, curves, rect, actions);
        }
        (_, error) => {
            ui.scope_builder(UiBuilder::new().max_rect(rect), |ui| {
                Card::new().min_height(rect.height()).show(ui, |ui| {
                    let words = error.as_deref().unwrap_or("Reading the curves");
                    ui.add(Text::body(words).soft().wrapped());
                });
            });
        }
    }
}

/// The settings under their public names; what differs from the default stands out.
fn asked(ui: &mut Ui, run: &RunRecord) {
    section(ui, "What was asked", "", |_| {});
    egui::ScrollArea::vertical().id_salt("asked").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        asked_row(ui, "base_model", &model_name(&run.model), true);
        for param in params::PARAMS {
            let value = (param.get)(&run.recipe);
            asked_row(ui, param.name(), &words(&value), value == param.default());
        }
    });
}

fn asked_row(ui: &mut Ui, name: &str, value: &str, is_default: bool) {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.fact_row_height);
    let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
    // The scroll bar lies over the edge.
    let inner = rect.with_max_x(rect.right() - theme.space.m);
    let layout = egui::Layout::left_to_right(Align::Center);
    let mut line = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    line.add(Text::mono(name).soft());
    line.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
        ui.add(if is_default { Text::body(value).soft() } else { Text::strong(value) }.one_line());
    });
}

fn words(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format::rate(*number),
        Value::Switch(is_on) => if *is_on { "on" } else { "off" }.to_owned(),
        Value::Choice(key) => (*key).to_owned(),
        Value::Names(names) => names.clone(),
    }
}
