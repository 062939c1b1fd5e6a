//! The histogram of lengths by its accessible names: its line is moved, and the project's recipe follows.

use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::screens::data::DataDialog;
use tunewright::project::Project;
use tunewright::recipe::{ModelRef, TooLong, Training};

use super::harness::{Studio, made};
use crate::fixtures::fixture;

const LINE: &str = "Longest example in tokens";

/// Nine short examples and one of some hundred tokens.
fn with_lengths() -> Studio {
    let mut studio = Studio::open(Some(ModelRef::Folder(fixture("llama"))));
    let line = |i: usize| {
        let question = if i == 9 { "many words ".repeat(60) } else { format!("question {i}") };
        made::pair(question.trim(), &format!("answer {i}"))
    };
    studio.import(&(0..10).map(line).collect::<String>());
    studio.wait("the lengths", |shell| shell.state.data.lengths.counted.num == 10);
    studio.settle();
    studio
}

fn kept(studio: &Studio) -> Training {
    Project::open(&studio.project())
        .unwrap()
        .settings()
        .unwrap()
        .recipe
        .map(|recipe| recipe.training)
        .unwrap_or_default()
}

#[test]
fn the_line_is_moved_by_keys_by_the_field_and_by_dragging() {
    let mut studio = with_lengths();
    let longest = studio.shell().state.data.lengths.counted.max as usize;
    studio.click(Role::Button, "More for the data");
    studio.click(Role::MenuItem, "Statistics");
    studio.wait("the numbers", |shell| matches!(&shell.state.data.dialog, Some(DataDialog::Statistics(Some(_)))));
    assert!(studio.is_shown("None of 10 is longer"));
    studio.focus(Role::Slider, LINE);
    studio.key(Modifiers::NONE, Key::ArrowLeft);
    studio.key(Modifiers::NONE, Key::ArrowLeft);
    studio.settle();
    assert_eq!(kept(&studio).max_length, 1022);

    studio.type_into("Longest example", &format!("{} - 1", longest));
    studio.key(Modifiers::NONE, Key::Enter);
    studio.settle();
    assert_eq!(kept(&studio).max_length, longest - 1);
    assert!(studio.is_shown("1 of 10 is longer: left out"));
    studio.click(Role::ComboBox, "Longer examples");
    studio.click(Role::MenuItem, "Cut the end");
    assert!(studio.is_shown("1 of 10 is longer: cut at the end"));
    assert_eq!(kept(&studio).too_long, TooLong::CutRight);

    let from = studio.harness.get_by_role_and_label(Role::Slider, LINE).rect().center();
    studio.harness.drag_at(from);
    studio.harness.run_steps(2);
    studio.harness.hover_at(from + Vec2::new(-2000.0, 0.0));
    studio.harness.run_steps(2);
    assert!(studio.is_shown("10 of 10 are longer: cut at the end"), "the sentence follows the line");
    assert_eq!(kept(&studio).max_length, longest - 1, "nothing is written while it is held");
    studio.harness.drop_at(from + Vec2::new(-2000.0, 0.0));
    studio.harness.run_steps(3);
    studio.settle();
    assert_eq!(kept(&studio).max_length, 8);
}

#[test]
fn the_wide_panel_has_the_histogram_and_the_tokens_say_what_becomes_of_the_example() {
    let mut studio = with_lengths();
    assert!(!studio.is_shown("Length of all examples"), "there is no room for it");
    studio.harness.set_size(Vec2::new(1728.0, 1080.0));
    studio.harness.run_steps(3);
    assert!(studio.is_shown("Length of all examples") && studio.is_shown("None of 10 is longer"));
    let num_tokens = studio.shell().state.data.tokens.view().unwrap().num_tokens;
    assert!(num_tokens < 100, "the first example is short");
    studio.focus(Role::Slider, LINE);
    studio.key(Modifiers::NONE, Key::ArrowLeft);
    studio.settle();
    assert_eq!(kept(&studio).max_length, 1023);
    let from = studio.harness.get_by_role_and_label(Role::Slider, LINE).rect().center();
    studio.harness.drag_at(from);
    studio.harness.run_steps(2);
    studio.harness.hover_at(from + Vec2::new(-1000.0, 0.0));
    studio.harness.run_steps(2);
    studio.harness.drop_at(from + Vec2::new(-2000.0, 0.0));
    studio.harness.run_steps(3);
    studio.settle();
    assert!(studio.is_shown("10 of 10 are longer: left out"));
    studio.wait("the new tokens", |shell| {
        shell.state.data.tokens.view().is_some_and(|view| view.pieces.iter().all(|piece| piece.is_cut))
    });
    assert!(studio.is_shown("beyond the limit of 8 and would be left out of training"));
}
