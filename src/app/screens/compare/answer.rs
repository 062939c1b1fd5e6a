//! One side's answer, and the expected one.

use egui::{Align, Layout, Margin, Rect, ScrollArea, Sense, StrokeKind, Ui, UiBuilder, Vec2};

use std::path::Path;

use super::fields::{self, Field};
use super::pair::{Outdated, Pair};
use super::state::Highlight;
use super::{AnyAction, AppState, Side, Text, Theme, card_margin, format};
use crate::app::kit::diff_view::{self, Block, MarkStyle, Marks};
use crate::app::kit::{Badge, icon, one_line, tooltip};
use crate::app::parts::{run_label, waiting};
use crate::app::shell::words::model_name;
use crate::evaluate::Answer;
use crate::run::RunDir;

/// The answer's card, in exactly `rect`.
pub(super) fn show(ui: &mut Ui, rect: Rect, state: &AppState, side: Side, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let radius = theme.rounding(theme.radius.card);
    ui.painter().rect(rect, radius, theme.surface.card, theme.line(theme.stroke.normal), StrokeKind::Inside);
    let pair = state.compare.pair();
    let head_height = theme.size.control_height + theme.space.m;
    let (head, rest) = rect.split_top_bottom_at_y(rect.top() + head_height);
    ui.painter().hline(rect.x_range(), head.bottom(), theme.line(theme.stroke.normal));
    line(ui, head, |ui| heading(ui, state, pair, side));

    let Some(pair) = pair else {
        return at(ui, rest, |ui| {
            let words = match (state.compare.place(), state.compare.is_answering()) {
                (Some(1), _) => "Answered next".to_owned(),
                (Some(place), _) => format!("Answered after {} others", format::thousands(place as u64 - 1)),
                (None, true) => "Reading the example".to_owned(),
                (None, false) => "Both models answer with the same seed and settings".to_owned(),
            };
            ui.add(Text::body(if side == Side::Before { words } else { String::new() }).faint().wrapped());
        });
    };
    let answer = pair.side(side);
    let checked = state.compare.expected().and_then(|expected| fields::check(expected, &answer.text));
    let ticked = checked.as_deref().filter(|_| answer.end.is_some()).unwrap_or_default();
    // The fields never take more than half of the card.
    let foot_height = if answer.end.is_some() { head_height - theme.space.xs } else { 0.0 };
    let wanted = if ticked.is_empty() { 0.0 } else { ticked.len() as f32 * theme.size.fact_row_height + theme.space.s };
    let ticks_height = wanted.min((rest.height() - foot_height) / 2.0);
    let (text, below) = rest.split_top_bottom_at_y(rest.bottom() - foot_height - ticks_height);
    let (ticks, foot) = below.split_top_bottom_at_y(below.bottom() - foot_height);

    at(ui, text, |ui| body(ui, state, pair, side, actions));
    if !ticked.is_empty() {
        ui.painter().hline(rect.x_range(), ticks.top(), theme.line(theme.stroke.subtle));
        field_rows(ui, ticks, ticked, side);
    }
    if answer.end.is_some() {
        ui.painter().hline(rect.x_range(), foot.top(), theme.line(theme.stroke.normal));
        line(ui, foot, |ui| summary(ui, state, answer, checked.as_deref()));
    }
}

/// The answer itself, or why there is none.
fn body(ui: &mut Ui, state: &AppState, pair: &Pair, side: Side, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let id = ("answer", side == Side::Before);
    ScrollArea::vertical().id_salt(id).auto_shrink(false).stick_to_bottom(pair.job.is_some()).show(ui, |ui| {
        // The scroll bar lies over the edge.
        ui.set_max_width(ui.available_width() - theme.space.m);
        match &pair.failure {
            Some(failure) if pair.side(side).end.is_none() => {
                ui.add(Text::body(&failure.message).color(theme.status.error).wrapped());
                if let Some(hint) = &failure.hint {
                    ui.add(Text::body(hint).soft().wrapped());
                }
            }
            _ if is_waiting(state, pair) => {
                let job = pair.job.and_then(|job| state.jobs.get(job)).filter(|_| side == Side::Before);
                if let Some(job) = job {
                    ui.add(Text::body(waiting::words(state, job)).faint().wrapped());
                    ui.add_space(theme.space.s);
                    ui.horizontal_wrapped(|ui| waiting::ways_on(ui, state, actions));
                }
            }
            _ => text_of(ui, state, pair, side),
        }
    });
}

