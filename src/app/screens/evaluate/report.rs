//! What an evaluation found: the verdict first, then the figures, then the answers.

use egui::{Align, Layout, Sense, Ui, UiBuilder, Vec2};

use crate::app::Action as AnyAction;
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Card, Icon, Text, Theme, format, icon};
use crate::app::screens::compare::fields;
use crate::evaluate::{AnsweredExample, EvaluationReport, HeldOut};

pub(super) fn show(ui: &mut Ui, report: &EvaluationReport, _actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.pad.between_cards;
    verdict(ui, report);
    figures(ui, report);
    if !report.answers.is_empty() {
        answers(ui, &report.answers);
    }
}

/// Better by how much counts as better: what rounds to nothing is the same.
const LEAST_CHANGE: f64 = 0.005;

#[derive(Clone, Copy, PartialEq)]
enum Change {
    Better,
    Same,
    Worse,
}

impl Change {
    /// Of a measure where less is better.
    fn of_loss(before: f64, after: f64) -> Self {
        match (after - before) / before.abs().max(f64::EPSILON) {
            change if change < -LEAST_CHANGE => Self::Better,
            change if change > LEAST_CHANGE => Self::Worse,
            _ => Self::Same,
        }
    }

    fn of_share(before: f64, after: f64) -> Self {
        match after - before {
            change if change > LEAST_CHANGE => Self::Better,
            change if change < -LEAST_CHANGE => Self::Worse,
            _ => Self::Same,
        }
    }

    fn look(self, theme: &Theme) -> (Icon, egui::Color32, &'static str) {
        match self {
            Self::Better => (icon::CHECK_CIRCLE.filled(), theme.status.ok, "Better"),
            Self::Same => (icon::EQUALS, theme.text.soft, "Same"),
            Self::Worse => (icon::X_CIRCLE.filled(), theme.status.error, "Worse"),
        }
    }
}

fn verdict(ui: &mut Ui, report: &EvaluationReport) {
    let theme = Theme::of(ui);
    let (Some(before), Some(after)) = (&report.before, &report.after) else { return };
    let change = Change::of_loss(before.loss, after.loss);
    let (mark, color, _) = change.look(theme);
    let words = match change {
        Change::Better => "Tuning worked",
        Change::Same => "Tuning changed little",
        Change::Worse => "Tuning made it worse",
    };
    let losses = format!("{} to {}", format::loss(before.loss), format::loss(after.loss));
    let text = match change {
        Change::Better => format!("On examples that training has not seen, loss fell from {losses}"),
        Change::Same => format!("On examples that training has not seen, loss went from {losses}"),
        Change::Worse => format!("On examples that training has not seen, loss rose from {losses}"),
    };
    Card::new().show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.m;
            mark.show(ui, color);
            ui.add(Text::strong(words));
            ui.add(Text::body(text).soft());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add(Text::small(better_and_worse(&report.answers)).faint());
            });
        });
    });
}

/// Counts over the single answers; empty where none was written.
fn better_and_worse(answers: &[AnsweredExample]) -> String {
    let right =
        |answer: &Option<String>, expected: &str| answer.as_ref().is_some_and(|a| fields::is_right(expected, a));
    let (mut better, mut worse) = (0u64, 0u64);
    for answer in answers {
        match (right(&answer.before, &answer.expected), right(&answer.after, &answer.expected)) {
            (false, true) => better += 1,
            (true, false) => worse += 1,
            _ => {}
        }
    }
    let same = answers.len() as u64 - better - worse;
    match answers.len() {
        0 => String::new(),
        _ => format!("{better} got right, {same} same, {worse} went wrong"),
    }
}

fn figures(ui: &mut Ui, report: &EvaluationReport) {
    let theme = Theme::of(ui);
    Card::new().flush().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        line(ui, theme.size.table_header_height, false, |ui, cell| {
            cell(ui, 0, Text::strong("Before and after"), None);
            cell(ui, 1, Text::caption("Before").color(theme.model.before), None);
            cell(ui, 2, Text::caption("After").color(theme.model.after), None);
            cell(ui, 3, Text::caption("Verdict"), None);
        });
        let (before, after) = (report.before.as_ref(), report.after.as_ref());
        let loss = |h: &HeldOut| h.loss;
        row(ui, "Loss on answers", "lower is better", (before, after), loss, format::loss, Change::of_loss, true);
        let perplexity = |h: &HeldOut| h.perplexity;
        row(ui, "Perplexity", "lower is better", (before, after), perplexity, format::loss, Change::of_loss, true);
        if after.or(before).is_some_and(|held_out| held_out.exact_match.is_some()) {
            let exact = |h: &HeldOut| h.exact_match.unwrap_or(f64::NAN);
            row(ui, "Exactly as expected", "", (before, after), exact, format::percent, Change::of_share, true);
        }
        let size = after.or(before).map(|held_out| {
            let examples = format::count(held_out.num_examples as u64, "example", "examples");
            let tokens = format::count(held_out.num_tokens as u64, "answer token", "answer tokens");
            format!("{examples}, {tokens}, measured in {}", format::duration(report.secs))
        });
        line(ui, theme.size.row_height, false, |ui, cell| {
            cell(ui, 0, Text::small(size.unwrap_or_default()).faint(), None)
        });
        for note in after.or(before).map(|held_out| held_out.tally.notes()).unwrap_or_default() {
            line(ui, theme.size.row_height, false, |ui, cell| {
                let mark = (icon::WARNING.filled(), theme.status.warning);
                cell(ui, 0, Text::small(format!("In the loss, {note}")), Some(mark));
            });
        }
    });
}

