//! Import of several files, of the same file again and of large rows; export of the data; labels: by their accessible
//! names.

use std::path::PathBuf;
use std::time::Instant;

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tunewright::app::Action;
use tunewright::app::screens::data::dialogs::export::ExportAction;
use tunewright::app::screens::data::dialogs::reviewers::ReviewersAction;
use tunewright::app::screens::data::{self, DataDialog};
use tunewright::app::screens::mapping;
use tunewright::data::checks::Check;
use tunewright::data::import::ColumnRole;
use tunewright::data::read_all;
use tunewright::project::Project;
use tunewright::task::Unwatched;

use super::harness::made::pair;
use super::harness::{Studio, dialog};

/// Opens the entry of the menu behind the header's dots.
fn from_menu(studio: &mut Studio, entry: &str) {
    studio.click(Role::Button, "More for the data");
    studio.click(Role::MenuItem, entry);
}

/// Looks at a file, until what it would do is known.
fn look_at(studio: &mut Studio, name: &str, text: &str) {
    let path = studio.write(name, text);
    studio.act(Action::OpenPath(path));
    studio.wait("what is known", |shell| dialog(shell).is_some_and(|dialog| dialog.known.is_some()));
    studio.settle();
}

/// Through the dialog, with the columns as guessed.
fn take_labels(studio: &mut Studio, path: PathBuf) {
    studio.act(data::DialogAction::Reviewers(ReviewersAction::Take(path)));
    studio.wait_for_preview();
    studio.key(Modifiers::COMMAND, Key::Enter);
}

#[test]
fn what_the_filters_show_is_exported_and_what_the_shape_cant_hold_is_told() {
    let mut studio = Studio::with_examples(12, None);
    studio.type_into("Search text", "question 1");
    studio.wait("the rows", |shell| shell.state.data.rows.num_matching() == Some(4));
    studio.settle();
    from_menu(&mut studio, "Export data…");
    assert!(studio.is_shown("Export 4 examples…"), "question 1, 10, 11, 12");
    studio.click(Role::ComboBox, "Shape");
    studio.click(Role::MenuItem, "Prompt and completion (CSV)");
    studio.click(Role::RadioButton, "gzip");

    // The system's file dialog can't be clicked here: this is what it answers.
    let to = studio.write("shown.csv.gz", "in the way");
    studio.act(data::DialogAction::Export(ExportAction::Write(to.clone())));
    studio.settle();
    assert!(studio.is_shown("4 examples written to"), "{}", studio.shell().state.status);
    let examples = read_all(&to, &Unwatched).unwrap();
    let prompts: Vec<_> = examples.iter().map(|example| example.messages[1].content.as_str()).collect();
    assert_eq!(prompts, ["question 1", "question 10", "question 11", "question 12"]);

    studio.click(Role::RadioButton, "All 12");
    studio.click(Role::ComboBox, "Shape");
    studio.click(Role::MenuItem, "Text and label (CSV)");
    studio.act(data::DialogAction::Export(ExportAction::Write(to)));
    studio.settle();
    assert!(studio.is_shown("12 examples left out") && studio.is_shown("it has a system message"));
    let below_a_file = studio.write("file", "").join("out.csv");
    studio.act(data::DialogAction::Export(ExportAction::Write(below_a_file)));
    studio.settle();
    assert!(studio.is_shown("can't be written") && studio.shell().state.dialog.is_none(), "where it was asked for");
    studio.key(Modifiers::NONE, Key::Escape);
    assert!(studio.shell().state.data.dialog.is_none());
}

#[test]
fn files_that_are_dropped_together_come_in_together() {
    let mut studio = Studio::open(None);
    let first = studio.write("set/a.csv", "text,label\none,x\ntwo,y\n");
    studio.write("set/deep/b.csv", "text,label\nthree,x\n");
    studio.write("set/README.md", "about the files");
    let other = studio.write("c.jsonl", &pair("four", "y"));
    let folder = first.parent().unwrap().to_owned();
    studio.act(Action::OpenPaths(vec![folder, other]));
    studio.wait_for_preview();
    assert!(studio.is_shown("Import 3 files") && studio.is_shown("a.csv and 2 more, 4 rows"));
    studio.confirm_import();
    assert_eq!(studio.num_examples(), 4);
    let project = Project::open(&studio.project()).unwrap();
    let sources: Vec<_> = (1..=4).map(|id| project.example(id).unwrap().annotations.source.unwrap()).collect();
    assert_eq!(sources, ["a.csv", "a.csv", "b.csv", "c.jsonl"]);
}

