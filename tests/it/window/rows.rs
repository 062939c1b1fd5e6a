//! Rows, keys, search and undo as a newcomer meets them, over the real engine and a project on the disk.

use egui::accesskit::Role;
use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::{Action, Screen};
use tunewright::data::Role as Turn;
use tunewright::project::{Project, Review};
use tunewright::recipe::ModelRef;

use super::harness::Studio;
use super::harness::made::chat;
use crate::fixtures::fixture;

const ANSWER: &str = "Assistant, turn 3";

fn has_focus(studio: &Studio, role: Role, label: &str) -> bool {
    studio.harness.get_by_role_and_label(role, label).accesskit_node().is_focused()
}

fn press(studio: &mut Studio, key: Key) {
    studio.key(Modifiers::NONE, key);
    studio.settle();
}

fn open_number(studio: &Studio) -> Option<u64> {
    studio.shell().state.data.open.as_ref().map(|draft| draft.stored.number)
}

/// Two turns a line.
fn lines(rows: &[(String, &str)]) -> String {
    rows.iter().map(|(question, answer)| chat(&[("user", question), ("assistant", answer)])).collect()
}

/// Examples with a label each, so that `delivery` is the first one.
fn labelled() -> Studio {
    let mut studio = Studio::open(None);
    let labels = ["delivery", "refund", "account", "refund", "delivery", "account"];
    let row = |n: usize| (format!("ticket {n} about {}", ["a parcel", "money"][n % 2]), labels[n % 6]);
    studio.import(&lines(&(0..30).map(row).collect::<Vec<_>>()));
    studio.wait("the labels", |shell| !shell.state.data.facets.whole.labels.is_empty());
    studio
}

#[test]
fn rejecting_by_key_says_what_it_means_and_leaves_the_example_out() {
    let mut studio = Studio::with_examples(10, Some(ModelRef::Folder(fixture("llama"))));
    let train = |studio: &Studio| studio.shell().state.project.as_ref().unwrap().counts.train;
    while !studio.rows()[studio.shell().state.data.selected.unwrap() as usize].contains(", Train,") {
        press(&mut studio, Key::ArrowDown);
    }
    let (before, number) = (train(&studio), open_number(&studio).unwrap());
    press(&mut studio, Key::R);
    assert!(studio.is_shown(&format!("Example {number} is rejected: left out of training")));
    assert_eq!(train(&studio), before - 1);
    press(&mut studio, Key::K);
    assert_eq!(open_number(&studio), Some(number));
    assert!(studio.is_shown("Left out of training"), "in the panel, too");
    studio.act(Action::Go(Screen::Train));
    studio.settle();
    assert!(studio.is_shown("1 rejected: left out"));
    studio.act(Action::Go(Screen::Data));
    press(&mut studio, Key::F);
    assert!(studio.is_shown("to be looked at again, and trained all the same"));
    assert_eq!(train(&studio), before);
    studio.act(Action::Go(Screen::Train));
    studio.settle();
    assert!(studio.is_shown("1 flagged example is trained all the same"));
}

#[test]
fn e_opens_the_answer_and_esc_gives_the_keys_back() {
    let mut studio = Studio::with_examples(4, None);
    for key in [Key::E, Key::Enter] {
        press(&mut studio, key);
        assert!(has_focus(&studio, Role::MultilineTextInput, ANSWER), "{key:?}");
        press(&mut studio, Key::Escape);
        assert!(has_focus(&studio, Role::ListBox, "Examples"), "{key:?}");
    }
    press(&mut studio, Key::E);
    studio.harness.get_by_role_and_label(Role::MultilineTextInput, ANSWER).type_text(", indeed");
    studio.harness.run_steps(2);
    press(&mut studio, Key::Escape);
    assert_eq!((studio.stored(1)[1].1.as_str(), studio.stored(1)[2].1.as_str()), ("question 1", "answer 1, indeed"));
    press(&mut studio, Key::ArrowDown);
    press(&mut studio, Key::J);
    assert_eq!(open_number(&studio), Some(3), "at once, without a click");
    press(&mut studio, Key::A);
    let project = Project::open(&studio.project()).unwrap();
    assert_eq!(project.example(3).unwrap().annotations.review, Review::Accepted);
    // Other fields and lists give the keys back as well.
    studio.click(Role::Button, "Tags and notes");
    press(&mut studio, Key::Escape);
    assert!(has_focus(&studio, Role::ListBox, "Examples"));
}

#[test]
fn e_opens_an_empty_answer_where_there_is_none() {
    let mut studio = Studio::with_examples(2, None);
    studio.click(Role::Button, "More for turn 3");
    studio.click(Role::MenuItem, "Delete turn");
    assert_eq!(studio.stored(1).len(), 2);
    press(&mut studio, Key::E);
    assert!(has_focus(&studio, Role::MultilineTextInput, ANSWER));
    assert_eq!(studio.stored(1).len(), 2, "nothing is kept yet");
    studio.harness.get_by_role_and_label(Role::MultilineTextInput, ANSWER).type_text("now");
    studio.harness.run_steps(2);
    press(&mut studio, Key::Escape);
    assert_eq!(studio.stored(1)[2], (Turn::Assistant, "now".to_owned()));
}

