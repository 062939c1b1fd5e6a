//! The big step of the panel: downloading, with a pause, or taking the model.

use egui::{Align, Layout, Ui};

use super::{Actions, hub};
use crate::app::jobs::Job;
use crate::app::kit::{Button, Card, Text, TextInput, Theme, format, icon, progress};
use crate::app::screens::model::state::offers::Offer;
use crate::app::screens::model::{Action, fetching, obstacle, used};
use crate::app::shell::words;
use crate::app::{AppState, Drafts, Screen};
use crate::hub::FoundModel;
use crate::recipe::ModelRef;
use crate::task::Signal;

/// The step for a model on this disk, or the starter.
pub fn step(ui: &mut Ui, state: &AppState, found: &FoundModel, actions: &mut Actions) {
    if under_way(ui, state, &found.model, actions) {
        return;
    }
    if !found.is_on_disk {
        return fetch(ui, state, &found.model, found.num_bytes, None, actions);
    }
    let is_used = used(state) == Some(&found.model);
    let has_examples = state.project.as_ref().is_some_and(|project| project.counts.train > 0);
    let next = if has_examples { Screen::Train } else { Screen::Data };
    let words = if is_used { format!("Go on to {}", next.name()) } else { "Use this model".to_owned() };
    let button = Button::primary(words).large().width(ui.available_width());
    if ui.add(button.disabled_by(obstacle(found))).clicked() {
        actions.push(Action::Use(found.model.clone()).into());
    }
}

/// The step for a model of the Hub.
pub fn of_offer(ui: &mut Ui, state: &AppState, model: &ModelRef, offer: Offer<'_>, actions: &mut Actions) {
    if !under_way(ui, state, model, actions) {
        fetch(ui, state, model, offer.num_bytes(), offer.problem(), actions);
    }
}

fn fetch(
    ui: &mut Ui,
    state: &AppState,
    model: &ModelRef,
    num_bytes: u64,
    problem: Option<&str>,
    actions: &mut Actions,
) {
    let left = state.machine.disk_free;
    let is_too_large = left > 0 && num_bytes > left;
    let full = is_too_large.then(|| format!("Only {} are free on the disk", format::bytes(left)));
    let reason = problem.map(str::to_owned).or_else(|| hub::why_offline(state)).or(full);
    let words = format!("Download {}", format::bytes(num_bytes));
    let button = Button::primary(words).icon(icon::DOWNLOAD_SIMPLE).large().width(ui.available_width());
    if ui.add(button.disabled_by(reason)).clicked() {
        actions.push(Action::Fetch(model.clone()).into());
    }
}

/// The download of a model, where there is one.
fn under_way(ui: &mut Ui, state: &AppState, model: &ModelRef, actions: &mut Actions) -> bool {
    let Some(job) = fetching(state, model) else { return false };
    let theme = Theme::of(ui);
    let is_paused = state.model.paused.contains(&job.id);
    ui.horizontal(|ui| {
        ui.set_min_height(theme.size.control_height_large);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.add(Button::secondary("Stop").icon(icon::SQUARE)).clicked() {
                actions.push(crate::app::Action::Control(job.id, Signal::Stop { save: false }));
            }
            let (word, sign, action) = match is_paused {
                true => ("Go on", icon::PLAY, Action::GoOn(job.id)),
                false => ("Pause", icon::PAUSE, Action::Pause(job.id)),
            };
            if ui.add(Button::secondary(word).icon(sign)).clicked() {
                actions.push(action.into());
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = theme.space.xs;
                ui.add(Text::small(told(job, is_paused)).one_line());
                let share = job.progress.as_ref().and_then(|p| p.share());
                progress(ui, "Download", share, ui.available_width());
            });
        });
    });
    true
}

/// `49 MB of 98 MB, 12 s left`
fn told(job: &Job, is_paused: bool) -> String {
    let Some(amount) = job.progress.as_ref().map(words::progress) else { return "Waiting for its turn".to_owned() };
    match job.secs_left().filter(|secs| *secs >= 1.0) {
        _ if is_paused => format!("{amount}, paused"),
        Some(secs) => format!("{amount}, {} left", format::time_left(secs)),
        None => amount,
    }
}

/// Why a token is needed, and the field for it.
pub fn gate(ui: &mut Ui, state: &AppState, page: &str, drafts: &mut Drafts, actions: &mut Actions) {
    let theme = Theme::of(ui);
    Card::new().show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.xs;
        ui.horizontal(|ui| {
            icon::USER.show(ui, theme.text.soft);
            ui.add(Text::strong("Its makers want to know who takes it"));
        });
        let words = format!(
            "Accept their conditions once at huggingface.co/{page}, signed in; then a token of yours lets this program in"
        );
        ui.add(Text::body(words).soft().wrapped());
        if state.settings_screen.token.token().is_some() {
            ui.add(Text::small("There is a token, see Settings").faint());
            return;
        }
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let typed = drafts.model.token.trim().to_owned();
                let keep = Button::secondary("Keep").name("Keep the token");
                if ui.add(keep.enabled_or(!typed.is_empty(), "Paste a token first")).clicked() {
                    drafts.model.token.clear();
                    actions.push(Action::KeepToken(typed).into());
                }
                TextInput::new("Token for the Hub", &mut drafts.model.token)
                    .secret()
                    .hint("hf_…")
                    .width(ui.available_width())
                    .show(ui);
            });
        });
        ui.add(Text::small("It is kept in the system's keyring, never in a file").faint().wrapped());
    });
}