#[test]
fn what_is_here_already_is_counted_and_updated_if_that_is_chosen() {
    let mut studio = Studio::open(None);
    let lines: String = (1..=5).map(|n| pair(&format!("question {n}"), "old")).collect();
    studio.import(&lines);
    assert_eq!(studio.num_examples(), 5);
    let changed = lines.replacen("old", "new", 1) + &pair("question 6", "old");
    look_at(&mut studio, "again.jsonl", &changed);
    assert!(studio.is_shown("4 of 6 are here already, 1 with another answer"));
    assert!(studio.is_shown("Import 2 examples"), "leaving out is what happens unless another is chosen");
    studio.click(Role::RadioButton, "Update");
    assert!(studio.is_shown("Import 1 example, update 1"));
    studio.confirm_import();
    assert_eq!((studio.num_examples(), studio.stored(1)[1].1.as_str()), (6, "new"));
    // The status bar may be showing the checks that follow.
    let status = &studio.shell().state.status;
    assert!(status.words.contains("1 updated, 4 here already"), "{status}");
    studio.click(Role::Button, "Undo");
    assert_eq!((studio.num_examples(), studio.stored(1)[1].1.as_str()), (5, "old"));

    look_at(&mut studio, "same.jsonl", &lines);
    assert!(studio.is_shown("5 of 5 are here already"));
    assert_eq!(dialog(studio.shell()).unwrap().problem().as_deref(), Some("All of them are here already"));
    studio.click(Role::RadioButton, "Bring in once more");
    studio.confirm_import();
    assert_eq!(studio.num_examples(), 10);
}

#[test]
fn a_system_message_goes_before_every_shape_and_large_rows_can_be_let_in() {
    let mut studio = Studio::open(None);
    look_at(&mut studio, "long.jsonl", &(pair("short", "a") + &pair("long", &"x".repeat(2 << 20))));
    // Smaller than what is usual, so that the test needs no large file.
    studio.act(mapping::Action::MaxRowBytes(1 << 20));
    studio.wait("the refusal", |shell| dialog(shell).is_some_and(|dialog| dialog.problem().is_none()));
    assert!(studio.is_shown("1 row is longer than 1 MB") && studio.is_shown("Import 1 example"));
    studio.harness.get_by_role_and_label(Role::Button, "Allow rows up to 4 MB").click();
    studio.harness.run_steps(3);
    studio.multiline("System message", "Be brief.");
    studio.wait("both", |shell| {
        let preview =
            dialog(shell).filter(|dialog| dialog.problem().is_none()).and_then(|dialog| dialog.preview.as_ref());
        let is_first = |text: &str| {
            let example = preview.and_then(|preview| preview.examples.first()?.as_ref().ok());
            example.is_some_and(|example| example.messages[0].content == text)
        };
        preview.is_some_and(|preview| preview.num_accepted == 2) && is_first("Be brief.")
    });
    studio.confirm_import();
    assert_eq!((studio.num_examples(), studio.stored(2)[0].1.as_str()), (2, "Be brief."));
}

#[test]
fn the_first_rows_of_an_import_are_shown_at_once_and_the_table_never_goes_blank() {
    let mut studio = Studio::open(None);
    let lines: String = (1..=12_000).map(|n| pair(&format!("question {n}"), &format!("answer {n}"))).collect();
    let path = studio.write("many.jsonl", &lines);
    studio.act(Action::OpenPath(path));
    studio.wait_for_preview();
    studio.key(Modifiers::COMMAND, Key::Enter);
    studio.wait("the first rows", |shell| !shell.state.data.arriving.rows().is_empty());
    assert!(studio.rows()[0].contains("arriving: question 1"), "{:?}", studio.rows());
    assert!(studio.shell().state.mapping.dialog.is_none(), "the dialog stands no longer before them");
    studio.click_now(Role::ListBoxOption, &studio.rows()[1].clone());
    assert!(studio.shell().state.data.open.is_none(), "not to be opened yet");
    let start = Instant::now();
    while !studio.shell().state.data.arriving.rows().is_empty() {
        assert!(start.elapsed().as_secs() < 120, "{}", studio.shell().state.status);
        studio.harness.step();
        let rows = studio.rows();
        assert!(rows.len() > 5 && rows.iter().all(|row| row.contains("question")), "{rows:?}");
    }
    assert_eq!(studio.shell().state.data.rows.num_matching(), Some(12_000));
    studio.settle();
    assert_eq!(studio.stored(1)[0].1, "question 1");
}

