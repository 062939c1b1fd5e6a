//! The checks in the window: what a link shows, what a fix would change and what is chosen of it, and what isn't a
//! fault.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::screens::data::{CheckAction, DataDialog, ExampleAction};
use tunewright::data::checks::Check;
use tunewright::project::{ExampleStatus, Project};

use super::harness::{Studio, made};

fn line(prompt: &str, answer: &str) -> String {
    made::chat(&[("user", prompt), ("assistant", answer)])
}

fn open(lines: &str) -> Studio {
    let mut studio = Studio::open(None);
    studio.import(lines);
    settle(&mut studio);
    studio
}

fn settle(studio: &mut Studio) {
    studio.wait("the checks", |shell| shell.state.data.checks.done.is_some() && !shell.state.data.checks.is_running());
    studio.settle();
}

/// Number 2 says the same as 9, and 3 the same as 10; 4 and 8 contradict each other.
fn with_pairs() -> Studio {
    let lines = [
        line("What does alpha stand for in this alphabet?", "It stands for the letter A."),
        line("What does bravo stand for in this alphabet?", "It stands for the letter B."),
        line("How many letters are there altogether, please?", "There are 26 of them."),
        line("Is the first one of them a vowel, or is it not?", "Yes, it is."),
        line("Who wrote this list, and when was that done?", "A commission did, in 1956."),
        line("Where is it used most of all nowadays?", "In aviation, by radio."),
        line("Why are these words taken instead of letters?", "They are hard to mistake."),
        line("Is the first one of them a vowel, or is it not?", "No, it is a consonant."),
        line("What does bravo stand for in this alphabet?", "It stands for the letter B."),
        line("How many letters are there altogether, please?", "There are 26 of them."),
    ];
    open(&lines.concat())
}

fn numbers(studio: &Studio) -> Vec<String> {
    let of = |row: String| row.strip_prefix("Example ").and_then(|row| row.split(',').next()).map(str::to_owned);
    studio.rows().into_iter().filter_map(of).collect()
}

fn opened(studio: &Studio) -> Option<u64> {
    studio.shell().state.data.open.as_ref().map(|draft| draft.stored.number)
}

fn status(studio: &Studio, id: i64) -> ExampleStatus {
    Project::open(&studio.project()).unwrap().example(id).unwrap().status
}

#[test]
fn show_shows_pairs_side_by_side_and_opens_the_first() {
    let mut studio = with_pairs();
    studio.type_into("Search text", "aviation");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(1));
    studio.settle();
    studio.click(Role::Button, "Show Exact duplicates");
    assert_eq!(numbers(&studio), ["2", "9", "3", "10"], "whatever was searched for");
    assert_eq!((opened(&studio), studio.shell().state.data.selected), (Some(2), Some(0)));
    assert!(studio.is_shown("4 of 10 examples"));
    studio.click(Role::Button, "Remove the filter Exact duplicates");
    assert_eq!(numbers(&studio).len(), 10);
    assert!(!studio.is_shown("4 of 10 examples"));
}

#[test]
fn a_fix_shows_the_texts_and_each_can_be_left_out() {
    let mut studio = with_pairs();
    studio.click(Role::Button, "Exact duplicates: Remove 2 copies…");
    studio.wait("what would happen", |shell| matches!(shell.state.data.dialog, Some(DataDialog::Fix(_))));
    studio.settle();
    assert!(studio.is_shown("Examples 2 and 9: 9 is deleted") && studio.is_shown("It stands for the letter B."));
    studio.key(Modifiers::NONE, Key::Num1);
    studio.key(Modifiers::NONE, Key::Num2);
    assert!(studio.is_shown("Examples 2 and 9: 2 is deleted"), "the other one is kept");
    studio.key(Modifiers::NONE, Key::Enter);
    studio.settle();
    assert!(studio.is_shown("There are 26 of them."), "the texts of the next");
    studio.click_now(Role::RadioButton, "0  Keep all");
    studio.click(Role::Button, "Keep one of each, remove 1 copy");
    studio.wait("the fix", |shell| shell.state.project.as_ref().is_some_and(|project| project.counts.total() == 9));
    settle(&mut studio);
    assert_eq!(studio.rows().iter().filter(|row| row.contains("bravo")).count(), 1);
    assert_eq!(studio.rows().iter().filter(|row| row.contains("How many letters")).count(), 2);
}

