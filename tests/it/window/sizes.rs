//! Every screen at every size of window and text: no control lies under another one, and none is out of reach.

use egui::{Key, Modifiers, Rect, Vec2};
use proptest::prelude::*;
use tunewright::app::screens::data;
use tunewright::app::{Action, Screen};

use super::harness::states::{self, STATES, State};
use super::harness::{Control, Window};

/// From the smallest window to a large screen.
const SIZES: [[f32; 2]; 6] =
    [[1024.0, 680.0], [1280.0, 800.0], [1366.0, 768.0], [1728.0, 1080.0], [1920.0, 1200.0], [3840.0, 2160.0]];
const ZOOMS: [f32; 4] = [0.8, 1.0, 1.5, 2.0];

/// Lines that touch don't overlap.
const TOLERANCE: f32 = 1.0;

fn overlap(a: Rect, b: Rect) -> bool {
    let both = a.intersect(b);
    both.width() > TOLERANCE && both.height() > TOLERANCE
}

/// A card with a button in it is two controls, one in the other.
fn is_in(inner: Rect, outer: Rect) -> bool {
    outer.expand(TOLERANCE).contains_rect(inner)
}

/// What is wrong with the window as it is.
fn faults(window: &Window) -> Vec<String> {
    let controls = window.controls();
    let whole = window.harness.ctx.content_rect();
    let mut faults = Vec::new();
    for (at, a) in controls.iter().enumerate() {
        if !a.seen.is_positive() {
            continue;
        }
        let is_other = |b: &&Control| b.layer == a.layer && b.seen.is_positive();
        for b in controls[..at].iter().filter(is_other) {
            if overlap(a.seen, b.seen) && !is_in(a.seen, b.seen) && !is_in(b.seen, a.seen) {
                faults.push(format!("“{}” {:?} and “{}” {:?} overlap", a.name, a.seen, b.name, b.seen));
            }
        }
    }
    let out_of_reach = controls.iter().filter(|control| !is_reachable(window, control, whole));
    faults.extend(out_of_reach.map(|control| format!("“{}” {:?} is out of reach", control.name, control.rect)));
    faults
}

/// It is in the window as a whole, or a scroll area brings it there.
fn is_reachable(window: &Window, control: &Control, whole: Rect) -> bool {
    is_in(control.rect, whole) && is_in(control.rect, control.seen) || window.scrolls(control)
}

fn open(state: &State) -> Window {
    state.1()
}

fn check(state: &State, window: &mut Window, size: Vec2, zoom: f32) {
    window.resize(size, zoom);
    let faults = faults(window);
    let name = state.0;
    assert!(faults.is_empty(), "{name} at {}×{}, text {} %:\n{}", size.x, size.y, zoom * 100.0, faults.join("\n"));
}

fn check_all(part: usize, of: usize) {
    let mut wrong = Vec::new();
    for state in STATES.iter().skip(part).step_by(of) {
        let mut window = open(state);
        for size in SIZES {
            for zoom in ZOOMS {
                window.resize(size.into(), zoom);
                let found = faults(&window);
                if !found.is_empty() {
                    let at = format!("{} at {}×{}, text {} %", state.0, size[0], size[1], zoom * 100.0);
                    wrong.push(format!("{at}:\n  {}", found.join("\n  ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_overlaps_at_any_usual_size_first_half() {
    check_all(0, 2);
}

#[test]
fn nothing_overlaps_at_any_usual_size_second_half() {
    check_all(1, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_overlaps_at_any_size(
        state in 0..STATES.len(), width in 1024.0_f32..3840.0, height in 680.0_f32..2160.0, zoom in 0.8_f32..2.0,
    ) {
        let state = &STATES[state];
        check(state, &mut open(state), Vec2::new(width.floor(), height.floor()), zoom);
    }
}

#[test]
fn the_text_size_goes_up_and_down_by_key_and_is_kept() {
    let mut window = states::open();
    let size = |window: &Window| window.shell().state.settings.text_size.to_string();
    window.key(Modifiers::COMMAND, Key::Plus);
    assert_eq!((size(&window), window.harness.ctx.zoom_factor()), ("110 %".to_owned(), 1.1));
    window.key(Modifiers::COMMAND, Key::Minus);
    window.key(Modifiers::COMMAND, Key::Minus);
    assert_eq!((size(&window), window.harness.ctx.zoom_factor()), ("90 %".to_owned(), 0.9));
    window.key(Modifiers::COMMAND, Key::Num0);
    assert_eq!((size(&window), window.harness.ctx.zoom_factor()), ("100 %".to_owned(), 1.0));
}

#[test]
fn a_right_panel_is_a_drawer_in_a_narrow_window() {
    use egui::accesskit::Role::Button;
    let mut window = states::at(Screen::Data, Vec::new());
    window.act(data::TableAction::Select(1));
    assert!(window.is_shown("Delete example"), "beside the table");
    window.resize(Vec2::new(1024.0, 680.0), 1.0);
    assert!(!window.is_shown("Delete example"));
    window.click(Button, "Example");
    assert!(window.is_shown("Delete example"));
    window.act(Action::Go(Screen::Train));
    window.act(Action::Go(Screen::Data));
    assert!(window.is_shown("Delete example"), "it is remembered");
    window.key(Modifiers::NONE, Key::Escape);
    assert!(!window.is_shown("Delete example"));
    assert_eq!(window.focused().as_deref(), Some("Example"), "the button has the keyboard back");
}