#[test]
fn labels_that_are_given_are_checked_and_have_the_number_keys() {
    let mut studio = Studio::open(None);
    let lines: String =
        (0..40).map(|n| pair(&format!("message {n}"), if n % 2 == 0 { "refund" } else { "delivery" })).collect();
    studio.import(&(lines + &pair("message 41", "delivrey")));
    from_menu(&mut studio, "Labels…");
    assert!(studio.is_shown("3 labels found in the answers") && studio.is_shown("delivrey"));
    studio.multiline("Labels", "refund\ndelivery\nbilling\nrefund");
    assert!(studio.is_shown("1 found label is not among them, 1 without examples"));
    studio.click(Role::Button, "Use 3 labels");
    assert_eq!(Project::open(&studio.project()).unwrap().settings().unwrap().labels, ["refund", "delivery", "billing"]);
    studio.wait("the check", |shell| {
        let counts = &shell.state.data.checks.counts;
        counts.iter().any(|count| count.check == Check::UnknownLabel && count.num_examples == 1)
    });
    studio.focus(Role::ListBox, "Examples");
    studio.key(Modifiers::NONE, Key::Num3);
    studio.settle();
    assert_eq!(studio.stored(1)[1].1, "billing", "the person's order, also where no example has it yet");
}

#[test]
fn a_second_reviewers_labels_are_compared_and_the_differences_gone_through() {
    let mut studio = Studio::open(None);
    let label = |n: usize| if n.is_multiple_of(3) { "refund" } else { "delivery" };
    let rows = |label: &dyn Fn(usize) -> String| -> String {
        (1..=12).map(|n| format!("message {n},{}\n", label(n))).collect()
    };
    let first = studio.write("first.csv", &format!("text,label\n{}", rows(&|n| label(n).to_owned())));
    studio.act(Action::OpenPath(first));
    studio.wait_for_preview();
    studio.confirm_import();
    from_menu(&mut studio, "Second reviewer…");
    assert!(studio.is_shown("from a file whose columns you choose"));

    // The system's file dialog can't be clicked here: this is what it answers.
    let broken = studio.write("broken.csv", "text,label\nsomething else,refund\n");
    take_labels(&mut studio, broken);
    studio.settle();
    assert!(studio.is_shown("none of its rows is a label of an example that is here"));
    studio.key(Modifiers::NONE, Key::Escape);
    let other = |n: usize| if n == 5 { "refund".to_owned() } else { label(n).to_owned() };
    let second = studio.write("second.csv", &format!("frage,urteil\n{}", rows(&other)));
    studio.act(data::DialogAction::Reviewers(ReviewersAction::Take(second)));
    studio.wait("the preview", |shell| dialog(shell).is_some_and(|dialog| dialog.preview.is_some()));
    studio.settle();
    assert!(studio.is_shown("Second reviewer: second.csv") && studio.is_shown("changes nothing of the example"));
    studio.act(mapping::Action::Column(0, ColumnRole::User));
    studio.act(mapping::Action::Column(1, ColumnRole::Unused));
    studio.wait("the columns", |shell| dialog(shell).is_some_and(|dialog| dialog.is_current()));
    assert_eq!(dialog(studio.shell()).unwrap().problem().as_deref(), Some("Choose which column holds the labels"));
    studio.act(mapping::Action::Column(1, ColumnRole::Assistant));
    studio.wait_for_preview();
    studio.click(Role::Button, "Take 12 labels");
    studio.wait("the agreement", |shell| {
        matches!(&shell.state.data.dialog, Some(DataDialog::Reviewers(dialog)) if dialog.found.is_some() && !dialog.is_busy)
    });
    studio.settle();
    assert!(studio.is_shown("11 (91.7 %)") || studio.is_shown("11 (92 %)"), "the share that agrees");
    assert!(studio.is_shown("almost perfect agreement"), "kappa 0.82");

    studio.click(Role::Button, "Show 1 difference");
    studio.wait("the row", |shell| shell.state.data.rows.num_matching() == Some(1));
    studio.settle();
    assert!(studio.is_shown("Example 5") && studio.is_shown("The second reviewer says"));
    studio.click(Role::Button, "Take it");
    studio.wait("no difference", |shell| shell.state.data.rows.num_matching() == Some(0));
    assert_eq!(studio.stored(5)[1].1, "refund");
    let second =
        |studio: &Studio| Project::open(&studio.project()).unwrap().example(1).unwrap().annotations.second_label;
    assert_eq!(second(&studio).as_deref(), Some("delivery"));
    for _ in 0..2 {
        studio.click(Role::Button, "Undo");
        studio.settle();
    }
    assert_eq!(second(&studio), None);
    studio.click(Role::Button, "Redo");
    studio.settle();
    assert_eq!(second(&studio).as_deref(), Some("delivery"));
}
