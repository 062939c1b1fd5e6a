//! The window's own settings: look, computing, folders, the network, the keys, and what this program is.

mod rows;
pub mod state;
pub mod token;

use egui::Ui;

pub use state::{Place, SettingsAction as Action, SettingsState as State};
pub use token::{Token, TokenState};

use super::{Part, Place as _, Rail};
use crate::app::effect;
use crate::app::kit::{Card, Icon, Theme, format, icon, layout, screen_header, section};
use crate::app::{Action as AnyAction, AppState, Cx, Drafts as AllDrafts};
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
    ("More models in", "folders looked through for models lm studio ollama own directory"),
    ("Network", "offline online hub internet"),
    ("Hub token", "hugging face key password login gated keyring"),
    ("Keys", "shortcuts keyboard"),
    ("Version and licences", "about license fonts"),
    ("Frame times", "developers performance"),
];

/// What is typed.
#[derive(Debug, Default)]
pub struct Drafts {
    pub projects: String,
    pub models: String,
    pub token: String,
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
        if matches!(action, Action::KeepToken(_)) {
            drafts.settings_screen.token.clear();
        }
        let sets_folder = matches!(action, Action::Folder(..));
        let effects = state.settings_screen.apply(action, &state.settings);
        effect::perform(effects, state, drafts, cx);
        if sets_folder {
            Self::refresh(state, drafts, cx);
        }
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

/// Why a run would take more bytes than it may.
pub fn over_limit(limit: Option<u64>, memory: &MemoryEstimate) -> Option<String> {
    let limit = limit.filter(|limit| memory.total() > *limit)?;
    let (needed, limit) = (format::gigabytes(memory.total()), format::gigabytes(limit));
    Some(format!("It needs {needed} GB, more than the memory limit of {limit} GB in Settings"))
}
