//! The person's token for the Hub: in the system's keyring, or where there is none for as long as the window is open.

use egui::Ui;

use super::{Action, Drafts};
use crate::app::effect::Effect;
use crate::app::kit::{Button, SettingsRow, TextInput, Theme, rule};
use crate::app::{Action as AnyAction, AppState};
use crate::hub::{HubToken, keyring};

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum TokenState {
    /// The keyring was not asked yet, or has none.
    #[default]
    None,
    InKeyring(HubToken),
    /// There is no keyring, and why.
    OnlyHere(HubToken, String),
    /// It could not be taken out of the keyring.
    NotForgotten(HubToken, String),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Token {
    state: TokenState,
    /// The keyring is being asked.
    is_waiting: bool,
}

impl Token {
    pub fn token(&self) -> Option<&HubToken> {
        match &self.state {
            TokenState::None => None,
            TokenState::InKeyring(token) | TokenState::OnlyHere(token, _) | TokenState::NotForgotten(token, _) => {
                Some(token)
            }
        }
    }

    /// Used at once; the keyring is asked in a thread of its own.
    pub(super) fn keep(&mut self, token: String) -> Effect {
        let token = HubToken::new(token);
        let reason = "the keyring has not answered yet".to_owned();
        *self = Self { state: TokenState::OnlyHere(token.clone(), reason), is_waiting: true };
        Effect::run(move || {
            let answer = match keyring::keep(&token) {
                Ok(()) => TokenState::InKeyring(token),
                Err(error) => TokenState::OnlyHere(token, error.to_string()),
            };
            Some(Action::Token(answer).into())
        })
    }

    /// Nothing is to be done where no keyring has it.
    pub(super) fn forget(&mut self) -> Option<Effect> {
        let Self { state: old, .. } = std::mem::take(self);
        let (TokenState::InKeyring(token) | TokenState::NotForgotten(token, _)) = old else { return None };
        self.is_waiting = true;
        Some(Effect::run(move || {
            let answer = match keyring::forget() {
                Ok(()) => TokenState::None,
                Err(error) => TokenState::NotForgotten(token, error.to_string()),
            };
            Some(Action::Token(answer).into())
        }))
    }

    pub(super) fn hear(&mut self, answer: TokenState) {
        *self = Self { state: answer, is_waiting: false };
    }

    fn words(&self) -> String {
        match &self.state {
            _ if self.is_waiting => "Asking the system's keyring".to_owned(),
            TokenState::None => "For private and gated models and data sets".to_owned(),
            TokenState::InKeyring(_) => "Kept in the system's keyring".to_owned(),
            TokenState::OnlyHere(_, reason) => format!("Kept until the window closes: {reason}"),
            TokenState::NotForgotten(_, reason) => format!("Still in the keyring: {reason}"),
        }
    }
}

/// Asks the keyring for what was kept before.
pub fn load() -> Effect {
    Effect::run(|| match keyring::load() {
        Ok(Some(token)) => Some(Action::Token(TokenState::InKeyring(token)).into()),
        Ok(None) => None,
        Err(error) => {
            log::info!("no token from the keyring: {error}");
            None
        }
    })
}

pub(super) fn show(ui: &mut Ui, state: &AppState, drafts: &mut Drafts, actions: &mut Vec<AnyAction>) {
    let theme = Theme::of(ui);
    let token = &state.settings_screen.token;
    rule(ui);
    let words = token.words();
    let row = SettingsRow {
        name: "Hub token",
        help: &words,
        about: (
            "Hub token",
            "From huggingface.co, under Settings and Access Tokens; reading is enough. It goes before HF_TOKEN and is \
             never written to a file",
        ),
        is_changed: false,
        is_wrong: matches!(token.state, TokenState::NotForgotten(..)),
    };
    row.show(ui, |ui| {
        if token.token().is_some() {
            if ui.add(Button::secondary("Forget").name("Forget the Hub token")).clicked() {
                actions.push(Action::ForgetToken.into());
            }
            return;
        }
        let width = theme.size.settings_control_width - theme.size.settings_row_height * 1.75;
        TextInput::new("Hub token", &mut drafts.token).secret().hint("hf_…").width(width).show(ui);
        let typed = drafts.token.trim();
        let keep = Button::secondary("Keep").name("Keep the Hub token");
        if ui.add(keep.enabled_or(!typed.is_empty(), "Paste a token first")).clicked() {
            actions.push(Action::KeepToken(typed.to_owned()).into());
        }
    });
}
