//! Checks with their fixes, review by keyboard, and what is done to several examples at once.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::screens::data::{DataDialog, MarkAction, TableAction};
use tunewright::app::{Action, Screen, Shell};
use tunewright::data::Split;
use tunewright::data::checks::Check;
use tunewright::project::{Edit, Project, Review};

use super::harness::{Studio, made};

/// Ten examples, of which two are the same and one has an empty answer.
fn with_faults() -> Studio {
    let mut studio = Studio::open(None);
    let line = |prompt: String, answer: String| made::chat(&[("user", &prompt), ("assistant", &answer)]);
    let mut lines: String = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"]
        .iter()
        .map(|word| line(format!("What does {word} stand for here?"), format!("It stands for the letter of {word}.")))
        .collect();
    lines += &line("What does alpha stand for here?".to_owned(), "It stands for the letter of alpha.".to_owned());
    lines += &line("What is left?".to_owned(), " ".to_owned());
    studio.import(&lines);
    studio.wait("the checks", |shell| shell.state.data.checks.done.is_some() && !shell.state.data.checks.is_running());
    studio.settle();
    studio
}

fn count(studio: &Studio, check: Check) -> u64 {
    let counts = &studio.shell().state.data.checks.counts;
    counts.iter().find(|count| count.check == check).map_or(0, |count| count.num_examples)
}

fn reviews(studio: &Studio, ids: impl Iterator<Item = i64>) -> Vec<Review> {
    let project = Project::open(&studio.project()).unwrap();
    ids.map(|id| project.example(id).unwrap().annotations.review).collect()
}

#[test]
fn faults_are_found_after_an_import_and_mended_with_one_click() {
    let mut studio = with_faults();
    assert_eq!((count(&studio, Check::ExactDuplicate), count(&studio, Check::EmptyTurn)), (2, 1));
    assert!(studio.is_shown("must be fixed") && studio.is_shown("Checked 10 examples"));

    studio.click(Role::Button, "Show Empty turns");
    assert_eq!(studio.rows().len(), 1, "{:?}", studio.rows());
    studio.click(Role::RadioButton, "All");

    studio.click(Role::Button, "Exact duplicates: Remove 1 copy…");
    studio.wait("what would happen", |shell| matches!(shell.state.data.dialog, Some(DataDialog::Fix(_))));
    assert!(studio.is_shown("is deleted") && studio.num_examples() == 10, "nothing is done yet");
    studio.click(Role::Button, "Keep one of each, remove 1 copy");
    studio.wait("the fix", |shell| shell.state.project.as_ref().is_some_and(|project| project.counts.total() == 9));
    let is_clean =
        |shell: &Shell| shell.state.data.checks.counts.iter().all(|count| count.check != Check::ExactDuplicate);
    studio.wait("the next checks", is_clean);

    studio.settle();
    studio.click(Role::Button, "Undo");
    studio.wait("the copy", |shell| shell.state.project.as_ref().is_some_and(|project| project.counts.total() == 10));
    studio.wait("the finding", |shell| !is_clean(shell));
}

#[test]
fn a_review_goes_from_key_to_key() {
    let mut studio = with_faults();
    studio.focus(Role::ListBox, "Examples");
    for key in [Key::A, Key::R, Key::F] {
        studio.key(Modifiers::NONE, key);
        studio.settle();
    }
    assert_eq!(reviews(&studio, 1..=4), [Review::Accepted, Review::Rejected, Review::Flagged, Review::Unreviewed]);
    studio.wait("the count", |shell| shell.state.data.facets.reviews == [7, 1, 1, 1]);
    assert!(studio.is_shown("3 of 10 reviewed"));
    assert_eq!(studio.shell().state.data.selected, Some(3), "the next one is open");
}

#[test]
fn notes_are_saved_when_their_list_closes() {
    let mut studio = with_faults();
    studio.click(Role::Button, "Tags and notes");
    studio.multiline("Notes", "ask the shop");
    studio.key(Modifiers::NONE, Key::Escape);
    studio.key(Modifiers::NONE, Key::Escape);
    studio.settle();
    let project = Project::open(&studio.project()).unwrap();
    assert_eq!(project.example(1).unwrap().annotations.notes, "ask the shop");
}