fn field_rows(ui: &mut Ui, rect: Rect, fields: &[Field], side: Side) {
    let pad = Theme::of(ui).space.xs;
    ui.scope_builder(UiBuilder::new().max_rect(rect.shrink2(Vec2::new(0.0, pad))), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(rect));
        ScrollArea::vertical().id_salt(("fields", side == Side::Before)).auto_shrink(false).show(ui, |ui| {
            for field in fields {
                field_row(ui, field);
            }
        });
    });
}

fn at(ui: &mut Ui, rect: Rect, content: impl FnOnce(&mut Ui)) {
    let Margin { left, right, top, bottom } = card_margin(Theme::of(ui));
    let (min, max) = (Vec2::new(left.into(), top.into()), Vec2::new(right.into(), bottom.into()));
    let inner = Rect::from_min_max(rect.min + min, rect.max - max);
    ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(rect));
        content(ui);
    });
}

fn line(ui: &mut Ui, rect: Rect, content: impl FnOnce(&mut Ui)) {
    let theme = Theme::of(ui);
    let inner = rect.shrink2(Vec2::new(theme.pad.card, 0.0));
    ui.scope_builder(UiBuilder::new().max_rect(inner).layout(Layout::left_to_right(Align::Center)), |ui| {
        ui.spacing_mut().item_spacing.x = theme.space.s;
        content(ui);
    });
}

fn heading(ui: &mut Ui, state: &AppState, pair: Option<&Pair>, side: Side) {
    let theme = Theme::of(ui);
    let (mark, _) = ui.allocate_exact_size(Vec2::splat(theme.space.s + theme.space.xxs), Sense::hover());
    let run = state.compare.chosen_run(&state.runs.records);
    let about = match side {
        Side::Before => {
            ui.painter().rect_filled(mark, theme.rounding(theme.radius.mark), theme.model.before);
            ui.add(Text::strong("Before").color(theme.model.before));
            run.map(|run| model_name(&run.model)).unwrap_or_default()
        }
        Side::After => {
            ui.painter().circle_filled(mark.center(), mark.width() / 2.0, theme.model.after);
            ui.add(Text::strong("After").color(theme.model.after));
            run.map(run_label).unwrap_or_default()
        }
    };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if let Some(place) = state.compare.place() {
            ui.add(Badge::neutral(format!("Queued {}", format::thousands(place as u64))));
        } else if let Some(pair) = pair {
            let answer = pair.side(side);
            match (answer.end.is_some(), pair.job.is_some()) {
                (true, _) => drop(ui.add(Badge::neutral("Done"))),
                (false, true) if is_waiting(state, pair) => drop(ui.add(Badge::neutral("Waiting"))),
                (false, true) if answer.text.is_empty() => drop(ui.add(Badge::running("Reading"))),
                (false, true) => drop(ui.add(Badge::running("Writing"))),
                (false, false) if pair.failure.is_some() => drop(ui.add(Badge::error("Failed"))),
                (false, false) => drop(ui.add(Badge::neutral("Stopped"))),
            }
        }
        if let (Side::After, Some((words, why))) = (side, pair.and_then(|pair| outdated(state, pair))) {
            let badge = ui.add(Badge::warning(words.clone()));
            tooltip::on_hover(badge, &words, why);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.add(Text::small(about).one_line());
        });
    });
}

/// What these answers are of, where that is not what would be asked now.
fn outdated(state: &AppState, pair: &Pair) -> Option<(String, &'static str)> {
    Some(match state.compare.outdated(pair)? {
        Outdated::Weights => {
            let step = RunDir::step_of(Path::new(&pair.kept.adapter)).unwrap_or_default();
            let words = format!("Of step {}", format::thousands(step as u64));
            (words, "The run has other weights now: answer again to see theirs")
        }
        Outdated::Example => (
            "Example changed".to_owned(),
            "Its prompt or its answer was changed since: answer again to compare with it",
        ),
    })
}

/// Something else computes first.
fn is_waiting(state: &AppState, pair: &Pair) -> bool {
    pair.job.and_then(|job| state.jobs.get(job)).is_some_and(|job| !job.has_started)
}

fn text_of(ui: &mut Ui, state: &AppState, pair: &Pair, side: Side) {
    let theme = Theme::of(ui);
    let blocks = diff_view::blocks(&pair.side(side).text);
    let marked = marks(theme, state, pair, side, &blocks);
    let (name, color) = match side {
        Side::Before => ("Answer before", theme.model.before),
        Side::After => ("Answer after", theme.model.after),
    };
    let caret = pair.is_writing(side).then_some(color);
    diff_view::show(ui, name, &blocks, marked.as_ref().map(|(marks, style)| (marks, *style)), caret);
}