#[test]
fn number_keys_belong_to_the_project_and_not_to_the_view() {
    let mut studio = labelled();
    let labels = |studio: &Studio| studio.shell().state.data.labels().join(", ");
    assert_eq!(labels(&studio), "delivery, refund, account", "as they first came");
    studio.type_into("Search text", "money");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(15));
    studio.settle();
    assert_eq!(labels(&studio), "delivery, refund, account");
    studio.type_into("Search text", "nothing like it");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(0));
    studio.settle();
    assert_eq!(labels(&studio), "delivery, refund, account");
    assert!(studio.harness.query_by_role_and_label(Role::ComboBox, "Label of this example").is_some(), "nor a jump");
    press(&mut studio, Key::Escape);
    press(&mut studio, Key::Escape);
    press(&mut studio, Key::Home);
    press(&mut studio, Key::Num3);
    assert_eq!(studio.stored(1)[1].1, "account");
    assert_eq!(labels(&studio), "delivery, refund, account", "also when the first example has another one");
}

#[test]
fn counts_follow_the_search_and_esc_clears_it() {
    let mut studio = labelled();
    let shows = |studio: &Studio| {
        let state = &studio.shell().state;
        state.data.shows(state.project.as_ref().unwrap())
    };
    let all = shows(&studio);
    assert_eq!((all.all, all.splits.iter().sum::<u64>()), (30, 30));
    studio.type_into("Search text", "money");
    studio.wait("the search", |shell| shell.state.data.facets.shows.all == 15);
    studio.settle();
    let found = shows(&studio);
    assert_eq!((found.all, found.splits.iter().sum::<u64>(), found.edited), (15, 15, 0));
    studio.click(Role::RadioButton, "Train");
    assert_eq!(shows(&studio), found, "each chip says what it would show in place of this one");
    assert_eq!(studio.shell().state.data.rows.num_matching(), Some(found.splits[0]));
    studio.click(Role::RadioButton, "Found");

    studio.focus(Role::TextInput, "Search text");
    press(&mut studio, Key::Escape);
    assert_eq!((studio.shell().state.data.filters.search.as_str(), shows(&studio)), ("", all));
    assert!(has_focus(&studio, Role::TextInput, "Search text"), "it clears first");
    press(&mut studio, Key::Escape);
    assert!(has_focus(&studio, Role::ListBox, "Examples"), "and then leaves");
    studio.type_into("Search text", "money");
    studio.settle();
    studio.click(Role::Button, "Clear the search");
    assert_eq!(shows(&studio), all);
}

#[test]
fn an_import_is_shown_and_its_file_can_be_chosen() {
    let mut studio = Studio::with_examples(5, None);
    assert!(studio.shell().state.data.filters.only.is_none(), "nothing else is there");
    let rows: Vec<_> = (0..3).map(|n| (format!("fresh {n}"), "yes")).collect();
    studio.preview("more.jsonl", &lines(&rows));
    studio.key(Modifiers::COMMAND, Key::Enter);
    studio.wait("the import", |shell| shell.state.mapping.dialog.is_none() && shell.state.data.filters.only.is_some());
    studio.settle();
    assert_eq!((studio.rows().len(), open_number(&studio)), (3, Some(6)), "the first new one is open");
    studio.click(Role::Button, "Remove the filter 3 new from more.jsonl");
    assert_eq!(studio.rows().len(), 8);

    let combo = studio.harness.get_by_role_and_label(Role::ComboBox, "File");
    assert_eq!(combo.value().as_deref(), Some("2 files"));
    combo.click();
    studio.harness.run_steps(3);
    studio.click(Role::MenuItem, "more.jsonl, 3");
    assert_eq!(studio.rows().len(), 3);
    studio.click(Role::Button, "Undo");
    assert!(studio.is_shown("Undone: import of more.jsonl"));
}

#[test]
fn undo_says_what_it_did_and_the_way_back() {
    let mut studio = Studio::with_examples(3, None);
    studio.multiline("User, turn 2", "another question");
    studio.settle();
    studio.act(Action::Go(Screen::Runs));
    studio.settle();
    studio.click(Role::Button, "Undo");
    assert!(studio.is_shown("Undone: edit of example 1"));
    assert_eq!(studio.stored(1)[1].1, "question 1");
    studio.click(Role::Button, "Redo: Undone: edit of example 1");
    assert!(studio.is_shown("Done again: edit of example 1"));
    assert_eq!(studio.stored(1)[1].1, "another question");
    studio.click(Role::Button, "Show: Done again: edit of example 1");
    assert_eq!((studio.shell().state.screen, open_number(&studio)), (Screen::Data, Some(1)));
    assert_eq!(studio.shell().state.status.acts.len(), 1, "what is shown needn't be shown again");
}

