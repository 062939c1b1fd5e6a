//! What an evaluation found: the verdict first, then the figures, then the answers.

use egui::{Align, Layout, Sense, Ui, UiBuilder, Vec2};

use super::state::{EvaluateAction, Shown};
use crate::app::kit::table::{Column, Row, Table, unmarked};
use crate::app::kit::{Button, Card, Icon, Text, Theme, format, icon};
use crate::app::parts::run_label;
use crate::app::screens::compare::{Action as CompareAction, fields};
use crate::app::screens::runs::{self, state::RunsState};
use crate::app::screens::train;
use crate::app::{Action as AnyAction, AppState, Screen};
use crate::evaluate::{AnsweredExample, Change, HeldOut, Judgement, Stale, Verdict};
use crate::render::Tally;
use crate::run::RunRecord;

pub(super) fn show(ui: &mut Ui, state: &AppState, run: &RunRecord, shown: &Shown, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.pad.between_cards;
    if let Some(stale) = &shown.stale {
        no_longer(ui, state, run, stale, actions);
    }
    if let Some(judgement) = &shown.judgement {
        verdict(ui, state, run, judgement, actions);
    }
    figures(ui, shown);
    if !shown.report.answers.is_empty() {
        answers(ui, run, &shown.report.answers, actions);
    }
}

fn look_of(change: Change, theme: &Theme) -> (Icon, egui::Color32, &'static str) {
    match change {
        Change::Better => (icon::CHECK_CIRCLE.filled(), theme.status.ok, "Better"),
        Change::Same => (icon::EQUALS, theme.text.soft, "Same"),
        Change::Worse => (icon::X_CIRCLE.filled(), theme.status.error, "Worse"),
    }
}

/// What was measured was something else than the run is now.
fn no_longer(ui: &mut Ui, state: &AppState, run: &RunRecord, stale: &Stale, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (title, text) = match stale {
        Stale::Step(step) => {
            let step = format::thousands(*step as u64);
            (format!("Measured at step {step}"), format!("The run uses other weights now: {}", run_label(run)))
        }
        Stale::Weights => ("Measured on other weights".to_owned(), "They were written anew since".to_owned()),
        Stale::Data => ("Measured on other examples".to_owned(), "The held-out file was changed since".to_owned()),
    };
    Card::new().show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.m;
            icon::WARNING.filled().show(ui, theme.status.warning);
            ui.add(Text::strong(title));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let again = Button::secondary("Measure again").icon(icon::ARROW_CLOCKWISE).small();
                let again = again.enabled_or(state.evaluate.job.is_none(), "An evaluation is running");
                if ui.add(again).clicked() {
                    actions.push(EvaluateAction::Start.into());
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::body(text).soft().one_line()));
            });
        });
    });
}

fn verdict(ui: &mut Ui, state: &AppState, run: &RunRecord, judgement: &Judgement, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let (mark, color) = match judgement.verdict {
        Verdict::Worked => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        Verdict::FormOnly | Verdict::Mixed | Verdict::TooFew => (icon::WARNING.filled(), theme.status.warning),
        Verdict::Little => (icon::EQUALS, theme.text.soft),
        Verdict::Worse => (icon::X_CIRCLE.filled(), theme.status.error),
    };
    Card::new().show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme.space.m;
            mark.show(ui, color);
            ui.add(Text::strong(judgement.title()));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if judgement.verdict.asks_for_more() {
                    train_more(ui, state, run, actions);
                } else if let Some(all) = judgement.outcomes {
                    let same = all.num - all.got_right - all.went_wrong;
                    let words = [(all.got_right, "got right"), (same, "same"), (all.went_wrong, "went wrong")];
                    let words = words.map(|(num, what)| format!("{} {what}", format::thousands(num))).join(", ");
                    ui.add(Text::small(words).faint());
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Text::body(judgement.in_words(format::thousands, format::loss)).soft().one_line());
                });
            });
        });
    });
}

/// Goes on with a run that has steps left, else leads to the form of the next one.
fn train_more(ui: &mut Ui, state: &AppState, run: &RunRecord, actions: &mut Vec<AnyAction>) {
    let can_resume = RunsState::can_resume(run);
    let words = if can_resume { "Go on training" } else { "Train longer…" };
    let button = Button::secondary(words).icon(icon::PLAY).small();
    let is_free = state.jobs.training().is_none();
    if ui.add(button.enabled_or(is_free, "A run is training already")).clicked() {
        if can_resume {
            actions.push(runs::Action::Resume(run.run_dir.clone()).into());
        } else {
            actions.push(train::Action::ShowForm.into());
        }
        actions.push(AnyAction::Go(Screen::Train));
    }
}

fn figures(ui: &mut Ui, shown: &Shown) {
    let report = &shown.report;
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
            let when = shown.at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
            format!("{examples}, {tokens}, measured in {}{when}", format::duration(report.secs))
        });
        line(ui, theme.size.row_height, false, |ui, cell| {
            cell(ui, 0, Text::small(size.unwrap_or_default()).faint(), None)
        });
        let notes = after.or(before).map(|held_out| notes(&held_out.tally)).unwrap_or_default();
        for note in notes.into_iter().chain(shown.not_kept.clone()) {
            line(ui, theme.size.row_height, false, |ui, cell| {
                let mark = (icon::WARNING.filled(), theme.status.warning);
                cell(ui, 0, Text::small(note), Some(mark));
            });
        }
    });
}

/// What is said of the data: that the loss leaves out or cuts examples is said as such, what the model's template does
/// concerns the answers as well.
fn notes(tally: &Tally) -> Vec<String> {
    let of_template = tally.template_notes();
    let sentence = |note: String| if of_template.contains(&note) { note } else { format!("In the loss, {note}") };
    tally.notes().into_iter().map(sentence).collect()
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
            let (mark, color, verdict) = look_of(change(value(before), value(after)), theme);
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

/// Words of a prompt that find it among the held-out ones.
const WORDS_TO_FIND: usize = 40;

/// A click leads to where both answers can be read.
fn answers(ui: &mut Ui, run: &RunRecord, answers: &[AnsweredExample], actions: &mut Vec<AnyAction>) {
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
        let done = table.show(ui, |row| match answers.get(row.index as usize) {
            Some(answer) => paint_answer(row, answer),
            None => String::new(),
        });
        if let Some(answer) = done.select.and_then(|row| answers.get(row as usize)) {
            let words: Vec<_> = answer.prompt.split_whitespace().take(WORDS_TO_FIND).collect();
            // First there: a project's first look at that screen begins with an empty search.
            actions.push(AnyAction::Go(Screen::Compare));
            actions.push(CompareAction::Run(run.name.clone()).into());
            actions.push(CompareAction::Search(words.join(" ")).into());
        }
    });
}

fn paint_answer(row: &mut Row<'_>, answer: &AnsweredExample) -> String {
    let theme = row.theme();
    row.text(0, Align::Min, &one(&answer.prompt), theme.body(), theme.text.normal);
    row.text(1, Align::Min, &values(&answer.expected), theme.body(), theme.text.soft);
    for (column, text) in [(2, &answer.before), (3, &answer.after)] {
        let Some(text) = text else { continue };
        if answer.expected.is_empty() {
            row.text(column, Align::Min, &values(text), theme.body(), theme.text.normal);
            continue;
        }
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
