//! "Try it": what the model answers as it is.

use egui::{Align, Layout, Ui};

use super::Actions;
use crate::app::kit::{Badge, Button, Card, Text, TextInput, Theme, format, icon, section};
use crate::app::parts::{role_block, waiting};
use crate::app::screens::model::{Action, Trial};
use crate::app::{AppState, Drafts};
use crate::data::Role;

pub fn answer(ui: &mut Ui, state: &AppState, trial: &Trial) {
    let theme = Theme::of(ui);
    section(ui, "Try it", "", |ui| {
        if let Some((tokens, per_sec)) = trial.speed {
            let tokens = format::count(tokens as u64, "token", "tokens");
            ui.add(Text::small(format!("{tokens}, {} tokens/s", format::speed(per_sec))).faint());
        }
    });
    ui.add_space(theme.space.s);
    let waiting = trial.job.and_then(|job| state.jobs.get(job)).filter(|job| !job.has_started);
    Card::new().show(ui, |ui| {
        role_block(ui, Role::User, |_| {}, |ui| ui.add(Text::body(&trial.prompt).wrapped()));
        ui.add_space(theme.space.s);
        role_block(
            ui,
            Role::Assistant,
            |ui| {
                ui.add(Badge::before("Before tuning"));
                if trial.job.is_none() && trial.speed.is_none() && trial.failure.is_none() {
                    ui.add(Badge::neutral("Stopped"));
                }
            },
            |ui| match (&trial.failure, waiting) {
                (Some(failure), _) => ui.add(Text::body(&failure.message).color(theme.status.error).wrapped()),
                (None, Some(job)) => ui.add(Text::body(waiting::words(state, job)).faint().wrapped()),
                (None, None) if trial.answer.is_empty() && trial.job.is_some() => ui.add(Text::body("…").soft()),
                (None, None) => ui.add(Text::body(&trial.answer).soft().wrapped()),
            },
        );
    });
}

pub fn ask_row(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Actions) {
    let is_asking = state.model.trial.job.is_some();
    // Both buttons are as wide: the field keeps its place.
    let width = Theme::of(ui).size.control_height * 3.5;
    let prompt = drafts.model.prompt.trim().to_owned();
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if is_asking {
                if ui.add(Button::secondary("Stop").icon(icon::SQUARE).width(width)).clicked() {
                    actions.push(Action::StopAsking.into());
                }
            } else {
                let reason =
                    state.model.why_no_trial().or_else(|| prompt.is_empty().then(|| "Type something first".to_owned()));
                if ui.add(Button::secondary("Ask").key("Enter").width(width).disabled_by(reason)).clicked() {
                    actions.push(Action::Ask(prompt.clone()).into());
                }
            }
            let field = TextInput::new("Ask the model something", &mut drafts.model.prompt)
                .hint("Ask the model something")
                .width(ui.available_width())
                .show(ui);
            if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) && !is_asking {
                actions.push(Action::Ask(prompt).into());
                field.request_focus();
            }
        });
    });
}
