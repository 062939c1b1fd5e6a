//! The data screen and the import dialog by their accessible labels, over the real engine and a project on the disk.

use std::path::Path;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use tunewright::app::{Action, Screen};
use tunewright::data::{Role as Turn, Split};
use tunewright::project::ExampleStatus;
use tunewright::recipe::ModelRef;

use super::harness::{Studio, dialog};
use crate::fixtures::fixture;

#[test]
fn a_table_is_mapped_with_a_live_preview_and_imported() {
    let mut studio = Studio::open(None);
    assert!(studio.is_shown("No examples yet"));
    let mut text = "text,label,urgent\n".to_owned();
    for n in 1..=12 {
        text += &format!("\"ticket {n}, please\",billing,{}\n", if n % 2 == 0 { "yes" } else { "no" });
    }
    text += ",billing,yes\n";
    let path = studio.write("tickets.csv", &text);
    studio.act(Action::OpenPath(path));
    studio.wait("the preview", |shell| dialog(shell).is_some_and(|d| d.preview.is_some()));
    assert!(studio.is_shown("Import tickets.csv"));

    for (column, role) in [("text", "User"), ("label", "Answer"), ("urgent", "Answer")] {
        let name = format!("Role of {column}");
        let combo = studio.harness.get_by_role_and_label(Role::ComboBox, &name);
        if combo.value().as_deref() != Some(role) {
            combo.click();
            studio.harness.run_steps(3);
            studio.click(Role::MenuItem, role);
        }
    }
    if dialog(studio.shell()).is_some_and(|d| d.mapping().is_some_and(|m| !m.answer_as_json)) {
        studio.click(Role::RadioButton, "JSON object");
    }
    studio.multiline("System message", "Sort the ticket.");
    studio.wait("the new preview", |shell| {
        dialog(shell).is_some_and(|dialog| {
            let preview = dialog.preview.as_ref();
            let first = preview.and_then(|preview| preview.examples.first()).and_then(|example| example.as_ref().ok());
            dialog.problem().is_none() && first.is_some_and(|example| example.messages[0].content == "Sort the ticket.")
        })
    });
    assert!(studio.is_shown("ticket 1, please"), "row 1 as an example");
    assert!(studio.is_shown("Left out: 1 row has no text"), "and why");

    studio.key(Modifiers::COMMAND, Key::Enter);
    studio.wait("the import", |shell| shell.state.mapping.dialog.is_none());
    studio.settle();
    assert_eq!(studio.num_examples(), 12);
    assert!(studio.is_shown("Imported 12 examples"));
    let (turn, answer) = studio.stored(1).remove(2);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((turn, &answer["label"], &answer["urgent"]), (Turn::Assistant, &"billing".into(), &"no".into()));
}

#[test]
fn typing_is_saved_by_itself_and_undone() {
    let mut studio = Studio::with_examples(3, None);
    studio.click(Role::ListBoxOption, &studio.rows()[1].clone());
    assert!(studio.is_shown("Example 2"));
    studio.multiline("User, turn 2", "another question");
    assert!(studio.is_shown("Saving…"), "not said to be saved before it is");
    studio.settle();
    assert!(studio.is_shown("Saved"));
    assert_eq!(studio.stored(2)[1].1, "another question");
    assert!(studio.rows()[1].contains("Edited: another question"), "{:?}", studio.rows());

    studio.click(Role::Button, "Undo");
    assert_eq!(studio.stored(2)[1].1, "question 2");
    let shown = studio.harness.get_by_role_and_label(Role::MultilineTextInput, "User, turn 2").value();
    assert_eq!(shown.as_deref(), Some("question 2"), "the editor follows");
    studio.click(Role::Button, "Redo");
    assert_eq!(studio.stored(2)[1].1, "another question");
}

#[test]
fn turns_are_added_moved_changed_and_removed() {
    let mut studio = Studio::with_examples(1, None);
    studio.click(Role::Button, "Add turn");
    let roles = |studio: &Studio| studio.stored(1).into_iter().map(|(role, _)| role).collect::<Vec<_>>();
    assert_eq!(roles(&studio), [Turn::System, Turn::User, Turn::Assistant, Turn::User]);
    for (turn, entry) in
        [("More for turn 4", "Assistant"), ("More for turn 4", "Move up"), ("More for turn 3", "Delete turn")]
    {
        studio.click(Role::Button, turn);
        studio.click(Role::MenuItem, entry);
    }
    assert_eq!(roles(&studio), [Turn::System, Turn::User, Turn::Assistant]);
    assert_eq!(studio.stored(1)[2].1, "answer 1", "the empty one was removed");
    studio.click(Role::Button, "More for turn 3");
    studio.click(Role::MenuItem, "Duplicate turn");
    assert_eq!(studio.stored(1)[3].1, "answer 1");
}