fn marks(theme: &Theme, state: &AppState, pair: &Pair, side: Side, blocks: &[Block]) -> Option<(Marks, MarkStyle)> {
    match state.compare.highlight {
        Highlight::Off => None,
        Highlight::BeforeToAfter => {
            let (before, after) = (&pair.kept.before.text, &pair.kept.after.text);
            if before.is_empty() || after.is_empty() {
                return None;
            }
            let (color, fill) = match side {
                Side::Before => (theme.model.before, theme.model.before_tint),
                Side::After => (theme.model.after, theme.model.after_tint),
            };
            let style = MarkStyle { color, fill, is_underlined: false };
            let marks = match side {
                Side::Before => diff_view::differences(blocks, &diff_view::blocks(after)).0,
                Side::After => diff_view::differences(&diff_view::blocks(before), blocks).1,
            };
            Some((marks, style))
        }
        Highlight::AgainstExpected => {
            let expected = diff_view::blocks(state.compare.expected()?);
            let (color, fill) = (theme.status.error, theme.status.error_tint);
            Some((diff_view::differences(&expected, blocks).1, MarkStyle { color, fill, is_underlined: true }))
        }
    }
}

fn field_row(ui: &mut Ui, field: &Field) {
    let theme = Theme::of(ui);
    let size = Vec2::new(ui.available_width(), theme.size.fact_row_height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let right = if field.is_right { "right" } else { "wrong" };
    let told = format!("{}: {}, {right}", field.name, field.value);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &told));
    let (mark, color) = match field.is_right {
        true => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
        false => (icon::X_CIRCLE.filled(), theme.status.error),
    };
    let y = rect.center().y;
    let x = rect.left() + theme.pad.card;
    mark.paint(ui.painter(), egui::pos2(x + theme.size.icon_small / 2.0, y), theme.size.icon_small, color);
    let name_x = x + theme.size.icon_small + theme.space.s;
    let value_x = name_x + theme.size.settings_name_width * 2.0 / 3.0;
    let put = |x: f32, right: f32, text: &str, color| {
        let galley = one_line(ui, text, theme.small(), color, (right - x).max(0.0));
        let corner = egui::pos2(x, (y - galley.size().y / 2.0).round());
        ui.painter().galley(corner, galley, color);
    };
    put(name_x, value_x - theme.space.s, &field.name, theme.text.soft);
    put(value_x, rect.right() - theme.pad.card, &field.value, theme.text.normal);
}

fn summary(ui: &mut Ui, state: &AppState, answer: &Answer, fields: Option<&[Field]>) {
    let theme = Theme::of(ui);
    let verdict = match (fields, state.compare.expected()) {
        (Some(fields), _) => {
            let right = fields::num_right(fields);
            Some((right == fields.len(), format!("{right} of {} fields right", fields.len())))
        }
        (None, Some(expected)) => {
            let is_right = fields::is_right(expected, &answer.text);
            Some((is_right, if is_right { "As expected" } else { "Not as expected" }.to_owned()))
        }
        (None, None) => None,
    };
    if let Some((is_right, words)) = verdict {
        let (mark, color) = match is_right {
            true => (icon::CHECK_CIRCLE.filled(), theme.status.ok),
            false => (icon::X_CIRCLE.filled(), theme.status.error),
        };
        mark.show_sized(ui, theme.size.icon_small, color);
        ui.add(Text::small(words).normal());
    }
    let Some(end) = answer.end else { return };
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let tokens = format::count(end.num_tokens as u64, "token", "tokens");
        let how = if end.ended_by_itself { ", ended by itself" } else { ", cut off" };
        ui.add(Text::small(format!("{tokens}, {} tokens/s{how}", format::speed(end.tokens_per_sec))).one_line());
    });
}

/// The answer that the data set has, on one line.
pub(super) fn expected(ui: &mut Ui, rect: Rect, expected: &str) {
    let theme = Theme::of(ui);
    let radius = theme.rounding(theme.radius.card);
    ui.painter().rect(rect, radius, theme.surface.card, theme.line(theme.stroke.normal), StrokeKind::Inside);
    line(ui, rect, |ui| {
        ui.add(Text::strong("Expected"));
        ui.add_space(theme.space.xs);
        let one = expected.replace('\n', " ");
        let text = if expected.trim_start().starts_with(['{', '[']) { Text::mono(one) } else { Text::body(one) };
        ui.add(text.one_line());
    });
}