#[expect(clippy::too_many_arguments, reason = "one row of one small table; the closures say what the row is about")]
fn row(
    ui: &mut Ui,
    name: &str,
    remark: &str,
    (before, after): (Option<&HeldOut>, Option<&HeldOut>),
    value: impl Fn(&HeldOut) -> f64,
    words: fn(f64) -> String,
    change: fn(f64, f64) -> Change,
    has_rule: bool,
) {
    let theme = Theme::of(ui);
    line(ui, theme.size.row_height, has_rule, |ui, cell| {
        cell(ui, 0, Text::body(name), None);
        let told = |held_out: Option<&HeldOut>| held_out.map_or_else(|| "–".to_owned(), |h| words(value(h)));
        cell(ui, 1, Text::body(told(before)).soft(), None);
        cell(ui, 2, Text::strong(told(after)), None);
        if let (Some(before), Some(after)) = (before, after) {
            let (mark, color, verdict) = change(value(before), value(after)).look(theme);
            cell(ui, 3, Text::body(verdict), Some((mark, color)));
            cell(ui, 4, Text::small(remark).faint(), None);
        }
    });
}

/// Puts words into a column, with a mark before them.
type Cell<'a> = dyn FnMut(&mut Ui, usize, Text, Option<(Icon, egui::Color32)>) + 'a;

/// One line of the table of figures: the name, two values, the verdict, a remark.
fn line(ui: &mut Ui, height: f32, has_rule: bool, cells: impl FnOnce(&mut Ui, &mut Cell<'_>)) {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    if has_rule {
        ui.painter().hline(rect.x_range(), rect.top(), theme.line(theme.stroke.subtle));
    }
    let inner = rect.shrink2(Vec2::new(theme.pad.card, 0.0));
    let step = theme.size.settings_name_width;
    cells(ui, &mut |ui, column, text, mark| {
        let left = inner.left() + step * column as f32;
        let place = egui::Rect::from_min_max(egui::pos2(left, inner.top()), inner.max);
        let mut child = ui.new_child(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)));
        if let Some((icon, color)) = mark {
            child.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
            icon.show_sized(&mut child, theme.size.icon_small, color);
        }
        child.add(text);
    });
}

fn answers(ui: &mut Ui, answers: &[AnsweredExample]) {
    let theme = Theme::of(ui);
    let height = (ui.available_height()).max(theme.size.row_height * 6.0);
    let columns = [
        Column::share("Prompt", 2.0),
        Column::share("Expected", 1.5),
        Column::share("Before", 1.5).colored(theme.model.before),
        Column::share("After", 1.5).colored(theme.model.after),
    ];
    Card::new().flush().min_height(height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.set_max_height(height);
        let table = Table {
            name: "Answers",
            columns: &columns,
            num_rows: answers.len() as u64,
            selected: None,
            scroll_to: None,
            edge: theme.pad.card,
            is_list: false,
            sorted: None,
            marked: &unmarked,
        };
        table.show(ui, |row| match answers.get(row.index as usize) {
            Some(answer) => paint_answer(row, answer),
            None => String::new(),
        });
    });
}

fn paint_answer(row: &mut Row<'_>, answer: &AnsweredExample) -> String {
    let theme = row.theme();
    row.text(0, Align::Min, &one(&answer.prompt), theme.body(), theme.text.normal);
    row.text(1, Align::Min, &values(&answer.expected), theme.body(), theme.text.soft);
    for (column, text) in [(2, &answer.before), (3, &answer.after)] {
        let Some(text) = text else { continue };
        let (mark, color) = match fields::is_right(&answer.expected, text) {
            true => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
            false => (icon::X_CIRCLE.filled(), theme.status.error),
        };
        row.marked_text(column, mark, color, &values(text), theme.text.normal);
    }
    format!("{}, expected {}", one(&answer.prompt), values(&answer.expected))
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
