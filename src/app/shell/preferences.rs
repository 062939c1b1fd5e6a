//! What follows from the window's settings: how it looks, what the engine may do, and the file that keeps them.

use egui::{Context, ThemePreference};

use crate::app::settings::{TextSize, ThemeChoice};
use crate::app::{AppState, Cx};
use crate::engine::Limits;

/// Tells the engine what the settings allow.
pub fn tell_limits(state: &AppState, cx: &Cx<'_>) {
    cx.backend.configure(Limits {
        is_offline: state.settings.is_offline,
        token: state.settings_screen.token.token().cloned(),
        models_folder: state.settings.models_folder.clone(),
        more_folders: state.settings.more_models_folders.clone(),
        memory: state.settings.memory_limit,
    });
}

pub fn set_theme(state: &mut AppState, theme: ThemeChoice, cx: &Cx<'_>) {
    state.settings.theme = theme;
    apply_theme(cx.egui, theme);
    save(state, cx);
}

pub fn set_text_size(state: &mut AppState, size: TextSize, cx: &Cx<'_>) {
    state.settings.text_size = size;
    cx.egui.set_zoom_factor(size.factor());
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
