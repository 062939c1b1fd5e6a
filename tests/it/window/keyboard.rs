//! Every screen by keyboard alone: something always has the keyboard, and keys are said where they work.

use std::collections::HashSet;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use tunewright::app::screens::data;
use tunewright::app::shell::keys;
use tunewright::app::{Action, OpenDialog, Screen};

use super::harness::Window;
use super::harness::states::{self, STATES, runs};

const NONE: Modifiers = Modifiers::NONE;

/// Presses a key, after which something has to have the keyboard.
fn press(window: &mut Window, modifiers: Modifiers, key: Key, what: &str) -> String {
    window.key(modifiers, key);
    window.focused().unwrap_or_else(|| panic!("{what}: nothing has the keyboard after {key:?}"))
}

#[test]
fn tab_walks_every_screen_and_never_falls_off() {
    // The command field keeps the caret while it is open: its list is walked by arrows.
    for (name, open) in STATES.iter().filter(|(name, _)| *name != "command field") {
        let mut window = open();
        let stops: Vec<_> = (0..12).map(|_| (press(&mut window, NONE, Key::Tab, name), window.focused_id())).collect();
        let ids: HashSet<_> = stops.iter().map(|(_, id)| *id).collect();
        assert!(ids.len() > 1, "{name}: Tab only stops at {stops:?}");
        press(&mut window, Modifiers::SHIFT, Key::Tab, name);
        assert!(ids.contains(&window.focused_id()), "{name}: Shift Tab goes back to {:?}", window.focused());
    }
}

#[test]
fn a_dialog_takes_the_keyboard_and_gives_it_back() {
    for screen in Screen::ALL.iter().copied() {
        let mut window = states::at(screen, runs());
        let name = screen.name();
        for _ in 0..9 {
            window.key(NONE, Key::Tab);
        }
        let before = window.focused();
        assert_ne!(press(&mut window, NONE, Key::F1, name), before.clone().unwrap_or_default());
        press(&mut window, NONE, Key::Escape, name);
        assert_eq!(window.shell().state.dialog, None, "{name}");
        // Esc leads to the table of examples from anywhere on its screen.
        let is_back =
            |now: Option<String>| now == before || (screen == Screen::Data && now.as_deref() == Some("Examples"));
        assert!(is_back(window.focused()), "{name} after the keys: {:?}", window.focused());
        assert_eq!(press(&mut window, Modifiers::COMMAND, Key::K, name), "Command");
        press(&mut window, NONE, Key::Escape, name);
        assert!(is_back(window.focused()), "{name} after the command field: {:?}", window.focused());
    }
}

#[test]
fn every_screen_has_the_keyboard_somewhere_as_soon_as_it_is_opened_by_key() {
    let mut window = states::with_project(runs());
    let steps = [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6];
    for (key, screen) in steps.into_iter().zip(Screen::steps()) {
        press(&mut window, Modifiers::COMMAND, key, screen.name());
        assert_eq!(window.shell().state.screen, screen);
    }
}

#[test]
fn the_table_has_the_keys_again_after_every_act() {
    let mut window = states::at(Screen::Data, Vec::new());
    assert_eq!(press(&mut window, Modifiers::COMMAND, Key::Num2, "data"), "Examples", "from the start");
    press(&mut window, NONE, Key::ArrowDown, "data");
    let row = |window: &Window| window.shell().state.data.selected;
    let first = row(&window);
    // To the editor and back.
    assert_ne!(press(&mut window, NONE, Key::E, "editor"), "Examples");
    assert_eq!(press(&mut window, NONE, Key::Escape, "editor"), "Examples");
    press(&mut window, NONE, Key::ArrowDown, "data");
    assert_ne!(row(&window), first, "the arrow walks the rows again");
    // To the search field and back.
    window.harness.event(egui::Event::Text("/".to_owned()));
    window.settle();
    assert_eq!(window.focused().as_deref(), Some("Search text"));
    assert_eq!(press(&mut window, NONE, Key::Escape, "search"), "Examples");
    // Dialogs, reviews, setting aside.
    for key in [Key::H, Key::A, Key::F, Key::U, Key::Delete] {
        press(&mut window, NONE, key, "data");
        press(&mut window, NONE, Key::Escape, "data");
        assert_eq!(window.focused().as_deref(), Some("Examples"), "after {key:?}");
    }
    // Deleting, by its button.
    window.act(data::ExampleAction::Delete);
    press(&mut window, NONE, Key::ArrowDown, "data");
}

#[test]
fn a_filter_that_hides_everything_leaves_the_keyboard_a_way_on() {
    let mut window = states::at(Screen::Data, Vec::new());
    press(&mut window, Modifiers::COMMAND, Key::Num2, "data");
    window.world().project.counts.test = 0;
    window.act(Action::Go(Screen::Data));
    window.act(data::FilterAction::Show(data::filters::Show::Split(tunewright::data::Split::Test)));
    press(&mut window, NONE, Key::ArrowDown, "empty table");
}

#[test]
fn the_sheet_of_keys_says_what_the_keys_do() {
    let mut window = states::with_project(Vec::new());
    for (shortcut, key, dialog) in
        [(&keys::FIND, Key::K, OpenDialog::Commands), (&keys::HELP, Key::F1, OpenDialog::Help)]
    {
        let modifiers = if key == Key::K { Modifiers::COMMAND } else { NONE };
        window.key(modifiers, key);
        assert_eq!(window.shell().state.dialog, Some(dialog));
        window.key(NONE, Key::Escape);
        assert!(keys::KEYS.contains(&(shortcut.shown, shortcut.words)));
    }
    window.click(Role::Button, "Help");
    for (_, words) in keys::KEYS.iter().chain(&data::KEYS) {
        assert!(window.is_shown(words), "{words}");
    }
}
