//! The keys that work everywhere.

use egui::{Context, Event, Key, Modifiers};

use super::Shell;
use crate::app::kit::row::place;
use crate::app::settings::{TextSize, ThemeChoice};
use crate::app::{Action, OpenDialog, Screen};

/// A key and what it does, once: for the handler below, the sheet of keys, and the tooltips of buttons that do the same.
pub struct Shortcut {
    modifiers: Modifiers,
    key: Key,
    /// The key as it is written on a key cap.
    pub shown: &'static str,
    pub words: &'static str,
}

impl Shortcut {
    const fn new(modifiers: Modifiers, key: Key, shown: &'static str, words: &'static str) -> Self {
        Self { modifiers, key, shown, words }
    }

    const fn command(key: Key, shown: &'static str, words: &'static str) -> Self {
        Self::new(Modifiers::COMMAND, key, shown, words)
    }

    const fn row(&self) -> (&'static str, &'static str) {
        (self.shown, self.words)
    }

    /// Whether it was pressed, and by that taken.
    fn take(&self, ctx: &Context) -> bool {
        ctx.input_mut(|input| input.consume_key(self.modifiers, self.key))
    }
}

const COMMAND_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

pub const FIND: Shortcut = Shortcut::command(Key::K, "Ctrl K", "Find or do something");
pub const OPEN: Shortcut = Shortcut::command(Key::O, "Ctrl O", "Open a project");
pub const IMPORT: Shortcut = Shortcut::command(Key::I, "Ctrl I", "Import examples");
pub const UNDO: Shortcut = Shortcut::command(Key::Z, "Ctrl Z", "Undo");
pub const REDO: Shortcut = Shortcut::new(COMMAND_SHIFT, Key::Z, "Ctrl Shift Z", "Redo");
pub const PRIMARY: Shortcut = Shortcut::command(Key::Enter, "Ctrl Enter", "Do what the filled button does");
pub const THEME: Shortcut = Shortcut::new(COMMAND_SHIFT, Key::L, "Ctrl Shift L", "Light or dark theme");
pub const LARGER: Shortcut = Shortcut::command(Key::Plus, "Ctrl +", "Larger text");
/// Where + needs Shift.
const LARGER_TOO: Shortcut = Shortcut::command(Key::Equals, "Ctrl =", "Larger text");
pub const SMALLER: Shortcut = Shortcut::command(Key::Minus, "Ctrl −", "Smaller text");
pub const USUAL_SIZE: Shortcut = Shortcut::command(Key::Num0, "Ctrl 0", "Text as large as usual");
pub const QUIT: Shortcut = Shortcut::command(Key::Q, "Ctrl Q", "Quit");
pub const HELP: Shortcut = Shortcut::new(Modifiers::NONE, Key::F1, "F1 or ?", "Show these keys");
/// Text fields and dialogs take it where they are.
pub const SEARCH: &str = "/";
pub const CLOSE: &str = "Esc";

/// Keys and what they do, for the help dialog.
pub const KEYS: &[(&str, &str)] = &[
    ("Ctrl 1 to 6", "Go to one of the six steps"),
    FIND.row(),
    OPEN.row(),
    IMPORT.row(),
    (SEARCH, "Search this screen"),
    PRIMARY.row(),
    UNDO.row(),
    REDO.row(),
    ("Tab", "Next control; with Shift, the one before"),
    (CLOSE, "Close, or leave a field"),
    LARGER.row(),
    SMALLER.row(),
    USUAL_SIZE.row(),
    THEME.row(),
    HELP.row(),
    QUIT.row(),
];

/// The keys of the steps, in the order of the rail.
pub const STEPS: [(Key, &str); 6] = [
    (Key::Num1, "Ctrl 1"),
    (Key::Num2, "Ctrl 2"),
    (Key::Num3, "Ctrl 3"),
    (Key::Num4, "Ctrl 4"),
    (Key::Num5, "Ctrl 5"),
    (Key::Num6, "Ctrl 6"),
];

