//! Every measure before and after, with its interval and what a paired test says of the change.

use egui::{Align, Align2, Color32, FontId, Pos2, Rect, Sense, Ui, Vec2};

use super::state::Shown;
use crate::app::kit::interval::{Interval, intervals};
use crate::app::kit::{Card, Icon, Text, Theme, format, icon, tooltip};
use crate::evaluate::metrics::{Direction, Scale};
use crate::evaluate::significance::{Contrast, Verdict3};
use crate::evaluate::{Figure, MetricFindings};
use crate::render::Tally;

/// Where the columns begin, as shares of the card's width: name, before, after, plot, interval, verdict.
struct Columns {
    before: f32,
    after: f32,
    plot: (f32, f32),
    interval: f32,
    verdict: f32,
}

impl Columns {
    /// The longest verdict and the figures keep their width; the plot takes what is left.
    fn of(rect: Rect, theme: &Theme) -> Self {
        let figure = theme.size.control_height * 2.0 + theme.space.s;
        let verdict = rect.right() - theme.size.step_name_width;
        let interval = verdict - theme.space.l;
        let name = (rect.width() * 0.24).max(theme.size.step_name_width);
        let before = rect.left() + name + figure;
        let after = before + figure;
        let plot = (after + theme.space.l, (interval - figure - theme.space.xl).max(after + theme.space.l));
        Self { before, after, plot, interval, verdict }
    }
}

/// What the card takes with all its lines.
pub(super) fn height(ui: &Ui, shown: &Shown) -> f32 {
    let theme = Theme::of(ui);
    let findings = &shown.evaluation.findings;
    let num_notes = lines(shown).len() as f32;
    theme.size.control_height_large
        + (theme.size.row_height + theme.space.xs) * findings.metrics.len() as f32
        + theme.size.row_height * (1.0 + num_notes)
        + theme.space.s
}

/// What is said under the figures.
fn lines(shown: &Shown) -> Vec<String> {
    let last = shown.evaluation.report.contenders.last();
    let notes = last.map(|contender| notes(&contender.tally)).unwrap_or_default();
    notes.into_iter().chain(shown.evaluation.findings.notes()).chain(shown.not_kept.clone()).collect()
}

pub(super) fn show(ui: &mut Ui, shown: &Shown, min_height: f32) {
    let theme = Theme::of(ui);
    let findings = &shown.evaluation.findings;
    Card::new().flush().min_height(min_height).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        head(ui);
        for metric in &findings.metrics {
            row(ui, metric);
        }
        foot(ui, shown);
        for note in lines(shown) {
            note_line(ui, &note);
        }
        ui.add_space(theme.space.xs);
    });
}

fn place(ui: &mut Ui, height: f32) -> Rect {
    let theme = Theme::of(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    rect.shrink2(Vec2::new(theme.pad.card, 0.0))
}

fn put(ui: &Ui, at: Pos2, align: Align2, words: &str, font: FontId, color: Color32) {
    ui.painter().text(at, align, words, font, color);
}

fn head(ui: &mut Ui) {
    let theme = Theme::of(ui);
    let rect = place(ui, theme.size.control_height_large);
    let columns = Columns::of(rect, theme);
    let y = rect.center().y;
    let small = theme.small_strong();
    let mut title =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::left_to_right(Align::Center)));
    title.add(Text::strong("Before and after"));
    put(ui, Pos2::new(columns.before, y), Align2::RIGHT_CENTER, "Before", small.clone(), theme.model.before);
    put(ui, Pos2::new(columns.after, y), Align2::RIGHT_CENTER, "After", small.clone(), theme.model.after);
    let (left, right) = columns.plot;
    put(ui, Pos2::new(left, y), Align2::LEFT_CENTER, "0 %", theme.small(), theme.text.faint);
    put(ui, Pos2::new(right, y), Align2::RIGHT_CENTER, "100 %", theme.small(), theme.text.faint);
    put(ui, Pos2::new(columns.interval, y), Align2::RIGHT_CENTER, "After, 95 %", small.clone(), theme.text.soft);
    put(ui, Pos2::new(columns.verdict, y), Align2::LEFT_CENTER, "Verdict", small, theme.text.soft);
}

/// A value in the words of its scale.
pub(super) fn words(scale: Scale, value: f64) -> String {
    match scale {
        Scale::Share => format::percent(value),
        Scale::Score => format!("{value:.1}"),
        Scale::Ratio => format!("{value:.2}"),
        Scale::Loss => format::loss(value),
    }
}

/// `76.4–89.3`, without the unit that stands beside it.
fn range(scale: Scale, figure: Figure) -> String {
    let end = |value: f64| match scale {
        Scale::Share => format!("{:.1}", 100.0 * value),
        _ => words(scale, value),
    };
    format!("{}–{}", end(figure.low), end(figure.high))
}

