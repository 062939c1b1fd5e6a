//! The held-out examples that are not right yet, regressions first, and ways on for each.

use std::sync::Arc;

use egui::{Align, Layout, Ui};

use super::state::{EvaluateAction, Shown};
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Button, Card, Chip, Text, Theme, format, icon};
use crate::app::screens::compare::{Action as CompareAction, fields};
use crate::app::screens::data;
use crate::app::{Action as AnyAction, Screen};
use crate::evaluate::{ExampleResult, Turn};
use crate::run::RunRecord;

/// Words of a prompt that find it among the held-out ones.
const WORDS_TO_FIND: usize = 40;

const FILTERS: [(Option<Turn>, &str); 5] = [
    (None, "Not right"),
    (Some(Turn::GotWorse), "Got worse"),
    (Some(Turn::BetterNotRight), "Better, not yet right"),
    (Some(Turn::SameNotRight), "Same"),
    (Some(Turn::Right), "Right"),
];

pub(super) fn show(ui: &mut Ui, run: &RunRecord, shown: &Shown, height: f32, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let rows = shown.rows();
    let examples = &shown.evaluation.report.examples;
    Card::new().flush().min_height(height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.set_max_height(height);
        head(ui, shown, &rows, actions);
        let columns = [
            Column::text("#", "1,187").right(),
            Column::share("Prompt", 2.0),
            Column::share("Expected", 1.2),
            Column::share("Before", 1.2).colored(theme.model.before),
            Column::share("After", 1.2).colored(theme.model.after),
            Column::text("Loss change", "+ 1.84 00").right(),
        ];
        let table = Table {
            name: "Answers",
            columns: &columns,
            num_rows: rows.len() as u64,
            selected: None,
            scroll_to: None,
            edge: theme.pad.card,
            is_list: false,
            sorted: Some(shown.sorted.unwrap_or((5, true))),
            marked: &unmarked,
        };
        let example = |row: u64| examples.get(*rows.get(row as usize)?);
        let done = table.show(ui, |row| match example(row.index) {
            Some(example) => paint(row, example),
            None => String::new(),
        });
        if let Some(column) = done.sort {
            actions.push(EvaluateAction::Sort(column).into());
        }
        if let Some(example) = done.select.and_then(example) {
            let words: Vec<_> = example.prompt.split_whitespace().take(WORDS_TO_FIND).collect();
            // First there: a project's first look at that screen begins with an empty search.
            actions.push(AnyAction::Go(Screen::Compare));
            actions.push(CompareAction::Run(run.name.clone()).into());
            actions.push(CompareAction::Search(words.join(" ")).into());
        }
    });
}

fn head(ui: &mut Ui, shown: &Shown, rows: &[usize], actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let counts = shown.counts();
    crate::app::kit::line(ui, theme.size.filter_bar_height, |ui| {
        ui.add_space(theme.pad.card);
        ui.spacing_mut().item_spacing.x = theme.space.xs;
        let title = match (&shown.cell, shown.slice.and_then(|at| shown.evaluation.findings.slices.get(at))) {
            (Some((expected, answered)), _) => format!("{expected} answered as {answered}"),
            (None, Some(slice)) => format!("{}: {}", slice.by.title(), slice.value),
            (None, None) => "Answers".to_owned(),
        };
        ui.add(Text::strong(title).one_line());
        if shown.cell.is_some() || shown.slice.is_some() {
            let all = Button::link("Show all").small().icon(icon::X);
            if ui.add(all).clicked() {
                actions.push(EvaluateAction::ShowAll.into());
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_space(theme.pad.card);
            ui.spacing_mut().item_spacing.x = theme.space.xs;
            let ids: Arc<[i64]> =
                rows.iter().filter_map(|at| shown.evaluation.report.examples.get(*at)?.about.id).collect();
            let open = Button::secondary("Open in Data").small();
            let why = "The project has none of these examples in these words any more";
            if ui.add(open.enabled_or(!ids.is_empty(), why)).clicked() {
                let only = data::Only::ids("From Evaluate", ids);
                actions.push(AnyAction::Go(Screen::Data));
                actions.push(data::FilterAction::ShowOnly(only).into());
            }
            ui.add_space(theme.space.s);
            for (of, (turn, words)) in FILTERS.iter().enumerate().rev() {
                let chip = Chip::new(*words).count(counts[of] as u64).selected(shown.turn == *turn);
                if ui.add(chip).clicked() {
                    actions.push(EvaluateAction::Turn(*turn).into());
                }
            }
        });
    });
    crate::app::kit::rule(ui);
}

fn paint(row: &mut Row<'_>, example: &ExampleResult) -> String {
    let theme = row.theme();
    let number = match example.shown_number() {
        0 => String::new(),
        number => format::thousands(number),
    };
    row.text(0, Align::Max, &number, theme.body(), theme.text.faint);
    row.text(1, Align::Min, &one(&example.prompt), theme.body(), theme.text.normal);
    row.text(2, Align::Min, &values(&example.expected), theme.body(), theme.text.soft);
    for (column, text) in [(3, example.answer(0)), (4, example.answer(1))] {
        let Some(text) = text else { continue };
        if example.expected.is_empty() {
            row.text(column, Align::Min, &values(text), theme.body(), theme.text.normal);
            continue;
        }
        let (mark, color) = match fields::is_right(&example.expected, text) {
            true => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
            false => (icon::X_CIRCLE.filled(), theme.status.error),
        };
        row.marked_text(column, mark, color, &values(text), theme.text.normal);
    }
    if let Some(change) = example.loss_change(1) {
        let sign = if change < 0.0 { "− " } else { "+ " };
        let color = if change > 0.0 { theme.text.normal } else { theme.text.soft };
        row.text(5, Align::Max, &format!("{sign}{:.2}", change.abs()), theme.body(), color);
    }
    format!("{}, expected {}", one(&example.prompt), values(&example.expected))
}

fn one(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// A JSON object's values, as in the table of examples; other text as it is.
fn values(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(object)) => object.values().map(fields::words).collect::<Vec<_>>().join(", "),
        _ => one(text),
    }
}