#[test]
fn marked_examples_are_changed_together_and_undone_together() {
    let mut studio = with_faults();
    studio.focus(Role::ListBox, "Examples");
    studio.key(Modifiers::SHIFT, Key::ArrowDown);
    studio.settle();
    studio.key(Modifiers::SHIFT, Key::ArrowDown);
    studio.settle();
    assert!(studio.is_shown("3 marked"));
    studio.click(Role::Button, "Review");
    studio.click(Role::MenuItem, "Accepted");
    assert_eq!(reviews(&studio, 1..=4)[..3], [Review::Accepted; 3]);

    studio.click(Role::Button, "Mark all");
    assert!(studio.is_shown("10 marked"));
    studio.click(Role::Button, "Replace…");
    studio.type_into("Find", "stand for");
    studio.type_into("Replace with", "mean");
    studio.wait(
        "the preview",
        |shell| matches!(&shell.state.data.dialog, Some(DataDialog::Replace(replace)) if replace.preview.is_some()),
    );
    studio.settle();
    studio.click(Role::Button, "Replace in 9 examples");
    assert_eq!(studio.stored(2)[0].1, "What does bravo mean here?");
    studio.click(Role::Button, "Delete");
    assert_eq!(studio.num_examples(), 0);
    studio.click(Role::Button, "Undo");
    assert_eq!(studio.num_examples(), 10);
    studio.click(Role::Button, "Undo");
    assert_eq!(studio.stored(2)[0].1, "What does bravo stand for here?");
}

#[test]
fn heads_sort_and_the_funnel_filters() {
    let mut studio = with_faults();
    studio.click(Role::Button, "Sort by Prompt");
    assert!(studio.rows()[0].contains("What does alpha"), "{:?}", studio.rows());
    studio.click(Role::Button, "Prompt, sorted, smallest first");
    assert!(studio.rows()[0].contains("What is left"), "{:?}", studio.rows());

    studio.click(Role::Button, "More filters");
    studio.click(Role::RadioButton, "Flagged");
    studio.wait("no row", |shell| shell.state.data.rows.num_matching() == Some(0));
    assert!(studio.is_shown("No example passes all of the filters"));
    studio.click(Role::Button, "Show all examples");
    studio.wait("all rows", |shell| shell.state.data.rows.num_matching() == Some(10));
}

#[test]
fn an_earlier_version_is_looked_at_and_brought_back() {
    let mut studio = with_faults();
    studio.multiline("Assistant, turn 2", "It is the first letter.");
    studio.settle();
    studio.click(Role::Button, "Previous versions");
    studio.wait("the versions", |shell| matches!(shell.state.data.dialog, Some(DataDialog::History(_))));
    assert!(studio.is_shown("Edit, ") && studio.is_shown("Import of examples.jsonl"));
    assert!(studio.is_shown("The one after it: It is the first letter."), "what came of it");
    studio.click(Role::Button, "Bring back this version");
    assert_eq!(studio.stored(1)[1].1, "It stands for the letter of alpha.");
    assert!(studio.shell().state.data.dialog.is_none());
    studio.click(Role::Button, "Undo");
    assert_eq!(studio.stored(1)[1].1, "It is the first letter.");
}

#[test]
fn json_is_checked_while_it_is_typed_and_kept_as_typed() {
    let mut studio = with_faults();
    studio.multiline("Assistant, turn 2", "{\"letter\":  \"a\" \"urgent\": true}");
    assert!(studio.is_shown("Line 1, column 17: a comma or the closing } is missing"));
    let typed = "{\"letter\":  \"a\",\"urgent\": true}";
    studio.multiline("Assistant, turn 2", typed);
    assert!(studio.is_shown("Valid JSON"));
    studio.settle();
    studio.click(Role::Button, "Lay out the JSON of turn 2");
    assert!(studio.is_shown("Turn 2, laid out: {\n  \"letter\": \"a\",\n  \"urgent\": true\n}"));
    assert_eq!(studio.stored(1)[1].1, typed);
}

