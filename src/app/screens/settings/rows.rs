//! The rows of the settings.

use std::path::{Path, PathBuf};

use egui::{Align, Layout, Ui};

use super::{Action, Drafts, Place};
use crate::app::kit::row::to_column;
use crate::app::kit::{
    Button, Card, Combo, NumberField, SettingsRow, Text, TextInput, Theme, fact, fallback, format, icon, layout,
    marked_text, rule, section, segmented, switch,
};
use crate::app::settings::{TextSize, ThemeChoice};
use crate::app::shell::keys as shell_keys;
use crate::app::{Action as AnyAction, AppState, paths};

const THEMES: &[(ThemeChoice, &str)] =
    &[(ThemeChoice::Dark, "Dark"), (ThemeChoice::Light, "Light"), (ThemeChoice::System, "System")];

pub(super) fn look(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let row = SettingsRow {
        name: "Theme",
        help: "System follows the rest of the desktop",
        about: ("Theme", "Dark or light; kept for the next start"),
        is_changed: false,
        is_wrong: false,
    };
    row.show(ui, |ui| {
        if let Some(theme) = segmented(ui, "Theme", THEMES, state.settings.theme) {
            actions.push(AnyAction::SetTheme(theme));
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
            actions.push(AnyAction::SetTextSize(size));
        }
    });
}

/// Which fonts stand in, what to install, and what the window can't do yet.
pub(super) fn letters(ui: &mut Ui, state: &AppState) {
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
    ui.add(Text::small(fallback::RIGHT_TO_LEFT).wrapped());
}

pub(super) fn computing(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let num_cores = state.machine.num_cores.max(1);
    let threads = state.settings.threads;
    let help = format!("Of {}; used from the next start on", format::count(num_cores as u64, "core", "cores"));
    let row = SettingsRow {
        name: "Threads",
        help: &help,
        about: (
            "Threads for computing",
            "How many train, evaluate and answer at once; as many as there are cores if nothing else is set. Fewer leave \
             more for other programs",
        ),
        is_changed: threads.is_some(),
        is_wrong: false,
    };
    let shown = row.show(ui, |ui| {
        let value = threads.unwrap_or(num_cores) as f64;
        NumberField::new("Threads for computing", value).integer().show(ui)
    });
    let chosen = shown.inner.map(|value| (value.max(1.0) as usize).min(num_cores));
    if shown.reset {
        actions.push(Action::Threads(None).into());
    } else if let Some(chosen) = chosen {
        actions.push(Action::Threads((chosen != num_cores).then_some(chosen)).into());
    }
    rule(ui);
    let limit = state.settings.memory_limit;
    let row = SettingsRow {
        name: "Memory limit",
        help: "A run that would take more is not started",
        about: (
            "Memory limit",
            "What a run is estimated to take is held against it, in the preview and at the start. Where nothing is set, \
             what is free counts",
        ),
        is_changed: limit.is_some(),
        is_wrong: false,
    };
    let all = state.machine.memory;
    let shown = row.show(ui, |ui| {
        let gigabytes = limit.unwrap_or(all) as f64 / GB;
        NumberField::new("Memory limit", gigabytes).words(format!("{gigabytes:.1}")).unit("GB").show(ui)
    });
    if shown.reset {
        actions.push(Action::MemoryLimit(None).into());
    } else if let Some(gigabytes) = shown.inner.filter(|gigabytes| *gigabytes > 0.0) {
        let bytes = (gigabytes * GB) as u64;
        actions.push(Action::MemoryLimit((all == 0 || bytes < all).then_some(bytes)).into());
    }
}

/// The unit in which memory is shown everywhere here.
const GB: f64 = 1e9;

pub(super) fn folders(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let help = "New ones are made here; the others stay where they are";
    folder(ui, ("Projects", Place::Projects), &mut drafts.projects, help, state, actions);
    rule(ui);
    let help = "Downloads go here; what lies in the usual folder is still found";
    folder(ui, ("Models", Place::Models), &mut drafts.models, help, state, actions);
    rule(ui);
    more_models_folders(ui, &state.settings.more_models_folders, actions);
    if let Some(project) = &state.project {
        rule(ui);
        layout::line(ui, Theme::of(ui).size.settings_row_height, |ui| {
            let theme = Theme::of(ui);
            let left = ui.cursor().left();
            ui.add(Text::body("This project"));
            to_column(ui, left + theme.size.settings_name_width);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                show_in_folder(ui, "Project", &project.folder, actions);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Text::mono(project.folder.display().to_string()).one_line());
                });
            });
        });
    }
}