#[test]
fn a_dialog_that_would_change_nothing_says_so() {
    let mut studio = with_pairs();
    studio.click(Role::Button, "Exact duplicates: Remove 2 copies…");
    for _ in 0..2 {
        studio.key(Modifiers::NONE, Key::Num0);
        studio.key(Modifiers::NONE, Key::ArrowDown);
    }
    assert!(studio.is_disabled("Keep one of each, remove 0 copies"));
    studio.key(Modifiers::COMMAND, Key::Enter);
    assert!(matches!(studio.shell().state.data.dialog, Some(DataDialog::Fix(_))), "it is not done either");
}

#[test]
fn the_right_answer_of_a_contradiction_is_chosen_by_key() {
    let mut studio = with_pairs();
    studio.click(Role::Button, "Same prompt, different answers: Review 2…");
    studio.settle();
    assert!(studio.is_shown("Yes, it is.") && studio.is_shown("No, it is a consonant."));
    assert!(studio.is_shown("4 and 8 are set aside"), "nobody has chosen yet");
    studio.key(Modifiers::NONE, Key::Num1);
    assert!(studio.is_shown("8 is set aside"));
    studio.key(Modifiers::COMMAND, Key::Enter);
    settle(&mut studio);
    assert_eq!([status(&studio, 4), status(&studio, 8)], [ExampleStatus::Ready, ExampleStatus::SetAside]);
    studio.click(Role::Button, "Undo");
    assert_eq!(status(&studio, 8), ExampleStatus::Ready);
}

#[test]
fn what_is_no_fault_counts_no_more_and_can_count_again() {
    let mut studio = with_pairs();
    studio.click(Role::Button, "Show Exact duplicates");
    studio.click(Role::Button, "More for Exact duplicates here");
    studio.click(Role::MenuItem, "Not a fault");
    settle(&mut studio);
    let count = |studio: &Studio| {
        let counts = &studio.shell().state.data.checks.counts;
        counts.iter().find(|count| count.check == Check::ExactDuplicate).map_or(0, |count| count.num_examples)
    };
    assert_eq!(count(&studio), 2, "the pair");
    assert!(studio.is_shown("2 not a fault") && numbers(&studio) == ["3", "10"]);
    studio.click(Role::Button, "Undo");
    settle(&mut studio);
    assert_eq!((count(&studio), numbers(&studio).len()), (4, 4));
    studio.click(Role::Button, "Redo");
    settle(&mut studio);
    studio.click(Role::Button, "Show what is not a fault");
    assert_eq!((numbers(&studio), opened(&studio)), (vec!["2".to_owned(), "9".to_owned()], Some(2)));
    studio.click(Role::Button, "Exact duplicates here: Count again");
    settle(&mut studio);
    assert_eq!(count(&studio), 4);
}

#[test]
fn a_check_is_switched_off_and_on_again() {
    let mut studio = with_pairs();
    studio.click(Role::Button, "More for Same prompt, different answers");
    studio.click(Role::MenuItem, "Don't check this");
    settle(&mut studio);
    assert!(studio.is_shown("1 check off"));
    assert!(studio.harness.query_by_role_and_label(Role::Button, "Show Same prompt, different answers").is_none());
    studio.click(Role::Button, "Undo");
    settle(&mut studio);
    assert!(!studio.is_shown("1 check off"));
    studio.click(Role::Button, "Redo");
    settle(&mut studio);
    studio.click(Role::Button, "Switch on Same prompt, different answers");
    settle(&mut studio);
    studio.harness.get_by_role_and_label(Role::Button, "Show Same prompt, different answers");
}

#[test]
fn what_cannot_be_repaired_is_not_offered() {
    let answer = |n: usize| match n {
        7 => "{\"kind\" 1 2 3 \"praise\"".to_owned(),
        n => format!("{{\"kind\": \"{}\", \"n\": {n}}}", ["praise", "wish"][n % 2]),
    };
    let mut studio = open(&(0..30).map(|n| line(&format!("Ticket {n}, as it came"), &answer(n))).collect::<String>());
    assert!(studio.is_shown("0 of 1 can be repaired"));
    assert!(!studio.is_shown("Repair"), "no dialog whose button is dead");
    studio.harness.get_by_role_and_label(Role::Button, "Broken JSON: Set aside…");
    studio.click(Role::Button, "Broken JSON: Not a fault");
    settle(&mut studio);
    assert!(studio.is_shown("1 not a fault") && !studio.is_shown("0 of 1 can be repaired"));
}

#[test]
fn nothing_is_not_called_faultless() {
    let mut studio = open(&line("The only one, or is it?", "It is the only one."));
    assert!(studio.is_shown("Checked 1 example"));
    studio.act(ExampleAction::ToggleAside);
    studio.settle();
    studio.act(CheckAction::Check);
    settle(&mut studio);
    assert!(studio.is_shown("Nothing to check") && !studio.is_shown("found nothing wrong"));
}
