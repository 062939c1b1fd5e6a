//! Whether a run fits and how long it takes: a badge, and a card with what would make it fit.

use egui::{Align, Layout, Ui};

use super::Actions;
use crate::app::AppState;
use crate::app::kit::{Badge, Button, Card, Text, Theme, fact, format, icon, line, rule, tooltip};
use crate::app::parts::{memory_parts, memory_parts_height, memory_words};
use crate::app::screens::model::Action;
use crate::app::shell::words;
use crate::recipe::ModelRef;
use crate::train::estimate::{Estimate, RateFrom, TimeEstimate};
use crate::train::memory::Fit;
use crate::train::remedy::Change;

/// A run that takes longer is slow, in seconds.
const SLOW: f64 = 3600.0;

/// `Fits, 0.9 GB, 8 min`
pub fn badge(ui: &mut Ui, estimate: &Estimate) {
    let memory = &estimate.memory;
    let amount = format!("{} GB", format::gigabytes(memory.total()));
    let secs = estimate.time.as_ref().map(TimeEstimate::total);
    let time = secs.map_or_else(String::new, |secs| format!(", {}", format::roughly(secs)));
    let badge = match (memory.fit(), secs) {
        (Fit::TooLarge, _) => Badge::error(format!("Too large, needs {amount}")),
        (Fit::Tight, _) => Badge::warning(format!("Tight, {amount}{time}")),
        (Fit::Fits, Some(secs)) if secs > SLOW => Badge::warning(format!("Slow, {amount}{time}")),
        (Fit::Fits, _) => Badge::ok(format!("Fits, {amount}{time}")),
    };
    let shown = ui.add(badge);
    tooltip::on_hover(shown, &memory_words(memory), &estimate.time.as_ref().map(time_in_words).unwrap_or_default());
}

/// `6–10 min, as SmolLM2 trained here; 640 tokens/s`
fn time_in_words(time: &TimeEstimate) -> String {
    let (least, most) = time.range();
    let from = match &time.from {
        RateFrom::Model(model) => format!("as {} trained here", words::model_name(&ModelRef::parse(model))),
        RateFrom::Products => "by this machine's products alone, no model was trained here yet".to_owned(),
    };
    format!("Between {} and {}, {from}", format::roughly(least), format::roughly(most))
}

/// The card is as high before the memory is known: nothing below it moves.
pub fn card(ui: &mut Ui, state: &AppState, estimate: Option<&Estimate>, actions: &mut Actions) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        line(ui, theme.type_scale.line_body, |ui| {
            let Some(Estimate { memory, .. }) = estimate else {
                ui.add(Text::body("Estimating what a run takes…").faint().one_line());
                return;
            };
            let (icon, color, words) = match memory.fit() {
                Fit::Fits => (icon::CHECK_CIRCLE, theme.status.ok, "Fits this machine"),
                Fit::Tight => (icon::WARNING, theme.status.warning, "Tight on this machine"),
                Fit::TooLarge => (icon::X_CIRCLE, theme.status.error, "Too large for this machine"),
            };
            icon.filled().show(ui, color);
            ui.add(Text::strong(words));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.add(Text::small(memory_words(memory))));
        });
        ui.add_space(theme.space.m);
        match estimate {
            Some(Estimate { memory, .. }) => memory_parts(ui, memory),
            None => ui.add_space(memory_parts_height(ui)),
        }
        let are_shown = state.model.are_parts_shown;
        if let (true, Some(Estimate { memory, .. })) = (are_shown, estimate) {
            ui.add_space(theme.space.s);
            rule(ui);
            ui.add_space(theme.space.xs);
            memory.parts().into_iter().for_each(|(name, bytes)| fact(ui, name, &format::bytes(bytes)));
        }
        ui.add_space(theme.space.s);
        rule(ui);
        ui.add_space(theme.space.s);
        time(ui, state, estimate, are_shown, actions);
        if let Some(estimate) = estimate {
            remedies(ui, estimate, actions);
        }
    });
}

fn time(ui: &mut Ui, state: &AppState, estimate: Option<&Estimate>, are_shown: bool, actions: &mut Actions) {
    let theme = Theme::of(ui);
    line(ui, theme.type_scale.line_body, |ui| {
        let link =
            Button::link(if are_shown { "Fewer parts" } else { "All parts" }).small().name("Parts of the memory");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.add(link.enabled_or(estimate.is_some(), "They are not known yet")).clicked() {
                actions.push(Action::ToggleParts.into());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let Some(time) = estimate.and_then(|estimate| estimate.time.as_ref()) else {
                    let words = if state.model.estimates.num_examples() == Some(0) {
                        "Time is known once there are examples"
                    } else {
                        "Time is not known"
                    };
                    ui.add(Text::small(words).faint().one_line());
                    return;
                };
                let epochs = state.train.recipe.training.num_train_epochs;
                let epochs = if epochs == 1.0 { "1 epoch".to_owned() } else { format!("{epochs} epochs") };
                let words = format!(
                    "{epochs} take {}, {} tokens/s",
                    format::about(time.total()),
                    format::speed(time.tokens_per_sec)
                );
                let shown = ui.add(Text::small(words).one_line());
                tooltip::on_hover(shown, "Training time", &time_in_words(time));
            });
        });
    });
}

/// What would make it fit, one click each.
fn remedies(ui: &mut Ui, estimate: &Estimate, actions: &mut Actions) {
    let theme = Theme::of(ui);
    if estimate.remedies.is_empty() {
        if estimate.memory.fit() == Fit::TooLarge {
            ui.add_space(theme.space.xs);
            let words = "No setting makes a run with it small enough: take a smaller model, or a smaller quantisation";
            ui.add(Text::small(words).soft().wrapped());
        }
        return;
    }
    ui.add_space(theme.space.xs);
    ui.add(Text::caption("What makes it smaller"));
    for remedy in &estimate.remedies {
        line(ui, theme.size.control_height, |ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let name = in_words(remedy.change);
                if ui.add(Button::secondary("Apply").small().name(format!("Apply: {name}"))).clicked() {
                    actions.push(Action::Mend(remedy.change).into());
                }
                let amount = format!("{} GB", format::gigabytes(remedy.total));
                ui.add(match remedy.fit {
                    Fit::Fits => Badge::ok(amount),
                    Fit::Tight => Badge::warning(amount),
                    Fit::TooLarge => Badge::error(amount),
                });
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::body(name).one_line()));
            });
        });
    }
}

fn in_words(change: Change) -> String {
    match change {
        Change::Checkpointing => "Save memory: compute blocks again".to_owned(),
        Change::SmallerBatch { batch, accumulation } => format!("Batch {batch}, accumulated {accumulation} times"),
        Change::ShorterExamples { max_length, num_longer } => {
            let longer = format::count(num_longer as u64, "example is longer", "examples are longer");
            format!("At most {max_length} tokens, {longer}")
        }
        Change::LowerRank { r } => format!("Rank {r}"),
    }
}