#[test]
fn markdown_is_laid_out_below_what_was_typed() {
    let mut studio = with_faults();
    let typed = "**First** of all:\n\n- the zeta item";
    studio.multiline("Assistant, turn 2", typed);
    studio.settle();
    let is_laid_out = |studio: &Studio| studio.harness.query_by_label("the zeta item").is_some();
    assert!(!is_laid_out(&studio));
    studio.click(Role::Button, "Lay out the Markdown of turn 2");
    assert!(is_laid_out(&studio));
    assert_eq!(studio.stored(1)[1].1, typed);
    studio.click(Role::Button, "Don't lay out the Markdown of turn 2");
    assert!(!is_laid_out(&studio));
}

#[test]
fn an_open_examples_issues_are_named_and_mended_where_they_are() {
    let mut studio = with_faults();
    assert!(studio.rows().iter().any(|row| row.contains("; issues: Exact duplicates")), "{:?}", studio.rows());
    studio.act(TableAction::Select(8));
    studio.wait("its findings", |shell| shell.state.data.findings.iter().any(|finding| finding.id == 9));
    assert!(studio.is_shown("as example 1"), "the detail");
    studio.click(Role::Button, "Exact duplicates here: Keep one of each…");
    studio.wait("what would happen", |shell| matches!(shell.state.data.dialog, Some(DataDialog::Fix(_))));
    studio.click(Role::Button, "Keep one of each, remove 1 copy");
    assert_eq!(studio.num_examples(), 9);
    studio.wait("the next checks", |shell| {
        let checks = &shell.state.data.checks;
        !checks.is_running() && checks.counts.iter().all(|count| count.check != Check::ExactDuplicate)
    });

    studio.act(TableAction::Select(8));
    studio.wait("the empty answer", |shell| shell.state.data.findings.iter().any(|f| f.check == Check::EmptyTurn));
    studio.click(Role::Button, "Empty turns here: Set aside…");
    studio.wait("what would happen", |shell| matches!(shell.state.data.dialog, Some(DataDialog::Fix(_))));
    studio.click(Role::Button, "Set aside (1 example)");
    studio.wait("that it holds no more", |shell| {
        shell.state.data.checks.counts.iter().all(|count| count.check != Check::EmptyTurn)
    });
}

#[test]
fn findings_of_the_last_time_are_there_when_the_project_is_opened_again() {
    let mut studio = with_faults();
    let revision = |studio: &Studio| studio.shell().state.project.as_ref().map(|project| project.revision);
    let before = revision(&studio);
    let folder = studio.project();
    // Another project in between.
    let other = folder.with_file_name("Other");
    studio.act(Action::OpenProject { folder: other, sample: false });
    studio.wait("the other", |shell| shell.state.project.as_ref().is_some_and(|project| project.name == "Other"));
    studio.act(Action::OpenProject { folder, sample: false });
    studio.wait("the first", |shell| shell.state.project.as_ref().is_some_and(|project| project.name == "Tickets"));
    studio.act(Action::Go(Screen::Data));
    studio.wait("the findings", |shell| shell.state.data.checks.done.is_some());
    studio.settle();
    assert_eq!((count(&studio, Check::ExactDuplicate), count(&studio, Check::EmptyTurn)), (2, 1));
    assert_eq!(revision(&studio), before, "nothing was checked, and so nothing kept");
    assert!(!studio.is_shown("before the last change"));
}