fn row(ui: &mut Ui, metric: &MetricFindings) {
    let theme = Theme::of(ui);
    let rect = place(ui, theme.size.row_height + theme.space.xs);
    ui.painter().hline(
        rect.left() - theme.pad.card..=rect.right() + theme.pad.card,
        rect.top(),
        theme.line(theme.stroke.subtle),
    );
    let columns = Columns::of(rect, theme);
    let y = rect.center().y;
    let figure = |at: usize| metric.figures.get(at).copied().flatten();
    let (before, after) = (figure(0), figure(1));
    let name = Rect::from_min_max(rect.min, Pos2::new(columns.before - theme.size.control_height * 2.0, rect.max.y));
    let mut child =
        ui.new_child(egui::UiBuilder::new().max_rect(name).layout(egui::Layout::left_to_right(Align::Center)));
    let name = child.add(Text::body(&metric.title).one_line());
    tooltip::on_hover(name, &metric.title, &metric.about);
    for (at, figure, x, font, color) in [
        (0, before, columns.before, theme.body(), theme.text.soft),
        (1, after, columns.after, theme.strong(), theme.text.normal),
    ] {
        let told = figure.map_or_else(|| "–".to_owned(), |figure| words(metric.scale, figure.value));
        let value =
            Rect::from_min_max(Pos2::new(x - theme.size.control_height * 2.0, rect.top()), Pos2::new(x, rect.bottom()));
        let response = ui.interact(value, ui.scope_id().with((&metric.name, at)), Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &told));
        put(ui, Pos2::new(x, y), Align2::RIGHT_CENTER, &told, font, color);
    }
    let (left, right) = columns.plot;
    let plot = Rect::from_min_max(Pos2::new(left, rect.top()), Pos2::new(right, rect.bottom()));
    match metric.scale {
        Scale::Share => {
            let interval = |figure: Figure| Interval { value: figure.value, low: figure.low, high: figure.high };
            let told = before.or(after).map(|_| format!("{} before and after", metric.title)).unwrap_or_default();
            intervals(ui, plot, &told, before.map(interval), after.map(interval));
        }
        _ => {
            let remark = match metric.direction {
                Direction::LowerIsBetter => "lower is better",
                Direction::HigherIsBetter => "higher is better",
                Direction::Neither => "",
            };
            put(ui, Pos2::new(left, y), Align2::LEFT_CENTER, remark, theme.small(), theme.text.faint);
        }
    }
    if let Some(after) = after.or(before) {
        let told = range(metric.scale, after);
        put(ui, Pos2::new(columns.interval, y), Align2::RIGHT_CENTER, &told, theme.small(), theme.text.soft);
    }
    if let Some(contrast) = metric.contrasts.get(1).and_then(Option::as_ref) {
        verdict(ui, metric, contrast, Rect::from_min_max(Pos2::new(columns.verdict, rect.top()), rect.max));
    }
}

fn look(metric: &MetricFindings, contrast: &Contrast, theme: &Theme) -> (Icon, Color32, &'static str) {
    match (metric.direction, contrast.verdict) {
        (Direction::Neither, _) => (icon::EQUALS, theme.text.faint, "Neutral"),
        (_, Verdict3::Better) => (icon::CHECK_CIRCLE.filled(), theme.status.ok, "Better"),
        (_, Verdict3::Worse) => (icon::X_CIRCLE.filled(), theme.status.error, "Worse"),
        (_, Verdict3::CantTell { .. }) => (icon::EQUALS, theme.text.soft, "Can't tell"),
    }
}

fn verdict(ui: &mut Ui, metric: &MetricFindings, contrast: &Contrast, place: Rect) {
    let theme = Theme::of(ui);
    let (mark, color, words) = look(metric, contrast, theme);
    let mut child =
        ui.new_child(egui::UiBuilder::new().max_rect(place).layout(egui::Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
    mark.show_sized(&mut child, theme.size.icon_small, color);
    let response = child.add(Text::body(words).one_line());
    tooltip::on_hover(response, words, &contrast.in_words());
}

fn foot(ui: &mut Ui, shown: &Shown) {
    let theme = Theme::of(ui);
    let report = &shown.evaluation.report;
    let examples = format::count(report.examples.len() as u64, "example", "examples");
    let num_tokens = report.contenders.iter().find_map(|contender| contender.measured).map_or(0, |m| m.num_tokens);
    let tokens = format::count(num_tokens as u64, "answer token", "answer tokens");
    let when = shown.at.as_ref().map(|at| format!(", {at}")).unwrap_or_default();
    let words = format!("{examples}, {tokens}, measured in {}{when}", format::duration(report.secs));
    let rect = place(ui, theme.size.row_height);
    ui.painter().hline(
        rect.left() - theme.pad.card..=rect.right() + theme.pad.card,
        rect.top(),
        theme.line(theme.stroke.subtle),
    );
    let mut child =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::left_to_right(Align::Center)));
    child.add(Text::small(words).faint().one_line());
}

fn note_line(ui: &mut Ui, note: &str) {
    let theme = Theme::of(ui);
    let rect = place(ui, theme.size.row_height);
    let mut child =
        ui.new_child(egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::left_to_right(Align::Center)));
    child.spacing_mut().item_spacing.x = theme.space.xs + theme.space.xxs;
    icon::WARNING.filled().show_sized(&mut child, theme.size.icon_small, theme.status.warning);
    child.add(Text::small(note).one_line());
}

/// What is said of the data: that the loss leaves out or cuts examples is said as such, what the model's template does
/// concerns the answers as well.
fn notes(tally: &Tally) -> Vec<String> {
    let of_template = tally.template_notes();
    let sentence = |note: String| if of_template.contains(&note) { note } else { format!("In the loss, {note}") };
    tally.notes().into_iter().map(sentence).collect()
}
