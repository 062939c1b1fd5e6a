//! The keys that work everywhere.

use egui::{Context, Event, Key, Modifiers};

use super::Shell;
use crate::app::kit::row::place;
use crate::app::settings::ThemeChoice;
use crate::app::{Action, OpenDialog, Screen};

/// Keys and what they do, for the help dialog.
pub const KEYS: &[(&str, &str)] = &[
    ("Ctrl 1 … 6", "The six steps"),
    ("Ctrl K", "Find or do something"),
    ("Ctrl O", "Open a project"),
    ("Ctrl I", "Import examples"),
    ("/", "Search"),
    ("↑ ↓", "Rows"),
    ("Enter", "Open"),
    ("Ctrl Z", "Undo"),
    ("Ctrl Shift Z", "Redo"),
    ("Ctrl Enter", "The main act of the screen"),
    ("Tab", "Next control"),
    ("Ctrl Shift L", "Light or dark"),
    ("Esc", "Close"),
    ("Ctrl Q", "Quit"),
    ("? or F1", "These keys"),
];

const STEPS: [Key; 6] = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];

impl Shell {
    /// Before the screens are painted, so that no widget takes these keys; after dialogs had their turn.
    pub(super) fn take_keys(&mut self, ctx: &Context) {
        let actions = &mut self.actions;
        let command = |key: Key| ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND, key));
        if ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND | Modifiers::SHIFT, Key::L)) {
            actions.push(Action::SetTheme(ThemeChoice::other(ctx)));
        }
        if command(Key::Q) {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
        // What lies below a dialog can't be reached by a key either: the dialog would be gone, or wait there unseen.
        if ctx.memory(|memory| memory.top_modal_layer().is_some()) {
            return;
        }
        for (key, screen) in STEPS.into_iter().zip(Screen::STEPS) {
            if command(key) {
                actions.push(Action::Go(screen));
            }
        }
        if command(Key::O) {
            actions.push(Action::ChooseProject);
        }
        if command(Key::I) {
            actions.push(Action::ChooseImport);
        }
        if ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::F1)) {
            actions.push(Action::ShowDialog(OpenDialog::Help));
        }
        if self.state.dialog.is_some() {
            return;
        }
        let is_settings = self.state.screen == Screen::Settings && !ctx.text_edit_focused();
        if is_settings && ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            actions.push(Action::Go(self.state.before_settings));
        }
        if command(Key::Enter) {
            actions.push(Action::PrimaryAct);
        }
        if ctx.text_edit_focused() {
            return; // Text fields have their own undo, and "/" is a letter there.
        }
        if ctx.input_mut(|input| input.consume_key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z)) || command(Key::Y) {
            actions.push(Action::Redo);
        } else if command(Key::Z) {
            actions.push(Action::Undo);
        }
        if take_text(ctx, "?") {
            actions.push(Action::ShowDialog(OpenDialog::Help));
        }
        if take_text(ctx, "/") {
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
                matches!(event, Event::Key { key: Key::K, pressed: true, modifiers, .. }
                    if modifiers.matches_exact(Modifiers::COMMAND))
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