fn folder(
    ui: &mut Ui,
    (name, place): (&str, Place),
    draft: &mut String,
    help: &str,
    state: &AppState,
    actions: &mut Vec<AnyAction>,
) {
    let theme = Theme::of(ui);
    let Some(now) = place.now(&state.settings) else { return };
    let is_set = place.is_set(&state.settings);
    layout::line(ui, theme.size.settings_row_height, |ui| {
        let left = ui.cursor().left();
        ui.add(if is_set { Text::strong(name) } else { Text::body(name) });
        if is_set && ui.add(Button::link("reset").small().name(format!("reset {name}"))).clicked() {
            actions.push(Action::Folder(place, None).into());
        }
        to_column(ui, left + theme.size.settings_name_width);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            show_in_folder(ui, name, &now, actions);
            if ui.add(Button::link("Choose…").name(format!("Choose {name} folder…"))).clicked() {
                actions.push(Action::ChooseFolder(place).into());
            }
            let field = TextInput::new(&format!("{name} folder"), draft).mono().show(ui);
            if field.lost_focus() {
                let typed = paths::meant(draft);
                if typed.is_absolute() && typed != now {
                    actions.push(Action::Folder(place, Some(typed)).into());
                } else {
                    *draft = now.display().to_string();
                }
            }
        });
    });
    ui.horizontal(|ui| {
        ui.add_space(theme.size.settings_name_width);
        ui.add(Text::small(help).faint());
    });
    ui.add_space(theme.space.s);
}

/// The person's own folders, each in a line, and the way to another.
fn more_models_folders(ui: &mut Ui, folders: &[PathBuf], actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let line = |ui: &mut Ui, name: &str, content: &mut dyn FnMut(&mut Ui)| {
        layout::line(ui, theme.size.settings_row_height, |ui| {
            let left = ui.cursor().left();
            ui.add(if folders.is_empty() { Text::body(name) } else { Text::strong(name) });
            to_column(ui, left + theme.size.settings_name_width);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| content(ui));
        });
    };
    for (index, folder) in folders.iter().enumerate() {
        let path = folder.display().to_string();
        line(ui, if index == 0 { MORE_MODELS } else { "" }, &mut |ui| {
            show_in_folder(ui, &path, folder, actions);
            if ui.add(Button::link("Leave out").name(format!("Leave out {path}"))).clicked() {
                actions.push(Action::LeaveFolder(folder.clone()).into());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::mono(&*path).one_line()));
        });
    }
    line(ui, if folders.is_empty() { MORE_MODELS } else { "" }, &mut |ui| {
        if ui.add(Button::link("Add a folder…")).clicked() {
            actions.push(Action::ChooseFolderToLookIn.into());
        }
        let help = "Models anywhere in these folders are offered, too; nothing is written to them";
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Text::small(help).faint()));
    });
}

const MORE_MODELS: &str = "More models in";

fn show_in_folder(ui: &mut Ui, name: &str, path: &Path, actions: &mut Vec<AnyAction>) {
    if ui.add(Button::link("Show in folder").name(format!("Show {name} in folder"))).clicked() {
        actions.push(AnyAction::OpenFolder(path.to_owned()));
    }
}

pub(super) fn network(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let is_offline = state.settings.is_offline;
    let row = SettingsRow {
        name: "Network",
        help: if is_offline { "Nothing leaves this machine" } else { "Asked only for models and data sets of the Hub" },
        about: (
            "Network",
            "Switched off, no request leaves this machine: models and data sets can't be downloaded, and everything else \
             works. The environment variable HF_HUB_OFFLINE does the same for the Hub",
        ),
        is_changed: is_offline,
        is_wrong: false,
    };
    let shown = row.show(ui, |ui| switch(ui, "Network", if is_offline { "Off" } else { "On" }, !is_offline));
    if shown.reset {
        actions.push(Action::Offline(false).into());
    } else if let Some(is_on) = shown.inner {
        actions.push(Action::Offline(!is_on).into());
    }
}

pub(super) fn keys(ui: &mut Ui) {
    for (key, words) in shell_keys::KEYS {
        fact(ui, words, key);
    }
}

pub(super) fn about(ui: &mut Ui, actions: &mut Vec<AnyAction>) {
    fact(ui, "Tunewright", concat!("version ", env!("CARGO_PKG_VERSION")));
    fact(ui, "Licence", "MIT or Apache 2.0, as you like");
    fact(ui, "Fonts", "Inter and JetBrains Mono, SIL Open Font License 1.1");
    fact(ui, "Icons", "Phosphor, MIT");
    let theme = Theme::of(ui);
    ui.add_space(theme.space.s);
    ui.horizontal(|ui| {
        if ui.add(Button::secondary("Copy the version").icon(icon::COPY).small()).clicked() {
            actions.push(AnyAction::Copy(concat!("Tunewright ", env!("CARGO_PKG_VERSION")).to_owned()));
        }
    });
}

/// Folded: it says nothing about the person's work.
pub(super) fn developer(ui: &mut Ui, state: &AppState, actions: &mut Vec<AnyAction>) {
    let is_open = state.settings_screen.is_developer_open;
    let mark = if is_open { icon::CARET_DOWN } else { icon::CARET_RIGHT };
    if ui.add(Button::quiet("For developers").icon(mark)).clicked() {
        actions.push(Action::ShowDeveloper(!is_open).into());
    }
    if is_open {
        section(ui, "Frame times", "how long the window takes to paint itself", |_| {});
        Card::new().rows().show(ui, |ui| frames(ui, state));
    }
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