#[test]
fn findings_of_data_that_changed_since_are_checked_again() {
    let mut studio = with_faults();
    let folder = studio.project();
    studio.act(Action::OpenProject { folder: folder.with_file_name("Other"), sample: false });
    studio.wait("the other", |shell| shell.state.project.as_ref().is_some_and(|project| project.name == "Other"));
    Project::open(&folder).unwrap().apply(&Edit::Delete { ids: vec![9] }).unwrap();
    studio.act(Action::OpenProject { folder, sample: false });
    studio.wait("the first", |shell| shell.state.project.as_ref().is_some_and(|project| project.name == "Tickets"));
    studio.act(Action::Go(Screen::Data));
    studio.wait("the checks", |shell| shell.state.data.checks.counts.iter().all(|c| c.check != Check::ExactDuplicate));
    studio.wait("the rest", |shell| shell.state.data.checks.done.is_some_and(|(num, _)| num == 9));
}

fn splits(studio: &Studio, ids: std::ops::RangeInclusive<i64>) -> Vec<Split> {
    let project = Project::open(&studio.project()).unwrap();
    ids.map(|id| project.example(id).unwrap().split).collect()
}

#[test]
fn held_out_examples_are_trained_on_only_when_that_is_confirmed() {
    let mut studio = with_faults();
    let before = splits(&studio, 1..=10);
    assert_eq!(before.iter().filter(|split| **split != Split::Train).count(), 2);
    let move_all = |studio: &mut Studio| {
        studio.act(MarkAction::MarkAll);
        studio.settle();
        studio.click(Role::Button, "Split");
        studio.click(Role::MenuItem, "Train");
    };
    let is_asked = |studio: &Studio| matches!(studio.shell().state.data.dialog, Some(DataDialog::Move(_)));
    move_all(&mut studio);
    assert!(is_asked(&studio) && studio.is_shown("2 of 10 examples are held out"));
    studio.key(Modifiers::NONE, Key::Enter);
    studio.settle();
    assert!(!is_asked(&studio) && splits(&studio, 1..=10) == before, "Enter leaves them where they are");
    move_all(&mut studio);
    studio.click(Role::Button, "Move them into training");
    assert_eq!(splits(&studio, 1..=10), [Split::Train; 10]);
    move_all(&mut studio);
    assert!(!is_asked(&studio), "nothing is held out any more");

    let choose = |studio: &mut Studio, part: &str| {
        studio.harness.get_by_role_and_label(Role::ComboBox, "Split of this example").click();
        studio.harness.run_steps(3);
        studio.click(Role::MenuItem, part);
    };
    choose(&mut studio, "Validation");
    assert!(!is_asked(&studio), "out of training nobody asks");
    choose(&mut studio, "Train");
    assert!(studio.is_shown("This example is held out"));
    studio.click(Role::Button, "Cancel");
    assert_eq!(splits(&studio, 1..=1), [Split::Validation]);
}

#[test]
fn a_split_is_counted_before_it_is_done() {
    let mut studio = with_faults();
    studio.click(Role::Button, "Split…");
    let counted =
        |shell: &Shell| matches!(&shell.state.data.dialog, Some(DataDialog::Split(plan)) if plan.preview.is_some());
    studio.wait("the counts", counted);
    studio.settle();
    assert!(studio.is_shown("8 train, 1 validation, 1 test"));
    studio.harness.get_by_role_and_label(Role::ComboBox, "Split by").click();
    studio.harness.run_steps(3);
    studio.click(Role::MenuItem, "By time, the newest held out");
    studio.wait("the new counts", counted);
    studio.settle();
    studio.click(Role::Button, "Split 10 examples");
    // The ninth is a copy of the first and stays with it.
    let (train, held_out) = ([Split::Train; 7], [Split::Validation, Split::Train, Split::Test]);
    assert_eq!(splits(&studio, 1..=10), [train.as_slice(), &held_out].concat());

    studio.click(Role::Button, "Split…");
    studio.wait("the counts", counted);
    studio.settle();
    assert!(studio.is_shown("held out now would be trained on"));
    studio.harness.get_by_role_and_label(Role::ComboBox, "Split by").click();
    studio.harness.run_steps(3);
    studio.click(Role::MenuItem, "As the file says");
    studio.wait("the new counts", counted);
    assert!(studio.is_shown("The file names no parts"));
}
