//! The window's own settings.

use egui::{Context, ThemePreference, Ui};

use crate::app::kit::{Card, SettingsRow, layout, screen_header, segmented};
use crate::app::settings::ThemeChoice;
use crate::app::{Action, AppState, Cx};

const THEMES: &[(ThemeChoice, &str)] =
    &[(ThemeChoice::Dark, "Dark"), (ThemeChoice::Light, "Light"), (ThemeChoice::System, "System")];

pub fn show(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    screen_header(ui, "Settings", |_| {}, |_| {});
    layout::scrolling(ui, "settings", |ui| {
        Card::new().large().show(ui, |ui| {
            let row = SettingsRow {
                name: "Theme",
                help: "System follows the rest of the desktop",
                about: ("Theme", "Dark or light; kept for the next start"),
                is_changed: false,
                is_wrong: false,
            };
            row.show(ui, |ui| {
                if let Some(theme) = segmented(ui, "Theme", THEMES, state.settings.theme) {
                    actions.push(Action::SetTheme(theme));
                }
            });
        });
    });
}

pub fn set_theme(state: &mut AppState, theme: ThemeChoice, cx: &Cx<'_>) {
    state.settings.theme = theme;
    apply_theme(cx.egui, theme);
    save(state, cx);
}

pub fn apply_theme(ctx: &Context, theme: ThemeChoice) {
    ctx.set_theme(match theme {
        ThemeChoice::Dark => ThemePreference::Dark,
        ThemeChoice::Light => ThemePreference::Light,
        ThemeChoice::System => ThemePreference::System,
    });
}

/// Writes the settings in a thread of its own.
pub fn save(state: &AppState, cx: &Cx<'_>) {
    let settings = state.settings.clone();
    cx.files.run(move || {
        if let Err(error) = settings.save() {
            log::warn!("the settings could not be kept: {error}");
        }
        None
    });
}