#[test]
fn findings_of_an_older_text_are_not_shown_beside_a_newer_one() {
    let mut studio = Studio::open(None);
    let rows: Vec<_> = (0..6).map(|n| (format!("question {n}"), if n == 0 { "" } else { "a fine answer" })).collect();
    studio.import(&lines(&rows));
    studio.wait("the checks", |shell| !shell.state.data.findings.is_empty() && shell.state.data.findings_hold());
    studio.multiline("Assistant, turn 2", "another fine answer");
    assert!(!studio.shell().state.data.findings_hold());
    assert!(studio.shell().state.data.findings_awaited().is_some(), "it says so instead");
    studio
        .wait("the checks", |shell| shell.state.data.findings_hold() && shell.state.data.findings_awaited().is_none());
    assert!(studio.shell().state.data.findings.is_empty());
}

#[test]
fn the_rail_and_the_chip_count_the_same_issues() {
    let mut studio = Studio::open(None);
    let rows: Vec<_> = (0..6).map(|n| (format!("question {n}"), if n < 2 { "" } else { "a fine answer" })).collect();
    studio.import(&lines(&rows));
    studio.wait("the checks", |shell| shell.state.data.facets.whole.issues() > 0);
    studio.settle();
    let whole = &studio.shell().state.data.facets.whole;
    let (issues, must_fix) = (whole.issues(), whole.must_fix);
    assert!(must_fix > 0);
    assert_eq!(tunewright::app::Screen::Data.rail(&studio.shell().state).0, format!("{issues} issues"));
    assert!(studio.is_shown(&format!("{must_fix} must be fixed")));
    studio.click(Role::RadioButton, "Issues");
    assert_eq!(studio.shell().state.data.rows.num_matching(), Some(issues));
}

#[test]
fn the_header_has_few_controls_and_the_hub_stands_in_a_list() {
    let mut studio = Studio::with_examples(3, None);
    studio.click(Role::Button, "Import");
    assert!(studio.harness.query_by_role_and_label(Role::MenuItem, "From files…").is_some());
    studio.click(Role::MenuItem, "From the Hub…");
    assert!(studio.shell().state.dialog.is_some());
}

/// A whole key press in one frame, as on a slow machine: at its end nothing is held any more.
fn press_quickly(studio: &mut Studio, modifiers: Modifiers, key: Key) {
    let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    let held = Event::ModifiersChanged;
    studio.harness.input_mut().events.extend([held(modifiers), event(true), event(false), held(Modifiers::NONE)]);
    studio.harness.step();
    studio.harness.run_steps(2);
}

#[test]
fn what_was_held_when_a_key_was_pressed_counts() {
    let mut studio = labelled();
    let open = |studio: &Studio| studio.shell().state.data.open.as_ref().unwrap().stored.annotations.clone();
    press(&mut studio, Key::ArrowDown);
    press_quickly(&mut studio, Modifiers::NONE, Key::R);
    studio.settle();
    press(&mut studio, Key::K);
    assert_eq!(open(&studio).review, Review::Rejected, "a key by itself");
    let before = open(&studio);
    assert!(before.label.is_some());
    press_quickly(&mut studio, Modifiers::COMMAND, Key::U);
    studio.settle();
    assert_eq!(open(&studio), before, "Ctrl U is another key");
    for (key, screen) in [(Key::Num1, Screen::Model), (Key::Num2, Screen::Data), (Key::Num3, Screen::Train)] {
        press_quickly(&mut studio, Modifiers::COMMAND, key);
        assert_eq!(studio.shell().state.screen, screen);
        studio.act(Action::Go(Screen::Data));
        studio.settle();
        assert_eq!(open(&studio), before, "Ctrl and {key:?} labelled the example");
    }
}

#[test]
fn the_field_that_e_opens_is_in_view() {
    let mut studio = Studio::open(None);
    let question = "a long question\n".repeat(60);
    studio.import(&lines(&[(question, "answer")]));
    let is_in_view = |studio: &Studio| {
        let field = studio.harness.get_by_role_and_label(Role::MultilineTextInput, "Assistant, turn 2");
        // The findings and tokens lie below the turns.
        field.rect().top() > 100.0 && field.rect().bottom() < 540.0
    };
    assert!(!is_in_view(&studio), "the test needs an answer out of view");
    press(&mut studio, Key::E);
    studio.harness.run_steps(20);
    assert!(has_focus(&studio, Role::MultilineTextInput, "Assistant, turn 2"));
    assert!(is_in_view(&studio), "one types blind");
}

#[test]
fn the_status_is_about_the_last_edit() {
    let mut studio = labelled();
    press(&mut studio, Key::F);
    assert!(studio.is_shown("to be looked at again"));
    press(&mut studio, Key::ArrowDown);
    let label = studio.shell().state.data.open.as_ref().unwrap().stored.annotations.label.clone().unwrap();
    let other = if label == "account" { Key::Num2 } else { Key::Num1 };
    press(&mut studio, other);
    assert!(!studio.is_shown("to be looked at again"), "its Undo would take the label back");
    assert!(studio.is_shown("Done: "));
}