impl Shell {
    /// Before the screens are painted, so that no widget takes these keys; after dialogs had their turn.
    pub(super) fn take_keys(&mut self, ctx: &Context) {
        let actions = &mut self.actions;
        let command = |key: Key| ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND, key));
        let size = self.state.settings.text_size;
        if LARGER.take(ctx) || LARGER_TOO.take(ctx) {
            actions.push(Action::SetTextSize(size.larger()));
        } else if SMALLER.take(ctx) {
            actions.push(Action::SetTextSize(size.smaller()));
        } else if USUAL_SIZE.take(ctx) {
            actions.push(Action::SetTextSize(TextSize::default()));
        }
        if THEME.take(ctx) {
            actions.push(Action::SetTheme(ThemeChoice::other(ctx)));
        }
        if QUIT.take(ctx) {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        // What lies below a dialog can't be reached by a key either: the dialog would be gone, or wait there unseen.
        if ctx.memory(|memory| memory.top_modal_layer().is_some()) {
            return;
        }
        for ((key, _), screen) in STEPS.into_iter().zip(Screen::steps()) {
            if command(key) {
                actions.push(Action::Go(screen));
            }
        }
        if OPEN.take(ctx) {
            actions.push(Action::ChooseProject);
        }
        if IMPORT.take(ctx) {
            actions.push(Action::ChooseImport);
        }
        if HELP.take(ctx) {
            actions.push(Action::ShowDialog(OpenDialog::Help));
        }
        if self.state.dialog.is_some() {
            return;
        }
        let is_settings = self.state.screen == Screen::Settings && !ctx.text_edit_focused();
        if is_settings && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            actions.push(Action::Go(self.state.before_settings));
        }
        if PRIMARY.take(ctx) {
            actions.push(Action::PrimaryAct);
        }
        if ctx.text_edit_focused() {
            return; // Text fields have their own undo, and "/" is a letter there.
        }
        if REDO.take(ctx) || command(Key::Y) {
            actions.push(Action::Redo);
        } else if UNDO.take(ctx) {
            actions.push(Action::Undo);
        }
        if take_text(ctx, "?") {
            actions.push(Action::ShowDialog(OpenDialog::Help));
        }
        if take_text(ctx, SEARCH) {
            ctx.memory_mut(|memory| memory.request_focus(place("search")));
        }
    }
}

impl Shell {
    /// Before anything else sees the keys: what is typed after Ctrl K in the same frame is meant for the command field, and
    /// no screen takes it for a command of its own.
    pub(super) fn take_command_key(&mut self, ctx: &Context) {
        if ctx.memory(|memory| memory.top_modal_layer().is_some()) {
            return;
        }
        let typed = ctx.input_mut(|input| {
            let is_it = |event: &Event| {
                matches!(event, Event::Key { key, pressed: true, modifiers, .. } if *key == FIND.key && modifiers.matches_exact(FIND.modifiers))
            };
            let at = input.events.iter().position(is_it)?;
            let mut typed = String::new();
            let later = input.events.split_off(at);
            input.events.extend(later.into_iter().skip(1).filter(|event| match event {
                Event::Text(text) => {
                    typed.push_str(text);
                    false
                }
                Event::Key { pressed, .. } => !pressed,
                _ => true,
            }));
            Some(typed)
        });
        let Some(typed) = typed else { return };
        if self.state.dialog != Some(OpenDialog::Commands) {
            self.drafts.commands.clear();
            self.drafts.command_row = 0;
            self.state.dialog = Some(OpenDialog::Commands);
        }
        self.drafts.commands.push_str(&typed);
        self.actions.push(Action::Find(self.drafts.commands.clone()));
    }
}

/// Takes a typed character away, so that it doesn't land in the field that gets focus.
fn take_text(ctx: &Context, wanted: &str) -> bool {
    ctx.input_mut(|input| {
        let before = input.events.len();
        input.events.retain(|event| !matches!(event, Event::Text(text) if text == wanted));
        input.events.len() < before
    })
}
