//! The table of runs.

use egui::{Align, Ui};

use super::order::{self, SortBy};
use super::state::{MOST_CURVES, RunsAction};
use crate::app::kit::table::{Column, Row, Table};
use crate::app::kit::{Icon, Text, Theme, check_mark, format, icon, series, star};
use crate::app::screens::train;
use crate::app::{Action as AnyAction, AppState};
use crate::run::{RunNote, RunRecord, RunStatus};

const COLUMNS: [Column; 9] = [
    Column::text("", "8."),
    Column::text("", "8888"),
    Column::text("Run", "2026-12-28-88"),
    Column::text("", "88"),
    Column::share("Note", 1.0),
    Column::icon_and_text("Status", "Interrupted"),
    Column::text("Steps", "8,888 of 8,888").right(),
    Column::text("Best val. loss", "8.888 88").right(),
    Column::text("Time", "88 min 88 s").right(),
];

/// What the heads sort by.
const SORTS: [(usize, SortBy); 6] = [
    (2, SortBy::Run),
    (4, SortBy::Note),
    (5, SortBy::Status),
    (6, SortBy::Steps),
    (7, SortBy::BestLoss),
    (8, SortBy::Time),
];

pub fn show(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let runs = &state.runs;
    if runs.rows.is_empty() {
        let theme = Theme::of(ui);
        ui.add_space(theme.space.s);
        ui.horizontal(|ui| {
            ui.add_space(theme.pad.screen_x);
            ui.add(Text::body(format!("No run fits “{}”", runs.listing.search)).soft());
        });
        return;
    }
    let sorted = SORTS.iter().find(|(_, by)| *by == runs.listing.by).map(|(at, _)| (*at, runs.listing.is_descending));
    let table = Table {
        name: "Runs",
        columns: &COLUMNS,
        num_rows: runs.rows.len() as u64,
        selected: runs.cursor().filter(|row| runs.at(*row).is_some_and(|run| runs.slot(run).is_some())),
        scroll_to: None,
        edge: Theme::of(ui).pad.screen_x,
        is_list: false,
        sorted,
        marked: &|row| runs.at(row).is_some_and(|run| runs.slot(run).is_some()),
    };
    let best = runs.records.iter().filter_map(|run| run.best_eval_loss).reduce(f64::min);
    let done = table.show(ui, |row| match runs.at(row.index) {
        Some(run) => paint(row, state, run, best, actions),
        None => String::new(),
    });
    if let Some(row) = done.select {
        actions.push(RunsAction::Select(row, done.choice).into());
    }
    if done.select_all {
        actions.push(RunsAction::SelectAll.into());
    }
    let can_delete = runs.looked_at().iter().all(|(run, _)| run.status != RunStatus::Running);
    if done.delete && can_delete {
        actions.push(RunsAction::Delete.into());
    }
    if let Some((_, by)) = done.sort.and_then(|at| SORTS.iter().find(|(column, _)| *column == at)) {
        actions.push(RunsAction::Sort(*by).into());
    }
}

fn paint(
    row: &mut Row<'_>,
    state: &AppState,
    run: &RunRecord,
    best: Option<f64>,
    actions: &mut Vec<AnyAction>,
) -> String {
    let (theme, runs) = (row.theme(), &state.runs);
    let slot = runs.slot(run);
    let name = format!("Select {}", run.name);
    if row.widget(0, |ui| check_mark(ui, &name, slot.is_some())).flatten().is_some() {
        // The same as a click with Ctrl held.
        actions.push(RunsAction::Toggle(run.run_dir.clone()).into());
    }
    if let Some(slot) = slot.filter(|slot| *slot < MOST_CURVES && runs.single().is_none()) {
        row.widget(1, |ui| series::sample(ui, slot));
    }
    row.text(2, Align::Min, &run.name, theme.body(), theme.text.normal);
    let note = &run.about.note;
    let words = format!("{} {}", if note.is_starred { "Unstar" } else { "Star" }, run.name);
    if row.widget(3, |ui| star(ui, &words, note.is_starred)) == Some(true) {
        let note = RunNote { is_starred: !note.is_starred, ..note.clone() };
        actions.push(RunsAction::Keep(run.run_dir.clone(), note).into());
    }
    row.text(4, Align::Min, &note.text, theme.body(), theme.text.normal);
    let (mark, color) = look(theme, run.status);
    // The folder of a run under way says "running", also while it is paused or stopping.
    let words = train::of_live(state, &run.run_dir).map_or(order::status(run.status), |standing| standing.short());
    row.marked_text(5, mark, color, words, theme.text.normal);
    let steps =
        format!("{} of {}", format::thousands(run.num_steps_done as u64), format::thousands(run.num_steps as u64));
    row.text(6, Align::Max, &steps, theme.body(), theme.text.soft);
    let loss = run.best_eval_loss.map_or_else(|| "–".to_owned(), format::loss);
    let is_best = best.is_some() && run.best_eval_loss == best;
    row.text(7, Align::Max, &loss, if is_best { theme.strong() } else { theme.body() }, theme.text.normal);
    row.text(8, Align::Max, &format::duration(run.secs), theme.body(), theme.text.soft);
    format!("Run {}, {words}, {steps} steps, best validation loss {loss}", run.name)
}

fn look(theme: &Theme, status: RunStatus) -> (Icon, egui::Color32) {
    match status {
        RunStatus::Running => (icon::CIRCLE.filled(), theme.status.running),
        RunStatus::Completed => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        RunStatus::Stopped => (icon::CHECK_CIRCLE.filled(), theme.text.faint),
        RunStatus::Interrupted => (icon::WARNING.filled(), theme.status.warning),
    }
}
