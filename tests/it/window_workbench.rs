//! Checks with their fixes, review by keyboard, and what is done to several examples at once.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::data::checks::Check;
use tunewright::project::{Project, Review};

use crate::window_data::Studio;

/// Ten examples, of which two are the same and one has an empty answer.
fn with_faults() -> Studio {
    let mut studio = Studio::open(None);
    let line = |prompt: String, answer: String| {
        let turn = |role: &str, text: String| serde_json::json!({ "role": role, "content": text });
        serde_json::json!({ "messages": [turn("user", prompt), turn("assistant", answer)] }).to_string() + "\n"
    };
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

    studio.click(Role::Button, "Exact duplicates: Keep one of each…");
    studio.wait("what would happen", |shell| shell.state.data.checks.fix.is_some());
    assert!(studio.is_shown("is deleted") && studio.counts() == 10, "nothing is done yet");
    studio.click(Role::Button, "Keep one of each (1 example)");
    studio.wait("the fix", |shell| shell.state.project.as_ref().is_some_and(|project| project.counts.total() == 9));
    let is_clean = |shell: &tunewright::app::Shell| {
        shell.state.data.checks.counts.iter().all(|count| count.check != Check::ExactDuplicate)
    };
    studio.wait("the next checks", is_clean);

    studio.settle();
    studio.click(Role::Button, "Undo");
    studio.wait("the copy", |shell| shell.state.project.as_ref().is_some_and(|project| project.counts.total() == 10));
    studio.wait("the finding", |shell| !is_clean(shell));
}

#[test]
fn a_review_goes_from_key_to_key() {
    let mut studio = with_faults();
    studio.harness.get_by_role_and_label(Role::ListBox, "Examples").focus();
    studio.harness.run_steps(2);
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
    studio.harness.get_by_role_and_label(Role::ListBox, "Examples").focus();
    studio.harness.run_steps(2);
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
    studio.wait("the preview", |shell| {
        shell.state.data.replace.as_ref().is_some_and(|replace| replace.preview.is_some())
    });
    studio.settle();
    studio.click(Role::Button, "Replace in 9 examples");
    assert_eq!(studio.stored(2)[0].1, "What does bravo mean here?");
    studio.click(Role::Button, "Delete");
    assert_eq!(studio.counts(), 0);
    studio.click(Role::Button, "Undo");
    assert_eq!(studio.counts(), 10);
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
