//! What the settings know beside what is kept of them, and what comes of a change.

use std::path::PathBuf;

use super::token::{Token, TokenState};
use crate::app::effect::Effect;
use crate::app::files::{FilePick, PickKind};
use crate::app::settings::AppSettings;
use crate::app::shell::opening;
use crate::hub::models_dir;

/// What a person did on this screen.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingsAction {
    /// `None` for as many as there are cores.
    Threads(Option<usize>),
    /// In bytes; `None` for what there is.
    MemoryLimit(Option<u64>),
    /// `None` for the usual place.
    Folder(Place, Option<PathBuf>),
    ChooseFolder(Place),
    /// Another folder is looked through for models.
    LookInFolder(PathBuf),
    ChooseFolderToLookIn,
    /// This one no longer is; nothing in it changes.
    LeaveFolder(PathBuf),
    Offline(bool),
    KeepToken(String),
    ForgetToken,
    /// The keyring answered.
    Token(TokenState),
    ShowDeveloper(bool),
}

/// A folder that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Projects,
    Models,
}

impl Place {
    /// The folder that the settings say, or else the usual one.
    pub fn now(self, settings: &AppSettings) -> Option<PathBuf> {
        match self {
            Self::Projects => opening::projects_folder(settings),
            Self::Models => Some(settings.models_folder.clone().unwrap_or_else(models_dir)),
        }
    }

    pub(super) fn is_set(self, settings: &AppSettings) -> bool {
        match self {
            Self::Projects => settings.projects_folder.is_some(),
            Self::Models => settings.models_folder.is_some(),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct SettingsState {
    pub token: Token,
    pub is_developer_open: bool,
}

impl SettingsState {
    /// Gives what is to be done outside of this screen. `now` is what is set.
    pub fn apply(&mut self, action: SettingsAction, now: &AppSettings) -> Vec<Effect> {
        let set = |new: AppSettings| Effect::Prefer(Box::new(new));
        match action {
            SettingsAction::Threads(threads) => vec![
                set(AppSettings { threads, ..now.clone() }),
                Effect::say("As many threads compute from the next start on"),
            ],
            SettingsAction::MemoryLimit(memory_limit) => vec![set(AppSettings { memory_limit, ..now.clone() })],
            SettingsAction::Folder(Place::Projects, projects_folder) => {
                vec![set(AppSettings { projects_folder, ..now.clone() })]
            }
            SettingsAction::Folder(Place::Models, models_folder) => {
                vec![set(AppSettings { models_folder, ..now.clone() })]
            }
            SettingsAction::ChooseFolder(place) => vec![choose(place)],
            SettingsAction::LookInFolder(folder) => {
                let mut more_models_folders = now.more_models_folders.clone();
                if !more_models_folders.contains(&folder) {
                    more_models_folders.push(folder);
                }
                vec![set(AppSettings { more_models_folders, ..now.clone() })]
            }
            SettingsAction::ChooseFolderToLookIn => vec![Effect::Pick(
                FilePick { title: "Choose a folder with models", kind: PickKind::Folder },
                |folder| SettingsAction::LookInFolder(folder).into(),
            )],
            SettingsAction::LeaveFolder(folder) => {
                let mut more_models_folders = now.more_models_folders.clone();
                more_models_folders.retain(|other| *other != folder);
                vec![set(AppSettings { more_models_folders, ..now.clone() })]
            }
            SettingsAction::Offline(is_offline) => vec![set(AppSettings { is_offline, ..now.clone() })],
            SettingsAction::KeepToken(token) => vec![self.token.keep(token), Effect::TellLimits],
            SettingsAction::ForgetToken => self.token.forget().into_iter().chain([Effect::TellLimits]).collect(),
            SettingsAction::Token(answer) => {
                self.token.hear(answer);
                vec![Effect::TellLimits]
            }
            SettingsAction::ShowDeveloper(is_open) => {
                self.is_developer_open = is_open;
                Vec::new()
            }
        }
    }
}

fn choose(place: Place) -> Effect {
    let pick = |title| FilePick { title, kind: PickKind::Folder };
    match place {
        Place::Projects => Effect::Pick(pick("Choose the folder for projects"), |folder| {
            SettingsAction::Folder(Place::Projects, Some(folder)).into()
        }),
        Place::Models => Effect::Pick(pick("Choose the folder for models"), |folder| {
            SettingsAction::Folder(Place::Models, Some(folder)).into()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::HubToken;

    /// The settings after it, where it changes them.
    fn after(action: SettingsAction, now: &AppSettings) -> Option<AppSettings> {
        let effects = SettingsState::default().apply(action, now);
        effects.into_iter().find_map(|effect| if let Effect::Prefer(new) = effect { Some(*new) } else { None })
    }

    #[test]
    fn each_setting_changes_alone() {
        let now = AppSettings {
            threads: Some(2),
            is_offline: true,
            more_models_folders: vec!["/e".into()],
            ..AppSettings::default()
        };
        let folder = Some(PathBuf::from("/f"));
        let cases = [
            (SettingsAction::Threads(None), AppSettings { threads: None, ..now.clone() }),
            (SettingsAction::MemoryLimit(Some(9)), AppSettings { memory_limit: Some(9), ..now.clone() }),
            (SettingsAction::Offline(false), AppSettings { is_offline: false, ..now.clone() }),
            (
                SettingsAction::Folder(Place::Projects, folder.clone()),
                AppSettings { projects_folder: folder.clone(), ..now.clone() },
            ),
            (
                SettingsAction::Folder(Place::Models, folder.clone()),
                AppSettings { models_folder: folder, ..now.clone() },
            ),
            (
                SettingsAction::LookInFolder("/g".into()),
                AppSettings { more_models_folders: vec!["/e".into(), "/g".into()], ..now.clone() },
            ),
            (SettingsAction::LookInFolder("/e".into()), now.clone()),
            (SettingsAction::LeaveFolder("/e".into()), AppSettings { more_models_folders: Vec::new(), ..now.clone() }),
        ];
        for (action, expected) in cases {
            assert_eq!(after(action, &now), Some(expected));
        }
        for action in [SettingsAction::ShowDeveloper(true), SettingsAction::ChooseFolder(Place::Models)] {
            assert_eq!(after(action, &now), None);
        }
    }

    #[test]
    fn a_token_is_used_at_once_and_forgotten_where_it_lies() {
        let (mut state, now) = (SettingsState::default(), AppSettings::default());
        let effects = state.apply(SettingsAction::KeepToken("hf_a".to_owned()), &now);
        assert!(matches!(effects[..], [Effect::Run(_), Effect::TellLimits]), "{effects:?}");
        let token = HubToken::new("hf_a".to_owned());
        assert_eq!(state.token.token(), Some(&token), "the keyring has not answered yet");
        state.apply(SettingsAction::Token(TokenState::InKeyring(token.clone())), &now);
        let effects = state.apply(SettingsAction::ForgetToken, &now);
        assert!(matches!(effects[..], [Effect::Run(_), Effect::TellLimits]), "{effects:?}");
        assert_eq!(state.token.token(), None);

        state.apply(SettingsAction::Token(TokenState::OnlyHere(token, "no keyring".to_owned())), &now);
        let effects = state.apply(SettingsAction::ForgetToken, &now);
        assert!(matches!(effects[..], [Effect::TellLimits]), "it is in no keyring: {effects:?}");
    }
}
