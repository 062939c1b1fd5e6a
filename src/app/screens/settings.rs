//! The window's own settings.

use std::path::Path;

use egui::{Align, Context, Layout, ThemePreference, Ui};

use crate::app::kit::row::to_column;
use crate::app::kit::{
    Button, Card, Combo, SettingsRow, Text, Theme, format, icon, layout, marked_text, rule, screen_header, section,
    segmented,
};
use crate::app::settings::{TextSize, ThemeChoice};
use crate::app::{Action, AppState, Cx, kit};

const THEMES: &[(ThemeChoice, &str)] =
    &[(ThemeChoice::Dark, "Dark"), (ThemeChoice::Light, "Light"), (ThemeChoice::System, "System")];

pub fn show(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    screen_header(ui, "Settings", |_| {}, |_| {});
    layout::scrolling(ui, "settings", |ui| {
        ui.spacing_mut().item_spacing.y = theme.space.s;
        ui.set_max_width(theme.size.dialog_wide_width);
        section(ui, "Look", "", |_| {});
        Card::new().rows().show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            look(ui, state, actions);
        });
        ui.add_space(theme.space.s);
        section(ui, "Letters", "scripts that the window's own fonts lack", |_| {});
        Card::new().show(ui, |ui| letters(ui, state));
        ui.add_space(theme.space.s);
        section(ui, "Folders", "", |_| {});
        Card::new().rows().show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            folder(ui, "Models", &crate::hub::models_dir(), "Downloads are put here", actions);
            if let Some(project) = &state.project {
                rule(ui);
                folder(ui, "Project", &project.folder, "Examples, runs and settings; copy it to keep it", actions);
            }
        });
        ui.add_space(theme.space.s);
        section(ui, "Frames", "how long the window takes to paint itself", |_| {});
        Card::new().rows().show(ui, |ui| frames(ui, state));
    });
}

fn look(ui: &mut Ui, state: &AppState, actions: &mut Vec<Action>) {
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
    rule(ui);
    let row = SettingsRow {
        name: "Text size",
        help: "Everything grows with it; Ctrl + and Ctrl −, Ctrl 0 for 100 %",
        about: ("Text size", "80 to 200 %; kept for the next start"),
        is_changed: false,
        is_wrong: false,
    };
    row.show(ui, |ui| {
        let sizes = TextSize::ALL.map(|size| (size, size.to_string()));
        let options = sizes.each_ref().map(|(size, words)| (*size, words.as_str()));
        if let Some(size) = Combo::new("Text size", &options, state.settings.text_size).show(ui) {
            actions.push(Action::SetTextSize(size));
        }
    });
}

/// Which fonts stand in, what to install, and what the window can't do yet.
fn letters(ui: &mut Ui, state: &AppState) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = theme.space.s;
    let mut names = state.letters.names.clone();
    names.sort();
    names.dedup();
    let told = match names.is_empty() {
        true => "The system's fonts are taken once a text needs them".to_owned(),
        false => format!("From this system: {}", names.join(", ")),
    };
    ui.add(Text::body(told).wrapped());
    for words in &state.letters.missing {
        marked_text(ui, icon::WARNING.filled(), theme.status.warning, Text::body(words));
    }
    ui.add(Text::small(kit::fallback::RIGHT_TO_LEFT).wrapped());
}

fn folder(ui: &mut Ui, name: &str, path: &Path, help: &str, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui);
    layout::line(ui, theme.size.settings_row_height, |ui| {
        let left = ui.cursor().left();
        ui.add(Text::body(name));
        to_column(ui, left + theme.size.settings_name_width);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.add(Button::link("Show in folder").name(format!("Show {name} in folder"))).clicked() {
                actions.push(Action::OpenFolder(path.to_owned()));
            }
            ui.add(Text::small(help).faint());
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Text::mono(path.display().to_string()).one_line());
            });
        });
    });
}

fn frames(ui: &mut Ui, state: &AppState) {
    let theme = Theme::of(ui);
    ui.spacing_mut().item_spacing.y = 0.0;
    for (i, (name, sum)) in state.frames.iter().enumerate() {
        if i > 0 {
            rule(ui);
        }
        layout::line(ui, theme.size.settings_row_height, |ui| {
            let left = ui.cursor().left();
            let mut letters = name.chars();
            let name: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            ui.add(Text::body(name));
            to_column(ui, left + theme.size.settings_name_width + theme.size.step_name_width);
            let words = format!("median {:.1} ms, 99 % under {:.1} ms, longest {:.1} ms", sum.median, sum.p99, sum.max);
            ui.add(Text::body(words).soft());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.add(Text::small(format::count(sum.num_frames as u64, "frame", "frames")).faint());
            });
        });
    }
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
