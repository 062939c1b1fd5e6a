//! Keys with what was held when they were pressed. What is held at the end of the frame is something else: a quick Ctrl 2
//! would be a 2, which labels an example.

use egui::{Event, InputState, Key, Modifiers};

/// What was held when this key was pressed in this frame, if it was.
pub fn pressed_with(input: &InputState, wanted: Key) -> Option<Modifiers> {
    input.events.iter().find_map(|event| match event {
        Event::Key { key, pressed: true, modifiers, .. } if *key == wanted => Some(*modifiers),
        _ => None,
    })
}

/// Whether the key was pressed with exactly these held.
pub fn is_pressed(input: &InputState, modifiers: Modifiers, key: Key) -> bool {
    pressed_with(input, key).is_some_and(|held| held.matches_exact(modifiers))
}

/// Whether the key was pressed by itself.
pub fn is_plain(input: &InputState, key: Key) -> bool {
    is_pressed(input, Modifiers::NONE, key)
}
