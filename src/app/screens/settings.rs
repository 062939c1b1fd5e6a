//! The window's own settings: look, computing, folders, the network, the keys, and what this program is.

mod rows;
mod token;

use egui::{Context, ThemePreference, Ui};

pub use rows::Place;
pub use token::{Token, TokenState};

use super::{Part, Place as _, Rail};
use crate::app::files::{FilePick, PickKind};
use crate::app::kit::{Card, Icon, Theme, format, icon, layout, screen_header, section};
use crate::app::settings::{TextSize, ThemeChoice};
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
use crate::engine::Limits;
use crate::train::preview::MemoryEstimate;

/// Their names, and other words by which the command field finds them.
pub const ENTRIES: &[(&str, &str)] = &[
    ("Theme", "look dark light system colours"),
    ("Text size", "zoom larger smaller letters"),
    ("Letters", "fonts scripts japanese chinese arabic hindi emoji boxes"),
    ("Threads for computing", "cores processor cpu speed"),
    ("Memory limit", "ram gigabytes"),
    ("Projects folder", "where projects lie directory place"),
    ("Models folder", "where models lie downloads directory place"),
    ("Network", "offline online hub internet"),
    ("Hub token", "hugging face key password login gated keyring"),
    ("Keys", "shortcuts keyboard"),
    ("Version and licences", "about license fonts"),
    ("Frame times", "developers performance"),
];

/// See the module.
#[derive(Debug, Default)]
pub struct State {
    pub token: Token,
    pub is_developer_open: bool,
}

/// What is typed.
#[derive(Debug, Default)]
pub struct Drafts {
    pub projects: String,
    pub models: String,
    pub token: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `None` for as many as there are cores.
    Threads(Option<usize>),
    /// In bytes; `None` for what there is.
    MemoryLimit(Option<u64>),
    /// `None` for the usual place.
    Folder(Place, Option<std::path::PathBuf>),
    ChooseFolder(Place),
    Offline(bool),
    KeepToken(String),
    ForgetToken,
    /// The keyring answered.
    Token(TokenState),
    ShowDeveloper(bool),
}

/// See the module.
pub struct Logic;

impl Part for Logic {
    type Action = Action;

    fn show(ui: &mut Ui, state: &AppState, drafts: &mut AllDrafts, actions: &mut Vec<AnyAction>) {
        let theme = Theme::of(ui);
        screen_header(ui, "Settings", |_| {}, |_| {});
        let drafts = &mut drafts.settings_screen;
        layout::scrolling(ui, "settings", |ui| {
            ui.spacing_mut().item_spacing.y = theme.space.s;
            ui.set_max_width(theme.size.dialog_wide_width.min(ui.available_width()));
            let part = |ui: &mut Ui, name: &str, remark: &str, content: &mut dyn FnMut(&mut Ui)| {
                section(ui, name, remark, |_| {});
                Card::new().rows().show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    content(ui);
                });
                ui.add_space(theme.space.s);
            };
            part(ui, "Look", "", &mut |ui| rows::look(ui, state, actions));
            part(ui, "Computing", "", &mut |ui| rows::computing(ui, state, actions));
            part(ui, "Folders", "", &mut |ui| rows::folders(ui, state, drafts, actions));
            part(ui, "Network", "", &mut |ui| {
                rows::network(ui, state, actions);
                token::show(ui, state, drafts, actions);
            });
            part(ui, "Keys", "F1 shows them anywhere", &mut rows::keys);
            part(ui, "Version and licences", "", &mut |ui| rows::about(ui, actions));
            rows::developer(ui, state, actions);
            part(ui, "Letters", "scripts that the window's own fonts lack", &mut |ui| rows::letters(ui, state));
        });
    }

    fn is_by_itself(action: &Action) -> bool {
        matches!(action, Action::Token(_))
    }

    fn update(state: &mut AppState, drafts: &mut AllDrafts, action: Action, cx: &Cx<'_>) {
        match action {
            Action::Threads(threads) => {
                state.settings.threads = threads;
                state.status = "As many threads compute from the next start on".into();
            }
            Action::MemoryLimit(limit) => state.settings.memory_limit = limit,
            Action::Folder(place, folder) => {
                match place {
                    Place::Projects => state.settings.projects_folder = folder,
                    Place::Models => state.settings.models_folder = folder,
                }
                Self::refresh(state, drafts, cx);
            }
            Action::ChooseFolder(place) => {
                let pick = |title| FilePick { title, kind: PickKind::Folder };
                return match place {
                    Place::Projects => cx.pick(pick("Choose the folder for projects"), |folder| {
                        Action::Folder(Place::Projects, Some(folder)).into()
                    }),
                    Place::Models => cx.pick(pick("Choose the folder for models"), |folder| {
                        Action::Folder(Place::Models, Some(folder)).into()
                    }),
                };
            }
            Action::Offline(is_offline) => state.settings.is_offline = is_offline,
            Action::KeepToken(token) => {
                drafts.settings_screen.token.clear();
                token::keep(state, token, cx);
            }
            Action::ForgetToken => token::forget(state, cx),
            Action::Token(answer) => token::hear(state, answer),
            Action::ShowDeveloper(is_open) => state.settings_screen.is_developer_open = is_open,
        }
        configure(state, cx);
        save(state, cx);
    }
}

impl super::Place for Logic {
    const NAME: &'static str = "Settings";
    const ICON: Icon = icon::GEAR_SIX;
    const RAIL: Rail = Rail::Foot;

    /// The fields show what is set.
    fn refresh(state: &mut AppState, drafts: &mut AllDrafts, _cx: &Cx<'_>) {
        let words =
            |place: Place| place.now(&state.settings).map_or_else(String::new, |path| path.display().to_string());
        drafts.settings_screen.projects = words(Place::Projects);
        drafts.settings_screen.models = words(Place::Models);
    }
}

/// At the start of the window: the engine hears what is allowed, and the keyring is asked.
pub fn start(state: &AppState, cx: &Cx<'_>) {
    configure(state, cx);
    token::load(cx);
}

/// Tells the engine what the settings allow.
fn configure(state: &AppState, cx: &Cx<'_>) {
    cx.backend.configure(Limits {
        is_offline: state.settings.is_offline,
        token: state.settings_screen.token.token().cloned(),
        models_folder: state.settings.models_folder.clone(),
        memory: state.settings.memory_limit,
    });
}

/// Why a run would take more bytes than it may.
pub fn over_limit(limit: Option<u64>, memory: &MemoryEstimate) -> Option<String> {
    let limit = limit.filter(|limit| memory.total() > *limit)?;
    let (needed, limit) = (format::gigabytes(memory.total()), format::gigabytes(limit));
    Some(format!("It needs {needed} GB, more than the memory limit of {limit} GB in Settings"))
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