#[test]
fn examples_are_added_duplicated_set_aside_and_deleted() {
    let mut studio = Studio::with_examples(3, None);
    studio.click(Role::Button, "Duplicate example");
    assert_eq!(studio.num_examples(), 4);
    let open = |studio: &Studio| studio.shell().state.data.open.as_ref().map(|draft| draft.stored.number);
    assert_eq!(open(&studio), Some(4), "the new one is opened");
    assert!(studio.rows()[1].contains("Example 4"), "below its original: {:?}", studio.rows());
    studio.click(Role::Button, "Delete example");
    assert_eq!(studio.num_examples(), 3);
    assert_eq!(open(&studio), Some(2), "the next one takes its place");
    studio.click(Role::Button, "Undo");
    assert_eq!((studio.num_examples(), open(&studio)), (4, Some(4)), "what is brought back is shown");
    studio.click(Role::Button, "Delete example");
    studio.click(Role::Button, "Add example");
    assert_eq!(studio.num_examples(), 4);
    assert_eq!(studio.shell().state.data.selected, Some(3), "at the end");
    let draft = studio.shell().state.data.open.as_ref().unwrap();
    assert_eq!(draft.messages[0].content, "Be brief.", "the system message is the same");

    studio.focus(Role::ListBox, "Examples");
    studio.key(Modifiers::NONE, Key::Home);
    studio.settle();
    studio.key(Modifiers::NONE, Key::ArrowDown);
    studio.settle();
    studio.key(Modifiers::NONE, Key::Delete);
    studio.settle();
    let draft = studio.shell().state.data.open.as_ref().unwrap();
    assert_eq!((draft.stored.number, draft.stored.status), (2, ExampleStatus::SetAside));
}

#[test]
fn only_rows_in_view_are_painted_and_filters_find_the_rest() {
    let mut studio = Studio::with_examples(1200, None);
    assert!(studio.rows().len() < 40, "{}", studio.rows().len());
    studio.focus(Role::ListBox, "Examples");
    studio.key(Modifiers::NONE, Key::End);
    studio.wait("the last row", |shell| shell.state.data.open.as_ref().is_some_and(|open| open.stored.number == 1200));
    studio.settle();
    assert!(studio.rows().iter().any(|row| row.contains("question 1200")), "{:?}", studio.rows());

    studio.type_into("Search text", "question 777");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(1));
    studio.settle();
    assert!(studio.rows()[0].contains("question 777"));
    studio.type_into("Search text", "nothing like it");
    studio.wait("the search", |shell| shell.state.data.rows.num_matching() == Some(0));
    studio.click(Role::Button, "Show all examples");
    studio.click(Role::RadioButton, "Val");
    let num = studio.shell().state.project.as_ref().unwrap().counts.validation;
    assert!(num > 0 && studio.shell().state.data.rows.num_matching() == Some(num));
    assert!(studio.rows().iter().all(|row| row.contains(", Val,")), "{:?}", studio.rows());
}

#[test]
fn the_split_is_dealt_anew() {
    let mut studio = Studio::with_examples(40, None);
    studio.click(Role::Button, "Split…");
    studio.type_into("Test share", "50");
    studio.key(Modifiers::NONE, Key::Tab);
    studio.settle();
    studio.click(Role::Button, "Split 40 examples");
    let counts = studio.shell().state.project.as_ref().unwrap().counts;
    assert!((15..=25).contains(&counts.test), "{counts:?}");
    studio.click(Role::Button, "Undo");
    let counts = studio.shell().state.project.as_ref().unwrap().counts;
    assert!(counts.test < 10, "{counts:?}");
}

#[test]
fn the_tokens_are_those_of_the_chosen_model() {
    let mut studio = Studio::with_examples(2, None);
    studio.click(Role::Button, "Choose a model");
    assert_eq!(studio.shell().state.screen, Screen::Model);

    let model = ModelRef::Folder(fixture("llama"));
    let mut studio = Studio::with_examples(2, Some(model));
    studio.wait("the tokens", |shell| shell.state.data.tokens.view().is_some());
    let view = studio.shell().state.data.tokens.view().unwrap().clone();
    assert!(view.num_trained > 0 && view.num_trained < view.num_tokens);
    assert!(studio.is_shown(&format!("{} tokens, {} trained", view.num_tokens, view.num_trained)));
    studio.multiline("Assistant, turn 3", "answer 1 with <|im_start|> in it");
    studio.wait("the new tokens", |shell| shell.state.data.tokens.view().is_some_and(|new| *new != view));
    let split = studio.shell().state.data.open.as_ref().unwrap().stored.split;
    assert_eq!(split, Split::Train);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let mut studio = Studio::open(None);
    let path = studio.write("broken.json", "{\"messages\": [");
    studio.act(Action::OpenPath(path));
    studio.wait("the answer", |shell| dialog(shell).is_some_and(|d| d.failure.is_some() || d.preview.is_some()));
    let said = studio.is_shown("broken.json") && (studio.is_shown("line") || studio.is_shown("Line"));
    assert!(said, "{:?}", studio.shell().state.mapping.dialog);
    let import = studio.harness.query_by_role_and_label(Role::Button, "Import 0 examples");
    assert!(import.is_none_or(|button| button.accesskit_node().is_disabled()));
    studio.key(Modifiers::NONE, Key::Escape);
    assert!(studio.shell().state.dialog.is_none() && Path::new(&studio.project()).exists());
}
